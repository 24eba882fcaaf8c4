//! A first process that was told nothing, and drives that tell a machine what it is.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, RwLock};

use conpaas::api::{JoinFile, JoinView};
use conpaas::cloud::{Cloud, ContextFile};
use conpaas::config::{AgentConfig, Invitation, NODE_CONFIG_PATH, NodeBase, Token};
use conpaas::model::{ApplicationId, CertificateRole, ServiceId, UserId};
use conpaas::pki::{Authority, Lifetime, NodeNumber, Subject};
use conpaas::rpc::{ClientAuthentication, Form, Limits, Response, install_crypto, serve, server_config};
use conpaas::task::Tasks;
use tokio::net::TcpListener;

use super::world;
use crate::support::wait::wait_until;

const USER: UserId = UserId(1);
const APPLICATION: ApplicationId = ApplicationId(2);

fn invitation(authority: &Authority) -> Invitation {
    Invitation {
        director_url: "https://172.16.0.1:5555".parse().unwrap(),
        authority_pem: authority.certificate_pem().to_owned(),
        tag: "a".parse().unwrap(),
        role: CertificateRole::Agent,
        user_id: USER,
        app_id: APPLICATION,
        time_servers: Vec::new(),
        token: Token::random(),
    }
}

/// What a director gives the agent `a`.
fn view(authority: &Authority, request: &str) -> JoinView {
    let subject = Subject::agent(USER, APPLICATION);
    let certificate = authority.sign_request(request, &subject, NodeNumber::new(1), Lifetime::NODE).unwrap();
    let address = "172.16.0.2".parse().unwrap();
    let base = NodeBase::for_agent(USER, APPLICATION, address, "https://172.16.0.1:5555".parse().unwrap());
    let config = AgentConfig { base, agent_type: "generic".into(), service_id: ServiceId(1), manager_ip: address };
    let file = |path: &str, text: String| JoinFile { path: path.to_owned(), mode: 0o600, text };
    JoinView {
        key_path: "/etc/cpsagent/certs/key.pem".to_owned(),
        files: vec![
            file("/etc/cpsagent/certs/ca_cert.pem", authority.certificate_pem().to_owned()),
            file("/etc/cpsagent/certs/cert.pem", certificate),
            file(NODE_CONFIG_PATH, config.to_text().unwrap()),
        ],
    }
}

#[test]
fn a_first_process_that_was_told_nothing_joins_and_starts_its_role() {
    world::inside("e2e::join::a_first_process_that_was_told_nothing_joins_and_starts_its_role", |state| async move {
        install_crypto();
        std::fs::create_dir(state.join("authority")).unwrap();
        let authority = Arc::new(Authority::create(&state.join("authority")).unwrap());
        let invitation = invitation(&authority);
        let content = invitation.to_text().unwrap().into_bytes();
        let seed = ContextFile { path: "/var/lib/cloud/seed/nocloud/user-data".into(), mode: 0o600, content };
        let mut spec = world::agent("a");
        spec.context = world::files(vec![seed]);
        let cloud = world::cloud(world::settings(&state));
        let node = cloud.ensure_node(&spec).await.unwrap();
        wait_until("the node says that nobody answers", || {
            world::console(&cloud, &node.tag).contains("waiting: cannot reach https://172.16.0.1:5555").then_some(())
        });

        let tasks = Tasks::new();
        let credentials = authority.issue(&Subject::director("172.16.0.1"), &[], Lifetime::DIRECTOR).unwrap();
        let tls = server_config(&credentials, ClientAuthentication::Optional).unwrap();
        let listener = TcpListener::bind("172.16.0.1:5555").await.unwrap();
        let token = invitation.token.as_str().to_owned();
        let handler: conpaas::rpc::Handler = Arc::new(move |mut request| {
            let (authority, token) = (Arc::clone(&authority), token.clone());
            Box::pin(async move {
                let form = Form::read(&mut request).await.unwrap();
                assert_eq!(
                    (request.path.as_str(), form.get("tag"), form.get("token")),
                    ("/ca/join", Some("a"), Some(&*token))
                );
                let csr = String::from_utf8(form.files["csr"].read(10_000).await.unwrap()).unwrap();
                Response::json_line(&view(&authority, &csr))
            })
        });
        let tls = Arc::new(RwLock::new(tls));
        let limits = Limits::new(state.join("authority"));
        tasks.spawn("director", serve(listener, tls, limits, handler, tasks.tracker(), tasks.stopping()));
        let (_, processes) = wait_until("the agent runs", || {
            let (is_ok, listening) = world::run_in(&node.vmid, "ss -Hltn sport = :5555");
            listening.contains(":5555").then_some((is_ok, listening))
        });
        println!("{processes}");
        let (_, key) = world::run_in(&node.vmid, "stat -c '%a %U' /etc/cpsagent/certs/key.pem; ls /var/lib/conpaas");
        assert_eq!(key, "600 root");
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(world::remains(&state), Vec::<String>::new());
        tasks.stop(std::time::Duration::from_secs(5)).await;
    });
}

#[test]
fn a_drive_is_found_by_its_label() {
    world::inside("e2e::join::a_drive_is_found_by_its_label", |state| async move {
        install_crypto();
        let authority = Authority::create(&state).unwrap();
        let text = invitation(&authority).to_text().unwrap();
        for (label, inside) in [("CONFIG-2", "openstack/latest/user_data"), ("cidata", "user-data")] {
            let image = state.join(label);
            let device = drive(&image, label, inside, &text);
            let root = state.join(format!("root-{label}"));
            std::fs::create_dir(&root).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_conpaas"))
                .args(["join", "--source", "drive", "--limit", "1", "--root"])
                .arg(&root)
                .output()
                .unwrap();
            run("losetup", &["-d", &device]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // Nobody answers as the director; a kernel without FAT says that it cannot mount it.
            let wanted = if has_fat() { "the director does not answer" } else { "No such device" };
            assert!(said.contains(wanted), "{label}: {said}");
            assert!(has_fat() || said.contains(&format!("drive {label}")), "{said}");
            let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert!(!mounts.contains("/run/conpaas/invitation"), "{mounts}");
        }
    });
}

fn has_fat() -> bool {
    let _a_module_if_there_is_one = Command::new("modprobe").arg("vfat").status();
    std::fs::read_to_string("/proc/filesystems").unwrap().lines().any(|line| line.trim() == "vfat")
}

/// A loop device with a FAT file system that has one file.
fn drive(image: &Path, label: &str, inside: &str, text: &str) -> String {
    let path = image.display().to_string();
    std::fs::File::create(image).unwrap().set_len(1 << 20).unwrap();
    run("mkfs.vfat", &["-n", label, &path]);
    let file = image.with_extension("text");
    std::fs::write(&file, text).unwrap();
    let mut at = String::from("::");
    let parts: Vec<&str> = inside.split('/').collect();
    for directory in &parts[..parts.len() - 1] {
        at = format!("{at}/{directory}");
        run("mmd", &["-i", &path, &at]);
    }
    run("mcopy", &["-i", &path, &file.display().to_string(), &format!("{at}/{}", parts[parts.len() - 1])]);
    run("losetup", &["--find", "--show", &path]).trim().to_owned()
}

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
