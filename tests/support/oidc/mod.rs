//! An OpenID provider, and people who log in there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::director::World;
use crate::support::frontend::{Browser, Page};
use crate::support::wait::{LIMIT, try_until_within};

const PORT: u16 = 9400;
const ALICE: &str = "{\"sub\": \"a-1\", \"email\": \"alice@idp.example\", \"email_verified\": true, \
                     \"preferred_username\": \"<script>alert(1)</script>\"}";

/// A director that knows a provider, and both.
pub(crate) fn world_with_provider(options: &[(&str, &str)]) -> (World, Provider) {
    let mut world = World::prepare(options);
    let host = world.endpoint.host.clone();
    let secret = world.path("secret");
    std::fs::write(&secret, "s3cr3t\n").unwrap();
    let file = world.path("director.cfg");
    let issuer = Provider::issuer(&host);
    let section = format!(
        "\n[openid_connect]\nISSUER = {issuer}\nCLIENT_ID = conpaas\nCLIENT_SECRET_FILE = {}\nNAME = Club <b>\n",
        secret.display()
    );
    let text = std::fs::read_to_string(&file).unwrap() + &section;
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let provider = Provider::start(&host, &[ALICE]);
    world.run(&[]);
    (world, provider)
}

/// Where a page leads by itself.
pub(crate) fn away(page: &Page) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    page.header("refresh").unwrap_or_else(|| panic!("{page:?}")).strip_prefix("0; url=").unwrap().to_owned()
}

/// What a browser asks the frontend for when the provider has sent it back.
pub(crate) fn path_of(browser: &Browser, url: &str) -> String {
    url.strip_prefix(&browser.origin()).unwrap_or_else(|| panic!("'{url}' leads elsewhere")).to_owned()
}

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
