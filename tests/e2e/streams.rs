//! What takes long or is large: events that a page sends while it works, messages in both directions, large uploads.

use super::php::Site;

/// What is uploaded: hundreds of megabytes, as photographs and backups are.
const UPLOAD_MB: u32 = 300;
/// Reads the first event of a page, asks for another one then, and prints all events. The page waits for that.
const EVENTS: &str = "
import http.client, sys, urllib.request
host, page, go = sys.argv[1:]
connection = http.client.HTTPConnection(host, timeout=60)
connection.request('GET', page, headers={'Accept': 'text/event-stream'})
answer = connection.getresponse()
first = answer.readline()
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f'http://{host}{go}', timeout=60).read()
print(answer.status, answer.getheader('Content-Type').split(';')[0], b' '.join((first + answer.read()).split()).decode())
";
/// Uploads so many megabytes as a form of a page with a file, and prints what the page answers. A `-` sends the head alone.
const UPLOAD: &str = "
import http.client, sys, zlib
host, page, megabytes, rest = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
head = b'--x\\r\\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\\r\\nContent-Type: application/zip\\r\\n\\r\\n'
block, tail, check = bytes(range(256)) * 4096, b'\\r\\n--x--\\r\\n', 0
connection = http.client.HTTPConnection(host, timeout=300)
connection.putrequest('POST', page)
connection.putheader('Content-Type', 'multipart/form-data; boundary=x')
connection.putheader('Content-Length', str(len(head) + megabytes * len(block) + len(tail)))
connection.endheaders()
if not rest:
    connection.send(head)
    for _ in range(megabytes):
        connection.send(block)
        check = zlib.crc32(block, check)
    connection.send(tail)
answer = connection.getresponse()
print(answer.status, answer.read().decode().strip().replace(f'{check:08x}', 'whole'))
";
/// Says something over a WebSocket, and prints what is said back.
const WEBSOCKET: &str = "
import base64, os, socket, sys
host, page, text = sys.argv[1], sys.argv[2], sys.argv[3].encode()
stream = socket.create_connection((host, 80), timeout=60)
key = base64.b64encode(os.urandom(16)).decode()
stream.sendall((f'GET {page} HTTP/1.1\\r\\nHost: {host}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n'
                f'Sec-WebSocket-Key: {key}\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n').encode())
answer = stream.makefile('rb')
status = answer.readline().split()[1].decode()
while answer.readline().strip():
    pass
mask = os.urandom(4)
stream.sendall(bytes([0x81, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
print(status, answer.read(answer.read(2)[1]).decode())
";

impl Site<'_> {
    /// Status, type and events of a page that sends the second one when `go` was asked for.
    pub(super) fn events(&self, host: &str, page: &str, go: &str) -> String {
        self.python(EVENTS, &[host, page, go])
    }

    /// What a page answers that is given a large file; the checksum is `whole` where it is right.
    pub(super) fn upload_to(&self, host: &str, page: &str) -> String {
        self.python(UPLOAD, &[host, page, &UPLOAD_MB.to_string()])
    }

    /// What a page answers to the announcement of so many megabytes.
    pub(super) fn announce_to(&self, host: &str, page: &str, megabytes: u32) -> String {
        self.python(UPLOAD, &[host, page, &megabytes.to_string(), "-"])
    }

    /// Status and answer to something said over a WebSocket.
    pub(super) fn say(&self, host: &str, page: &str, text: &str) -> String {
        self.python(WEBSOCKET, &[host, page, text])
    }

    fn python(&self, program: &str, words: &[&str]) -> String {
        let text = self.nutshell.type_command(&[&["python3", "-c", program], words].concat());
        text.trim().to_owned()
    }
}

/// What a page tells of a large file that arrived whole.
pub(super) fn whole() -> String {
    format!("200 {} whole", u64::from(UPLOAD_MB) << 20)
}
