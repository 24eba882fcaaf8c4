//! nginx as a daemon, computed from what is published.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::certificates::owned_name;
use super::error::IngressError;
use super::nginx_program::{Http2, NginxProgram};
use super::options::IngressOptions;
use super::pages;
use super::place::Place;
use crate::api::{IngressSite, SiteState, Troubles};
use crate::supervise::daemon::{
    CONFIGURATION, CommandLine, ConfigurationFile, Daemon, DaemonSignal, Launch, OutputLimits, Pauses, Probe,
    Readiness, Reload, Scheduling, Stop, Style,
};
use crate::sys::fingerprint::fingerprint;
use crate::template::Templates;

/// The daemon's name.
pub(super) const NGINX: &str = "nginx";
const FILES: Templates = Templates {
    escape: plain_word,
    files: &[
        ("nginx.conf", include_str!("nginx.conf")),
        ("site.conf", include_str!("site.conf")),
        ("proxy.conf", include_str!("proxy.conf")),
        ("forced.conf", include_str!("forced.conf")),
    ],
};
/// Where Debian keeps the module for TCP.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
/// Hundreds of sites take a while on a small machine.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
const READY_LIMIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);
/// It is never given up for good.
const N_TRIES: u32 = u32::MAX;
/// It passes bytes on; more processors do not make visitors wait less.
const MAX_WORKERS: usize = 2;

/// What nginx is to be, and what it cannot do of what is wanted.
pub(super) struct Wanted {
    /// The daemon.
    pub(super) daemon: Daemon,
    /// Where it listens.
    pub(super) listens: BTreeSet<SocketAddr>,
    /// Sites whose names open by HTTPS.
    pub(super) secure: BTreeSet<i64>,
    /// What keeps sites from being found.
    pub(super) troubles: Troubles,
}

/// What the templates are filled with.
#[derive(Serialize)]
struct Values<'a> {
    digest: String,
    account: &'a str,
    n_workers: usize,
    run: PathBuf,
    temporary: PathBuf,
    logs: PathBuf,
    pages: PathBuf,
    keep_no_connection: PathBuf,
    control: String,
    names: String,
    /// Empty where nothing has a certificate.
    https: String,
    /// What follows a name in an address: nothing, or the port.
    https_suffix: String,
    http2_word: bool,
    answers: PathBuf,
    own_pages: String,
    unknown: &'a str,
    /// Empty where there is none, or nobody uses it.
    stream_module: &'a str,
    sites: Vec<Site<'a>>,
    tcp_sites: Vec<Site<'a>>,
}

#[derive(Serialize)]
struct Site<'a> {
    number: i64,
    listen: String,
    name: &'a str,
    servers: &'a [SocketAddrV4],
    /// Whether an authority asks at this name.
    is_owned: bool,
    has_certificate: bool,
    /// Whether who asks for the name by HTTP is sent to HTTPS.
    is_forced: bool,
    has_auth: bool,
    page: &'a str,
    retry_after: u32,
}

/// Returns where nginx would listen for these sites, if nobody else does.
pub(super) fn addresses(options: &IngressOptions, sites: &[IngressSite]) -> Vec<SocketAddr> {
    let ports = sites.iter().map(|site| SocketAddr::new(options.address, site.port));
    let has_owned = options.acme.is_some() && sites.iter().any(|site| owned_name(site).is_some());
    ports.chain([options.names]).chain(has_owned.then_some(options.https)).collect()
}

/// Computes it. `taken` are addresses that other programs hold. Blocking.
///
/// # Errors
/// A value has no form in its syntax.
pub(super) fn of(
    nginx: &NginxProgram,
    options: &IngressOptions,
    place: &Place,
    sites: &[IngressSite],
    certificates: &BTreeMap<String, String>,
    taken: &BTreeSet<SocketAddr>,
) -> Result<Wanted, IngressError> {
    let ground = Ground { options, certificates, taken, has_stream: Path::new(STREAM_MODULE).exists() };
    let (mut troubles, mut listens) = (Troubles::new(), BTreeSet::from([options.control]));
    let (mut of_http, mut of_tcp) = (Vec::new(), Vec::new());
    for site in sites {
        if let Some(trouble) = ground.trouble(site) {
            troubles.insert(site.number, trouble);
        }
        let is_tcp = site.protocol == "tcp";
        let is_closed = is_tcp && (!ground.has_stream || site.state != SiteState::Running);
        if ground.is_taken(site) || is_closed {
            continue;
        }
        listens.insert(ground.address(site));
        if is_tcp { of_tcp.push(ground.shown(site)) } else { of_http.push(ground.shown(site)) }
    }
    let secure: BTreeSet<i64> = of_http.iter().filter(|site| site.has_certificate).map(|site| site.number).collect();
    let names = ground.has_names().then_some(options.names);
    let https = (!secure.is_empty()).then_some(options.https);
    listens.extend(names.into_iter().chain(https));
    let shown = |address: Option<SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let mut values = Values {
        digest: String::new(),
        account: place.account.unwrap_or_default(),
        n_workers: std::thread::available_parallelism().map_or(1, |n_processors| n_processors.get().min(MAX_WORKERS)),
        run: place.run(),
        temporary: place.temporary(),
        logs: place.logs(),
        pages: place.pages(),
        keep_no_connection: place.mark(),
        control: options.control.to_string(),
        names: shown(names),
        https: shown(https),
        https_suffix: match options.https.port() {
            443 => String::new(),
            port => format!(":{port}"),
        },
        http2_word: nginx.http2 == Http2::Word,
        answers: place.answers(),
        own_pages: shown(options.own_pages),
        unknown: pages::UNKNOWN,
        stream_module: if of_tcp.is_empty() { "" } else { STREAM_MODULE },
        sites: of_http,
        tcp_sites: of_tcp,
    };
    values.digest = fingerprint(&FILES.render("nginx.conf", &values)?, 8);
    let mut files = vec![file(place, "nginx.conf", FILES.render("nginx.conf", &values)?, 0o644)];
    for (name, text) in pages::all()? {
        files.push(file(place, &format!("pages/{name}"), text, 0o644));
    }
    files.extend(sites.iter().flat_map(|site| ground.secrets(place, site)));
    let probe = Probe::Http(format!("http://{}/-/health/{}", options.control, values.digest));
    Ok(Wanted { daemon: daemon(place, &nginx.path, files, probe), listens, secure, troubles })
}

/// What nginx can have of this machine.
struct Ground<'a> {
    options: &'a IngressOptions,
    /// Certificates with their keys, by names.
    certificates: &'a BTreeMap<String, String>,
    /// Addresses that other programs hold.
    taken: &'a BTreeSet<SocketAddr>,
    has_stream: bool,
}

impl Ground<'_> {
    fn has_names(&self) -> bool {
        !self.taken.contains(&self.options.names)
    }

    fn address(&self, site: &IngressSite) -> SocketAddr {
        SocketAddr::new(self.options.address, site.port)
    }

    fn is_taken(&self, site: &IngressSite) -> bool {
        let own = [self.options.names, self.options.https, self.options.control];
        self.taken.contains(&self.address(site)) || own.iter().any(|address| address.port() == site.port)
    }

    /// Returns the name of a site that is to open by HTTPS once it has a certificate.
    fn owned<'b>(&self, site: &'b IngressSite) -> Option<&'b str> {
        owned_name(site).filter(|_| self.options.acme.is_some())
    }

    fn certificate(&self, site: &IngressSite) -> Option<&String> {
        let certificate = self.certificates.get(self.owned(site)?);
        certificate.filter(|_| self.has_names() && !self.taken.contains(&self.options.https))
    }

    fn shown<'b>(&self, site: &'b IngressSite) -> Site<'b> {
        Site {
            number: site.number,
            listen: self.address(site).to_string(),
            name: site.name.as_deref().unwrap_or_default(),
            servers: if site.state == SiteState::Running { &site.servers } else { &[] },
            is_owned: self.owned(site).is_some(),
            has_certificate: self.certificate(site).is_some(),
            is_forced: site.force_https && self.certificate(site).is_some(),
            has_auth: site.auth.is_some(),
            page: pages::of(site.state),
            retry_after: pages::retry_after(site.state),
        }
    }

    /// Returns the files of a site that nobody else reads.
    fn secrets(&self, place: &Place, site: &IngressSite) -> Vec<ConfigurationFile> {
        let auth = site.auth.as_ref().map(|(user, hash)| ("auth", "", format!("{user}:{hash}\n")));
        let tls = self.certificate(site).map(|certificate| ("tls", ".pem", certificate.clone()));
        let secret =
            |(directory, ending, content)| file(place, &format!("{directory}/{}{ending}", site.number), content, 0o600);
        auth.into_iter().chain(tls).map(secret).collect()
    }

    fn trouble(&self, site: &IngressSite) -> Option<String> {
        if site.protocol == "tcp" && !self.has_stream {
            return Some("nginx lacks its module for TCP: install the package libnginx-mod-stream".to_owned());
        }
        if self.is_taken(site) {
            return Some(format!("another program of this machine has port {}", site.port));
        }
        let name = site.name.as_ref()?;
        if !self.has_names() {
            return Some(format!("another program has the port for names: {name} is not served"));
        }
        self.owned(site).filter(|_| self.taken.contains(&self.options.https))?;
        let port = self.options.https.port();
        Some(format!("another program has port {port} for HTTPS: {name} opens by HTTP alone"))
    }
}

fn daemon(place: &Place, program: &Path, configuration: Vec<ConfigurationFile>, probe: Probe) -> Daemon {
    let file = format!("{CONFIGURATION}/nginx.conf");
    let arguments = |more: &[&str]| {
        let words = ["-e", "stderr", "-c", &file].into_iter().chain(more.iter().copied());
        words.map(str::to_owned).collect::<Vec<String>>()
    };
    Daemon {
        name: NGINX.parse().expect("it is a name of a daemon"),
        launch: Launch {
            program: program.to_owned(),
            arguments: arguments(&[]),
            environment: Vec::new(),
            user: None,
            directory: place.directory().to_owned(),
            style: Style::Foreground,
            scheduling: Scheduling::Usual,
            output: OutputLimits::default(),
        },
        configuration,
        check: Some(CommandLine {
            program: program.to_owned(),
            arguments: arguments(&["-t", "-q"]),
            limit: CHECK_LIMIT,
        }),
        readiness: Readiness { probe, limit: READY_LIMIT },
        reload: Reload::Signal(DaemonSignal::Hup),
        stop: Stop { signal: DaemonSignal::Quit, grace: GRACE },
        pauses: Pauses::default(),
        n_tries: N_TRIES,
    }
}

/// nginx reads files of passwords as the account that it serves as.
fn file(place: &Place, path: &str, content: String, mode: u32) -> ConfigurationFile {
    ConfigurationFile { path: path.into(), content, mode, owner: place.account.map(str::to_owned) }
}

/// Words that mean themselves in a configuration of nginx; no other is written.
fn plain_word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._:-[]".contains(c);
    text.chars().all(is_plain).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::options::AcmeOptions;
    use super::*;
    use crate::model::{ApplicationId, ServiceId};

    fn site(number: i64, state: SiteState, name: Option<&str>) -> IngressSite {
        IngressSite {
            number,
            app_id: ApplicationId(1),
            service_id: ServiceId(number),
            protocol: "http".to_owned(),
            port: 48000 + u16::try_from(number).unwrap(),
            name: name.map(str::to_owned),
            servers: vec!["172.16.0.3:80".parse().unwrap(), "172.16.0.4:80".parse().unwrap()],
            state,
            force_https: false,
            auth: None,
        }
    }

    fn options(directory: &Path) -> IngressOptions {
        IngressOptions {
            address: [127, 0, 0, 1].into(),
            names: "127.0.0.1:48999".parse().unwrap(),
            https: "127.0.0.1:48997".parse().unwrap(),
            acme: Some(AcmeOptions {
                directory: "https://acme.example".to_owned(),
                contact: None,
                authority: None,
                hook: None,
            }),
            control: "127.0.0.1:48998".parse().unwrap(),
            own_pages: None,
            announce: None,
            files: directory.to_owned(),
            state_dir: directory.to_owned(),
        }
    }

    fn nginx() -> NginxProgram {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(NginxProgram::find()).unwrap()
    }

    fn content<'a>(wanted: &'a Wanted, path: &str) -> &'a ConfigurationFile {
        let mut files = wanted.daemon.configuration.iter();
        files.find(|file| file.path == Path::new(path)).unwrap_or_else(|| panic!("{path} is there"))
    }

    #[test]
    fn nginx_itself_calls_the_configuration_good() {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path());
        let place = Place::ensure(&options).unwrap();
        let closed = site(2, SiteState::Stopped, Some("closed.example.org"));
        let private = IngressSite {
            auth: Some(("me".to_owned(), "$6$x$y".to_owned())),
            ..site(1, SiteState::Running, Some("blog.local"))
        };
        let bytes = IngressSite { protocol: "tcp".to_owned(), ..site(3, SiteState::Running, None) };
        let owned = site(5, SiteState::Running, Some("shop.example.org"));
        let sites = [private, closed, bytes, site(4, SiteState::Starting, None), owned];
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["shop.example.org".to_owned()]).unwrap();
        let pem = certificate.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        let certificates = BTreeMap::from([("shop.example.org".to_owned(), pem)]);
        let wanted = of(&nginx(), &options, &place, &sites, &certificates, &BTreeSet::new()).unwrap();
        assert_eq!(wanted.secure, BTreeSet::from([5]));
        for file in &wanted.daemon.configuration {
            let path = directory.path().join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &file.content).unwrap();
        }
        let file = directory.path().join("nginx.conf");
        let checked = std::process::Command::new("nginx").args(["-e", "stderr", "-t", "-q", "-c"]).arg(&file).output();
        let said = String::from_utf8_lossy(&checked.unwrap().stderr).into_owned();
        assert!(said.is_empty(), "{said}\n{}", std::fs::read_to_string(&file).unwrap());
        let auth = content(&wanted, "auth/1");
        assert_eq!((auth.mode, auth.content.as_str()), (0o600, "me:$6$x$y\n"));
        assert!(wanted.listens.contains(&"127.0.0.1:48003".parse().unwrap()));
    }

    #[test]
    fn a_name_with_a_certificate_opens_by_https_and_no_other_does() {
        let directory = tempfile::tempdir().unwrap();
        let (options, place) = (options(directory.path()), Place::of_test(directory.path()));
        let owned = site(1, SiteState::Running, Some("blog.example.org"));
        let sites = [owned, site(2, SiteState::Running, Some("shop.example.org"))];
        let certificates = BTreeMap::from([("blog.example.org".to_owned(), "PEM".to_owned())]);
        let wanted = of(&nginx(), &options, &place, &sites, &certificates, &BTreeSet::new()).unwrap();
        assert_eq!(wanted.secure, BTreeSet::from([1]));
        assert!(wanted.listens.contains(&options.https));
        let key = content(&wanted, "tls/1.pem");
        assert_eq!((key.mode, key.content.as_str()), (0o600, "PEM"));
        let text = &content(&wanted, "nginx.conf").content;
        assert_eq!((text.matches("48997 ssl").count(), text.matches("tls/1.pem").count()), (2, 2), "{text}");
        assert!(!text.contains("tls/2.pem") && text.matches("acme-challenge").count() == 2, "{text}");

        let taken = BTreeSet::from([options.https]);
        let wanted = of(&nginx(), &options, &place, &sites, &certificates, &taken).unwrap();
        assert!(wanted.secure.is_empty() && !wanted.listens.contains(&options.https));
        assert!(wanted.troubles[&1].contains("opens by HTTP alone"), "{:?}", wanted.troubles);
    }

    #[test]
    fn what_another_program_holds_is_left_out_and_told() {
        let directory = tempfile::tempdir().unwrap();
        let (options, place) = (options(directory.path()), Place::of_test(directory.path()));
        let sites = [site(1, SiteState::Running, Some("blog.local")), site(2, SiteState::Running, None)];
        let taken = BTreeSet::from([options.names, "127.0.0.1:48002".parse().unwrap()]);
        let wanted = of(&nginx(), &options, &place, &sites, &BTreeMap::new(), &taken).unwrap();
        assert_eq!(wanted.listens, BTreeSet::from([options.control, "127.0.0.1:48001".parse().unwrap()]));
        assert!(wanted.troubles[&1].contains("blog.local is not served"), "{:?}", wanted.troubles);
        assert_eq!(wanted.troubles[&2], "another program of this machine has port 48002");
        let text = &content(&wanted, "nginx.conf").content;
        assert!(!text.contains("blog.local") && !text.contains("48002"), "{text}");
    }

    #[test]
    fn no_value_can_be_more_than_a_word() {
        let directory = tempfile::tempdir().unwrap();
        let (options, place) = (options(directory.path()), Place::of_test(directory.path()));
        for name in ["a;b", "a {", "a\nb", "$host", "a\"b"] {
            let sites = [site(1, SiteState::Running, Some(name))];
            assert!(of(&nginx(), &options, &place, &sites, &BTreeMap::new(), &BTreeSet::new()).is_err(), "{name}");
        }
    }
}
