"""A program that tells what reached it: headers, bodies, events, and frames of a WebSocket."""
import base64, hashlib, http.server, json, threading

released = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/ws":
            return self.websocket()
        if self.path == "/events":
            return self.events()
        if self.path == "/release":
            released.set()
        if self.path == "/accel":
            self.send_response(200)
            self.send_header("X-Accel-Redirect", "/-/starting.html")
            self.send_header("Content-Length", "2")
            self.end_headers()
            return self.wfile.write(b"no")
        self.answer({"path": self.path, "headers": [[name, value] for name, value in self.headers.items()]})

    def do_POST(self):
        left, digest, n_bytes = int(self.headers["Content-Length"]), hashlib.sha256(), 0
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                break
            digest.update(piece)
            left -= len(piece)
            n_bytes += len(piece)
        self.answer({"n_bytes": n_bytes, "digest": digest.hexdigest()})

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        released.wait(30)
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        head = self.rfile.read(2)
        mask = self.rfile.read(4)
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(head[1] & 127)))
        self.wfile.write(bytes([0x81, len(body)]) + body)
        self.close_connection = True


http.server.ThreadingHTTPServer(("", 80), Handler).serve_forever()
