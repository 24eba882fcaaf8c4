//! Every line of the agents' tables, called in an agent that nobody else sees.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dispatch::{AgentDispatch, Shared};
use super::exec::Execs;
use super::meter::Meter;
use super::mounts::Mounts;
use crate::api::params::Params;
use crate::config::{AgentConfig, NodeBase};
use crate::model::{ApplicationId, CertificateRole, ServiceId, UserId};
use crate::node::{Dispatch, LogWriter, NodeCredentials};
use crate::pki::{Authority, Identity, Lifetime, Subject};
use crate::rpc::{CallKind, RpcRequest};
use crate::service::reply::tests::{missing, said};
use crate::service::{AgentEnvironment, Call, KINDS, Kind, find_kind};
use crate::task::Tasks;

struct World {
    dispatch: AgentDispatch,
    _root: tempfile::TempDir,
}

impl World {
    fn new(kind: &Kind) -> Self {
        let root = tempfile::tempdir().unwrap();
        let url = "127.0.0.1:1".parse().unwrap();
        let mut base = NodeBase::for_agent(UserId(1), ApplicationId(7), [127, 0, 0, 3].into(), url);
        base.root = root.path().to_owned();
        base.extra.insert("STRING_TO_GENERATE".to_owned(), "hello".to_owned());
        let config = Arc::new(AgentConfig {
            base,
            agent_type: kind.agent_type.to_owned(),
            service_id: ServiceId(1),
            manager_ip: [127, 0, 0, 2].into(),
        });
        let log = LogWriter::new(root.path().join("cpsagent.log"));
        log.line(crate::node::Level::Info, "n", "a line");
        let agent = (kind.agent)(&AgentEnvironment { config: Arc::clone(&config), tasks: Tasks::new() }).unwrap();
        let own = Subject::agent(UserId(1), ApplicationId(7));
        let authority = Authority::create(root.path()).unwrap();
        let issued = authority.issue(&own, &[], Lifetime::USER).unwrap();
        std::fs::create_dir_all(config.base.rooted(&config.base.cert_dir)).unwrap();
        issued.replace(&config.base.rooted(&config.base.cert_dir)).unwrap();
        let credentials = Arc::new(NodeCredentials::load(&config.base).unwrap());
        let execs = Execs::new(Arc::clone(&config), Tasks::new());
        let mounts = Mounts::new(&config, Tasks::new()).unwrap();
        let shared = Shared { log, execs, meter: Meter::default(), mounts };
        World { dispatch: AgentDispatch::new(config, credentials, agent, shared), _root: root }
    }

    async fn said(&self, method: &str, params: &[(&str, &str)]) -> String {
        let method = self.dispatch.methods().iter().find(|line| line.name == method).unwrap();
        let params = params.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
        said(method.call(Call::new(Params::new(params), BTreeMap::new())).await)
    }
}

#[test]
fn every_name_stands_once() {
    for kind in KINDS {
        let world = World::new(kind);
        let mut names: Vec<&str> = world.dispatch.methods().iter().map(|line| line.name).collect();
        names.sort_unstable();
        let n = names.len();
        names.dedup();
        assert_eq!(names.len(), n, "{}: {names:?}", kind.name);
    }
}

#[tokio::test]
async fn each_name_reaches_its_own_handler() {
    let idle = r#"{"scripts":{"run.sh":"NEVER STARTED","interrupt.sh":"NEVER STARTED","init.sh":"NEVER STARTED","notify.sh":"NEVER STARTED","cleanup.sh":"NEVER STARTED"}}"#;
    let wanted: [(&str, Vec<(&str, String)>); 2] = [
        (
            "generic",
            vec![
                ("init_agent", missing("agents_info")),
                ("update_code", missing("filetype")),
                ("execute_script", missing("command")),
                ("get_script_status", idle.into()),
                ("set_environment", missing("environment")),
                ("mount_volume", missing("dev_name")),
                ("unmount_volume", missing("vol_name")),
            ],
        ),
        ("helloworld", vec![("startup", "{}".into()), ("get_helloworld", r#"{"result":"hello"}"#.into())]),
    ];
    for (kind, of_kind) in wanted {
        let world = World::new(find_kind(kind).unwrap());
        let mut all = Vec::new();
        for method in world.dispatch.methods() {
            all.push((method.name, world.said(method.name, &[]).await));
        }
        assert!(all[1].1.contains("a line"), "{all:?}");
        all[1].1.clear();
        let of_every_kind = [
            ("check_process", "{}".into()),
            ("get_log", String::new()),
            ("exec", missing("command")),
            ("exec_input", missing("exec_id")),
            ("exec_resize", missing("exec_id")),
            ("exec_output", missing("exec_id")),
            ("exec_stop", missing("exec_id")),
            ("mount_storage", missing("mounts")),
            ("get_node_metrics", r#"{"memory_limit":null,"disk_size":0,"points":[]}"#.into()),
            ("set_director_url", missing("director_url")),
            ("set_wanted_nodes", missing("up_to")),
        ];
        let wanted: Vec<(&str, String)> = of_every_kind.into_iter().chain(of_kind).collect();
        assert_eq!(all, wanted, "{kind}");
    }
}

#[tokio::test]
async fn only_offered_logs_are_read() {
    let world = World::new(find_kind("generic").unwrap());
    let out = world._root.path().join("root/agent.out");
    std::fs::create_dir_all(out.parent().unwrap()).unwrap();
    std::fs::write(&out, "printed\n").unwrap();
    for name in ["agent.out", "/root/agent.out"] {
        assert_eq!(world.said("get_log", &[("filename", name)]).await, r#"{"log":"printed\n"}"#);
    }
    for name in ["/etc/passwd", "agent.err"] {
        let text = format!("Failed to read log file: '{name}'");
        assert_eq!(world.said("get_log", &[("filename", name)]).await, text);
    }
}

#[tokio::test]
async fn wrong_choices_are_refused_with_the_list_of_right_ones() {
    let world = World::new(find_kind("generic").unwrap());
    assert_eq!(
        world.said("update_code", &[("filetype", "rar")]).await,
        "Parameter 'filetype': 'rar' must be one of ['zip', 'tar', 'git']."
    );
    assert_eq!(
        world.said("execute_script", &[("command", "init")]).await,
        "Parameter 'command': 'init' must be one of ['notify', 'run', 'interrupt', 'cleanup']."
    );
    let code = [("filetype", "tar"), ("codeVersionId", "code-a")];
    assert_eq!(world.said("update_code", &code).await, "The 'tar' filetype requires an uploaded file");
    let code = [("filetype", "git"), ("codeVersionId", "git-a")];
    assert_eq!(world.said("update_code", &code).await, "The 'git' filetype requires the 'revision' parameter");
}

#[tokio::test]
async fn a_call_of_another_service_or_kind_of_request_is_not_found() {
    let world = World::new(find_kind("helloworld").unwrap());
    for (kind, service_id, method, status) in [
        (CallKind::Get, 0, "check_process", 200),
        (CallKind::Get, 1, "check_process", 404),
        (CallKind::Post, 0, "check_process", 404),
        (CallKind::Upload, 0, "update_code", 404),
    ] {
        let (params, files) = Default::default();
        let request = RpcRequest { kind, service_id, method: method.to_owned(), params, files, id: 1.into() };
        assert_eq!(world.dispatch.dispatch(request).await.status(), status, "{service_id} {method}");
    }
}

#[test]
fn only_its_application_and_the_director_are_accepted() {
    let world = World::new(find_kind("helloworld").unwrap());
    let accepts = |subject: Subject| {
        let role = subject.role.unwrap_or(CertificateRole::User);
        let identity =
            Identity { role, subject, serial: String::new(), node: None, not_before: 0, not_after: i64::MAX };
        world.dispatch.accepts(&identity)
    };
    assert!(accepts(Subject::director("x")));
    assert!(accepts(Subject::manager(UserId(1), ApplicationId(7))));
    assert!(accepts(Subject::agent(UserId(1), ApplicationId(7))));
    assert!(!accepts(Subject::manager(UserId(1), ApplicationId(8))));
    assert!(!accepts(Subject::agent(UserId(2), ApplicationId(7))));
    assert!(!accepts(Subject::user(UserId(1), "ann", "ann@example.org")));
}
