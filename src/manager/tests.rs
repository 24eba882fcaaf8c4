//! Every line of the tables of methods, called in a manager that nobody else sees.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::core::Manager;
use super::dispatch::ManagerDispatch;
use super::method::{Addressed, OF_EVERY_SERVICE, OWN};
use super::operation::{self, Task};
use crate::api::params::Params;
use crate::config::{ManagerConfig, NodeBase};
use crate::model::{ApplicationId, CertificateRole, ServiceId, State, UserId};
use crate::node::{Dispatch, LogWriter, NodeCredentials};
use crate::pki::{Authority, Identity, Lifetime, Subject};
use crate::rpc::{CallKind, RpcRequest};
use crate::service::reply::tests::{missing, said};
use crate::service::{Call, KINDS, Method};
use crate::store::{Store, manager as store};
use crate::task::Tasks;

struct World {
    manager: Arc<Manager>,
    _root: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        crate::rpc::install_crypto();
        let root = tempfile::tempdir().unwrap();
        let url = "127.0.0.1:1".parse().unwrap();
        let mut base = NodeBase::for_manager(UserId(1), ApplicationId(7), [127, 0, 0, 2].into(), url);
        base.root = root.path().to_owned();
        base.extra.insert("DIRECTOR_PATIENCE".to_owned(), "0".to_owned());
        for directory in [&base.cert_dir, &base.var_tmp, &base.var_cache] {
            std::fs::create_dir_all(base.rooted(directory)).unwrap();
        }
        let authority = Authority::create(root.path()).unwrap();
        let subject = Subject::manager(UserId(1), ApplicationId(7));
        authority.issue(&subject, &[], Lifetime::NODE).unwrap().save(&base.rooted(&base.cert_dir)).unwrap();
        let credentials = Arc::new(NodeCredentials::load(&base).unwrap());
        let database = Store::open(&root.path().join("manager.db"), store::MIGRATIONS).unwrap();
        let log = LogWriter::new(root.path().join("cpsmanager.log"));
        let config = Arc::new(ManagerConfig::new(base, "conpaas"));
        let manager = Arc::new(Manager::new(config, database, credentials, Tasks::new(), log));
        manager.begin().await.unwrap();
        World { manager, _root: root }
    }

    async fn own(&self, method: &str, params: &[(&str, &str)]) -> String {
        let method = OWN.iter().find(|line| line.name == method).unwrap();
        said((method.handler)(Arc::clone(&self.manager), call(params)).await)
    }

    /// Calls a method of service 1.
    async fn of_first(&self, method: &str, params: &[(&str, &str)]) -> String {
        let service = self.manager.find_service(ServiceId(1)).await.unwrap().unwrap();
        let method = service.kind.manager.methods().iter().find(|line| line.name == method).unwrap();
        said((method.handler)(service.context, call(params)).await)
    }

    async fn states(&self) -> Vec<State> {
        let rows = self.manager.store.read(store::list_services).await.unwrap();
        rows.into_iter().map(|row| row.state).collect()
    }

    async fn history(&self, sid: i64) -> Vec<State> {
        let rows = self.manager.store.read(move |tx| store::history(tx, ServiceId(sid))).await.unwrap();
        rows.into_iter().map(|row| row.state).collect()
    }
}

fn call(params: &[(&str, &str)]) -> Call {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
    let params = params.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    Call::new(Params::new(params), BTreeMap::new())
}

/// What each line of `table` says to a call without parameters, by its name.
async fn all_said<S>(table: &'static [Method<S>], side: impl Fn() -> S) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for method in table {
        all.push((method.name, said((method.handler)(side(), call(&[])).await)));
    }
    all
}

#[test]
fn every_name_stands_once() {
    let own = OWN.iter().map(|line| line.name).chain(OF_EVERY_SERVICE.iter().map(|line| line.name));
    let mut tables: Vec<Vec<&str>> = vec![own.collect()];
    for kind in KINDS {
        let methods = kind.manager.methods().iter().map(|line| line.name);
        tables.push(methods.chain(OF_EVERY_SERVICE.iter().map(|line| line.name)).collect());
    }
    for mut names in tables {
        names.sort_unstable();
        let n = names.len();
        names.dedup();
        assert_eq!(names.len(), n, "{names:?}");
    }
}

#[tokio::test]
async fn each_name_of_the_manager_reaches_its_own_handler() {
    let world = World::new().await;
    let said = all_said(OWN, || Arc::clone(&world.manager)).await;
    let wanted: Vec<(&str, String)> = vec![
        ("check_process", "{}".into()),
        ("get_app_info", r#"{"states":{"0":"RUNNING"},"nodes":[],"volumes":[]}"#.into()),
        ("get_operation", missing("operation_id")),
        ("add_service", missing("service_type")),
        ("remove_service", missing("service_id")),
        ("start_service", missing("service_id")),
        ("stop_service", missing("service_id")),
        ("add_nodes", missing("service_id")),
        ("remove_nodes", missing("service_id")),
        ("create_volume", missing("volumeName")),
        ("delete_volume", missing("volumeName")),
        ("attach_volume", missing("volumeName")),
        ("list_volumes", r#"{"volumes":[]}"#.into()),
        ("upload_startup_script", missing("script")),
        ("get_startup_script", missing("sid")),
        ("link_service", missing("service_id")),
        ("unlink_service", missing("service_id")),
        ("list_links", r#"{"links":[]}"#.into()),
        ("get_link_password", missing("service_id")),
        ("link_storage", missing("service_id")),
        ("unlink_storage", missing("service_id")),
        ("list_storage_links", r#"{"links":[]}"#.into()),
        ("set_environment", missing("service_id")),
        ("get_environment", missing("service_id")),
        ("describe_service", missing("service_id")),
        ("set_director_url", missing("director_url")),
        ("set_wanted_nodes", missing("up_to")),
        ("git_push_hook", r#""code version: git-""#.into()),
        ("stopall", "{}".into()),
    ];
    assert_eq!(said, wanted);
    let addressed = || Addressed { manager: Arc::clone(&world.manager), sid: ServiceId::MANAGER };
    let mut said = all_said(OF_EVERY_SERVICE, addressed).await;
    assert!(said[0].1.starts_with(r#"{"state_log":["#), "{said:?}");
    said[0].1.clear();
    assert!(said[1].1.starts_with(r#"{"log":"#), "{said:?}");
    said[1].1.clear();
    let wanted = [
        ("get_service_history", String::new()),
        ("get_manager_log", String::new()),
        ("get_agent_log", missing("agentId")),
        ("exec", missing("agentId")),
        ("exec_input", missing("agentId")),
        ("exec_resize", missing("agentId")),
        ("exec_output", missing("agentId")),
        ("exec_stop", missing("agentId")),
        ("get_node_metrics", r#"{"nodes":[]}"#.into()),
        (
            "get_git_info",
            r#"{"state":"CLOSED","reason":"the manager has no node of its own, whose SSH port it could use","user":"git","repository":"code","port":22}"#.into(),
        ),
        ("set_auto_enable", missing("enabled")),
    ];
    assert_eq!(said, wanted);
}

#[tokio::test]
async fn each_name_of_a_kind_reaches_its_own_handler() {
    let world = World::new().await;
    let not_running = "Wrong service state: was expecting one of ['RUNNING'] but current state is 'INIT'".to_owned();
    let wanted: [(&str, Vec<(&str, String)>); 4] = [
        (
            "generic",
            vec![
                ("get_service_info", r#"{"state":"INIT","type":"generic"}"#.into()),
                ("list_nodes", "{}".into()),
                ("get_node_info", missing("serviceNodeId")),
                ("list_code_versions", String::new()),
                ("upload_code_version", missing("code")),
                ("download_code_version", String::new()),
                ("enable_code", missing("codeVersionId")),
                ("delete_code_version", missing("codeVersionId")),
                ("list_authorized_keys", r#"{"authorizedKeys":[]}"#.into()),
                ("upload_authorized_key", missing("key")),
                ("execute_script", missing("command")),
                ("get_script_status", not_running.clone()),
            ],
        ),
        (
            "helloworld",
            vec![
                ("get_service_info", r#"{"state":"INIT","type":"helloworld"}"#.into()),
                ("list_nodes", "{}".into()),
                ("get_node_info", missing("serviceNodeId")),
                ("get_helloworld", not_running.clone()),
            ],
        ),
        ("mysql", of_databases(&not_running)),
        ("xtreemfs", of_storage(&not_running)),
    ];
    for (i, (kind, wanted)) in wanted.into_iter().enumerate() {
        let sid = i as i64 + 1;
        assert_eq!(world.own("add_service", &[("service_type", kind)]).await, format!(r#"{{"service_id":{sid}}}"#));
        let service = world.manager.find_service(ServiceId(sid)).await.unwrap().unwrap();
        let mut said = all_said(service.kind.manager.methods(), || service.context.clone()).await;
        for (name, text) in &mut said {
            let is_its_own = match *name {
                "list_code_versions" => text.contains(r#""current":true,"codeVersionId":"code-default""#),
                "download_code_version" => text.starts_with("Download {") && text.contains("code-default.tar"),
                "getMeanLoad" => text.starts_with(r#"{"inserts":[],"meanSelect":0.0,"#),
                "getGangliaParams" => text.contains("<GANGLIA_XML"),
                "get_service_performance" => text.contains(r#""throughput":0"#),
                _ => continue,
            };
            assert!(is_its_own, "{name}: {text}");
            text.clear();
        }
        assert_eq!(said, wanted, "{kind}");
    }
}

/// What the methods of shared storage say without parameters.
fn of_storage(not_running: &str) -> Vec<(&'static str, String)> {
    let names = |text: &str| format!(r#"{{"policies":"{text}"}}"#);
    let info = |persistent: bool| {
        format!(r#"{{"state":"INIT","type":"xtreemfs","persistent":{persistent},"osd_volume_size":1024}}"#)
    };
    vec![
        ("get_service_info", info(true)),
        ("list_nodes", "{}".into()),
        ("get_node_info", missing("serviceNodeId")),
        ("createVolume", missing("volumeName")),
        ("deleteVolume", missing("volumeName")),
        ("listVolumes", not_running.to_owned()),
        ("get_volumes", "[]".into()),
        ("get_volume_access", missing("volumeName")),
        ("set_volume_quota", missing("volumeName")),
        ("set_volume_clients", missing("volumeName")),
        ("list_striping_policies", names("RAID0")),
        ("list_replication_policies", names("ronly, WaR1, WqRq")),
        ("list_osd_sel_policies", names("DEFAULT, FQDN, UUID, DCMAP, VIVALDI")),
        ("list_replica_sel_policies", names("DEFAULT, FQDN, DCMAP, VIVALDI")),
        ("set_osd_sel_policy", missing("volumeName")),
        ("set_replica_sel_policy", missing("volumeName")),
        ("set_replication_policy", missing("volumeName")),
        ("set_striping_policy", missing("volumeName")),
        ("set_server_labels", missing("serviceNodeId")),
        ("toggle_persistent", info(false)),
        ("set_osd_size", missing("size")),
        ("get_client_cert", missing("passphrase")),
        ("get_user_cert", missing("user")),
        ("get_service_snapshot", not_running.to_owned()),
        ("set_service_snapshot", missing("manager")),
        ("promote", not_running.to_owned()),
        (
            "get_servers",
            "Wrong service state: was expecting one of ['RUNNING', 'ADAPTING'] but current state is 'INIT'".into(),
        ),
        ("set_self_healing", missing("enable")),
    ]
}

/// What the methods of a database say without parameters.
fn of_databases(not_running: &str) -> Vec<(&'static str, String)> {
    vec![
        ("get_service_info", r#"{"state":"INIT","type":"mysql"}"#.into()),
        ("list_nodes", "{}".into()),
        ("get_node_info", missing("serviceNodeId")),
        ("set_password", missing("user")),
        ("load_dump", missing("mysqldump_file")),
        ("load_dump_piece", missing("load")),
        ("sqldump", not_running.to_owned()),
        ("getMeanLoad", String::new()),
        ("getGangliaParams", String::new()),
        ("get_service_performance", String::new()),
        ("remove_specific_nodes", missing("ip")),
        ("setMySqlParams", missing("variable")),
        ("backup", not_running.to_owned()),
        ("restore", missing("backup")),
        ("restore_piece", missing("load")),
        ("restore_kept", missing("name")),
        ("schedule_backup", missing("every")),
        ("list_backups", not_running.to_owned()),
        ("encrypt", not_running.to_owned()),
        ("set_volume_size", missing("size")),
        ("get_members", not_running.to_owned()),
        ("recover", missing("without")),
        ("set_self_healing", missing("enable")),
        ("migrate_nodes", missing("nodes")),
    ]
}

#[tokio::test]
async fn a_request_that_is_in_no_table_is_not_found() {
    let world = World::new().await;
    world.own("add_service", &[("service_type", "helloworld")]).await;
    let dispatch = ManagerDispatch { manager: Arc::clone(&world.manager) };
    let request = |kind, service_id, method: &str| RpcRequest {
        kind,
        service_id,
        method: method.to_owned(),
        params: Default::default(),
        files: Default::default(),
        id: 1.into(),
    };
    for (kind, sid, method, status) in [
        (CallKind::Get, 0, "get_app_info", 200),
        (CallKind::Get, 1, "get_service_info", 200),
        (CallKind::Get, 1, "get_service_history", 200),
        (CallKind::Post, 0, "get_app_info", 404),
        (CallKind::Get, 1, "get_app_info", 404),
        (CallKind::Get, 0, "get_service_info", 404),
        (CallKind::Post, 1, "start_service", 404),
        (CallKind::Get, 9, "get_service_history", 404),
    ] {
        assert_eq!(dispatch.dispatch(request(kind, sid, method)).await.status(), status, "{sid} {method}");
    }
}

#[tokio::test]
async fn only_the_owner_the_director_and_its_own_manager_are_accepted() {
    let world = World::new().await;
    let dispatch = ManagerDispatch { manager: Arc::clone(&world.manager) };
    let accepts = |subject: Subject| {
        let role = subject.role.unwrap_or(CertificateRole::User);
        dispatch.accepts(&Identity {
            role,
            subject,
            serial: String::new(),
            node: None,
            not_before: 0,
            not_after: i64::MAX,
        })
    };
    assert!(accepts(Subject::director("x")));
    assert!(accepts(Subject::user(UserId(1), "ann", "ann@example.org")));
    assert!(!accepts(Subject::user(UserId(2), "bob", "bob@example.org")));
    assert!(accepts(Subject::manager(UserId(1), ApplicationId(7))));
    assert!(!accepts(Subject::manager(UserId(1), ApplicationId(8))));
    assert!(!accepts(Subject::agent(UserId(1), ApplicationId(7))));
}

#[tokio::test]
async fn a_service_without_nodes_is_stopped_at_once_and_only_once() {
    let world = World::new().await;
    world.own("add_service", &[("service_type", "helloworld")]).await;
    for _ in 0..2 {
        assert_eq!(world.own("stop_service", &[("service_id", "1")]).await, r#"{"state":"STOPPED"}"#);
    }
    assert_eq!(world.history(1).await, [State::Init, State::Stopped]);
    assert_eq!(world.states().await, [State::Running, State::Stopped]);
}

#[tokio::test]
async fn an_operation_that_the_state_does_not_allow_leaves_nothing_behind() {
    let world = World::new().await;
    world.own("add_service", &[("service_type", "helloworld")]).await;
    let task = Task::RemoveNodes { ids: vec!["iaas1".to_owned()] };
    let refused = operation::submit(&world.manager, ServiceId(1), task, "").await.unwrap_err().to_string();
    assert_eq!(refused, "Wrong service state: was expecting one of ['RUNNING'] but current state is 'INIT'");
    let gone = operation::submit(&world.manager, ServiceId(9), Task::RemoveService, "").await.unwrap_err().to_string();
    assert_eq!(gone, "Service not found");
    assert_eq!(world.history(1).await, [State::Init]);
    let left = world.manager.store.read(|tx| store::list_operations::<serde_json::Value>(tx, None)).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn the_manager_begins_once_and_shows_that_it_adapts() {
    let world = World::new().await;
    world.manager.begin().await.unwrap();
    assert_eq!(world.history(0).await, [State::Init, State::Running]);
    world.own("add_service", &[("service_type", "helloworld")]).await;
    assert_eq!(world.history(0).await, [State::Init, State::Running, State::Adapting, State::Running]);
}

#[tokio::test]
async fn a_text_of_digits_is_no_service() {
    let world = World::new().await;
    world.own("add_service", &[("service_type", "generic")]).await;
    for (method, name) in [
        ("remove_service", "service_id"),
        ("start_service", "service_id"),
        ("stop_service", "service_id"),
        ("add_nodes", "service_id"),
        ("remove_nodes", "service_id"),
        ("list_volumes", "service_id"),
        ("get_startup_script", "sid"),
    ] {
        let further = [("cloud", "default"), ("nodes", r#"{"count": 1}"#)];
        for (given, shown) in [(r#""1""#, "1"), ("[1]", "[1]"), ("null", "None"), ("1.5", "1.5"), ("7", "7")] {
            let params: Vec<(&str, &str)> = further.into_iter().chain([(name, given)]).collect();
            let refused = format!("Parameter '{name}': '{shown}' must be one of [0, 1].");
            assert_eq!(world.own(method, &params).await, refused, "{method} {given}");
        }
    }
    assert_eq!(world.states().await, [State::Running, State::Init], "nothing was done");
}

#[tokio::test]
async fn a_call_is_refused_for_what_upstream_looks_at_first() {
    let world = World::new().await;
    world.own("add_service", &[("service_type", "generic")]).await;
    let download = world.of_first("download_code_version", &[("codeVersionId", "nope"), ("x", "1")]).await;
    let wanted = "Parameter 'codeVersionId': 'nope' must be one of {'code-default': CodeVersion(id=code-default, \
                  filename=code-default.tar)}.";
    assert_eq!(download, wanted);
    let download = world.of_first("download_code_version", &[("codeVersionId", "[1]")]).await;
    assert_eq!(download, "Parameter 'codeVersionId': unhashable type: 'list'.");
    let volume = world.own("create_volume", &[("volumeName", "7"), ("volumeSize", "x"), ("agentId", "a")]).await;
    assert_eq!(volume, "Parameter 'volumeSize': 'x' has type 'unicode', should be integer.");
    let nodes = [("service_id", "1"), ("nodes", r#"{"node": "1"}"#)];
    assert_eq!(world.own("remove_nodes", &nodes).await, "Invalid number of nodes 1");
    let nodes = [("service_id", "1"), ("nodes", r#"{"node": 1, "zoo": 1}"#)];
    let wanted = "Wrong node type 'zoo' for service type 'generic'.";
    assert_eq!(world.own("remove_nodes", &nodes).await, wanted);
    let wrong_state = "Wrong service state: was expecting one of ['RUNNING'] but current state is 'INIT'";
    let nodes = [("service_id", "1"), ("nodes", r#"{"master": 5}"#)];
    assert_eq!(world.own("remove_nodes", &nodes).await, wrong_state);
}

#[tokio::test]
async fn a_service_with_code_is_told_to_run_what_is_pushed() {
    let world = World::new().await;
    for kind in ["generic", "helloworld"] {
        world.own("add_service", &[("service_type", kind)]).await;
    }
    let of_every = |sid: i64, name: &'static str, params: Vec<(&'static str, &'static str)>| {
        let addressed = Addressed { manager: Arc::clone(&world.manager), sid: ServiceId(sid) };
        let method = OF_EVERY_SERVICE.iter().find(|line| line.name == name).unwrap();
        async move { said((method.handler)(addressed, call(&params)).await) }
    };
    let info = of_every(1, "get_git_info", vec![]).await;
    assert!(info.contains(r#""directory":"1","auto_enable":false"#), "{info}");
    assert_eq!(of_every(1, "set_auto_enable", vec![("enabled", "true")]).await, r#"{"auto_enable":true}"#);
    assert!(of_every(1, "get_git_info", vec![]).await.contains(r#""auto_enable":true"#));
    let none = "services of type 'helloworld' have no code that could be pushed";
    assert_eq!(of_every(2, "set_auto_enable", vec![("enabled", "true")]).await, none);
    assert_eq!(of_every(2, "get_git_info", vec![]).await, none);
    let own = of_every(0, "set_auto_enable", vec![("enabled", "true")]).await;
    assert_eq!(own, "Service 0 is the application manager itself, which has no code");
}

#[tokio::test]
async fn a_command_is_run_in_nodes_of_its_service_only() {
    let world = World::new().await;
    world.own("add_service", &[("service_type", "generic")]).await;
    let addressed = Addressed { manager: Arc::clone(&world.manager), sid: ServiceId(1) };
    let method = OF_EVERY_SERVICE.iter().find(|line| line.name == "exec").unwrap();
    let params = [("agentId", "iaas7"), ("command", r#"["id"]"#), ("time_limit", "5")];
    let refused = said((method.handler)(addressed, call(&params)).await);
    assert_eq!(refused, "Parameter 'agentId': 'iaas7' must be one of [].");
}

#[tokio::test]
async fn a_log_is_followed_from_where_its_reader_left_off() {
    let world = World::new().await;
    let read = |cursor: String| {
        let addressed = Addressed { manager: Arc::clone(&world.manager), sid: ServiceId::MANAGER };
        let method = OF_EVERY_SERVICE.iter().find(|line| line.name == "get_manager_log").unwrap();
        async move {
            let params = BTreeMap::from([("cursor".to_owned(), serde_json::Value::from(cursor))]);
            let outcome =
                (method.handler)(addressed, Call::new(Params::new(params.into_iter().collect()), BTreeMap::new()));
            serde_json::from_str::<serde_json::Value>(&said(outcome.await)).unwrap()
        }
    };
    let text = |answer: &serde_json::Value, name: &str| answer[name].as_str().unwrap().to_owned();
    let first = read(String::new()).await;
    assert!(text(&first, "log").contains("STATE RUNNING"), "{first}");
    assert_eq!(text(&read(text(&first, "cursor")).await, "log"), "");
    world.manager.note(ServiceId::MANAGER, crate::node::Level::Info, "something new");
    let second = read(text(&first, "cursor")).await;
    assert!(text(&second, "log").ends_with("something new\n") && text(&second, "log").lines().count() == 1, "{second}");
}
