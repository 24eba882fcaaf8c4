"""Looks at OpenStack, and changes it, past the program under test: one line of JSON for each call.

    observer.py DIRECTORY COMMAND [ARGUMENT...]
"""
import json
import re
import sys
import time
import urllib.error
import urllib.request

IDENTITY, COMPUTE, NETWORK = 'http://127.0.0.1:5000/v3', 'http://127.0.0.1:8774/v2.1', 'http://127.0.0.1:9696/v2.0'
VOLUME, IMAGE = 'http://127.0.0.1:8776/v3', 'http://127.0.0.1:9292/v2'


def ask(method, url, body=None, token=None, version=None):
    headers = {'Content-Type': 'application/json'}
    if token:
        headers['X-Auth-Token'] = token
    if version:
        headers['OpenStack-API-Version'] = version
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=content, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return (json.loads(text) if text else {}), answer.headers


def log_in(directory, name):
    with open('%s/%s' % (directory, name), encoding='ascii') as file:
        known = dict(re.findall(r'export OS_(\w+)=(.*)', file.read()))
    user = {'name': known['USERNAME'], 'domain': {'name': 'Default'}, 'password': known['PASSWORD']}
    scope = {'project': {'name': known['PROJECT_NAME'], 'domain': {'name': 'Default'}}}
    body = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}}, 'scope': scope}}
    answer, headers = ask('POST', IDENTITY + '/auth/tokens', body)
    return headers['X-Subject-Token'], answer['token']['project']['id']


def main():
    directory, command, *rest = sys.argv[1:]
    token, project = log_in(directory, 'access')

    admin_token, admin_project = log_in(directory, 'access-admin')

    def admin():
        return admin_token

    def get(url):
        return ask('GET', url, token=token)[0]

    def servers():
        found = ask('GET', COMPUTE + '/servers/detail', token=token, version='compute 2.52')[0]['servers']
        return [{'id': s['id'], 'name': s['name'], 'status': s['status'], 'metadata': s['metadata'],
                 'tags': s['tags'], 'key': s['key_name'], 'groups': [g['name'] for g in s.get('security_groups', [])]}
                for s in found]

    def ports():
        return [p['id'] for p in get('%s/ports?project_id=%s' % (NETWORK, project))['ports']
                if not p['device_owner'].startswith('network:')]

    def addresses():
        return [{'id': f['id'], 'ip': f['floating_ip_address'], 'port': f['port_id'] or ''}
                for f in get('%s/floatingips?project_id=%s' % (NETWORK, project))['floatingips']]

    def volumes():
        return [{'id': v['id'], 'name': v['name'], 'size': v['size'], 'status': v['status'],
                 'attached': [a['server_id'] for a in v['attachments']]}
                for v in get('%s/%s/volumes/detail' % (VOLUME, project))['volumes']]

    def quota(service, key, value):
        url, kind = {'compute': (COMPUTE + '/os-quota-sets/' + project, 'quota_set'),
                     'volume': ('%s/%s/os-quota-sets/%s' % (VOLUME, admin_project, project), 'quota_set'),
                     'network': ('%s/quotas/%s' % (NETWORK, project), 'quota')}[service]
        before = ask('GET', url, token=admin())[0][kind][key]
        ask('PUT', url, {kind: {key: int(value)}}, token=admin())
        return before

    def user_data(server):
        return ask('GET', COMPUTE + '/servers/' + server, token=admin(), version='compute 2.3')[0]['server'][
            'OS-EXT-SRV-ATTR:user_data']

    def new_address():
        pool = get(NETWORK + '/networks?name=public')['networks'][0]['id']
        return ask('POST', NETWORK + '/floatingips', {'floatingip': {'floating_network_id': pool}},
                   token=token)[0]['floatingip']['id']

    def delete_address(address):
        ask('DELETE', NETWORK + '/floatingips/' + address, token=token)

    def delete_server(server):
        ask('DELETE', COMPUTE + '/servers/' + server, token=token)

    def delete_group(name):
        for group in get(NETWORK + '/security-groups?name=' + name)['security_groups']:
            ask('DELETE', NETWORK + '/security-groups/' + group['id'], token=token)

    def delete_key(name):
        ask('DELETE', COMPUTE + '/os-keypairs/' + name, token=token)

    def act(server, word):
        ask('POST', '%s/servers/%s/action' % (COMPUTE, server), {word: None}, token=token)

    def revoke_tokens():
        # Keystone takes all tokens back from a user who is shut out, also when he is let in again.
        users = ask('GET', IDENTITY + '/users?name=conpaas', token=admin())[0]['users']
        for enabled in (False, True):
            ask('PATCH', IDENTITY + '/users/' + users[0]['id'], {'user': {'enabled': enabled}}, token=admin())


    def ensure_giant():
        flavors = ask('GET', COMPUTE + '/flavors', token=token)[0]['flavors']
        if not any(flavor['name'] == 'conpaas-giant' for flavor in flavors):
            ask('POST', COMPUTE + '/flavors', {'flavor': {'name': 'conpaas-giant', 'ram': 1 << 24, 'disk': 1, 'vcpus': 1}},
                token=admin())

    def delete_images(keep):
        for image in get(IMAGE + '/images?visibility=private')['images']:
            if image['name'].startswith('conpaas-test-') and image['name'] != keep:
                ask('DELETE', IMAGE + '/images/' + image['id'], token=token)

    def sweep():
        """What a test that failed has left would make all others fail."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            seen = all_there_is()
            if not any(seen.values()):
                return True
            wanted = [NETWORK + '/floatingips/' + a['id'] for a in seen['addresses']]
            wanted += [COMPUTE + '/servers/' + s['id'] for s in seen['servers']]
            wanted += ['%s/%s/volumes/%s' % (VOLUME, project, v['id']) for v in seen['volumes']
                       if not v['attached'] and v['status'] != 'deleting']
            if not seen['servers']:
                wanted += [NETWORK + '/ports/' + p for p in seen['ports']]
            for url in wanted:
                try:
                    ask('DELETE', url, token=token)
                except urllib.error.HTTPError:
                    pass  # it is on its way already
            time.sleep(0.5)
        return False

    def all_there_is():
        return {'servers': servers(), 'ports': ports(), 'addresses': addresses(), 'volumes': volumes()}

    commands = {f.__name__: f for f in (
        all_there_is, quota, user_data, new_address, delete_address, delete_server, delete_group, delete_key, act,
        revoke_tokens, ensure_giant, delete_images, sweep)}
    try:
        print(json.dumps(commands[command](*rest)))
    except urllib.error.HTTPError as error:
        sys.exit('%s %s: %d %s' % (command, rest, error.code, error.read().decode()[:300]))


main()
