//! Input that is wrong, huge, slow or hostile: a clear answer, and the
//! director goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{PeerRule, client_config};

use crate::support::director::{World, succeed};
use crate::support::wait::LIMIT;

/// Sends bytes over TLS and reads to the end, as an old client does.
fn raw(world: &World, who: Option<&Credentials>, request: &[u8]) -> String {
    let rule = if who.is_some() { PeerRule::Director } else { PeerRule::Unverified };
    let config = client_config(who, rule).unwrap();
    let name = rustls::pki_types::ServerName::try_from("conpaas.invalid").unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
    let mut socket = TcpStream::connect((world.endpoint.host.as_str(), world.endpoint.port)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    // The director may answer and close before it has read everything.
    let _closed_early = stream.write_all(request);
    let mut answer = Vec::new();
    let _reset_after_the_answer = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn multipart(body: &str) -> Vec<u8> {
    let boundary = "----------_BoUnDaRy_StRiNg_$";
    format!(
        "POST https://x:5555/createapp HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A name, who sends what, the status and a part of the answer's text.
type Row<'a> = (&'a str, Option<&'a Credentials>, Vec<u8>, u16, &'a str);

#[tokio::test]
async fn wrong_input_gets_a_clear_answer_and_the_director_goes_on() {
    let mut world = World::start_with(
        &[("director.HEADER_TIMEOUT", "1s"), ("director.REQUEST_TIMEOUT", "3s"), ("director.MAX_UPLOAD", "2M")],
        &[],
    );
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    let manager = world.certificate(&Subject::manager(UserId(1), ApplicationId(1)), Lifetime::NODE);
    let long_name = format!("/createapp?name={}", "x".repeat(5000));
    let huge = format!(
        "POST /createapp HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000000\r\n\r\n{}",
        "a".repeat(9_000_000)
    );
    let boundary = "------------_BoUnDaRy_StRiNg_$";
    let table: Vec<Row<'_>> = vec![
        ("an old client's multipart", Some(&alice), multipart(&format!("{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nshop\r\n{boundary}--\r\n\r\n")), 200, "\"name\": \"shop\""),
        ("multipart cut short", Some(&alice), multipart(&format!("{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nsh")), 400, "malformed"),
        ("multipart without a boundary", Some(&alice), b"POST /createapp HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc".to_vec(), 400, "malformed"),
        ("multipart that is not UTF-8", Some(&alice), {
            let mut bytes = multipart(&format!("{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n??\r\n{boundary}--\r\n"));
            let at = bytes.windows(2).position(|pair| pair == b"??").unwrap();
            bytes[at] = 0xff;
            bytes
        }, 400, "not UTF-8"),
        ("a huge form", Some(&alice), huge.into_bytes(), 413, "larger than"),
        ("a name too long", Some(&alice), format!("POST {long_name} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").into_bytes(), 200, "printable characters"),
        ("a head too long", None, format!("GET /version HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(200_000)).into_bytes(), 431, ""),
        ("no HTTP at all", None, b"\x16\x03\x01 nonsense\r\n\r\n".to_vec(), 400, ""),
        ("an unknown verb", None, b"BREW /version HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 405, ""),
        ("an id that is no number", Some(&alice), b"POST /startapp/1%20or%201 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 404, ""),
        ("an id too large", Some(&alice), b"POST /startapp/99999999999999999999999 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "Application not found"),
        ("SQL in a name", Some(&alice), b"POST /createapp?name=x%27%3B+DROP+TABLE+user%3B-- HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "DROP TABLE"),
        ("a volume of no size", Some(&manager), b"POST /create_volume?name=v&size=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "is no number of MB"),
        ("a volume without a size", Some(&manager), b"POST /create_volume?name=v HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "required argument"),
        ("an unknown cloud", Some(&manager), b"POST /create_volume?name=v&size=1&cloud=nope HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "Unknown cloud: nope"),
        ("nodes that are no list", Some(&manager), b"POST /remove_nodes?nodes=7 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "not a list of nodes"),
        ("orders that are code", Some(&manager), b"POST /create_nodes?service_id=1&service_type=generic&manager_ip=1.2.3.4&nodes_info=__import__(%27os%27) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "neither JSON nor a Python literal"),
        ("a service type that is a path", Some(&manager), b"POST /create_nodes?service_id=1&service_type=..%2Fx&manager_ip=1.2.3.4&nodes_info=[] HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 200, "no kind of service"),
        ("too many nodes", Some(&manager), format!("POST /create_nodes?service_id=1&service_type=generic&manager_ip=1.2.3.4&nodes_info=[{}{{%22role%22:%22node%22}}] HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "{%22role%22:%22node%22},".repeat(99)).into_bytes(), 200, "ask for 1 to 64 nodes"),
        ("a head that never ends", None, b"GET /version HTTP/1.1\r\nHost: x\r\n".to_vec(), 408, ""),
        ("a body that never comes", Some(&alice), b"POST /createapp HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=".to_vec(), 408, "in time"),
    ];
    for (name, who, request, wanted, text) in &table {
        let answer = raw(&world, *who, request);
        // Where HTTP itself is broken, hyper may close without an answer: never a hang, never a crash.
        let is_closed = answer.is_empty() && matches!(wanted, 400 | 408 | 431) && text.is_empty();
        assert!(is_closed || status(&answer) == *wanted, "{name}: wanted {wanted}, got {answer:.300}");
        assert!(is_closed || answer.contains(text), "{name}: wanted {text:?} in {answer:.600}");
        assert!(world.is_running(), "{name}: the director ended\n{}", world.log());
        assert_eq!(world.get(None, "/version").await.text, "2.0.0", "after {name}");
    }
    assert_eq!(world.get(Some(&alice), "/user_config").await.json()["username"], "alice", "nothing was lost");
    let left = std::fs::read_dir(world.path("state/uploads")).unwrap().count();
    assert_eq!(left, 0, "no upload is left behind");
}

#[tokio::test]
async fn slow_clients_do_not_keep_others_waiting() {
    let world = World::start_with(&[("director.HEADER_TIMEOUT", "20s"), ("director.MAX_CONNECTIONS", "64")], &[]);
    let connect = || TcpStream::connect((world.endpoint.host.as_str(), world.endpoint.port)).unwrap();
    let idle: Vec<TcpStream> = (0..24).map(|_| connect()).collect();
    for mut stream in &idle {
        stream.write_all(b"\x16\x03\x01").unwrap();
    }
    for _ in 0..5 {
        assert_eq!(world.get(None, "/version").await.text, "2.0.0");
    }
    drop(idle);
}

#[tokio::test]
async fn passwords_cannot_be_tried_fast() {
    let world = World::start_with(&[("director.LOGIN_ATTEMPTS_PER_MINUTE", "1"), ("director.LOGIN_BURST", "3")], &[]);
    world.add_user("alice");
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = world.post(None, "/login", &[("username", "alice"), ("password", "guess")]).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let answer = world.post(None, "/login", &[("username", "alice"), ("password", "alice-secret")]).await;
    assert_eq!(answer.status, 429, "even the right one waits");
    let answer = world.post(None, "/login", &[("username", "bob"), ("password", "x")]).await;
    assert_eq!(answer.text, "false", "another user is not held up");
}

#[test]
fn a_director_that_cannot_start_says_why_in_one_line() {
    let mut world = World::start();
    let mut second = World::prepare(&[("director.LISTEN", &format!("{}:5555", world.endpoint.host))]);
    second.spawn(&[]);
    assert_eq!(second.wait_for_end(), Some(1));
    assert!(
        second.log().contains("cannot listen on") && second.log().contains("is another director running?"),
        "{}",
        second.log()
    );
    assert!(world.is_running());

    let mut third = World::prepare(&[]);
    std::fs::write(third.path("director.cfg"), "[conpaas]\nCOLOUR = blue\n").unwrap();
    third.spawn(&[]);
    assert_eq!(third.wait_for_end(), Some(1));
    let log = third.log();
    assert!(
        log.contains("director.cfg") && log.contains("[conpaas]") && log.to_lowercase().contains("colour"),
        "{log}"
    );

    let mut fourth = World::prepare(&[]);
    std::fs::remove_file(fourth.path("certs/key.pem")).unwrap();
    fourth.spawn(&[]);
    assert_eq!(fourth.wait_for_end(), Some(1));
    assert!(fourth.log().contains("key.pem") && fourth.log().contains("conpaas director init"), "{}", fourth.log());
}

#[test]
fn a_clock_of_1970_is_refused_before_any_tls() {
    let mut world = World::prepare(&[]);
    let log = std::fs::File::create(world.path("log")).unwrap();
    let mut command = std::process::Command::new("faketime");
    command.args(["1970-01-02 00:00:00", crate::support::director::CONPAAS, "director"]);
    command.env("DIRECTOR_CFG", world.path("director.cfg")).stderr(log).stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the director runs with a clock of 1970\n{}", world.log());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(1));
    assert!(world.log().contains("1970"), "{}", world.log());
    world.kill();
}

#[tokio::test]
async fn names_cannot_command_a_terminal_and_credit_cannot_overflow() {
    let world = World::start();
    world.add_user("alice");
    let account = |field: &str, value: &str| {
        let mut fields = vec![("username", "bob"), ("email", "b@example.org"), ("password", "x"), ("credit", "1")];
        fields.retain(|(name, _)| *name != field);
        let mut fields: Vec<(String, String)> =
            fields.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        fields.push((field.to_owned(), value.to_owned()));
        fields
    };
    for field in ["username", "email", "fname", "affiliation"] {
        for value in ["a\u{1b}[2J", "a\r\nb", "a\u{9b}31m", "a\0b"] {
            let fields = account(field, value);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let answer = world.post(None, "/new_user", &fields).await;
            assert_eq!(answer.error(), format!("Field '{field}' has characters that cannot be printed"), "{value:?}");
        }
    }
    let max = i64::MAX.to_string();
    for _ in 0..2 {
        succeed(&mut world.command(&["user", "add_credit", "alice", &max]));
    }
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    assert_eq!(world.get(Some(&alice), "/user_credit").await.text, max);
}

#[tokio::test]
async fn a_text_of_a_caller_is_no_page() {
    let world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    let boundary = "------------_BoUnDaRy_StRiNg_$";
    let mut request = multipart(&format!(
        "{boundary}\r\nContent-Disposition: form-data; name=\"<script>\"\r\n\r\n??\r\n{boundary}--\r\n"
    ));
    let at = request.windows(2).position(|pair| pair == b"??").unwrap();
    request[at] = 0xff;
    let answer = raw(&world, Some(&alice), &request);
    assert!(answer.contains("content-type: text/plain") && answer.contains("nosniff"), "{answer}");
    world.post(Some(&alice), "/createapp", &[("name", "<script>")]).await;
    let answer = raw(&world, Some(&alice), b"GET /listapp HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        answer.contains("<script>") && answer.contains("content-security-policy: default-src 'none'; sandbox"),
        "{answer}"
    );
    let manager = world.certificate(&Subject::manager(UserId(1), ApplicationId(1)), Lifetime::NODE);
    let head = multipart(&format!("{boundary}\r\nX: {}", "y".repeat(1 << 20)));
    let head = String::from_utf8(head).unwrap().replace("/createapp", "/create_nodes");
    assert!(
        raw(&world, Some(&manager), head.as_bytes()).contains("does not end"),
        "a head of a part is not kept without end"
    );
}
