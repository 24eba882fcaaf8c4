//! What is set of shared storage: how volumes are kept, snapshots, what a stop keeps, certificates.

use conpaas::rpc::RpcCall;
use serde_json::{Value, json};

use super::{LIMIT, Storage};
use crate::e2e::house::vmid;
use crate::e2e::world;
use crate::support::wait::eventually_within;

#[test]
fn what_is_set_holds() {
    let image = world::engines_base();
    world::inside("e2e::storage::settings::what_is_set_holds", |state| async move {
        let storage = Storage::start(&state, image).await;
        storage.create_volume("v").await;
        storage.change(1, "add_nodes", "osd", 1).await;
        let first = storage.nodes(1, "dir").await.remove(0);
        storage.mount(&first, "v", "/mnt/v").await;
        storage.house.client(&["user", "get_certificate"]);
        policies(&storage, &first).await;
        choice_of_servers(&storage, &first).await;
        certificates(&storage, &first).await;
        sizes(&storage).await;
        manifest(&storage).await;
        snapshot(&storage, &first).await;
        stops(&storage).await;
    });
}

/// The factor of the replication policy is the number of servers that have each file.
async fn policies(storage: &Storage, first: &str) {
    let set = async |policy: &str, factor: i64| {
        let fields = [("volumeName", json!("v")), ("policy", json!(policy)), ("factor", json!(factor))];
        storage.call("set_replication_policy", &fields).await
    };
    for (policy, factor, why) in [
        ("WqRq", 3, "3 copies need 3 osd nodes, and there are 2"),
        ("raid", 1, "Failed to set replication policy: ; 'raid' is none of ronly, WaR1, WqRq"),
        ("WqRq", 0, "factor"),
        ("WqRq", 10, "10 is more than 9"),
    ] {
        let refused = set(policy, factor).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let class = "mfsgetsclass /var/run/cpsagent/xtreemfs/all/v";
    for factor in [1, 2] {
        let said = set("WqRq", factor).await.unwrap();
        assert!(said["stdout"].as_str().unwrap().starts_with(&format!("{factor} servers have each file")), "{said}");
        assert!(storage.run(first, class).ends_with(&format!(": {factor}")));
    }
    let stripes =
        [("volumeName", json!("v")), ("policy", json!("RAID0")), ("width", json!(2)), ("stripe-size", json!(128))];
    let said = storage.call("set_striping_policy", &stripes).await.unwrap();
    assert!(said["stdout"].as_str().unwrap().contains("has no effect"), "{said}");
    let selection = [("volumeName", json!("v")), ("policy", json!("VIVALDI"))];
    let said = storage.call("set_replica_sel_policy", &selection).await.unwrap();
    assert!(said["stdout"].as_str().unwrap().contains("has no effect"), "{said}");
    quota(storage, first).await;
}

async fn quota(storage: &Storage, first: &str) {
    let set =
        async |size: i64| storage.call("set_volume_quota", &[("volumeName", json!("v")), ("size", json!(size))]).await;
    assert!(set(-1).await.unwrap_err().contains("is not from 0"));
    assert_eq!(set(8).await, Ok(json!({})));
    let fill = "head -c 20000000 /dev/zero >/mnt/v/zeros && sync /mnt/v/zeros";
    assert!(!world::run_in(&vmid(first), fill).0, "20 MB fit into 8 MB");
    assert_eq!(set(0).await, Ok(json!({})));
    storage.run(first, "head -c 20000000 /dev/zero >/mnt/v/zeros && sync /mnt/v/zeros && rm /mnt/v/zeros");
}

/// A volume with labels is on the servers that bear them.
async fn choice_of_servers(storage: &Storage, first: &str) {
    let select = async |policy: &str, labels: &str| {
        let fields = [("volumeName", json!("v")), ("policy", json!(policy)), ("labels", json!(labels))];
        storage.call("set_osd_sel_policy", &fields).await
    };
    let said = select("FQDN", "").await.unwrap();
    assert!(said["stdout"].as_str().unwrap().contains("has no effect"), "{said}");
    for (labels, why) in
        [("S", "no osd node has the label S"), ("s", "letters from A to Z"), ("S;T", "letters"), (",", "missing")]
    {
        let refused = select("UUID", labels).await.unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let second = storage.nodes(1, "osd").await.remove(1);
    let said = storage.house.client(&["xtreemfs", "set_labels", "1", "1", &second, "S"]);
    assert!(said.contains("has the labels S now"), "{said}");
    let one = [("volumeName", json!("v")), ("policy", json!("WqRq")), ("factor", json!(1))];
    storage.call("set_replication_policy", &one).await.unwrap();
    let said = storage.house.client(&["xtreemfs", "set_policy", "--labels", "S", "1", "1", "osd_sel", "UUID", "v"]);
    assert!(said.contains("Servers with the labels S have the files of volume 'v'"), "{said}");
    let info =
        storage.house.call(RpcCall::get(1, "get_node_info").param("serviceNodeId", second.as_str())).await.unwrap();
    let ip = info["serviceNode"]["ip"].as_str().unwrap().to_owned();
    let n_tries = std::cell::Cell::new(0);
    // The master hears of a server's labels a moment after the server does.
    eventually_within(LIMIT, "new files are on the server with the label", async || {
        n_tries.set(n_tries.get() + 1);
        let n = n_tries.get();
        let script = format!(
            "cd /mnt/v && for i in 1 2 3 4; do echo x >chosen-{n}-$i && sync chosen-{n}-$i; done; \
                              mfsfileinfo chosen-{n}-* | grep copy"
        );
        let text = storage.run(first, &script);
        (text.lines().count() == 4 && text.lines().all(|line| line.contains(&format!("{ip}:")))).then_some(())
    })
    .await;
    let bare = [("serviceNodeId", json!(second)), ("labels", json!(""))];
    let refused = storage.call("set_server_labels", &bare).await.unwrap_err();
    assert!(refused.contains("volume 'v' is on servers with the label S"), "{refused}");
    let servers = storage.house.client(&["xtreemfs", "list_servers", "1", "1"]);
    assert!(servers.lines().any(|line| line.contains(&second) && line.contains(" S ")), "{servers}");
    assert!(select("DEFAULT", "").await.unwrap()["stdout"].as_str().unwrap().starts_with("Any server"));
    let two = [("volumeName", json!("v")), ("policy", json!("WqRq")), ("factor", json!(2))];
    storage.call("set_replication_policy", &two).await.unwrap();
    storage.call("set_server_labels", &bare).await.unwrap();
    storage.rests_in(1, "RUNNING").await;
    storage.run(first, "rm /mnt/v/chosen-*");
}

/// The file opens with its passphrase, and the command that comes with it mounts the volume.
async fn certificates(storage: &Storage, first: &str) {
    let file = storage.house.state.join("client.p12");
    let name = file.display().to_string();
    let said = storage.house.client(&["xtreemfs", "get_client_cert", "1", "1", "its secret", "no", &name]);
    assert!(said.contains(&format!("Client certificate '{name}' has been successfully created.")), "{said}");
    let command =
        said.lines().find(|line| line.starts_with("mfsmount ")).expect("how the volume is mounted").to_owned();
    let user =
        storage.house.client(&["xtreemfs", "get_user_cert", "1", "1", "alice", "users", "its secret", "yes", &name]);
    assert!(user.contains(&format!("User certificate '{name}' has been successfully created.")), "{user}");
    let opened = std::process::Command::new("openssl")
        .args(["pkcs12", "-nokeys", "-passin", "pass:its secret", "-in", &name])
        .output()
        .unwrap();
    let opened = String::from_utf8_lossy(&opened.stdout).into_owned();
    assert!(opened.contains("alice:users") && opened.contains("xtreemfs-admin"), "{opened}");

    let shown = storage.house.client(&["xtreemfs", "mount_command", "1", "1", "v"]);
    assert!(shown.contains(&command), "{shown}");
    let password = shown.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    // A terminal types the password, as a person does.
    let typed = format!(
        "mkdir -p /mnt/typed; python3 -c \"import os, pty, sys, time\npid, fd = pty.fork()\nif pid == 0: os.execvp('sh', \
         ['sh', '-c', '{}'])\nos.read(fd, 1000)\nos.write(fd, b'{password}\\n')\nos.waitpid(pid, 0)\"; \
         test \"$(stat -f -c %T /mnt/typed)\" = fuseblk && echo mounted; umount -l /mnt/typed",
        command.replace("MOUNT_POINT", "/mnt/typed")
    );
    assert!(storage.run(first, &typed).contains("mounted"));
}

async fn sizes(storage: &Storage) {
    let set = async |size: Value| storage.call("set_osd_size", &[("size", size)]).await;
    for (size, why) in [(json!(1023), "volumes only grow"), (json!(0), "size"), (json!("much"), "size")] {
        let refused = set(size.clone()).await.unwrap_err();
        assert!(refused.contains(why), "{size}: {refused}");
    }
    let info = set(json!(1200)).await.unwrap();
    assert_eq!((&info["osd_volume_size"], &info["type"]), (&json!(1200), &json!("xtreemfs")));
    if !world::can_resize() {
        println!("skipped: this machine's root may not resize a file system that is mounted (CAP_SYS_RESOURCE)");
        return;
    }
    eventually_within(LIMIT, "the servers have grown", async || {
        let servers = storage.house.call(RpcCall::get(1, "get_servers")).await?;
        let sizes = servers["servers"].as_array()?.iter().map(|server| server["total_mb"].as_u64());
        sizes.into_iter().all(|size| size.is_some_and(|size| size > 1000)).then_some(())
    })
    .await;
}

/// A manifest makes the volumes that are not there, and an export names all of them.
async fn manifest(storage: &Storage) {
    let applications = storage.house.ask("/listapp", &[]).await.unwrap();
    let (path, tar) = (storage.house.state.join("manifest.json"), storage.house.state.join("export.tar"));
    let volumes = json!([{"volumeName": "v"}, {"volumeName": "w", "owner": "alice"}]);
    let manifest = json!({"Application": applications[0]["name"],
                          "Services": [{"Type": "xtreemfs", "VolumeStartup": volumes}]});
    std::fs::write(&path, manifest.to_string()).unwrap();
    for _ in 0..2 {
        storage.house.client(&["application", "manifest", &path.display().to_string()]);
        let listed = storage.house.client(&["xtreemfs", "list_xfs_volumes", "1", "1"]);
        assert_eq!(listed.lines().filter(|line| line.contains("->")).count(), 2, "{listed}");
    }
    storage.house.client(&["application", "export", "1", &tar.display().to_string()]);
    let tar = std::process::Command::new("tar").arg("-xOf").arg(&tar).arg("manifest.json").output().unwrap();
    let exported: Value = serde_json::from_slice(&tar.stdout).unwrap();
    let volumes = &exported["Services"][0]["VolumeStartup"];
    assert_eq!(*volumes, json!([{"volumeName": "v", "owner": "xtreemfs"}, {"volumeName": "w", "owner": "alice"}]));
    storage.house.client(&["xtreemfs", "remove_xfs_volume", "1", "1", "w"]);
}

/// What was there at the time of the snapshot is there again, and what came after it is not.
async fn snapshot(storage: &Storage, first: &str) {
    storage.run(first, "cd /mnt/v && echo before >a && head -c 3000000 /dev/urandom >large && sync a large");
    let sum = storage.run(first, "md5sum </mnt/v/large");
    let kept = storage.call("get_service_snapshot", &[]).await.unwrap();
    let nodes = kept["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    assert!(nodes[0]["data"].as_str().unwrap().len() > 1000 && nodes[1]["data"] == "", "the first has the metadata");
    assert_eq!(kept["manager"], "", "no key leaves the manager");
    storage.run(first, "cd /mnt/v && echo after >b && mv a c && sync .");
    let less = [("manager", json!("")), ("nodes", json!([nodes[0]]))];
    let refused = storage.call("set_service_snapshot", &less).await;
    assert_eq!(refused, Err("set_service_snapshot: len(nodes) != len(self.nodes)".to_owned()));
    let broken = json!([{"data": "AAAA", "dir_uuid": "", "mrc_uuid": "", "osd_uuid": "", "volume": nodes[0]["volume"],
                         "cloud": ""}, nodes[1]]);
    storage.call("set_service_snapshot", &[("manager", json!("")), ("nodes", broken)]).await.unwrap_err();
    assert_eq!(storage.run(first, "cat /mnt/v/b"), "after", "a snapshot that is none changes nothing");

    let whole = [("manager", json!("")), ("nodes", kept["nodes"].clone())];
    assert_eq!(storage.call("set_service_snapshot", &whole).await, Ok(json!({})));
    storage.run(first, "umount -l /mnt/v");
    storage.mount(first, "v", "/mnt/v").await;
    assert_eq!(storage.run(first, "cd /mnt/v && ls && cat a"), "a\nlarge\nbefore");
    assert_eq!(storage.run(first, "md5sum </mnt/v/large"), sum);
    storage.rests_in(1, "RUNNING").await;
}

/// A stop that does not say what becomes of the volumes does what the service's flag says.
async fn stops(storage: &Storage) {
    let persistent = async |expected: bool| {
        let info = storage.call("toggle_persistent", &[]).await.unwrap();
        assert_eq!(info["persistent"], json!(expected), "{info}");
    };
    persistent(false).await;
    persistent(true).await;
    let stop = || RpcCall::post(0, "stop_service").param("service_id", 1);
    storage.house.try_call(stop()).await.unwrap();
    storage.rests_in(1, "STOPPED").await;
    storage.start_service(1).await;
    let first = storage.nodes(1, "dir").await.remove(0);
    assert_eq!(storage.nodes(1, "osd").await.len(), 2);
    storage.mount(&first, "v", "/mnt/v").await;
    assert_eq!(storage.run(&first, "cat /mnt/v/a"), "before");
    persistent(false).await;
    storage.house.try_call(stop()).await.unwrap();
    storage.rests_in(1, "STOPPED").await;
    let volumes = storage.house.ask("/list_volumes", &[]).await.unwrap();
    assert!(!volumes.to_string().contains("osd-"), "{volumes}");
}
