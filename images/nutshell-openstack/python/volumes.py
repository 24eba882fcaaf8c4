"""cinder's scheduler, volume service and API in one process, as `servers` does it for nova."""
import sys

import cinder.cmd.volume as command  # first: it prepares eventlet
import cinder.privsep
import os_brick.privileged
from cinder import coordination, objects, rpc, service, utils, version
from cinder.common import config, constants
from oslo_config import cfg
from oslo_log import log
from oslo_service import service as processes

CONF = cfg.CONF


class Part(service.Service):
    """cinder keeps the record of which service a process is in the class; here a process is several."""

    def report_state(self):
        service.Service.service_id = self.own_id
        super().report_state()


def part(**what):
    made = Part.create(**what)
    made.own_id = service.Service.service_id
    return made


def main():
    objects.register_all()
    CONF(sys.argv[1:], project='cinder', version=version.version_string())
    config.set_middleware_defaults()
    log.setup(CONF, 'cinder')
    utils.monkey_patch()
    for context in (cinder.privsep.sys_admin_pctxt, os_brick.privileged.default):
        context.set_client_mode(False)
    coordination.COORDINATOR.start()
    rpc.init(CONF)
    launcher = processes.ServiceLauncher(CONF, restart_method='mutate')
    launcher.launch_service(part(binary='cinder-scheduler'))
    for backend in CONF.enabled_backends:
        CONF.register_opt(command.host_opt, group=backend)
        launcher.launch_service(part(host='%s@%s' % (CONF.host, backend), service_name=backend,
                                     binary=constants.VOLUME_BINARY, coordination=True))
    launcher.launch_service(service.WSGIService('osapi_volume'))
    launcher.wait()


main()
