"""What OpenStack begins with: the catalog, users and projects, networks, sizes, rules. Asked for by its own APIs, and
only where it is not there yet. Run inside the box:

    population.py identity|resources|wait PLACEMENT_URL    (the password on standard input)
"""
import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

REGION = 'RegionOne'
IDENTITY = 'http://127.0.0.1:5000/v3'
IMAGES, SERVERS = 'http://127.0.0.1:9292/v2', 'http://127.0.0.1:8774/v2.1'
VOLUMES, NETWORKS = 'http://127.0.0.1:8776/v3', 'http://127.0.0.1:9696/v2.0'
# Name, memory in MB, disk in GB (0 is for administrators alone), processors.
SIZES = (('nutshell.small', 128, 1, 1), ('nutshell.medium', 256, 1, 1), ('nutshell.large', 1024, 2, 2))
AGENTS = {'Linux bridge agent', 'DHCP agent', 'L3 agent', 'Metadata agent'}


class Api:
    def __init__(self, password):
        self.password, self.token, self.project = password, None, None

    def log_in(self):
        user = {'name': 'admin', 'domain': {'id': 'default'}, 'password': self.password}
        body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}},
                         'scope': {'project': {'name': 'admin', 'domain': {'id': 'default'}}}}}
        answer, headers = self.ask('POST', IDENTITY + '/auth/tokens', body)
        self.token, self.project = headers['X-Subject-Token'], answer['token']['project']['id']
        return self

    def ask(self, method, url, body=None):
        headers = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        if self.token:
            headers['X-Auth-Token'] = self.token
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=content, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return (json.loads(text) if text else {}), answer.headers
        except urllib.error.HTTPError as error:
            raise SystemExit('%s %s: %d %s' % (method, url, error.code, error.read().decode()[:400]))

    def get(self, url):
        return self.ask('GET', url)[0]

    def ensure(self, url, kind, wanted, by=('name',)):
        """The thing of this kind that agrees with `wanted` in `by`; made if there is none."""
        plural = kind + 's' if not kind.endswith('y') else kind[:-1] + 'ies'
        for found in self.get(url)[plural]:
            if all(found.get(key) == wanted[key] for key in by):
                return found
        return self.ask('POST', url, {kind: wanted})[0][kind]


def identity(api, placement):
    roles = {role['name']: role['id'] for role in api.get(IDENTITY + '/roles')['roles']}
    roles['service'] = api.ensure(IDENTITY + '/roles', 'role', {'name': 'service'})['id']
    for project, user, wanted in (('service', 'services', ('admin', 'service')), ('conpaas', 'conpaas', ('member',))):
        project = api.ensure(IDENTITY + '/projects', 'project', {'name': project, 'domain_id': 'default'})
        user = api.ensure(IDENTITY + '/users', 'user',
                          {'name': user, 'domain_id': 'default', 'password': api.password})
        for role in wanted:
            api.ask('PUT', '%s/projects/%s/users/%s/roles/%s' % (IDENTITY, project['id'], user['id'], roles[role]))
    for name, kind, url in (
            ('glance', 'image', IMAGES[:-3]), ('nova', 'compute', SERVERS), ('neutron', 'network', NETWORKS[:-5]),
            ('placement', 'placement', placement), ('cinder', 'block-storage', VOLUMES + '/%(project_id)s'),
            ('cinderv3', 'volumev3', VOLUMES + '/%(project_id)s')):
        service = api.ensure(IDENTITY + '/services', 'service', {'name': name, 'type': kind}, by=('type',))
        for interface in ('public', 'internal', 'admin'):
            api.ensure(IDENTITY + '/endpoints', 'endpoint',
                       {'service_id': service['id'], 'interface': interface, 'url': url, 'region_id': REGION},
                       by=('service_id', 'interface'))


def resources(api, _placement):
    for name, ram, disk, vcpus in SIZES:
        api.ensure(SERVERS + '/flavors', 'flavor', {'name': name, 'ram': ram, 'disk': disk, 'vcpus': vcpus})
    types = [found['name'] for found in api.get('%s/%s/types' % (VOLUMES, api.project))['volume_types']]
    if 'loop' not in types:
        api.ask('POST', '%s/%s/types' % (VOLUMES, api.project), {'volume_type': {'name': 'loop'}})
    conpaas = next(p['id'] for p in api.get(IDENTITY + '/projects')['projects'] if p['name'] == 'conpaas')
    public = api.ensure(NETWORKS + '/networks', 'network', {
        'name': 'public', 'router:external': True, 'is_default': True,
        'provider:network_type': 'flat', 'provider:physical_network': 'public'})
    api.ensure(NETWORKS + '/subnets', 'subnet', {
        'name': 'public', 'network_id': public['id'], 'ip_version': 4, 'cidr': '203.0.113.0/24',
        'gateway_ip': '203.0.113.1', 'enable_dhcp': False,
        'allocation_pools': [{'start': '203.0.113.20', 'end': '203.0.113.250'}]})
    private = api.ensure(NETWORKS + '/networks', 'network', {'name': 'private', 'project_id': conpaas})
    subnet = api.ensure(NETWORKS + '/subnets', 'subnet', {
        'name': 'private', 'network_id': private['id'], 'ip_version': 4, 'cidr': '198.51.100.0/24',
        'project_id': conpaas})
    router = api.ensure(NETWORKS + '/routers', 'router', {
        'name': 'router', 'project_id': conpaas, 'external_gateway_info': {
            'network_id': public['id'], 'external_fixed_ips': [{'ip_address': '203.0.113.2'}]}})
    ports = api.get('%s/ports?device_id=%s' % (NETWORKS, router['id']))['ports']
    if not any(fixed['subnet_id'] == subnet['id'] for port in ports for fixed in port['fixed_ips']):
        api.ask('PUT', '%s/routers/%s/add_router_interface' % (NETWORKS, router['id']), {'subnet_id': subnet['id']})


def what_is_missing(api, since):
    """What must be there before a server can be made and reached; nothing when all is."""
    if not api.get(SERVERS + '/os-hypervisors')['hypervisors']:
        return 'nova knows no machine yet'
    if not any(s['state'] == 'up' and s['binary'] == 'nova-compute'
               for s in api.get(SERVERS + '/os-services')['services']):
        return 'nova-compute is not up'
    up = {s['binary'] for s in api.get('%s/%s/os-services' % (VOLUMES, api.project))['services'] if s['state'] == 'up'}
    if not {'cinder-volume', 'cinder-scheduler'} <= up:
        return 'cinder has %s' % sorted(up)
    # Not those that were alive before this start.
    alive = {a['agent_type'] for a in api.get(NETWORKS + '/agents')['agents']
             if a['alive'] and a['started_at'] >= since}
    if not AGENTS <= alive:
        return 'neutron lacks %s' % ', '.join(sorted(AGENTS - alive))
    spaces = subprocess.run(['ip', 'netns'], capture_output=True, text=True, check=True).stdout
    for subnet in api.get(NETWORKS + '/subnets')['subnets']:
        if subnet['enable_dhcp'] and 'qdhcp-' + subnet['network_id'] not in spaces:
            return 'no DHCP for network ' + subnet['network_id']
    for router in api.get(NETWORKS + '/routers')['routers']:
        for gateway in (router.get('external_gateway_info') or {}).get('external_fixed_ips', []):
            asked = subprocess.run(['arping', '-q', '-I', 'br-pub', '-c', '1', '-w', '1', gateway['ip_address']],
                                   check=False)
            if asked.returncode != 0:
                return 'the router does not answer'
    return None


def wait(api, since, seconds=150):
    deadline = time.monotonic() + seconds
    while True:
        try:
            missing = what_is_missing(api, since)
        except (OSError, SystemExit) as error:
            missing = str(error)
        if missing is None:
            return
        if time.monotonic() > deadline:
            raise SystemExit('not ready after %d s: %s' % (seconds, missing))
        time.sleep(0.5)


def main():
    step, argument = sys.argv[1:3]
    api = Api(sys.stdin.read().strip()).log_in()
    {'identity': identity, 'resources': resources, 'wait': wait}[step](api, argument)


main()
