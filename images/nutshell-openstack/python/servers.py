"""nova's conductor, scheduler, compute and APIs in one process.

Messages between them (transport_url = fake://) stay in it, so no broker is needed. It is root's, so what nova lets a
privileged helper do is done in place.
"""
import sys

import nova.cmd  # noqa: F401  (first: it prepares eventlet)
import nova.monkey_patch  # noqa: F401
import nova.conf
import nova.privsep
import os_brick.privileged
import os_vif
import vif_plug_linux_bridge.privsep
from nova import config, objects, service
from nova.compute import rpcapi as compute
from nova.conductor import rpcapi as conductor
from nova.scheduler import rpcapi as scheduler
from oslo_log import log
from oslo_service import service as processes


def main():
    config.parse_args(sys.argv)
    log.setup(nova.conf.CONF, 'nova')
    for context in (nova.privsep.sys_admin_pctxt, os_brick.privileged.default, vif_plug_linux_bridge.privsep.vif_plug):
        context.set_client_mode(False)
    objects.register_all()
    os_vif.initialize()
    objects.Service.enable_min_version_cache()
    launcher = processes.ServiceLauncher(nova.conf.CONF, restart_method='mutate')
    parts = [service.Service.create(binary='nova-conductor', topic=conductor.RPC_TOPIC),
             service.Service.create(binary='nova-scheduler', topic=scheduler.RPC_TOPIC)]
    parts += [service.WSGIService(api) for api in nova.conf.CONF.enabled_apis]
    # Last: it calls the others when it starts.
    parts.append(service.Service.create(binary='nova-compute', topic=compute.RPC_TOPIC))
    for part in parts:
        launcher.launch_service(part)
    launcher.wait()


main()
