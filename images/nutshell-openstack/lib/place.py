"""Where everything of one nutshell is, its password, and how its configuration files are filled in."""
import os
import re
import secrets
import shutil
import subprocess

RECIPE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOST = 'nutshell'
REGION = 'RegionOne'
KEYSTONE = 'http://127.0.0.1:5000/v3'
DATABASES = ('keystone', 'placement', 'glance', 'nova', 'nova_api', 'nova_cell0', 'cinder', 'neutron')
# Debian's own Python, whatever else is installed.
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


class Failure(Exception):
    """What cannot be done, in words for people."""


class Place:
    def __init__(self, root, mode):
        self.root = os.path.abspath(root)
        self.mode = mode

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    @property
    def password(self):
        """One for all: whoever can read it is root already."""
        path = self.path('password')
        if not os.path.exists(path):
            write(path, secrets.token_hex(16) + '\n', 0o600)
        with open(path, encoding='ascii') as file:
            return file.read().strip()

    @property
    def socket(self):
        return '/run/mysqld/mysqld.sock'

    def database(self, name):
        return 'mysql+pymysql://openstack:%s@localhost/%s?unix_socket=%s&charset=utf8' % (
            self.password, name, self.socket)

    @property
    def placement(self):
        return KEYSTONE.replace('/v3', '/placement') if self.mode == 'lite' else 'http://127.0.0.1:8778'

    @property
    def transport(self):
        # Without a broker messages stay in one process.
        return 'fake://' if self.mode == 'lite' else 'rabbit://guest:guest@127.0.0.1:5672/'

    def fill(self, text):
        """Puts this nutshell's values into @words@."""
        login = '\n'.join((
            'auth_url = ' + KEYSTONE, 'auth_type = password', 'project_domain_id = default',
            'user_domain_id = default', 'project_name = service', 'username = services',
            'password = ' + self.password, 'region_name = ' + REGION))
        words = {
            'root': self.root, 'etc': self.path('etc'), 'password': self.password, 'socket': self.socket,
            'host': HOST, 'region': REGION, 'keystone': KEYSTONE, 'placement': self.placement,
            'transport': self.transport, 'login': login, 'rpc_workers': '0' if self.mode == 'lite' else '1',
            # Compute nodes that join may be slow: a Raspberry Pi, or one that is emulated.
            'rpc_timeout': '60' if self.mode == 'lite' else '300',
        }

        def value(match):
            word = match.group(1)
            if word.startswith('database:'):
                return self.database(word.split(':')[1])
            if word.startswith('helper:'):
                return self.helper(word.split(':')[1])
            return words[word]
        return re.sub(r'@([a-z_]+(?::[a-z0-9_]+)?)@', value, text)

    def helper(self, service):
        """How a service starts the program that does its privileged work."""
        program = 'privsep-helper'
        if service == 'neutron' and self.mode == 'lite':
            program = '/usr/bin/python3 ' + self.path('python/privileged.py')
        return '%s --config-file %s --config-file %s' % (
            program, self.path('etc/common.conf'), self.path('etc/%s.conf' % service))

    def prepare(self):
        """All directories, the configuration, and the services' own programs."""
        for directory in ('etc', 'log', 'run/lock', 'database', 'broker', 'lib/keystone/tokens',
                          'lib/keystone/credentials', 'lib/glance', 'lib/nova/instances', 'lib/cinder/volumes',
                          'lib/cinder/conversion', 'lib/cinder/coordination', 'lib/neutron'):
            os.makedirs(self.path(directory), exist_ok=True)
        # Other users' services go through to what is theirs.
        os.chmod(self.root, 0o711)
        for name in sorted(os.listdir(os.path.join(RECIPE, 'etc'))):
            with open(os.path.join(RECIPE, 'etc', name), encoding='utf-8') as file:
                text = self.fill(file.read())
            # rabbitmq reads its file as a user of its own; there is no secret in it.
            write(self.path('etc', name), text, 0o644 if name.startswith('rabbitmq') else 0o600)
        shutil.copytree(os.path.join(RECIPE, 'python'), self.path('python'), dirs_exist_ok=True)
        own('mysql', self.path('database'))
        if self.mode == 'full':
            own('rabbitmq', self.path('broker'))


def own(user, directory):
    subprocess.run(['chown', user + ':', directory], check=True)


def write(path, text, mode):
    """The file is whole or not there, and never open to others in between."""
    new = path + '.new'
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(new, mode)
    os.replace(new, path)
