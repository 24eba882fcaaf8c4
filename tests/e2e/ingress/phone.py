"""What a phone does at an address: each command prints one line."""
import base64, hashlib, http.client, json, os, socket, sys, time


def request(host, port, method, path, headers, body=None):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.putrequest(method, path, skip_host=any(n.lower() == "host" for n, _ in headers), skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer, answer.read()


def get(host, port, path, *headers):
    pairs = [header.split(": ", 1) for header in headers]
    answer, body = request(host, int(port), "GET", path, pairs)
    retry = answer.headers.get("Retry-After", "-")
    return f"{answer.status} {retry} {' '.join(body.decode('utf-8', 'replace').split())}"


def raw(host, port, text):
    """Sends bytes as they are; prints the status of each answer."""
    stream = socket.create_connection((host, int(port)), timeout=20)
    stream.sendall(text.encode().decode("unicode_escape").encode("latin-1"))
    said = b""
    while piece := stream.recv(65536):
        said += piece
    return " ".join(line.split(" ")[1] for line in said.decode("latin-1").split("\r\n") if line.startswith("HTTP/1.")) or "-"


def upload(host, port, megabytes):
    piece, digest = os.urandom(1 << 20), hashlib.sha256()
    stream = socket.create_connection((host, int(port)), timeout=120)
    length = int(megabytes) << 20
    stream.sendall(f"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode())
    for _ in range(int(megabytes)):
        stream.sendall(piece)
        digest.update(piece)
    answer = http.client.HTTPResponse(stream)
    answer.begin()
    said = json.loads(answer.read())
    return f"{said['n_bytes'] == length} {said['digest'] == digest.hexdigest()}"


def websocket(host, port):
    stream = socket.create_connection((host, int(port)), timeout=20)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall((f"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    file = stream.makefile("rb")
    status = file.readline().split()[1].decode()
    while file.readline().strip():
        pass
    time.sleep(1)
    mask, text = os.urandom(4), b"ping"
    stream.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
    head = file.read(2)
    return f"{status} {file.read(head[1]).decode()}"


def events(host, port):
    stream = socket.create_connection((host, int(port)), timeout=20)
    stream.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")
    said = b""
    while b"first" not in said:
        said += stream.recv(4096)
    # Only now the program goes on: the first event came by itself.
    get(host, port, "/release")
    while b"second" not in said:
        said += stream.recv(4096)
    return "first second"


def slow(host, port, n):
    """Opens connections that say nothing to the end, then asks as everybody does."""
    held = [socket.create_connection((host, int(port)), timeout=20) for _ in range(int(n))]
    for stream in held:
        stream.sendall(b"GET / HTTP/1.1\r\nX: ")
    began = time.monotonic()
    said = get(host, port, "/")
    return f"{said.split(' ')[0]} {time.monotonic() - began < 5}"


def resolve(name):
    """Asks the network for the address of a name, as a resolver that speaks mDNS does."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.1.2"))
    asking.settimeout(2)
    asking.sendto(query, ("224.0.0.251", 5353))
    try:
        answer = asking.recv(2000)
    except TimeoutError:
        return "nobody"
    return socket.inet_ntoa(answer[-4:])


def greeting(host, port):
    try:
        return repr(socket.create_connection((host, int(port)), timeout=20).recv(200))
    except OSError as error:
        return type(error).__name__


print(globals()[sys.argv[1]](*sys.argv[2:]))
