//! Applications whose nodes are the mock's instances, or in several clouds at once.

use std::os::unix::fs::PermissionsExt;

use conpaas::pki::Authority;
use serde_json::{Value, json};

use crate::support::director::entries;
use crate::support::ec2;
use crate::support::ec2::hypervisor::root;
use crate::support::wait::eventually;

#[test]
fn an_application_lives_its_whole_life_in_two_clouds() {
    ec2::inside("it::ec2::application::an_application_lives_its_whole_life_in_two_clouds", |world| async move {
        let deployment = world.deploy(&[]);
        deployment.insist(&deployment.user, "/startapp/1/amazon", &[]).await;
        let application = deployment.rests(1, "RUNNING").await;
        let manager = world.observer.instances().pop().unwrap();
        assert_eq!(
            (application["manager"].as_str(), &application["cloud"]),
            (manager.private_ip.as_deref(), &json!("amazon"))
        );
        assert_eq!(manager.tags["Name"], "conpaas-u1-a1-mgr");
        deployment.start_service("amazon").await;

        // Where each further node is to be is said with each call.
        for (cloud, n_amazon, n_here) in [("amazon", 3, 0), ("default", 3, 1)] {
            deployment.add_nodes(cloud, 1).await;
            assert_eq!(world.observer.instances().len(), n_amazon, "{cloud}");
            assert_eq!(entries(&deployment.director.path("state/clouds/iaas/nodes")), n_here, "{cloud}");
        }
        let log = deployment.director.log();
        assert_eq!(log.matches("a node has joined").count(), 3, "{log}");

        let agent = deployment.nodes().await.into_iter().find(|node| node.starts_with("amazon")).unwrap();
        deployment.create_volume(&agent, 1500).await;
        let volume = world.observer.volumes().pop().unwrap();
        assert_eq!((volume.size, &volume.zone, volume.tags["Name"].as_str()), (2, &world.setup.zone, "vol-data"));
        let instance = volume.attached[0].0.clone();
        assert_eq!(format!("amazon{instance}"), agent);
        let media = root(&world.path("machines"), &instance).join("media/data");
        assert!(media.is_dir(), "the agent shows it at {}", media.display());

        // Stopped from outside, a node is started again and is what it was.
        let _: Value = world.observer.tell("stop", &json!(instance));
        eventually("the instance runs again", || async {
            let seen = world.observer.instances();
            let is_up = seen.iter().any(|one| one.id == instance && one.state == "running");
            (is_up && deployment.director.log().contains("starting a node again")).then_some(())
        })
        .await;
        assert_eq!(deployment.director.log().matches("a node has joined").count(), 3);
        deployment.delete_volume().await;
        assert_eq!(world.observer.volumes(), []);

        deployment.remove_nodes(2).await;
        deployment.nothing_is_left_over(&world).await;
        deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
        deployment.nothing_is_left_over(&world).await;
        assert_eq!(world.observer.instances(), []);
        eventually("the nodes of this machine are gone", || async {
            (entries(&deployment.director.path("state/clouds/iaas/nodes")) == 0).then_some(())
        })
        .await;
        let log = deployment.director.log();
        assert!(!log.contains(&world.setup.secret) && !log.contains("PRIVATE KEY"));
        assert!(!world.proxy.has_heard("PRIVATE") && !world.proxy.has_heard(&world.setup.secret));
    });
}

#[test]
fn a_cloud_that_hangs_stops_only_what_needs_it() {
    ec2::inside("it::ec2::application::a_cloud_that_hangs_stops_only_what_needs_it", |world| async move {
        let mut deployment = world.deploy(&[]);
        deployment.insist(&deployment.user, "/createapp", &[("name", "second")]).await;
        deployment.insist(&deployment.user, "/startapp/2/amazon", &[]).await;
        deployment.rests(2, "RUNNING").await;
        world.proxy.hang(true);
        let nodes = deployment.director.path("state/clouds/iaas/nodes");
        for _ in 0..2 {
            deployment.insist(&deployment.user, "/startapp/1", &[]).await;
            deployment.rests(1, "RUNNING").await;
            // Removing is the reconciler's work.
            deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
            eventually("its node is removed", || async { (entries(&nodes) == 0).then_some(()) }).await;
            // The same after a start with a cloud that hangs.
            deployment.director.kill();
            deployment.director.run(&[]);
        }
        assert_eq!(world.observer.instances().len(), 1, "nothing is taken for gone that is not seen");
        assert_eq!(deployment.application(2).await.unwrap()["status"], "RUNNING");
        deployment.insist(&deployment.user, "/stopapp/2", &[]).await;
        world.proxy.hang(false);
        deployment.nothing_is_left_over(&world).await;
        assert_eq!(world.observer.instances(), []);
    });
}

#[test]
fn a_start_that_the_cloud_refuses_ends_with_its_reason() {
    ec2::inside("it::ec2::application::a_start_that_the_cloud_refuses_ends_with_its_reason", |world| async move {
        let deployment = world.deploy(&[("amazon.KEY_NAME", "lost")]);
        deployment.insist(&deployment.user, "/startapp/1/amazon", &[]).await;
        let application = deployment.rests(1, "ERROR").await;
        let reason = application["reason"].as_str().unwrap();
        assert!(reason.contains("has no key pair 'lost': check KEY_NAME"), "{reason}");
        deployment.nothing_is_left_over(&world).await;
        let check = || {
            let checked = deployment.director.command(&["director", "check"]).output().unwrap();
            String::from_utf8_lossy(&checked.stdout).into_owned()
        };
        let said = check();
        assert!(said.contains("only its owner may read it"), "{said}");
        assert!(said.contains("cloud amazon (ec2): region eu-west-1 has no key pair 'lost': check KEY_NAME"), "{said}");
        assert!(!said.contains(&world.setup.secret));
        let config = deployment.director.path("director.cfg");
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said = check();
        assert!(said.contains("others than its owner may read it"), "{said}");
    });
}

#[test]
fn a_director_whose_authority_was_renewed_knows_its_nodes() {
    ec2::inside("it::ec2::application::a_director_whose_authority_was_renewed_knows_its_nodes", |world| async move {
        let mut deployment = world.deploy(&[]);
        deployment.insist(&deployment.user, "/startapp/1/amazon", &[]).await;
        deployment.rests(1, "RUNNING").await;
        let instance = world.observer.instances().pop().unwrap().id;
        deployment.director.kill();
        Authority::renew(&deployment.director.path("certs")).unwrap();
        let _: Value = world.observer.tell("stop", &json!(instance));
        deployment.director.run(&[]);
        eventually("it is started again", || async {
            let seen = world.observer.instances();
            (seen.len() == 1 && seen[0].id == instance && seen[0].state == "running").then_some(())
        })
        .await;
        assert_eq!(deployment.application(1).await.unwrap()["status"], "RUNNING");
        deployment.insist(&deployment.user, "/stopapp/1", &[]).await;
        deployment.nothing_is_left_over(&world).await;
        assert_eq!(world.observer.instances(), []);
    });
}

#[test]
fn what_no_record_names_waits_for_a_word_and_what_is_others_is_not_touched() {
    ec2::inside(
        "it::ec2::application::what_no_record_names_waits_for_a_word_and_what_is_others_is_not_touched",
        |world| async move {
            let mut deployment = world.deploy(&[]);
            deployment.insist(&deployment.user, "/startapp/1/amazon", &[]).await;
            deployment.rests(1, "RUNNING").await;
            let stranger: String = world.observer.ask(&json!(["run_stranger"]));
            let operation = [("operation_id", "o"), ("size", "8"), ("name", "vol-x"), ("cloud", "amazon")];
            deployment.insist(&deployment.manager, "/create_volume", &operation).await;
            // A director that has lost its records, but not its authority.
            deployment.director.kill();
            let database = rusqlite::Connection::open(deployment.director.path("director.db")).unwrap();
            database.execute_batch("DELETE FROM node; DELETE FROM volume; DELETE FROM node_token;").unwrap();
            deployment.director.run(&[]);
            for kind in ["node", "volume"] {
                let text = format!("the database never named a {kind}");
                eventually(&text, || async { deployment.director.log().contains(&text).then_some(()) }).await;
            }
            assert_eq!((world.observer.instances().len(), world.observer.volumes().len()), (2, 1));
            crate::support::director::succeed(&mut deployment.director.command(&["director", "discard"]));
            eventually("the orphans are gone", || async {
                let seen: Vec<String> = world.observer.instances().into_iter().map(|one| one.id).collect();
                (seen == [stranger.clone()] && world.observer.volumes().is_empty()).then_some(())
            })
            .await;
        },
    );
}
