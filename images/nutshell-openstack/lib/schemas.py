"""Databases and their tables, made once."""
import os
import threading

from place import DATABASES, KEYSTONE, REGION, Failure


def ensure_database_files(place, box):
    if not os.path.isdir(place.path('database/mysql')):
        box.run(['mysql_install_db', '--no-defaults', '--user=mysql', '--datadir=' + place.path('database'),
                 '--skip-test-db'], log='database-install.log')


def ensure(place, box, say):
    done = place.path('run/schemas-are-made')
    if os.path.exists(done):
        return
    statements = ['CREATE DATABASE IF NOT EXISTS %s;' % name for name in DATABASES]
    statements.append("CREATE USER IF NOT EXISTS openstack@localhost IDENTIFIED BY '%s';" % place.password)
    statements.append('GRANT ALL ON *.* TO openstack@localhost;')
    box.run(['mysql', '--no-defaults', '--user=root', '--socket=' + place.socket, '-e', ' '.join(statements)])

    def words(program, *rest, conf=None):
        return [program, '--config-file', place.path('etc/%s.conf' % (conf or program.split('-')[0])), *rest]

    keystone, nova = 'keystone-manage', 'nova-manage'
    urls = [word for kind in ('admin', 'public', 'internal') for word in ('--bootstrap-%s-url' % kind, KEYSTONE)]
    # Two rows, each in its order, beside each other: there are two processors at least.
    rows = (
        (words(keystone, 'db_sync'),
         words(keystone, 'fernet_setup', '--keystone-user', 'root', '--keystone-group', 'root'),
         words(keystone, 'credential_setup', '--keystone-user', 'root', '--keystone-group', 'root'),
         words(keystone, 'bootstrap', *urls, '--bootstrap-region-id', REGION),
         words('placement-manage', 'db', 'sync'),
         words('glance-manage', 'db_sync', conf='glance-api'),
         words('cinder-manage', 'db', 'sync')),
        (words(nova, 'api_db', 'sync'),
         words(nova, 'cell_v2', 'map_cell0', '--database_connection', place.database('nova_cell0')),
         words(nova, 'db', 'sync'),
         words(nova, 'cell_v2', 'create_cell', '--name', 'cell1', '--transport-url', place.transport,
               '--database_connection', place.database('nova')),
         words('neutron-db-manage', 'upgrade', 'heads', conf='neutron')),
    )
    failures = []

    def work(row):
        for number, command in enumerate(row):
            try:
                log = 'schema-%s-%d.log' % (command[0], number)
                # The password is not among the words, which others could see.
                os.environ['OS_BOOTSTRAP_PASSWORD'] = place.password
                box.run(command, log=log)
                say('%s %s' % (command[0], ' '.join(word for word in command[3:5] if '/' not in word)))
            except Failure as failure:
                failures.append(str(failure))
                return
    threads = [threading.Thread(target=work, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failure('; '.join(failures))
    with open(done, 'w', encoding='ascii'):
        pass
