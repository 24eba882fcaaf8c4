"""The demo, step by step with a clock, and beside it OpenStack alone doing the same."""
import json
import os
import re
import time

from place import Failure

RAW = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'raw.py')


def play(session, application):
    clock = Clock()
    applications = [row['name'] for row in session.rows('application', 'list')]
    if application in applications:
        raise Failure('the nutshell has run its demo: end it with down --purge to measure it again')
    alone = raw(session)
    session.conpaas('application', 'create', application)
    clock.time('application start', session.conpaas, 'application', 'start', application)
    session.conpaas('generic', 'add', application)
    service = str(session.rows('generic', 'list', '-a', application)[0]['sid'])
    clock.time('service start', session.conpaas, 'generic', 'start', application, service)
    clock.time('add two nodes', session.conpaas, 'generic', 'add_nodes', '--count', '2', application, service)
    agent = session.rows('generic', 'list_nodes', application, service)[-1]['agent_id']
    clock.time('volume attach', session.conpaas, 'generic', 'create_volume', application, 'data', '100', agent)
    keep_data(session, agent[len('iaas'):])
    session.nutshell('demo')
    agree(session, application)
    table(clock.seconds, alone)


class Clock:
    def __init__(self):
        self.seconds = {}

    def time(self, name, work, *words):
        began = time.monotonic()
        work(*words)
        self.seconds[name] = time.monotonic() - began


def raw(session):
    """How long OpenStack takes by itself, asked without ConPaaS."""
    print('OpenStack alone: one server, two at once, a volume', flush=True)
    with open(session.place.path('access'), encoding='ascii') as file:
        access = dict(re.findall(r'export (\w+)=(.*)', file.read()))
    done = session.inside('/usr/bin/python3', RAW, env={**os.environ, **access}, capture_output=True)
    if done.returncode != 0:
        raise Failure('OpenStack alone: %s' % done.stderr.strip()[-400:])
    return json.loads(done.stdout)


def keep_data(session, server):
    """Writes into the volume, takes it from its node, gives it back, and reads."""
    volume = session.client('volume', 'list', '--name', 'vol-data', '-f', 'value', '-c', 'ID').strip()
    in_node(session, server, 'echo "kept by a volume of cinder" > /media/data/file && umount /media/data')
    session.client('server', 'remove', 'volume', server, volume)
    wait_for(session, volume, 'available')
    in_node(session, server, 'test ! -e /dev/vdb')
    session.client('server', 'add', 'volume', server, volume)
    wait_for(session, volume, 'in-use')
    said = in_node(session, server, 'mount /dev/vdb /media/data && cat /media/data/file')
    print('The volume was detached, attached again, and says: ' + said, flush=True)


def in_node(session, server, line):
    """A shell line in a container; libvirt tells its first process which server it is."""
    find = ('for p in /proc/[0-9]*; do grep -qz "^LIBVIRT_LXC_UUID=%s$" $p/environ 2>/dev/null && '
            'grep -q "^NSpid:.*[[:space:]]1$" $p/status && echo ${p#/proc/} && break; done' % server)
    found = session.inside('bash', '-c', find, capture_output=True).stdout.strip()
    if not found:
        raise Failure('server %s has no process' % server)
    words = ['nsenter', '--target=' + found, '--mount', '--net', '--pid', '--uts', '--ipc', '--root', '--',
             '/bin/sh', '-c', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin; ' + line]
    done = session.inside(*words, capture_output=True)
    if done.returncode != 0:
        raise Failure('in server %s: %s: %s' % (server, line, (done.stdout + done.stderr).strip()))
    return done.stdout.strip()


def wait_for(session, volume, state, seconds=60):
    deadline = time.monotonic() + seconds
    while session.client('volume', 'show', volume, '-f', 'value', '-c', 'status').strip() != state:
        if time.monotonic() > deadline:
            raise Failure('volume %s does not become %s' % (volume, state))


def agree(session, application):
    """OpenStack's client and ours name the same servers and volumes."""
    theirs = set(session.client('server', 'list', '-f', 'value', '-c', 'ID').split())
    ours = {row['vmid'] for row in session.rows('cloud', 'list_resources')}
    if theirs != {re.sub('^iaas', '', vmid) for vmid in ours}:
        raise Failure('OpenStack has servers %s, ConPaaS %s' % (sorted(theirs), sorted(ours)))
    volumes = session.client('volume', 'list', '-f', 'value', '-c', 'Name').split()
    if volumes != ['vol-data']:
        raise Failure('OpenStack has volumes %s, ConPaaS vol-data' % volumes)
    print('\n' + session.client('server', 'list'))
    print('openstack and conpaas name the same %d servers and 1 volume.' % len(theirs), flush=True)


def table(ours, alone):
    """A node is up for OpenStack when its server is ACTIVE, for a user when its floating address answers, for ConPaaS when
    the manager or the agent in it does. A volume is up for OpenStack when it is in use, for ConPaaS when it is mounted."""
    print('\n%-20s %9s   %19s   %19s' % ('', 'ConPaaS', 'create -> ACTIVE', 'create -> answers'))
    print('%-20s %9s   %9s %9s   %9s %9s' % ('', 's', 's', 'above %', 's', 'above %'))
    for name, alone_took in (
            ('application start', alone['one']), ('service start', alone['one']),
            ('add two nodes', alone['two']), ('volume attach', alone['volume'])):
        cells = ''.join('   %9s %9s' % (('-', '-') if seconds is None else
                                        ('%.1f' % seconds, '%.0f' % ((ours[name] / seconds - 1) * 100)))
                        for seconds in alone_took)
        print('%-20s %9.1f%s' % (name, ours[name], cells), flush=True)
    print('The other columns are OpenStack alone in this same run, asked by its API: the same image and size, a floating')
    print('address as soon as a server is ACTIVE. ConPaaS asks for that address while the server is still being built.')
