//! What an old client puts on the wire, byte for byte, and what it needs to
//! see: ConPaaS 2.0's command line (Python 2.7, pyOpenSSL, httplib) and its
//! web frontend (curl).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{PeerRule, client_config};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::director::World;
use crate::support::wait::eventually;

const BOUNDARY: &str = "----------_BoUnDaRy_StRiNg_$";

/// A connection without Nagle's algorithm turned off: old clients never did.
struct Raw {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

/// Head and body of an answer.
struct Answer {
    head: String,
    body: String,
}

impl Raw {
    fn connect(host: &str, port: u16, who: Option<&Credentials>) -> Raw {
        let config = client_config(who, PeerRule::Unverified).unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut tcp = TcpStream::connect((host, port)).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&config), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).unwrap();
        }
        Raw { stream: StreamOwned::new(tls, tcp) }
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Reads to the end of the stream, which fails without a `close_notify`.
    fn read(mut self) -> Answer {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer { head: head.to_owned(), body: body.to_owned() }
    }
}

fn ask(host: &str, port: u16, who: Option<&Credentials>, text: &str) -> Answer {
    let mut connection = Raw::connect(host, port, who);
    connection.send(text);
    connection.read()
}

fn multipart(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body: String = fields.iter().map(part).collect::<String>() + &format!("--{BOUNDARY}--\r\n");
    let length = body.len();
    format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn the_director_takes_every_form_of_request() {
    let world = World::start();
    world.add_user("test");
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    let (host, port) = (world.endpoint.host.as_str(), world.endpoint.port);
    let ask = |text: &str| ask(host, port, Some(&user), text);

    let url = format!("https://{host}:{port}");
    let common = format!("Host: {host}:{port}\r\nAccept-Encoding: identity\r\nConnection: close\r\n");
    let answer = ask(&format!("GET {url}/user_config?username=test&service_id=0 HTTP/1.1\r\n{common}\r\n"));
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["username"], "test", "{}", answer.head);
    assert!(answer.head.to_ascii_lowercase().contains("\r\nconnection: close"), "{}", answer.head);

    let form = multipart(&[("username", "test"), ("service_id", "0"), ("name", "cps-tools")]);
    let made = ask(&format!("POST {url}/createapp HTTP/1.1\r\n{common}{form}"));
    assert!(made.body.contains("\"name\": \"cps-tools\""), "{}", made.body);
    let urlencoded = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nname=a+b+c";
    let made = ask(&format!("POST /createapp HTTP/1.1\r\n{common}{urlencoded}"));
    assert!(made.body.contains("\"name\": \"a b c\""), "{}", made.body);
    let made = ask(&format!("POST /createapp?name=in%20query HTTP/1.1\r\n{common}{}", multipart(&[("x", "1")])));
    assert!(made.body.contains("\"name\": \"in query\""), "{}", made.body);
    for head in
        ["", "Content-Length: 0\r\n", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"]
    {
        let listed = ask(&format!("POST /listapp HTTP/1.1\r\n{common}{head}\r\n"));
        assert_eq!(serde_json::from_str::<Value>(&listed.body).unwrap().as_array().unwrap().len(), 4, "{head}");
    }
    let listed = ask(&format!("GET /listapp HTTP/1.0\r\nHost: {host}\r\n\r\n"));
    assert!(listed.body.starts_with("[{"), "{}", listed.body);
}

#[test]
fn the_director_refuses_in_upstreams_words() {
    let world = World::start();
    world.add_user("test");
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    let (host, port) = (world.endpoint.host.as_str(), world.endpoint.port);
    let ask = |line: &str| ask(host, port, Some(&user), &format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let page = |title: &str, name: &str, text: &str| {
        format!(
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<title>{title}</title>\n<h1>{name}</h1>\n\
             <p>{text}</p>\n"
        )
    };
    let verb = ask("GET /login");
    assert!(verb.head.starts_with("HTTP/1.1 405 ") && verb.head.contains("\r\nallow: POST"), "{}", verb.head);
    let text = "The method is not allowed for the requested URL.";
    assert_eq!(verb.body, page("405 Method Not Allowed", "Method Not Allowed", text));
    let options = ask("OPTIONS /login");
    assert!(options.head.starts_with("HTTP/1.1 200 ") && options.body.is_empty(), "{}", options.head);
    assert!(options.head.contains("\r\nallow: POST, OPTIONS\r\n"), "{}", options.head);
    assert!(ask("PUT /version").head.contains("\r\nallow: HEAD, OPTIONS, GET\r\n"));
    assert!(ask("OPTIONS /nothing").head.starts_with("HTTP/1.1 404 "));
    let path = ask("POST /renameapp/abc");
    assert!(path.head.starts_with("HTTP/1.1 404 "), "{}", path.head);
    let text = "The requested URL was not found on the server. If you entered the URL manually please check your \
                spelling and try again.";
    assert_eq!(path.body, page("404 Not Found", "Not Found", text));
    assert_eq!(ask("POST /startapp/99").body, "{\n  \"error\": \"Application not found\"\n}\n");
    for path in ["/stopapp/99", "/deleteapp/99"] {
        let answer = ask(&format!("POST {path}"));
        assert_eq!(answer.body, "{\"error\": \"Application not found\"}", "{path}");
        assert!(answer.head.contains("\r\ncontent-type: text/html"), "{path}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_manager_takes_what_curl_and_httplib_send() {
    let world = World::start();
    world.add_user("test");
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    world.post(Some(&user), "/startapp/1", &[]).await;
    let manager = eventually("the application runs", || async {
        let application = world.get(Some(&user), "/listapp").await.json()[0].clone();
        (application["status"] == "RUNNING").then(|| application["manager"].as_str().unwrap().to_owned())
    })
    .await;
    // The web frontend shows the director's certificate.
    let frontend = Credentials::load(&world.path("certs")).unwrap();
    let ask = |text: &str| ask(&manager, 8443, Some(&frontend), text);
    let json = "Content-Type: application/json\r\n";
    let answer = ask(&format!(
        "GET /?method=get_app_info&service_id=0&params=%5B%5D&id=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n{json}\r\n"
    ));
    let wanted = json!({"result": {"states": {"0": "RUNNING"}, "nodes": [], "volumes": []}, "error": null, "id": "1"});
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), wanted);
    let call = r#"{"method":"list_volumes","service_id":"0","params":[],"jsonrpc":"2.0","id":1}"#;
    let answer = ask(&format!("POST / HTTP/1.1\r\nHost: x\r\n{json}Content-Length: {}\r\n\r\n{call}", call.len()));
    let wanted = json!({"result": {"volumes": []}, "error": null, "id": 1});
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), wanted);
    for (line, content_type, explanation, status) in [
        ("GET /foo", json, "404 = Nothing matches the given URI", "404 Not Found"),
        ("PUT /", "", "415 = Entity body in unsupported format.", "415 Unsupported Media Type"),
        ("PUT /", json, "405 = Specified method is invalid for this server.", "405 Method Not Allowed"),
        (
            "GET /?service_id=0&method=m&id=1",
            "",
            "415 = Entity body in unsupported format.",
            "415 Unsupported Media Type",
        ),
        (
            "GET /?service_id=0&method=check_process&id=1",
            "Content-Type: application/json; charset=utf-8\r\n",
            "415 = Entity body in unsupported format.",
            "415 Unsupported Media Type",
        ),
    ] {
        let answer = ask(&format!("{line} HTTP/1.1\r\nHost: x\r\n{content_type}\r\n"));
        assert!(answer.head.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {}", answer.head);
        let (code, title) = status.split_once(' ').unwrap();
        assert_eq!(
            answer.body,
            format!(
                "<head>\n<title>Error response</title>\n</head>\n<body>\n<h1>Error response</h1>\n<p>Error code \
                 {code}.\n<p>Message: {title}.\n<p>Error code explanation: {explanation}.\n</body>\n"
            ),
            "{line}"
        );
    }
}

#[test]
fn no_request_waits_for_a_late_acknowledgement() {
    let world = World::start();
    let (host, port) = (world.endpoint.host.as_str(), world.endpoint.port);
    // One quick answer shows it: a request that Nagle's algorithm holds back always takes 40 ms.
    let quickest = (0..20).map(|_| {
        let mut connection = Raw::connect(host, port, None);
        let began = Instant::now();
        connection.send("GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(connection.read().body, "2.0.0");
        began.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_millis(25), "the quickest of 20 answers took {quickest:?}");
}

#[tokio::test]
async fn a_page_of_the_web_frontend_may_log_in_any_number_of_times() {
    let world = World::start_with(&[("director.LOGIN_ATTEMPTS_PER_MINUTE", "1"), ("director.LOGIN_BURST", "2")], &[]);
    world.add_user("alice");
    for n_pages in 1..=10 {
        let answer = world.post(None, "/login", &[("username", "alice"), ("password", "alice-secret")]).await;
        assert_eq!(answer.status, 200, "page {n_pages}: {}", answer.text);
    }
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(world.post(None, "/login", &[("username", "alice"), ("password", "guess")]).await.status);
    }
    assert_eq!(statuses, [200, 200, 429], "wrong ones are counted still");
}
