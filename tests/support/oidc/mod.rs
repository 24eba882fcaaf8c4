//! An OpenID provider, and people who log in there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::wait::{LIMIT, try_until_within};

const PORT: u16 = 9400;

/// A running provider.
pub(crate) struct Provider {
    host: String,
    child: Child,
}

impl Provider {
    /// Starts one at this address of the machine. It knows everybody who is named to it; `people` as JSON say more of some.
    pub(crate) fn start(host: &str, people: &[&str]) -> Provider {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/oidc/bin/oidc-provider-mock");
        assert!(program.exists(), "the provider is not installed: run tests/support/oidc/prepare");
        let mut command = Command::new(program);
        command.args(["-H", host, "-p", &PORT.to_string(), "--require-nonce", "true"]);
        for person in people {
            command.args(["--user-claims", person]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let listens = try_until_within(LIMIT, || TcpStream::connect((host, PORT)).ok());
        assert!(listens.is_some(), "the provider does not listen");
        Provider { host: host.to_owned(), child }
    }

    /// Its URL, as its tokens name it.
    pub(crate) fn issuer(host: &str) -> String {
        format!("http://{host}:{PORT}")
    }

    /// Logs somebody in who was sent to `url`, or has him refuse. Returns to where he is sent back.
    pub(crate) fn log_in(&self, url: &str, subject: Option<&str>) -> String {
        let path = url.strip_prefix(&Provider::issuer(&self.host)).unwrap_or_else(|| panic!("'{url}' leads elsewhere"));
        let form = match subject {
            Some(subject) => form_urlencoded::Serializer::new(String::new()).append_pair("sub", subject).finish(),
            None => "action=deny".to_owned(),
        };
        let mut stream = TcpStream::connect((self.host.as_str(), PORT)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {}:{PORT}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
            self.host,
            form.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let location = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location").then_some(value)
        });
        location.unwrap_or_else(|| panic!("the provider sends nobody back: {answer}")).to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone = self.child.wait();
    }
}
