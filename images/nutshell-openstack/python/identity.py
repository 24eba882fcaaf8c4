"""keystone, and placement below /placement, as one WSGI application: one process less."""
from keystone.server.wsgi import initialize_public_application
from placement.wsgi import init_application

PLACEMENT = '/placement'
_keystone = initialize_public_application()
_placement = init_application()


def application(environ, start_response):
    path = environ.get('PATH_INFO', '')
    if path != PLACEMENT and not path.startswith(PLACEMENT + '/'):
        return _keystone(environ, start_response)
    environ['SCRIPT_NAME'] = environ.get('SCRIPT_NAME', '') + PLACEMENT
    environ['PATH_INFO'] = path[len(PLACEMENT):] or '/'
    return _placement(environ, start_response)
