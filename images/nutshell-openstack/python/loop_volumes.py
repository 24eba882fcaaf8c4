"""Volumes of one machine without LVM and iSCSI: each is a sparse file, attached as a loop device.

'local' is the sort of connection that nova's own libvirt driver takes as a block device of this machine.
"""
import os

from cinder import exception
from cinder.image import image_utils
from cinder.volume import configuration, driver, volume_utils
from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_utils import units

OPTIONS = [cfg.StrOpt('loop_dir', default='/var/lib/cinder/volumes', help='Where the files of volumes are.')]
cfg.CONF.register_opts(OPTIONS, group=configuration.SHARED_CONF_GROUP)


def run(*words):
    return processutils.execute(*words)[0]


def loops_of(path):
    """The loop devices that show a file."""
    return [line.split(':')[0] for line in run('losetup', '-j', path).splitlines()]


class LoopDriver(driver.VolumeDriver):
    VERSION = '1.0'
    CI_WIKI_NAME = 'none'

    def __init__(self, *positional, **named):
        super().__init__(*positional, **named)
        self.configuration.append_config_values(OPTIONS)

    @classmethod
    def get_driver_options(cls):
        return OPTIONS

    def path(self, thing):
        return os.path.join(self.configuration.loop_dir, thing['name'])

    def check_for_setup_error(self):
        os.makedirs(self.configuration.loop_dir, exist_ok=True)

    def _update_volume_stats(self):
        disk = os.statvfs(self.configuration.loop_dir)
        pool = {
            'pool_name': 'loop', 'multiattach': False, 'reserved_percentage': 0,
            'total_capacity_gb': disk.f_blocks * disk.f_frsize / units.Gi,
            'free_capacity_gb': disk.f_bavail * disk.f_frsize / units.Gi,
            'provisioned_capacity_gb': 0, 'thin_provisioning_support': True, 'max_over_subscription_ratio': '20.0',
        }
        self._stats = {
            'volume_backend_name': self.configuration.safe_get('volume_backend_name') or 'loop',
            'vendor_name': 'ConPaaS', 'driver_version': self.VERSION, 'storage_protocol': 'local', 'pools': [pool],
        }

    def create_volume(self, volume):
        run('truncate', '-s', '%dG' % volume['size'], self.path(volume))

    def extend_volume(self, volume, new_size):
        run('truncate', '-s', '%dG' % new_size, self.path(volume))
        for device in loops_of(self.path(volume)):
            run('losetup', '-c', device)

    def delete_volume(self, volume):
        self._delete(volume)

    def create_snapshot(self, snapshot):
        self._copy(self.path(snapshot['volume']), self.path(snapshot))

    def delete_snapshot(self, snapshot):
        self._delete(snapshot)

    def create_volume_from_snapshot(self, volume, snapshot):
        self._copy(self.path(snapshot), self.path(volume), volume['size'])

    def create_cloned_volume(self, volume, src_vref):
        self._copy(self.path(src_vref), self.path(volume), volume['size'])

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        image_utils.fetch_to_raw(context, image_service, image_id, self.path(volume),
                                 self.configuration.volume_dd_blocksize, size=volume['size'])
        run('truncate', '-s', '%dG' % volume['size'], self.path(volume))

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        volume_utils.upload_volume(context, image_service, image_meta, self.path(volume), volume)

    def ensure_export(self, context, volume):
        """A file is there for whoever asks."""

    def create_export(self, context, volume, connector):
        """As above."""

    def remove_export(self, context, volume):
        """As above."""

    def initialize_connection(self, volume, connector):
        path = self.path(volume)
        shown = loops_of(path) or [run('losetup', '--find', '--show', path).strip()]
        return {'driver_volume_type': 'local', 'data': {'device_path': shown[0], 'volume_id': volume['id']}}

    def terminate_connection(self, volume, connector, **named):
        for device in loops_of(self.path(volume)):
            try:
                run('losetup', '-d', device)
            except processutils.ProcessExecutionError as error:
                raise exception.VolumeBackendAPIException(data=str(error))

    def _copy(self, source, target, size_gb=None):
        run('cp', '--sparse=always', '--reflink=auto', source, target)
        if size_gb:
            run('truncate', '-s', '%dG' % size_gb, target)

    def _delete(self, thing):
        path = self.path(thing)
        if os.path.exists(path):
            for device in loops_of(path):
                run('losetup', '-d', device)
            os.unlink(path)
