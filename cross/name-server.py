"""A name server that knows one host; for cross/check.

usage: name-server.py LISTEN-ADDRESS NAME ADDRESS

Returns when it can be asked, and answers from the background.
"""

import os
import socket
import sys

listen, name, address = sys.argv[1:]
wanted = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((listen, 53))
if os.fork() > 0:
    sys.exit()
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 1
    kind = query[end : end + 2]
    is_known = query[12:end].lower() == wanted
    has_answer = is_known and kind == b"\0\1"
    header = query[:2] + (b"\x81\x80" if is_known else b"\x81\x83") + b"\0\1" + bytes([0, has_answer]) + b"\0\0\0\0"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address) if has_answer else b""
    server.sendto(header + query[12 : end + 4] + answer, client)
