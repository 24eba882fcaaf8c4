"""Takes the place of a node's agent and answers with what has no end: a result, or errors with a text each."""

import itertools
import os
import socket
import ssl
import sys
import threading

CERTIFICATES = "/etc/cpsagent/certs/"


def answer(stream, number):
    stream.recv(65536)
    if sys.argv[1] == "endless":
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"result\": \"")
        while True:
            stream.sendall(b"\xff" * 65536)
    if sys.argv[1] == "large":
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n{\"result\": \"")
        for _ in range(300_000_000 // 65536):
            stream.sendall(b"\xff" * 65536)
    body = b'{"error": "%d %s", "id": 1}' % (number, os.urandom(1_500_000).hex().encode())
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    stream.close()


def serve(connection, context, number):
    try:
        answer(context.wrap_socket(connection, server_side=True), number)
    except OSError:
        connection.close()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES + "cert.pem", CERTIFICATES + "key.pem")
    listener = socket.create_server(("0.0.0.0", 5555), backlog=64)
    for number in itertools.count():
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, context, number), daemon=True).start()


main()
