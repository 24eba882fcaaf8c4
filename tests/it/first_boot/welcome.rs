//! The welcome page, asked as browsers and attackers ask.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::login::set_up;
use super::world::Board;

/// A running page, with what systemd does for it: each connection to the
/// socket becomes a program of root's that takes the first login.
struct Page {
    board: Arc<Board>,
    address: SocketAddr,
    server: Child,
}

impl Page {
    fn serve(board: Board) -> Self {
        let board = Arc::new(board);
        let socket = board.path("run/first-login.sock");
        give_logins_away(Arc::clone(&board), socket.clone());
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command
            .args(["web", "--listen", &address.to_string(), "--state-dir"])
            .arg(board.path("var/lib/conpaas/first-boot"));
        command.arg("--first-login-socket").arg(socket).arg("--last-time").arg(board.path("var/lib/conpaas/last-time"));
        let server = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < limit, "the page does not come up");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Page { board, address, server }
    }

    /// Sends these lines of a head, with a body, and gives the whole answer.
    fn send(&self, head: &[&str], body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = format!("Content-Length: {}", body.len());
        let lines: Vec<&str> = head.iter().copied().chain([length.as_str(), "", body]).collect();
        stream.write_all(lines.join("\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn get(&self, path: &str) -> String {
        self.send(&[&format!("GET {path} HTTP/1.1"), "Host: attic.local"], "")
    }

    fn token(&self) -> String {
        let page = self.get("/");
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Presses the button, with these further lines in the head.
    fn press(&self, token: &str, further: &[&str]) -> String {
        let mut head = vec!["POST /first-login HTTP/1.1", "Content-Type: application/x-www-form-urlencoded"];
        if !further.iter().any(|line| line.starts_with("Host:")) {
            head.push("Host: attic.local");
        }
        head.extend(further);
        self.send(&head, &format!("token={token}"))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _already_ended = self.server.kill();
        let _already_waited = self.server.wait();
    }
}

fn give_logins_away(board: Arc<Board>, socket: PathBuf) {
    let listener = UnixListener::bind(socket).unwrap();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let output: OwnedFd = stream.unwrap().into();
            let _its_answer_tells =
                board.command(&["take", "--json"]).stdout(output).stderr(Stdio::null()).spawn().unwrap().wait();
        }
    });
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}

const SECRET: &str = "k7mw-x2ph-9dqa-t5ne";

#[test]
fn the_page_tells_about_the_machine_and_keeps_to_itself() {
    let page = Page::serve(set_up());
    let answer = page.get("/");
    assert_eq!(status(&answer), 200, "{answer}");
    for part in ["attic.local", "172.16.0.32 to 172.16.0.61", "Show the first login", "no director"] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    for header in [
        "content-security-policy: default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "x-frame-options: deny",
        "x-content-type-options: nosniff",
        "referrer-policy: same-origin",
        "cache-control: no-store",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert!(!head.contains("access-control") && !head.contains("set-cookie"), "{head}");
    assert!(!body.contains("<script") && !body.contains("src=") && !body.contains(SECRET), "{body}");
    assert!(page.get("/style.css").contains("text/css"));
    assert_eq!(status(&page.get("/ca_cert.pem")), 404, "there is no director");
}

#[test]
fn other_pages_are_refused() {
    let page = Page::serve(set_up());
    for (line, code) in [
        ("GET /first-login HTTP/1.1", 405),
        ("DELETE / HTTP/1.1", 405),
        ("POST / HTTP/1.1", 405),
        ("GET /../etc/passwd HTTP/1.1", 404),
        ("GET //first-login HTTP/1.1", 404),
        ("GET /%2e%2e/ HTTP/1.1", 404),
    ] {
        let answer = page.send(&[line, "Host: attic.local"], "");
        assert_eq!(status(&answer), code, "{line}: {answer}");
    }
    assert!(page.get("/").contains("Show the first login"), "it is still there");
}

/// A foreign page cannot press the button, a rebound name cannot read the page.
#[test]
fn only_the_page_itself_can_press_the_button() {
    let page = Page::serve(set_up());
    let token = page.token();
    let refused: &[(&str, &[&str])] = &[
        (&token, &["Origin: http://evil.example"]),
        (&token, &["Origin: null"]),
        (&token, &["Origin: https://attic.local"]),
        (&token, &["Origin: http://attic.local.evil.example"]),
        (&token, &["Origin: http://attic.local", "Origin: http://evil.example"]),
        (&token, &["Origin: http://attic.local", "Sec-Fetch-Site: cross-site"]),
        (&token, &["Sec-Fetch-Site: same-site"]),
        ("", &["Origin: http://attic.local"]),
        ("00000000000000000000000000000000", &["Origin: http://attic.local"]),
        (&token[1..], &[]),
        (&token, &["Host: evil.example"]),
        (&token, &["Host: evil.example", "Origin: http://evil.example"]),
        (&token, &["Host: attic.local", "Host: evil.example"]),
    ];
    for (token, further) in refused {
        let answer = page.press(token, further);
        assert!([400, 403, 421].contains(&status(&answer)), "{further:?}: {answer}");
        assert!(!answer.contains(SECRET), "{further:?}: {answer}");
    }
    let rebound = page.send(&["GET / HTTP/1.1", "Host: evil.example"], "");
    assert!(status(&rebound) == 421 && !rebound.contains(&token), "{rebound}");
    let nameless = page.send(&["GET / HTTP/1.0"], "");
    assert_eq!(status(&nameless), 421, "{nameless}");
    let huge = page.send(
        &["POST /first-login HTTP/1.1", "Host: attic.local", "Content-Type: application/x-www-form-urlencoded"],
        &format!("token={}", "x".repeat(100_000)),
    );
    assert_eq!(status(&huge), 400, "{huge}");
    let file = "--b\r\nContent-Disposition: form-data; name=\"token\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n";
    let upload = ["POST /first-login HTTP/1.1", "Host: attic.local", "Content-Type: multipart/form-data; boundary=b"];
    let refused = page.send(&upload, file);
    assert!(status(&refused) == 400 && refused.contains("This page takes no files."), "{refused}");
    // After all that, its owner has it.
    let answer = page.press(&token, &["Origin: http://attic.local", "Sec-Fetch-Site: same-origin"]);
    assert!(status(&answer) == 200 && answer.contains(SECRET) && answer.contains("aaaa-bbbb"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("cache-control: no-store"));
}

#[test]
fn of_many_who_press_at_once_one_sees_it() {
    let page = Arc::new(Page::serve(set_up()));
    page.board.succeed(&["announce"]);
    let token = page.token();
    let pressing: Vec<_> = (0..10)
        .map(|_| {
            let (page, token) = (Arc::clone(&page), token.clone());
            std::thread::spawn(move || page.press(&token, &["Origin: http://attic.local"]))
        })
        .collect();
    let answers: Vec<String> = pressing.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.contains(SECRET)).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| status(answer) == 410).count(), 9, "{answers:?}");
    assert!(!page.get("/").contains("Show the first login"));
    assert!(!page.board.read("run/issue.d/conpaas.issue").contains(SECRET));
}

#[test]
fn without_its_giver_the_login_stays_where_it_is() {
    let page = Page::serve(set_up());
    std::fs::remove_file(page.board.path("run/first-login.sock")).unwrap();
    let answer = page.press(&page.token(), &["Origin: http://attic.local"]);
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(page.get("/").contains("Show the first login"));
}

#[test]
fn a_director_is_named_with_its_authority_and_whether_it_is_up() {
    let board = Board::flashed(&[("conpaas.txt", "hostname = attic\n")]);
    board.boot_whole();
    let authority = board.read("etc/cpsdirector/certs/ca_cert.pem");
    let page = Page::serve(board);
    let answer = page.get("/");
    let fingerprint = conpaas::pki::fingerprint(&authority).unwrap();
    for part in ["https://attic.local:5555", fingerprint.as_str(), "The director does not answer", "USERNAME = conpaas"]
    {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    let certificate = page.get("/ca_cert.pem");
    assert!(certificate.ends_with(&authority) && certificate.contains("attachment"), "{certificate}");
    let authority = page.board.read("etc/cpsdirector/certs/web_ca_cert.pem");
    let fingerprint = conpaas::pki::fingerprint(&authority).unwrap();
    assert!(answer.contains("https://attic.local/") && answer.contains(&fingerprint), "{answer}");
    let certificate = page.get("/conpaas-pages.crt");
    assert!(certificate.ends_with(&authority) && certificate.contains("x509-ca-cert"), "{certificate}");
}
