"""The box that the whole OpenStack is in: namespaces of its own with a first process of its own."""
import os
import signal
import subprocess
import time

from place import HOST, PATH, RECIPE, Failure


class Box:
    def __init__(self, place):
        self.place = place

    @property
    def first(self):
        """The number of its first process on this machine; none if it is not there."""
        try:
            with open(self.place.path('run/box'), encoding='ascii') as file:
                pid, started = file.read().split()
            return int(pid) if started_at(int(pid)) == started else None
        except (OSError, ValueError):
            return None

    def ensure(self):
        if self.first:
            return
        ready = self.place.path('run/ready')
        if os.path.exists(ready):
            os.unlink(ready)
        with open(self.place.path('log/box.log'), 'wb') as log:
            outer = subprocess.Popen(
                ['unshare', '--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child',
                 os.path.join(RECIPE, 'inside'), ready, HOST],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 20
        while not os.path.exists(ready):
            if outer.poll() is not None or time.monotonic() > deadline:
                with open(self.place.path('log/box.log'), encoding='utf-8') as log:
                    raise Failure('the box cannot be made: ' + log.read().strip())
            time.sleep(0.05)
        with open('/proc/%d/task/%d/children' % (outer.pid, outer.pid), encoding='ascii') as file:
            first = int(file.read().split()[0])
        with open(self.place.path('run/box'), 'w', encoding='ascii') as file:
            file.write('%d %s' % (first, started_at(first)))

    def words(self, command, is_network_alone=False):
        """The words that run a command inside, in the same directory."""
        if not self.first:
            raise Failure('the box is not there: run images/nutshell-openstack/openstack up')
        if is_network_alone:
            return ['nsenter', '--target=%d' % self.first, '--net', '--', *command]
        return ['nsenter', '--target=%d' % self.first, '--mount', '--net', '--pid', '--uts', '--ipc',
                '--wd=' + os.getcwd(), '--', *command]

    def run(self, command, log=None, **more):
        """Runs a command inside to its end."""
        environment = dict(os.environ, PATH=PATH, LC_ALL='C.UTF-8')
        if log is None:
            done = subprocess.run(self.words(command), env=environment, stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
            said = done.stdout
        else:
            with open(self.place.path('log', log), 'w', encoding='utf-8') as file:
                done = subprocess.run(self.words(command), env=environment, stdin=subprocess.DEVNULL, stdout=file,
                                      stderr=file, check=False, **more)
            with open(self.place.path('log', log), encoding='utf-8') as file:
                said = file.read()
        if done.returncode != 0:
            raise Failure('%s: %s' % (' '.join(command[:3]), said.strip()[-600:]))
        return said

    def processes(self):
        """The numbers, on this machine, of all processes inside."""
        first = self.first
        if not first:
            return []
        inside = os.readlink('/proc/%d/ns/pid' % first)
        found = []
        for name in os.listdir('/proc'):
            try:
                if name.isdigit() and os.readlink('/proc/%s/ns/pid' % name).endswith(inside):
                    found.append(int(name))
            except OSError:
                pass  # it has ended, or is the kernel's
        return found

    def end(self):
        """Tells all processes inside to end, then ends them; with the first one goes all that is in the box."""
        first = self.first
        if first:
            for pid in self.processes():
                if pid != first:
                    send(pid, signal.SIGTERM)
            wait(lambda: len(self.processes()) <= 2, 15)
            send(first, signal.SIGKILL)
            if not wait(lambda: self.first is None, 10):
                raise Failure('the box does not end: process %d' % first)
        for name in ('run/box', 'run/ready'):
            if os.path.exists(self.place.path(name)):
                os.unlink(self.place.path(name))


def started_at(pid):
    """When a process was started: a number comes again, a number with this does not."""
    with open('/proc/%d/stat' % pid, encoding='utf-8') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return fields[19] if fields[0] != 'Z' else None


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait(is_so, seconds):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
