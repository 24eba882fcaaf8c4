"""A small web program for several nodes: each page names the node that
made it, its role, its master and its peers.

/      the page for people
/json  the same for programs
"""

import argparse
import errno
import html
import http.server
import json
import os
import socket


def describe(address, agents_file):
    """What this node knows now; peers come and go, so the file is read anew."""
    with open(agents_file, encoding="utf-8") as file:
        agents = json.load(file)
    return {
        "node": socket.gethostname(),
        "ip": address,
        "role": os.environ.get("MY_ROLE", "unknown"),
        "master": os.environ.get("MASTER_IP", "unknown"),
        "peers": [{"ip": agent["ip"], "role": agent["role"]} for agent in agents if agent["ip"] != address],
    }


def page(facts, port):
    """The facts as HTML; every value is escaped."""
    def link(peer):
        ip, role = html.escape(peer["ip"]), html.escape(peer["role"])
        return f'<li><a href="http://{ip}:{port}/">{ip}</a> ({role})</li>'

    peers = "".join(link(peer) for peer in facts["peers"]) or "<li>none yet: try <code>add_nodes</code></li>"
    node, ip, role, master = (html.escape(facts[key]) for key in ("node", "ip", "role", "master"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Hello from {ip}</title></head>
<body>
<h1>Hello from {ip}</h1>
<dl>
<dt>Node</dt><dd>{node}</dd>
<dt>Role</dt><dd>{role}</dd>
<dt>Master</dt><dd>{master}</dd>
</dl>
<h2>Peers</h2>
<ul>{peers}</ul>
</body>
</html>
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers / and /json."""

    timeout = 10

    def do_GET(self):
        path = self.path.split("?")[0]
        if path not in ("/", "/json"):
            self.send_error(404)
            return
        facts = describe(self.server.options.address, self.server.options.agents)
        if path == "/json":
            self.answer("application/json", json.dumps(facts) + "\n")
        else:
            self.answer("text/html; charset=utf-8", page(facts, self.server.options.port))

    def answer(self, kind, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def listen(address, port):
    """On the node's own address, where several nodes may share a machine. A
    cloud may translate it on the way to the node (a floating address): then
    the node has another one, and listens on all that it has."""
    try:
        return http.server.ThreadingHTTPServer((address, port), Handler)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return http.server.ThreadingHTTPServer(("", port), Handler)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--agents", required=True)
    options = parser.parse_args()
    server = listen(options.address, options.port)
    server.options = options
    print(f"serving on http://{options.address}:{options.port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
