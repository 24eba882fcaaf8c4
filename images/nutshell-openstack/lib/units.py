"""The services, as unit files: the same that systemd would read, and here started without it, in the box."""
import configparser
import os
import shlex
import subprocess
import time

from box import started_at
from place import PATH, RECIPE, Failure


class Unit:
    def __init__(self, name, place, box):
        self.name, self.place, self.box = name, place, box
        parsed = configparser.ConfigParser(interpolation=None)
        parsed.optionxform = str
        with open(os.path.join(RECIPE, 'units', name + '.service'), encoding='utf-8') as file:
            parsed.read_string(place.fill(file.read()))
        self.environment = dict(word.split('=', 1) for word in shlex.split(parsed['Service']['Environment']))
        self.command = shlex.split(parsed['Service']['ExecStart'])
        self.description = parsed['Unit']['Description']
        own = parsed['X-Nutshell']
        self.modes, self.stage, self.ready = own['Modes'].split(), int(own['Stage']), own.get('Ready', '')

    @property
    def record(self):
        return self.place.path('run', self.name)

    @property
    def pid(self):
        """On this machine; none if it does not run."""
        try:
            with open(self.record, encoding='ascii') as file:
                pid, started = file.read().split()
            return int(pid) if started_at(int(pid)) == started else None
        except (OSError, ValueError):
            return None

    def start(self):
        if self.pid:
            return
        environment = {'PATH': PATH, 'LC_ALL': 'C.UTF-8', **self.environment}
        words = ['env', '-i', *('%s=%s' % pair for pair in environment.items()), *self.command]
        with open(self.place.path('log', self.name + '.log'), 'ab') as log:
            outer = subprocess.Popen(self.box.words(['setsid', *words]), stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        children = '/proc/%d/task/%d/children' % (outer.pid, outer.pid)
        pid = None
        while pid is None:
            with open(children, encoding='ascii') as file:
                pid = next((int(word) for word in file.read().split()), None)
            if outer.poll() is not None or time.monotonic() > deadline:
                raise Failure('%s does not start: see %s' % (self.name, self.place.path('log', self.name + '.log')))
            time.sleep(0.01)
        with open(self.record, 'w', encoding='ascii') as file:
            file.write('%d %s' % (pid, started_at(pid)))

    def is_ready(self):
        if not self.pid:
            raise Failure('%s has ended: %s' % (self.name, self.last_words()))
        if not self.ready:
            return True
        if self.ready.startswith('http://'):
            return self.box_answers(['curl', '--silent', '--fail', '--output', '/dev/null', '--max-time', '5', self.ready])
        if self.ready.startswith('tcp '):
            host, port = self.ready[4:].split(':')
            return self.box_answers(['bash', '-c', 'exec 3<>/dev/tcp/%s/%s' % (host, port)])
        return self.box_answers(shlex.split(self.ready))

    def box_answers(self, command):
        try:
            self.box.run(command)
            return True
        except Failure:
            return False

    def stop(self, number):
        pid = self.pid
        if pid:
            os.kill(pid, number)
            deadline = time.monotonic() + 30
            while self.pid == pid:
                if time.monotonic() > deadline:
                    raise Failure('%s (process %d) does not end' % (self.name, pid))
                time.sleep(0.05)

    def last_words(self):
        with open(self.place.path('log', self.name + '.log'), encoding='utf-8', errors='replace') as file:
            return file.read().strip()[-600:]


def all_units(place, box):
    names = sorted(name[:-len('.service')] for name in os.listdir(os.path.join(RECIPE, 'units')))
    units = [Unit(name, place, box) for name in names]
    return [unit for unit in units if place.mode in unit.modes]


def start_stage(units, stage, say, seconds=180):
    """Starts what belongs to a stage, all at once, and waits until all of it is ready."""
    waiting = [unit for unit in units if unit.stage == stage]
    for unit in waiting:
        unit.start()
    deadline = time.monotonic() + seconds
    while waiting:
        for unit in list(waiting):
            if unit.is_ready():
                waiting.remove(unit)
                say('%s is ready (%s)' % (unit.name, unit.description))
        if waiting and time.monotonic() > deadline:
            raise Failure('not ready after %d s: %s' % (seconds, ', '.join(unit.name for unit in waiting)))
        if waiting:
            time.sleep(0.2)
