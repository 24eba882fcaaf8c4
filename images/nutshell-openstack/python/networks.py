"""neutron's server and its agents (linuxbridge, DHCP, L3, metadata) in one process, as `servers` does it for nova."""
import sys

from neutron.common import eventlet_utils

eventlet_utils.monkey_patch()
import privileged  # noqa: E402

privileged.share()
import eventlet  # noqa: E402
import neutron.plugins.ml2.drivers.linuxbridge.agent.linuxbridge_neutron_agent as linuxbridge  # noqa: E402
from neutron import service  # noqa: E402
from neutron.agent import dhcp_agent, l3_agent  # noqa: E402
from neutron.agent.metadata import agent as metadata_agent  # noqa: E402
from neutron.common import cache_utils, config  # noqa: E402
from neutron.conf import service as service_options  # noqa: E402
from neutron.conf.agent import common as agent_options  # noqa: E402
from neutron.conf.agent.metadata import config as metadata_options  # noqa: E402
from neutron.plugins.ml2.drivers.agent import _common_agent as common_agent  # noqa: E402
from neutron_lib import constants  # noqa: E402
from neutron_lib.callbacks import events, manager, registry, resources  # noqa: E402
from neutron_lib.utils import helpers  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_service import service as processes  # noqa: E402

CONF = cfg.CONF
AGENTS = ('neutron.agent', 'neutron.plugins.ml2.drivers.agent', 'neutron.plugins.ml2.drivers.linuxbridge.agent')


def part_callbacks():
    """Server and agents use the same names for different events, and the registry is one for a process: part it."""
    of_server = registry._get_callback_manager()
    of_agents = manager.CallbacksManager()

    def side(module):
        return of_agents if module.startswith(AGENTS) else of_server

    for resource, by_event in list(of_server._callbacks.items()):
        for event, priorities in list(by_event.items()):
            for priority, callbacks in list(priorities):
                for callback in list(callbacks.values()):
                    if side(callback.__module__) is of_agents:
                        of_server.unsubscribe(callback, resource, event)
                        of_agents.subscribe(callback, resource, event, priority)

    def subscribe(callback, resource, event, *rest, **named):
        return side(callback.__module__).subscribe(callback, resource, event, *rest, **named)

    def unsubscribe(callback, resource, event):
        return side(callback.__module__).unsubscribe(callback, resource, event)

    def publish(resource, event, trigger, payload=None):
        module = (trigger if isinstance(trigger, type) else type(trigger)).__module__
        return side(module).publish(resource, event, trigger, payload=payload)

    registry.subscribe, registry.unsubscribe, registry.publish = subscribe, unsubscribe, publish


def read_configuration():
    config.register_common_config_options()
    dhcp_agent.register_options(CONF)
    l3_agent.register_opts(CONF)
    for options in (metadata_options.SHARED_OPTS, metadata_options.UNIX_DOMAIN_METADATA_PROXY_OPTS,
                    metadata_options.METADATA_PROXY_HANDLER_OPTS):
        metadata_options.register_meta_conf_opts(options)
    cache_utils.register_oslo_configs(CONF)
    service_options.register_service_opts(service_options.RPC_EXTRA_OPTS, CONF)
    config.init(sys.argv[1:])
    config.setup_logging()
    config.set_config_defaults()
    agent_options.setup_privsep()


def launch_server(launcher):
    api = service.serve_wsgi(service.NeutronApiService)
    for worker in service._get_rpc_workers() + service._get_plugins_workers():
        worker._worker_process_count = 0  # in this process
        launcher.launch_service(worker)
    registry.publish(resources.PROCESS, events.AFTER_SPAWN, None)
    return api


def launch_agents(launcher):
    bridges = linuxbridge.LinuxBridgeManager(helpers.parse_mappings(CONF.LINUX_BRIDGE.bridge_mappings),
                                             helpers.parse_mappings(CONF.LINUX_BRIDGE.physical_interface_mappings))
    linuxbridge.linuxbridge_capabilities.register()
    launcher.launch_service(common_agent.CommonAgentLoop(
        bridges, CONF.AGENT.polling_interval, CONF.AGENT.quitting_rpc_timeout,
        constants.AGENT_TYPE_LINUXBRIDGE, constants.AGENT_PROCESS_LINUXBRIDGE))
    for binary, topic, agent in (
            (constants.AGENT_PROCESS_DHCP, 'dhcp_agent', 'neutron.agent.dhcp.agent.DhcpAgentWithStateReport'),
            (constants.AGENT_PROCESS_L3, 'l3_agent', 'neutron.agent.l3.agent.L3NATAgentWithStateReport')):
        launcher.launch_service(service.Service.create(
            binary=binary, topic=topic, report_interval=CONF.AGENT.report_interval, manager=agent))
    eventlet.spawn(metadata_agent.UnixDomainMetadataProxy(CONF).run)


def main():
    part_callbacks()
    read_configuration()
    launcher = processes.ServiceLauncher(CONF, restart_method='mutate')
    api = launch_server(launcher)
    # An agent that calls before the server listens waits out a minute.
    eventlet.sleep(0.5)
    launch_agents(launcher)
    eventlet.spawn(api.wait)
    launcher.wait()


main()
