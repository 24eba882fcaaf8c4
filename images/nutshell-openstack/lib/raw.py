"""How long OpenStack takes by itself: a server, two at once, a volume. Prints seconds as JSON.

Each as (until ACTIVE, until its floating address answers); a volume as (until in-use, null).
"""
import json
import os
import socket
import time
import urllib.error
import urllib.request

IMAGE, SIZE, NETWORK, GROUP = 'conpaas-node', 'nutshell.small', 'private', 'conpaas-nutshell'
COMPUTE, NETWORKS = 'http://127.0.0.1:8774/v2.1', 'http://127.0.0.1:9696/v2.0'
IMAGES, VOLUMES = 'http://127.0.0.1:9292/v2', 'http://127.0.0.1:8776/v3'
PAUSE = 0.05


class Api:
    def __init__(self):
        user = {'name': os.environ['OS_USERNAME'], 'domain': {'name': 'Default'},
                'password': os.environ['OS_PASSWORD']}
        scope = {'project': {'name': os.environ['OS_PROJECT_NAME'], 'domain': {'name': 'Default'}}}
        body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}}, 'scope': scope}}
        self.token = None
        answer, headers = self.send('POST', os.environ['OS_AUTH_URL'] + '/auth/tokens', body)
        self.token, self.project = headers['X-Subject-Token'], answer['token']['project']['id']

    def send(self, method, url, body=None):
        headers = {'Content-Type': 'application/json'}
        if self.token:
            headers['X-Auth-Token'] = self.token
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=content, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return (json.loads(text) if text else {}), answer.headers

    def ask(self, method, url, body=None):
        return self.send(method, url, body)[0]

    def is_gone(self, url):
        try:
            self.ask('GET', url)
            return False
        except urllib.error.HTTPError as error:
            return error.code == 404


def wait(is_so, seconds=180):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit('OpenStack does not finish')
        time.sleep(PAUSE)


def state(api, kind, url):
    found = api.ask('GET', url)[kind]['status']
    if found.upper() == 'ERROR':
        raise SystemExit('%s is in state ERROR' % url)
    return found


def servers(api, n):
    image = api.ask('GET', IMAGES + '/images?name=' + IMAGE)['images'][0]['id']
    size = next(f['id'] for f in api.ask('GET', COMPUTE + '/flavors')['flavors'] if f['name'] == SIZE)
    network = api.ask('GET', NETWORKS + '/networks?name=' + NETWORK)['networks'][0]['id']
    pool = api.ask('GET', NETWORKS + '/networks?router:external=true')['networks'][0]['id']
    began = time.monotonic()
    urls = [COMPUTE + '/servers/' + api.ask('POST', COMPUTE + '/servers', {'server': {
        'name': 'alone-%d' % number, 'imageRef': image, 'flavorRef': size, 'networks': [{'uuid': network}],
        'security_groups': [{'name': GROUP}]}})['server']['id'] for number in range(n)]
    wait(lambda: all(state(api, 'server', url) == 'ACTIVE' for url in urls))
    active = time.monotonic() - began
    given = []
    for url in urls:
        port = api.ask('GET', '%s/ports?device_id=%s' % (NETWORKS, url.rsplit('/', 1)[1]))['ports'][0]['id']
        given.append(api.ask('POST', NETWORKS + '/floatingips', {'floatingip': {
            'floating_network_id': pool, 'port_id': port}})['floatingip'])
    wait(lambda: all(connects(address['floating_ip_address']) for address in given))
    reached = time.monotonic() - began
    return urls, given, (active, reached)


def connects(address):
    """Whether the node says that nobody listens, which only a node that is up can."""
    with socket.socket() as asked:
        asked.settimeout(1)
        try:
            asked.connect((address, 22))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True


def remove(api, urls, given):
    for address in given:
        api.ask('DELETE', NETWORKS + '/floatingips/' + address['id'])
    for url in urls:
        api.ask('DELETE', url)
    wait(lambda: all(api.is_gone(url) for url in urls))


def volume(api, server):
    base = '%s/%s/volumes' % (VOLUMES, api.project)
    began = time.monotonic()
    identifier = api.ask('POST', base, {'volume': {'size': 1, 'name': 'alone'}})['volume']['id']
    url = '%s/%s' % (base, identifier)
    wait(lambda: state(api, 'volume', url) == 'available')
    api.ask('POST', server + '/os-volume_attachments', {'volumeAttachment': {'volumeId': identifier}})
    wait(lambda: state(api, 'volume', url) == 'in-use')
    seconds = time.monotonic() - began
    api.ask('DELETE', '%s/os-volume_attachments/%s' % (server, identifier))
    wait(lambda: state(api, 'volume', url) == 'available')
    api.ask('DELETE', url)
    wait(lambda: api.is_gone(url))
    return seconds, None


def main():
    api = Api()
    urls, given, one = servers(api, 1)
    of_volume = volume(api, urls[0])
    remove(api, urls, given)
    urls, given, two = servers(api, 2)
    remove(api, urls, given)
    print(json.dumps({'one': one, 'two': two, 'volume': of_volume}))


main()
