//! A manager as a process: what it answers, whom it obeys, what becomes of its services.

use std::fs;
use std::time::Duration;

use conpaas::model::{ApplicationId, UserId};
use conpaas::node::NodeCredentials;
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, RpcCall};
use serde_json::json;

use super::bench::{APPLICATION, USER, ok, status, tar_of};
use super::world::{World, add_nodes, create_volume, delete_volume, remove_nodes, start, stop};

#[tokio::test(flavor = "multi_thread")]
async fn answers_before_any_start_are_as_recorded() {
    let world = World::start(&[]).await;
    assert_eq!(world.add("generic").await, 1);
    assert_eq!(world.add("helloworld").await, 2);
    let info = world.ok(RpcCall::get(0, "get_app_info")).await;
    assert_eq!(info, json!({"states": {"0": "RUNNING", "1": "INIT", "2": "INIT"}, "nodes": [], "volumes": []}));
    assert_eq!(world.ok(RpcCall::get(1, "get_service_info")).await, json!({"state": "INIT", "type": "generic"}));
    assert_eq!(world.ok(RpcCall::get(1, "list_nodes")).await, json!({}));
    assert_eq!(world.ok(RpcCall::get(1, "list_authorized_keys")).await, json!({"authorizedKeys": []}));
    assert_eq!(world.ok(RpcCall::post(0, "git_push_hook")).await, json!("code version: git-"));
    assert_eq!(world.ok(RpcCall::post(0, "list_volumes")).await, json!({"volumes": []}));
    let wrong_state = "Wrong service state: was expecting one of ['RUNNING'] but current state is 'INIT'";
    let table = [
        (RpcCall::get(0, "check_process").param("x", 1), "Unexpected parameters: {u'x': 1}."),
        (
            RpcCall::post(0, "add_service").param("service_type", "nope"),
            "Parameter 'service_type': 'nope' must be one of ['java', 'generic', 'helloworld', 'mysql', 'xtreemfs', 'php'].",
        ),
        (RpcCall::post(0, "add_service"), "Missing the mandatory parameter 'service_type'."),
        (start(42), "Parameter 'service_id': '42' must be one of [0, 1, 2]."),
        (RpcCall::post(0, "start_service").param("service_id", 1), "Missing the mandatory parameter 'cloud'."),
        (add_nodes(1, json!({"count": 1})), wrong_state),
        (remove_nodes(1, json!({"count": 1})), wrong_state),
        (add_nodes(1, json!(3)), "Parameter 'nodes': '3' has type 'int', should be dict."),
        (add_nodes(1, json!({})), "Need a positive value for at least one role"),
        (add_nodes(1, json!({"osd": 1})), "Wrong node type 'osd' for service type 'generic'."),
        (add_nodes(1, json!({"node": -1})), "Invalid number of nodes -1"),
        (RpcCall::get(0, "get_startup_script").param("sid", 1), "No startup script"),
        (RpcCall::upload(0, "upload_startup_script").param("sid", "1"), "Missing the mandatory parameter 'script'."),
        (RpcCall::get(1, "get_script_status"), wrong_state),
        (RpcCall::post(1, "execute_script").param("command", "run"), wrong_state),
        (RpcCall::get(2, "get_helloworld"), wrong_state),
        (
            RpcCall::post(1, "execute_script").param("command", "init"),
            "Parameter 'command': 'init' must be one of ['run', 'interrupt', 'cleanup'].",
        ),
        (RpcCall::upload(1, "upload_code_version"), "Missing the mandatory parameter 'code'."),
        (
            RpcCall::post(1, "delete_code_version").param("codeVersionId", "code-default"),
            "Invalid arguments (Cannot remove the active code version)",
        ),
        (create_volume("v1", 10, "x"), "Parameter 'agentId': 'x' must be one of []."),
        (delete_volume("zz"), "Parameter 'volumeName': 'zz' must be one of []."),
        (stop(0), "Service 0 is the application manager itself: stop the application instead"),
    ];
    for (call, text) in table {
        assert_eq!(world.refused(call).await, text);
    }
    assert_eq!(status(&world.user, world.address, RpcCall::post(0, "check_process")).await, 404);
    assert_eq!(status(&world.user, world.address, RpcCall::get(0, "nope")).await, 404);
    assert_eq!(status(&world.user, world.address, RpcCall::get(9, "get_service_info")).await, 404);
    assert_eq!(status(&world.user, world.address, RpcCall::upload(2, "x")).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_the_director_and_its_own_manager_may_call() {
    let world = World::start(&[]).await;
    let check = || RpcCall::get(0, "check_process");
    for subject in [Subject::director("pi"), Subject::manager(USER, APPLICATION)] {
        ok(&world.bench.client(&subject), world.address, check()).await;
    }
    for subject in [
        Subject::user(UserId(8), "bob", "b@example.org"),
        Subject::manager(USER, ApplicationId(4)),
        Subject::manager(UserId(8), APPLICATION),
        Subject::agent(USER, APPLICATION),
    ] {
        assert_eq!(status(&world.bench.client(&subject), world.address, check()).await, 403, "{subject:?}");
    }
    world.ok(check()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generic_service_lives_its_whole_life() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let script = world.file("startup.sh", b"echo startup ran\n");
    let upload = RpcCall::upload(0, "upload_startup_script").param("sid", sid.to_string());
    let uploaded = world.ok(upload.file("script", script, "s.sh")).await;
    assert_eq!(uploaded, json!({"filename": format!("/root/ConPaaS/{sid}/startup.sh")}));
    let script = world.ok(RpcCall::get(0, "get_startup_script").param("sid", sid)).await;
    assert_eq!(script, json!("echo startup ran\n"));

    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let master = world.node_ids().await.remove(0);
    let console = fs::read_to_string(world.director.node(&master).1.join("root/console")).unwrap();
    assert!(console.starts_with("startup ran\n"), "{console}");
    let nodes = world.ok(RpcCall::get(sid, "list_nodes")).await;
    assert_eq!(nodes, json!({"master": [master], "node": []}));
    let node = world.ok(RpcCall::get(sid, "get_node_info").param("serviceNodeId", master.as_str())).await;
    assert_eq!(node["serviceNode"]["is_master"], true);
    assert_eq!(node["serviceNode"]["logs"][1]["path"], "/root/agent.out");
    assert_eq!(node["serviceNode"]["cloud"], "iaas");

    assert_eq!(world.ok(add_nodes(sid, json!({"count": 2}))).await, json!({"state": "ADAPTING"}));
    world.await_state(sid, "RUNNING").await;
    world.await_no_scripts(sid).await;
    let ids = world.node_ids().await;
    assert_eq!(world.ok(RpcCall::get(sid, "list_nodes")).await, json!({"master": [master], "node": &ids[1..]}));
    let status = world.ok(RpcCall::get(sid, "get_script_status")).await;
    assert_eq!(status["agents"][&master]["notify.sh"], "STOPPED (return code 0)");
    assert_eq!(status["agents"][&ids[1]]["notify.sh"], "NEVER STARTED");
    assert_eq!(status["agents"][&ids[1]]["init.sh"], "STOPPED (return code 0)");

    let run = RpcCall::post(sid, "execute_script").param("command", "run").param("parameters", "a 'b c'");
    assert_eq!(world.ok(run).await, json!({"state": "RUNNING"}));
    world.await_no_scripts(sid).await;
    let out = fs::read_to_string(world.director.node(&ids[1]).1.join("root/generic.out")).unwrap();
    for line in ["Executing script run.sh\n", "Parameters (3): a 'b c'\n", "My role is node\n"] {
        assert!(out.contains(line), "{line} in {out}");
    }
    let nothing = "ERROR: No scripts are currently running inside agents. Nothing to interrupt.";
    assert_eq!(world.refused(RpcCall::post(sid, "execute_script").param("command", "interrupt")).await, nothing);

    let log = |name: Option<&str>| {
        let call = RpcCall::get(sid, "get_agent_log").param("agentId", master.as_str());
        name.map_or(call.clone(), |name| call.param("filename", name))
    };
    assert!(world.ok(log(None)).await["log"].as_str().unwrap().contains("agent started"));
    assert!(world.ok(log(Some("agent.err"))).await["log"].is_string());
    assert_eq!(
        world.refused(log(Some("/etc/passwd"))).await,
        "Parameter 'filename': '/etc/passwd' must be one of ['cpsagent.log', 'agent.out', 'agent.err']."
    );
    assert_eq!(
        world.refused(remove_nodes(sid, json!({"count": 3}))).await,
        "Requesting to delete 3 nodes while only 2 can be removed"
    );
    assert_eq!(world.refused(remove_nodes(sid, json!({"master": 1}))).await, "Cannot remove the master node.");
    assert_eq!(world.ok(remove_nodes(sid, json!({"node": 1}))).await, json!({"state": "ADAPTING"}));
    world.await_state(sid, "RUNNING").await;
    assert_eq!(world.node_ids().await, ids[..2], "the last one goes");
    assert_eq!(world.director.nodes().len(), 2);

    assert_eq!(world.ok(stop(sid)).await, json!({"state": "EPILOGUE"}));
    world.await_state(sid, "STOPPED").await;
    assert_eq!(world.ok(RpcCall::get(sid, "list_nodes")).await, json!({}));
    assert_eq!(world.director.nodes().len(), 0);
    let states: Vec<String> = world.history(sid).await.into_iter().map(|(state, _)| state).collect();
    let wanted = ["INIT", "PROLOGUE", "RUNNING", "ADAPTING", "RUNNING", "ADAPTING", "RUNNING", "EPILOGUE", "STOPPED"];
    assert_eq!(states, wanted);
    let log = world.ok(RpcCall::get(sid, "get_manager_log")).await;
    assert!(log["log"].as_str().unwrap().contains(" DEBUG conpaas.core.manager1 STATE PROLOGUE: \n"), "{log}");

    assert_eq!(world.ok(RpcCall::post(0, "remove_service").param("service_id", sid)).await, json!({}));
    world.await_state(sid, "REMOVED").await;
    assert_eq!(status_of_removed(&world, sid).await, 404);
    assert_eq!(world.add("generic").await, sid + 1, "an id is never used again");
}

async fn status_of_removed(world: &World, sid: i64) -> u16 {
    status(&world.user, world.address, RpcCall::get(sid, "get_service_info")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn helloworld_answers_from_every_node() {
    let world = World::start(&[]).await;
    let sid = world.add("helloworld").await;
    world.start_service(sid).await;
    world.ok(add_nodes(sid, json!({"node": 1}))).await;
    world.await_state(sid, "RUNNING").await;
    let ids = world.node_ids().await;
    assert_eq!(world.ok(RpcCall::get(sid, "list_nodes")).await, json!({"helloworld": ids}));
    let hello = world.ok(RpcCall::get(sid, "get_helloworld")).await;
    let text = format!("Received helloworld from {}\nReceived helloworld from {}", ids[0], ids[1]);
    assert_eq!(hello, json!({"helloworld": text}));
    let node = world.ok(RpcCall::get(sid, "get_node_info").param("serviceNodeId", ids[0].as_str())).await;
    assert_eq!(node["serviceNode"]["logs"].as_array().unwrap().len(), 1);
    assert_eq!(
        world.refused(create_volume("v1", 10, &ids[0])).await,
        "create_volume method not currently supported for this service"
    );
    assert_eq!(
        world.refused(remove_nodes(sid, json!({"node": 2}))).await,
        "Requesting to delete 2 nodes while only 1 can be removed"
    );
    // One dead agent: the answer names it.
    world.bench.kill(world.director.node(&ids[1]).0);
    let error = world.refused(RpcCall::get(sid, "get_helloworld")).await;
    assert!(error.starts_with(&format!("agent {} (127.", ids[1])) && error.contains("cannot reach"), "{error}");
    world.ok(RpcCall::post(0, "stopall")).await;
    world.await_state(sid, "STOPPED").await;
    assert!(world.director.nodes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_come_and_go() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    let place = world.director.node(&node).1.join("media/v1");
    assert_eq!(world.refused(create_volume("a b", 10, &node)).await, "Volume name contains invalid characters");
    assert_eq!(world.refused(create_volume("v1", 0, &node)).await, "Parameter 'volumeSize': 0 is not more than 0.");
    assert_eq!(world.ok(create_volume("v1", 1024, &node)).await, json!({"service_id": sid}));
    world.await_state(sid, "RUNNING").await;
    fs::write(place.join("data"), b"x").unwrap();
    assert_eq!(
        world.refused(create_volume("v1", 10, &node)).await,
        "Parameter 'volumeName': 'v1' must not be one of ['v1']."
    );
    let volumes = world.ok(RpcCall::post(0, "list_volumes").param("service_id", sid)).await;
    assert_eq!(
        volumes,
        json!({"volumes": [{
            "vol_name": "v1", "vol_size": 1024, "dev_name": "sdb", "service_name": "generic", "service_id": sid,
            "vol_id": "vol-0", "vm_id": node, "cloud": "iaas"
        }]})
    );
    world.ok(create_volume("v2", 5, &node)).await;
    world.await_state(sid, "RUNNING").await;
    let volumes = world.ok(RpcCall::post(0, "list_volumes")).await;
    assert_eq!(volumes["volumes"][1]["dev_name"], "sdc");
    assert_eq!(world.ok(delete_volume("v1")).await, json!({"service_id": sid}));
    world.await_state(sid, "RUNNING").await;
    assert!(!place.exists());
    assert_eq!(world.director.n_volumes(), 1);
    // What cannot be attached is undone, and the reason can be read.
    world.director.refuse("/attach_volume", "no slot");
    world.ok(create_volume("v3", 5, &node)).await;
    world.await_state(sid, "RUNNING").await;
    world.director.accept_again();
    let (state, reason) = world.history(sid).await.pop().unwrap();
    assert_eq!(state, "RUNNING");
    assert!(reason.contains("create_volume failed") && reason.contains("no slot"), "{reason}");
    assert_eq!(world.director.n_volumes(), 1);
    world.ok(stop(sid)).await;
    world.await_state(sid, "STOPPED").await;
    assert_eq!(world.director.n_volumes(), 0);
    assert_eq!(world.ok(RpcCall::post(0, "list_volumes")).await, json!({"volumes": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_given_back_with_its_reason() {
    let world = World::start(&[]).await;
    let sid = world.add("helloworld").await;
    world.director.set_credit(0);
    assert_eq!(world.refused(start(sid)).await, "Insufficient credits");
    assert_eq!(world.state(sid).await, "INIT");
    world.director.set_credit(5);
    world.director.refuse("/create_nodes", "no room in cloud");
    world.ok(start(sid)).await;
    world.await_state(sid, "ERROR").await;
    let (_, reason) = world.history(sid).await.pop().unwrap();
    assert!(reason.contains("no room in cloud"), "{reason}");
    let info = world.ok(RpcCall::get(sid, "get_service_info")).await;
    assert!(info["reason"].as_str().unwrap().contains("no room in cloud"), "{info}");
    world.ok(stop(sid)).await;
    world.await_state(sid, "STOPPED").await;
    world.director.accept_again();
    world.start_service(sid).await;
    assert_eq!(
        world.ok(RpcCall::get(sid, "get_service_info")).await,
        json!({"state": "RUNNING", "type": "helloworld"})
    );
    world.director.lose_nodes(1);
    world.ok(add_nodes(sid, json!({"node": 3}))).await;
    world.await_state(sid, "RUNNING").await;
    let (_, reason) = world.history(sid).await.pop().unwrap();
    assert!(reason.contains("only 2 of 3 nodes came up"), "{reason}");
    assert_eq!(world.director.nodes(), world.node_ids().await, "the two that came up are given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_a_start_that_is_under_way() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.ok(start(sid)).await;
    assert_eq!(world.ok(stop(sid)).await, json!({"state": "EPILOGUE"}));
    world.await_state(sid, "STOPPED").await;
    assert!(world.director.nodes().is_empty(), "{:?}", world.director.log());
    let states: Vec<String> = world.history(sid).await.into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["INIT", "PROLOGUE", "EPILOGUE", "STOPPED"]);
    world.start_service(sid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_still_there_after_a_kill() {
    let mut world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let archive = world.file("code.tar", &tar_of(&[("run.sh", "exit 0")]));
    world.ok(RpcCall::upload(sid, "upload_code_version").file("code", archive, "c.tar")).await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    world.ok(create_volume("v1", 10, &node)).await;
    world.await_state(sid, "RUNNING").await;
    let removed = world.add("helloworld").await;
    world.ok(RpcCall::post(0, "remove_service").param("service_id", removed)).await;
    world.await_state(removed, "REMOVED").await;
    let questions = || {
        [
            RpcCall::get(0, "get_app_info"),
            RpcCall::post(0, "list_volumes"),
            RpcCall::get(sid, "list_code_versions"),
            RpcCall::get(sid, "list_nodes"),
            RpcCall::get(sid, "get_service_history"),
            RpcCall::get(sid, "get_script_status"),
        ]
    };
    let mut before = Vec::new();
    for question in questions() {
        before.push(world.ok(question).await);
    }
    world.bench.kill(world.pid);
    world.restart(&[]).await;
    for (question, before) in std::iter::zip(questions(), before) {
        assert_eq!(world.ok(question).await, before);
    }
    assert_eq!(world.add("helloworld").await, removed + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_an_older_program_brought_to_work_are_taken_over() {
    let mut world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let master = world.node_ids().await.remove(0);
    world.bench.kill(world.pid);
    // An older program kept no notes of what nodes were brought to.
    let database = rusqlite::Connection::open(world.root.join("var/cache/cpsmanager/manager.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM applied", []).unwrap(), 2);
    drop(database);
    world.restart(&[]).await;
    world.ok(add_nodes(sid, json!({"count": 1}))).await;
    world.await_state(sid, "RUNNING").await;
    world.await_no_scripts(sid).await;
    let out = fs::read_to_string(world.director.node(&master).1.join("root/generic.out")).unwrap();
    let ran = |script: &str| out.matches(&format!("Executing script {script}\n")).count();
    assert_eq!((ran("init.sh"), ran("notify.sh")), (1, 1), "the code did not come again: {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_manager_and_agent_are_small_and_stop_quickly() {
    let world = World::start(&[]).await;
    let sid = world.add("helloworld").await;
    world.start_service(sid).await;
    let (agent, _) = world.director.node(&world.node_ids().await[0]);
    for (role, pid) in [("manager", world.pid), ("agent", agent)] {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        println!("{role}: {kilobytes} kB of its own");
        assert!(kilobytes < 10_000, "{role} holds {kilobytes} kB of its own");
    }
    let pid = nix::unistd::Pid::from_raw(world.pid.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(world.bench.wait_end(world.pid, Duration::from_millis(600)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_and_survives_a_crash_in_the_middle() {
    let world = World::start(&[]).await;
    let config = conpaas::config::ManagerConfig::read(&world.root).unwrap();
    let directory = world.root.join("etc/cpsmanager/certs");
    let before = Credentials::load(&directory).unwrap();
    let node = NodeCredentials::load(&config.base).unwrap();
    node.renew().await.unwrap();
    let after = Credentials::load(&directory).unwrap();
    assert_ne!(before.certificate_pem, after.certificate_pem);
    assert_eq!(before.identity().unwrap().subject, after.identity().unwrap().subject);
    Client::new(Some(&after), conpaas::rpc::PeerRule::Director).unwrap();
    assert!(!directory.join("renewed").exists() && !directory.join("request.pem").exists());
    // The new key is there, and its certificate is not: a crash between the two.
    let newer = world.bench.credentials(&Subject::manager(USER, APPLICATION));
    fs::create_dir(directory.join("renewed")).unwrap();
    newer.save(&directory.join("renewed")).unwrap();
    fs::write(directory.join("key.pem"), &newer.key_pem).unwrap();
    NodeCredentials::load(&config.base).unwrap();
    assert_eq!(Credentials::load(&directory).unwrap().certificate_pem, newer.certificate_pem);
    assert!(!directory.join("renewed").exists());
    // After the crash the director started the node again, with a certificate that is good for longer.
    let older = Lifetime(Duration::from_secs(3600));
    let older = world.bench.authority.issue(&Subject::manager(USER, APPLICATION), &[], older).unwrap();
    fs::create_dir(directory.join("renewed")).unwrap();
    older.save(&directory.join("renewed")).unwrap();
    NodeCredentials::load(&config.base).unwrap();
    assert_eq!(Credentials::load(&directory).unwrap().certificate_pem, newer.certificate_pem);
    assert!(!directory.join("renewed").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why_in_one_line() {
    let world = World::start(&[]).await;
    let second = world.bench.start("manager", &world.root, world.address, &[]);
    assert!(world.bench.wait_end(second, Duration::from_secs(10)));
    let console = fs::read_to_string(world.root.join("root/console")).unwrap();
    let line = console.lines().last().unwrap();
    assert_eq!(
        line,
        format!("conpaas manager: cannot listen on {}:15555: Address already in use (os error 98)", world.address)
    );
    let other = world.bench.lay_agent("odd", "nonsense", world.address, &world.director.endpoint);
    let odd = world.bench.start("agent", &other, world.address, &[]);
    assert!(world.bench.wait_end(odd, Duration::from_secs(10)));
    let console = fs::read_to_string(other.join("root/console")).unwrap();
    assert_eq!(console, "conpaas agent: unknown agent type 'nonsense'\n");
    world.ok(RpcCall::get(0, "check_process")).await;
}
