//! A name that its user owns opens by HTTPS, with a certificate that an ACME authority gave after it asked for the name.

use std::process::{Child, Command};
use std::time::Duration;

use super::super::world;
use super::house::{House, PI};
use crate::support::wait::wait_until_within;

const LIMIT: Duration = Duration::from_secs(90);
const NAME: &str = "blog.example.org";
/// It leads to nowhere that is known here.
const FAR: &str = "far.example.org";

#[test]
fn an_owned_name_opens_by_https_and_stays_so_while_its_certificate_is_renewed() {
    let image = world::engines_base();
    world::inside(
        "e2e::ingress::secure::an_owned_name_opens_by_https_and_stays_so_while_its_certificate_is_renewed",
        |state| async move {
            let mut house = House::without_ingress(&state, &image);
            let authority = Authority::start(&house);
            house.more_words(&authority.words());
            house.start_ingress();
            house.deploy_echo();
            house.client(&format!(
                "publish echo 1 --name {NAME} --auth me --auth-password-file {}",
                house.write("pw", "x\n")
            ));
            let published = wait_until_within(LIMIT, "the name has a certificate", || {
                let said = house.client("published");
                said.contains(&format!("https://{NAME}/")).then_some(said)
            });
            assert!(!published.contains("certificate"), "{published}");
            let first = house.https(&authority.root(), NAME, "");
            assert!(first.starts_with("401"), "{first}");
            house.client("publish echo 1 --no-auth");
            house.until("everybody is let in", || house.https(&authority.root(), NAME, "").starts_with("200"));
            let page = house.https(&authority.root(), NAME, "");
            let proto = r#"["x-forwarded-proto", "https"]"#;
            assert!(page.starts_with("200 2 ") && page.to_lowercase().contains(proto), "by HTTP/2: {page}");
            // Who asks for another name gets no certificate at all.
            let foreign = house.https(&authority.root(), "other.example.org", "");
            assert!(foreign.starts_with("000"), "{foreign}");
            // By plain HTTP it opens as before, until its owner has visitors sent to HTTPS; its port stays as it is.
            house.await_page("80", &[&format!("Host: {NAME}")], "200");
            house.client("publish echo 1 --force-https on");
            house.await_page("80", &[&format!("Host: {NAME}")], "301");
            assert!(house.https(&authority.root(), NAME, "").starts_with("200"));
            house.await_page("8001", &[], "200");
            house.client("publish echo 1 --force-https off");
            house.await_page("80", &[&format!("Host: {NAME}")], "200");

            let file = state.join(format!("ingress/certificates/{NAME}.pem"));
            let before = std::fs::read_to_string(&file).unwrap();
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            // Its last third begins at once: what is renewed serves without a failed request.
            house.end_ingress(nix::sys::signal::Signal::SIGTERM);
            std::fs::write(&file, authority.short_lived(NAME)).unwrap();
            house.start_ingress();
            wait_until_within(LIMIT, "the certificate is renewed", || {
                let page = house.https(&authority.root(), NAME, "-k");
                assert!(page.starts_with("200"), "{page}");
                let now = std::fs::read_to_string(&file).unwrap();
                (now != before && house.https(&authority.root(), NAME, "").starts_with("200")).then_some(())
            });
            assert!(!house.log().contains("PRIVATE KEY"));

            // A name that does not lead here has no certificate, and its owner learns why.
            house.client("publish echo 1 --name lost.example.org");
            wait_until_within(LIMIT, "the reason is told", || {
                let said = house.client("published");
                said.contains("lost.example.org has no certificate yet: the authority").then_some(())
            });
            house.await_page("80", &["Host: lost.example.org"], "200");
            house.end_ingress(nix::sys::signal::Signal::SIGTERM);
            house.end_nginx();
        },
    );
}

#[test]
fn a_name_that_leads_elsewhere_gets_its_certificate_by_a_program_that_writes_into_its_dns() {
    let image = world::engines_base();
    world::inside(
        "e2e::ingress::secure::a_name_that_leads_elsewhere_gets_its_certificate_by_a_program_that_writes_into_its_dns",
        |state| async move {
            let mut house = House::without_ingress(&state, &image);
            let authority = Authority::start_with_dns(&house);
            let said = house.write("said", "");
            let hook = house.write("hook", &format!("#!/bin/sh\necho \"$@\" >> {said}\nexit 1\n"));
            Command::new("chmod").args(["0755", &hook]).status().unwrap();
            house.more_words(&authority.words());
            house.more_words(&["--acme-dns-hook".to_owned(), hook.clone()]);
            house.start_ingress();
            house.deploy_echo();
            house.client(&format!("publish echo 1 --name {FAR}"));
            wait_until_within(LIMIT, "the program's failure is told", || {
                house.client("published").contains("INGRESS_ACME_DNS_HOOK: ").then_some(())
            });
            let record = format!("present _acme-challenge.{FAR}. ");
            assert!(std::fs::read_to_string(&said).unwrap().starts_with(&record));

            let ask = "curl -sS -f http://127.0.0.1:8055";
            let program = format!(
                "#!/bin/sh -e\nPATH=/usr/bin:/bin\ncase $1 in\n\
                 present) {ask}/set-txt -d '{{\"host\":\"'$2'\",\"value\":\"'$3'\"}}' ;;\n\
                 cleanup) {ask}/clear-txt -d '{{\"host\":\"'$2'\"}}' ;;\nesac\necho \"$1\" >> {said}\n"
            );
            std::fs::write(&hook, program).unwrap();
            // It is tried again a minute later; a new start tries at once.
            house.end_ingress(nix::sys::signal::Signal::SIGTERM);
            house.start_ingress();
            wait_until_within(LIMIT, "the name has a certificate", || {
                house.client("published").contains(&format!("https://{FAR}/")).then_some(())
            });
            assert!(house.https(&authority.root(), FAR, "").starts_with("200"));
            assert!(std::fs::read_to_string(&said).unwrap().ends_with("present\ncleanup\n"));
            house.end_ingress(nix::sys::signal::Signal::SIGTERM);
            house.end_nginx();
        },
    );
}

/// Debian's pebble, in the machine's network, with a file of hosts of its own; it ends with the test.
struct Authority {
    programs: Vec<Child>,
    directory: std::path::PathBuf,
}

impl Authority {
    fn start(house: &House) -> Authority {
        Authority::started(house, &[], Vec::new())
    }

    /// With a DNS of its own, into which records are written by HTTP.
    fn start_with_dns(house: &House) -> Authority {
        let mut words =
            vec!["pebble-challtestsrv", "-defaultIPv4", "", "-defaultIPv6", "", "-http01", "", "-https01", ""];
        words.extend(["-tlsalpn01", "", "-dns01", "127.0.0.1:8053", "-management", "127.0.0.1:8055"]);
        let dns = house.in_machine_with(&words, &[]);
        Authority::started(house, &["-dnsserver", "127.0.0.1:8053"], vec![dns])
    }

    fn started(house: &House, more: &[&str], mut programs: Vec<Child>) -> Authority {
        // This world has mounts of its own: the name leads to the machine, as its provider would say.
        let hosts = house.write("hosts", &format!("127.0.0.1 localhost\n{PI} {NAME}\n"));
        let done = Command::new("mount").args(["--bind", &hosts, "/etc/hosts"]).status().expect("it is there");
        assert!(done.success());
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let vouches = rcgen::KeyPair::generate().unwrap();
        house.write("vouches.pem", &params.self_signed(&vouches).unwrap().pem());
        let issuer = rcgen::Issuer::new(params, vouches);
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = house.write("pebble.pem", &params.signed_by(&key, &issuer).unwrap().pem());
        let key = house.write("pebble.key", &key.serialize_pem());
        let configuration = serde_json::json!({"pebble": {
            "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
            "certificate": certificate, "privateKey": key, "httpPort": 80, "tlsPort": 443,
        }});
        let configuration = house.write("pebble.json", &configuration.to_string());
        let words = [&["pebble", "-config", &configuration], more].concat();
        programs.push(house.in_machine_with(&words, &[("PEBBLE_VA_NOSLEEP", "1")]));
        let directory = std::path::Path::new(&certificate).parent().unwrap().to_owned();
        let authority = Authority { programs, directory };
        let root = authority.root();
        wait_until_within(LIMIT, "pebble", || {
            let asked = house.curl(&["-k", "https://127.0.0.1:15000/roots/0"]);
            asked.contains("BEGIN CERTIFICATE").then(|| std::fs::write(&root, asked).unwrap())
        });
        authority
    }

    fn words(&self) -> Vec<String> {
        let vouches = self.directory.join("vouches.pem").display().to_string();
        let words = ["--acme", "https://localhost:14000/dir", "--acme-contact", "me@example.org", "--acme-authority"];
        words.into_iter().map(str::to_owned).chain([vouches]).collect()
    }

    /// The file with the certificate of those that it gives.
    fn root(&self) -> String {
        self.directory.join("root.pem").display().to_string()
    }

    /// A certificate, of somebody else, whose last third has begun.
    fn short_lived(&self, name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(60);
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(10);
        params.self_signed(&key).unwrap().pem() + &key.serialize_pem()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _it_may_be_gone = program.kill();
            let _it_may_be_gone = program.wait();
        }
    }
}
