//! A web frontend beside a director, and browsers that have no script.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::director::{CONPAAS, World};
use crate::support::wait::{LIMIT, try_until_within};

/// Where pages are served, at the director's address.
const PORT: u16 = 8444;

/// A running frontend.
pub(crate) struct Frontend {
    pub(crate) host: String,
    pub(crate) port: u16,
    files: PathBuf,
    pub(crate) state: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
    /// The bytes of the body.
    pub(crate) body: Vec<u8>,
}

impl Page {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Frontend {
    /// Starts one that serves a director's users.
    pub(crate) fn start(world: &World) -> Frontend {
        let mut frontend = Frontend {
            host: world.endpoint.host.clone(),
            port: PORT,
            files: world.path("certs/frontend"),
            state: world.path("frontend"),
            log: world.path("frontend.log"),
            child: None,
        };
        frontend.run();
        frontend
    }

    /// Starts it again.
    pub(crate) fn run(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(CONPAAS);
        command.args(["frontend", "--listen", &format!("{}:{}", self.host, self.port)]);
        command.arg("--files").arg(&self.files).arg("--state-dir").arg(&self.state);
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let listens = try_until_within(LIMIT, || TcpStream::connect((self.host.as_str(), self.port)).ok());
        assert!(listens.is_some(), "the frontend does not listen\n{}", self.log());
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone_already = child.kill();
            child.wait().unwrap();
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A browser that nobody has used yet.
    pub(crate) fn browser(&self) -> Browser {
        let pem = std::fs::read(self.files.join("web_ca_cert.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        Browser { host: self.host.clone(), port: self.port, config, cookies: BTreeMap::new() }
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A browser: it knows the web authority, and keeps cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    host: String,
    port: u16,
    config: Arc<ClientConfig>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    /// The site as it is asked for.
    pub(crate) fn origin(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }

    /// Asks for a page, and follows nothing.
    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.ask("GET", path, &[], b"")
    }

    /// Sends a form as a page of this site does, and follows nothing.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from(&[("sec-fetch-site", "same-origin")], path, fields)
    }

    /// Sends a form with headers that say from where.
    pub(crate) fn post_from(&mut self, from: &[(&str, &str)], path: &str, fields: &[(&str, &str)]) -> Page {
        let body = fields.iter().fold(form_urlencoded::Serializer::new(String::new()), |mut form, (name, value)| {
            form.append_pair(name, value);
            form
        });
        let mut headers = from.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        self.ask("POST", path, &headers, { body }.finish().as_bytes())
    }

    /// Sends a form with a file.
    pub(crate) fn upload(&mut self, path: &str, fields: &[(&str, &str)], file: (&str, &str, &[u8])) -> Page {
        let mut body = Vec::new();
        for (name, value) in fields {
            write!(body, "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").unwrap();
        }
        let (name, filename, content) = file;
        let disposition = format!("form-data; name=\"{name}\"; filename=\"{filename}\"");
        write!(body, "--xyz\r\nContent-Disposition: {disposition}\r\nContent-Type: x/y\r\n\r\n").unwrap();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--xyz--\r\n");
        let headers = [("sec-fetch-site", "same-origin"), ("content-type", "multipart/form-data; boundary=xyz")];
        self.ask("POST", path, &headers, &body)
    }

    /// Signs in.
    pub(crate) fn sign_in(&mut self, name: &str) {
        let answer = self.post("/login", &[("username", name), ("password", &format!("{name}-secret"))]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
    }

    /// Sends a request with these headers, and reads the whole answer.
    pub(crate) fn ask(&mut self, verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Page {
        let mut stream = self.send(verb, path, headers, body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let body = bytes[end + 4..].to_vec();
        self.keep_cookies(&head);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page { status, text: String::from_utf8_lossy(&body).into_owned(), head, body }
    }

    /// Opens the stream of a page.
    pub(crate) fn open(&mut self, path: &str) -> Events {
        let stream = self.send("GET", &format!("/live{path}"), &[], b"");
        Events { stream: BufReader::new(stream) }
    }

    fn send(
        &mut self,
        verb: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from(self.host.clone()).unwrap();
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).unwrap();
        tcp.set_read_timeout(Some(LIMIT)).unwrap();
        let tls = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut stream = StreamOwned::new(tls, tcp);
        let mut head = format!("{verb} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("Host: {}:{}\r\n", self.host, self.port));
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream.flush().unwrap();
        stream
    }

    fn keep_cookies(&mut self, head: &str) {
        let set = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        for cookie in set {
            let (pair, rest) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The stream of an open page.
pub(crate) struct Events {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Events {
    /// Reads until a line has this text; returns all lines until then.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + LIMIT;
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let n_bytes = self.stream.read_line(&mut line).unwrap();
            assert!(n_bytes > 0, "the stream ended before '{text}':\n{seen}");
            seen.push_str(&line);
            if line.contains(text) {
                return seen;
            }
            assert!(Instant::now() < end, "waited in vain for '{text}':\n{seen}");
        }
    }
}
