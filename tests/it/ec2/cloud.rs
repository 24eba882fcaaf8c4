//! The cloud through its trait.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conpaas::cloud::ec2::Ec2Cloud;
use conpaas::cloud::{Cloud, CloudError};
use conpaas::config::{Ec2Config, Secret};
use conpaas::model::{Finding, NodeRole, Verdict};
use serde_json::{Value, json};

use crate::support::ec2::proxy::Fault;
use crate::support::ec2::{self, World};
use crate::support::remote::node::{node, volume};

fn cloud_of(name: &str, config: &Ec2Config, director: &str) -> Ec2Cloud {
    Ec2Cloud::new(&name.parse().unwrap(), config, director).unwrap()
}

fn cloud(world: &World) -> Ec2Cloud {
    cloud_of("amazon", &world.config(), "d1")
}

async fn words(cloud: &Ec2Cloud) -> String {
    cloud.ensure_node(&node("n1")).await.unwrap_err().to_string()
}

#[test]
fn a_node_is_made_once_found_again_and_removed() {
    ec2::inside("it::ec2::cloud::a_node_is_made_once_found_again_and_removed", |world| async move {
        let cloud = cloud(&world);
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        assert_eq!(cloud.ensure_node(&node("n1")).await.unwrap(), made);
        let seen = world.observer.instances();
        assert_eq!(seen.len(), 1, "{seen:?}");
        let seen = &seen[0];
        assert_eq!((made.vmid.as_str(), made.port, made.is_running), (seen.id.as_str(), 5555, true));
        assert_eq!(Some(made.private_ip.to_string()), seen.private_ip);
        assert_eq!((made.ip, seen.ip.as_ref()), (made.private_ip, None), "the subnet has no public addresses");
        assert_eq!((seen.size.as_str(), seen.key.as_deref()), ("t3.micro", Some("conpaas")));
        assert_eq!((&seen.groups, &seen.zone), (&vec![world.setup.group.clone()], &world.setup.zone));
        assert_eq!(STANDARD.decode(&seen.user_data).unwrap(), b"#invitation 1\n");
        let tags = [
            ("Name", "conpaas-n1"),
            ("conpaas-cloud", "amazon"),
            ("conpaas-director", "d1"),
            ("conpaas-node", "n1"),
            ("conpaas-role", "agent"),
        ];
        assert_eq!(seen.tags, tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into());

        let console = cloud.console(&made.tag).await;
        assert!(console.starts_with("Linux version 2.6.16-xenU"), "the mock has one for all: {console}");
        let _stranger: String = world.observer.ask(&json!(["run_stranger"]));
        assert_eq!(cloud.list_nodes().await.unwrap(), std::slice::from_ref(&made));
        for (name, director) in [("amazon", "d2"), ("iaas", "d1")] {
            let other = cloud_of(name, &world.config(), director);
            assert_eq!(other.list_nodes().await.unwrap(), []);
            other.remove_node(&made.tag).await.unwrap();
        }
        let _: Value = world.observer.tell("stop", &json!(made.vmid));
        assert!(!cloud.list_nodes().await.unwrap()[0].is_running);
        assert!(cloud.ensure_node(&node("n1")).await.unwrap().is_running, "it is started again");
        cloud.remove_node(&made.tag).await.unwrap();
        cloud.remove_node(&made.tag).await.unwrap();
        assert_eq!(cloud.list_nodes().await.unwrap(), []);
        assert_eq!(world.observer.instances().len(), 1, "the stranger is left alone");
        assert!(!world.proxy.has_heard(&world.setup.secret), "the secret never leaves the director");
    });
}

#[test]
fn a_node_that_is_stopped_keeps_its_disk_and_starts_again() {
    ec2::inside("it::ec2::cloud::a_node_that_is_stopped_keeps_its_disk_and_starts_again", |world| async move {
        let cloud = cloud(&world);
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        world.proxy.fail("StopInstances", Fault::LoseAnswer);
        for _ in 0..2 {
            cloud.stop_node(&made.tag).await.unwrap();
            assert!(!cloud.list_nodes().await.unwrap()[0].is_running);
            assert_eq!(world.observer.instances()[0].state, "stopped");
        }
        cloud.stop_node(&"n9".parse().unwrap()).await.unwrap();
        assert_eq!(cloud.ensure_node(&node("n1")).await.unwrap(), made);
        let seen = world.observer.instances();
        assert_eq!((seen.len(), STANDARD.decode(&seen[0].user_data).unwrap()), (1, b"#invitation 1\n".to_vec()));
        assert_eq!(world.proxy.faults_left(), 0);
    });
}

#[test]
fn without_a_subnet_nodes_have_public_addresses_and_sizes_are_the_callers() {
    ec2::inside(
        "it::ec2::cloud::without_a_subnet_nodes_have_public_addresses_and_sizes_are_the_callers",
        |world| async move {
            let cloud = cloud_of("amazon", &Ec2Config { subnet_id: None, ..world.config() }, "d1");
            let mut spec = node("n1");
            (spec.role, spec.instance_type) = (NodeRole::Manager, Some("t3.small".to_owned()));
            let made = cloud.ensure_node(&spec).await.unwrap();
            let seen = &world.observer.instances()[0];
            assert_eq!((Some(made.ip.to_string()), seen.size.as_str(), made.port), (seen.ip.clone(), "t3.small", 443));
            assert_ne!(made.ip, made.private_ip);
            spec.tag = "n2".parse().unwrap();
            spec.instance_type = Some("t3.colossal".to_owned());
            let error = cloud.ensure_node(&spec).await.unwrap_err().to_string();
            assert!(error.contains("Requested size not found. 't3.colossal' not in ['t3.2xlarge', "), "{error}");
            assert_eq!(cloud.list_nodes().await.unwrap().len(), 1);
        },
    );
}

#[test]
fn volumes_come_and_go_with_their_node_or_without() {
    ec2::inside("it::ec2::cloud::volumes_come_and_go_with_their_node_or_without", |world| async move {
        let cloud = cloud(&world);
        let node = cloud.ensure_node(&node("n1")).await.unwrap();
        let made = cloud.ensure_volume(&volume("v1", 1025, Some("n1"))).await.unwrap();
        assert_eq!(cloud.ensure_volume(&volume("v1", 1025, Some("n1"))).await.unwrap(), made);
        let small = cloud.ensure_volume(&volume("v2", 1, None)).await.unwrap();
        let seen = world.observer.volumes();
        let sizes: Vec<(&str, u64, &str)> =
            seen.iter().map(|seen| (seen.tags["Name"].as_str(), seen.size, seen.zone.as_str())).collect();
        let zone = world.setup.zone.as_str();
        assert!(
            sizes.len() == 2 && sizes.contains(&("vol-v1", 2, zone)) && sizes.contains(&("vol-v2", 1, zone)),
            "{sizes:?}"
        );

        for device in ["sdf", "/dev/sdf"] {
            cloud.attach_volume(&made.tag, &node.tag, device).await.unwrap();
        }
        let seen = world.observer.volumes().into_iter().find(|seen| seen.id == made.volume_id).unwrap();
        assert_eq!((seen.attached, seen.state.as_str()), (vec![(node.vmid.clone(), "/dev/sdf".to_owned())], "in-use"));
        let listed = cloud.list_volumes().await.unwrap();
        assert_eq!(listed.iter().find(|listed| listed.tag == made.tag).unwrap().attached_to.as_ref(), Some(&node.vmid));
        let error = cloud.attach_volume(&made.tag, &node.tag, "sdg").await.unwrap_err().to_string();
        assert!(error.contains("it is attached to") && error.contains("as /dev/sdf"), "{error}");
        for (volume, node) in [("v1", "n9"), ("v9", "n1")] {
            let error = cloud.attach_volume(&volume.parse().unwrap(), &node.parse().unwrap(), "sdh").await.unwrap_err();
            assert!(matches!(error, CloudError::NoNode { .. } | CloudError::NoVolume { .. }), "{error}");
        }
        for _ in 0..2 {
            cloud.detach_volume(&made.tag).await.unwrap();
        }
        cloud.attach_volume(&made.tag, &node.tag, "sdg").await.unwrap();
        cloud.remove_node(&node.tag).await.unwrap();
        assert_eq!(cloud.list_volumes().await.unwrap().len(), 2, "volumes outlive their node");
        for _ in 0..2 {
            cloud.remove_volume(&made.tag).await.unwrap();
            cloud.remove_volume(&small.tag).await.unwrap();
        }
        assert_eq!(world.observer.volumes(), []);
        assert_eq!(cloud_of("amazon", &world.config(), "d2").list_volumes().await.unwrap(), []);
    });
}

#[test]
fn a_busy_or_broken_api_is_asked_again_and_makes_nothing_twice() {
    ec2::inside("it::ec2::cloud::a_busy_or_broken_api_is_asked_again_and_makes_nothing_twice", |world| async move {
        let cloud = cloud(&world);
        let busy = Fault::Refuse(503, "RequestLimitExceeded", "Request limit exceeded.");
        world.proxy.fail("RunInstances", busy.clone());
        world.proxy.fail("RunInstances", Fault::LoseCall);
        world.proxy.fail("RunInstances", Fault::LoseAnswer);
        world.proxy.fail("RunInstances", Fault::Refuse(500, "InternalError", "An internal error has occurred"));
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        let n_asked = world.proxy.calls().iter().filter(|action| *action == "RunInstances").count();
        assert_eq!((n_asked, world.observer.instances().len()), (5, 1));

        // A director that died after its call asks with another token, and the cloud does not show yet what it made.
        let nothing = "<R><reservationSet/></R>".to_owned();
        world.proxy.fail("DescribeInstances", Fault::Answer(nothing.clone()));
        assert_eq!(cloud.ensure_node(&node("n1")).await.unwrap().vmid, made.vmid);
        assert_eq!(world.observer.instances().len(), 1);
        // What was made is not shown at first.
        for _ in 0..2 {
            world.proxy.fail("DescribeInstances", Fault::Answer(nothing.clone()));
        }
        world.proxy.fail("DescribeInstances", Fault::Refuse(400, "InvalidInstanceID.NotFound", "not there"));
        cloud.ensure_node(&node("n2")).await.unwrap();

        world.proxy.fail("CreateVolume", Fault::LoseAnswer);
        let volume = cloud.ensure_volume(&volume("v1", 1, Some("n1"))).await.unwrap();
        assert_eq!(world.observer.volumes().len(), 1);
        // The mock attaches again what is attached; Amazon refuses.
        let in_use = Fault::Refuse(400, "VolumeInUse", "vol is already attached to an instance");
        for faults in [vec![Fault::LoseCall], vec![Fault::LoseAnswer, in_use.clone()]] {
            faults.into_iter().for_each(|fault| world.proxy.fail("AttachVolume", fault));
            cloud.attach_volume(&volume.tag, &made.tag, "sdf").await.unwrap();
            world.proxy.fail("DetachVolume", busy.clone());
            world.proxy.fail("DetachVolume", Fault::LoseAnswer);
            world.proxy.fail("DetachVolume", Fault::Refuse(400, "IncorrectState", "vol is 'available'"));
            cloud.detach_volume(&volume.tag).await.unwrap();
            assert_eq!(world.observer.volumes()[0].attached, []);
        }
        world.proxy.fail("AttachVolume", in_use);
        let error = cloud.attach_volume(&volume.tag, &made.tag, "sdf").await.unwrap_err().to_string();
        assert!(error.contains("VolumeInUse"), "somebody else has it: {error}");
        world.proxy.fail("DeleteVolume", Fault::LoseAnswer);
        cloud.remove_volume(&volume.tag).await.unwrap();
        world.proxy.fail("TerminateInstances", Fault::LoseAnswer);
        cloud.remove_node(&made.tag).await.unwrap();
        cloud.remove_node(&"n2".parse().unwrap()).await.unwrap();
        assert_eq!((world.observer.instances(), world.observer.volumes()), (vec![], vec![]));
        assert_eq!(world.proxy.faults_left(), 0);
    });
}

#[test]
fn a_list_of_many_pages_is_read_to_its_end() {
    ec2::inside("it::ec2::cloud::a_list_of_many_pages_is_read_to_its_end", |world| async move {
        let cloud = cloud(&world);
        let page = |tag: &str, token: &str| {
            let text = format!(
                "<R><reservationSet><item><instancesSet><item><instanceId>i-{tag}</instanceId><instanceState><name>running</name>\
                 </instanceState><tagSet><item><key>conpaas-node</key><value>{tag}</value></item></tagSet></item></instancesSet>\
                 </item></reservationSet>{token}</R>"
            );
            Fault::Answer(text)
        };
        world.proxy.fail("DescribeInstances", page("n1", "<nextToken>more</nextToken>"));
        world.proxy.fail("DescribeInstances", page("n2", "<nextToken/>"));
        let tags: Vec<String> = cloud.list_nodes().await.unwrap().iter().map(|node| node.tag.to_string()).collect();
        assert_eq!(tags, ["n1", "n2"]);
        assert!(world.proxy.has_heard("NextToken=more"));
        let page = "<R><volumeSet><item><volumeId>vol-0</volumeId><status>available</status><tagSet><item>\
                    <key>conpaas-volume</key><value>v0</value></item></tagSet></item></volumeSet><nextToken>m2</nextToken></R>";
        world.proxy.fail("DescribeVolumes", Fault::Answer(page.to_owned()));
        world.proxy.fail("DescribeVolumes", Fault::Answer("<R><volumeSet/></R>".to_owned()));
        assert_eq!(cloud.list_volumes().await.unwrap().len(), 1);
        assert!(world.proxy.has_heard("NextToken=m2"));
    });
}

#[test]
fn what_is_wrong_is_said_in_the_operators_words() {
    ec2::inside("it::ec2::cloud::what_is_wrong_is_said_in_the_operators_words", |world| async move {
        let config = world.config();
        for (wrong, expected) in [
            (Ec2Config { secret_key: Secret::new("wrong"), ..config.clone() }, "check USER and PASSWORD in [amazon]"),
            (
                Ec2Config { access_key: "AKIANOBODY".to_owned(), ..config.clone() },
                "check USER and PASSWORD in [amazon]",
            ),
            (
                Ec2Config { image_id: "ami-00000000".to_owned(), ..config.clone() },
                "has no image ami-00000000: check IMAGE_ID",
            ),
            (Ec2Config { key_name: "lost".to_owned(), ..config.clone() }, "has no key pair 'lost': check KEY_NAME"),
            (Ec2Config { security_group: "none".to_owned(), ..config.clone() }, "no security group 'none'"),
            (Ec2Config { security_group: "sg-0".to_owned(), ..config.clone() }, "no security group 'sg-0'"),
            (
                Ec2Config { subnet_id: Some("subnet-0".to_owned()), ..config.clone() },
                "no subnet subnet-0: check SUBNET_ID",
            ),
            (
                Ec2Config { size_id: "t3.none".to_owned(), ..config.clone() },
                "Requested size not found. 't3.none' not in [",
            ),
        ] {
            let words = words(&cloud_of("amazon", &wrong, "d1")).await;
            assert!(words.contains(expected), "{expected}: {words}");
            assert!(!words.contains(&world.setup.secret));
        }
        let cloud = cloud(&world);
        let _: Value = world.observer.tell("forbid", &json!("ec2:RunInstances"));
        let said = words(&cloud).await;
        assert!(said.contains("the access key may not do this"), "{said}");
        let _: Value = world.observer.ask(&json!(["permit"]));
        for (code, expected) in [
            ("VcpuLimitExceeded", "the account's quota is used up (VcpuLimitExceeded: too many)"),
            ("InsufficientInstanceCapacity", "InsufficientInstanceCapacity: too many; try again later"),
        ] {
            world.proxy.fail("RunInstances", Fault::Refuse(400, code, "too many"));
            let error = cloud.ensure_node(&node("n1")).await.unwrap_err();
            assert!(matches!(error, CloudError::Exhausted { .. }) && error.to_string().contains(expected), "{error}");
        }
        // An instance that is taken and ends at once.
        let ended = "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceState>\
                     <name>terminated</name></instanceState><stateReason><code>Server.InsufficientInstanceCapacity</code>\
                     <message>none left</message></stateReason></item></instancesSet></item></reservationSet></R>";
        world.proxy.fail("DescribeInstances", Fault::Answer("<R><reservationSet/></R>".to_owned()));
        world.proxy.fail("DescribeInstances", Fault::Answer(ended.to_owned()));
        let error = cloud.ensure_node(&node("n1")).await.unwrap_err();
        assert!(matches!(error, CloudError::Exhausted { .. }), "{error}");
        world.proxy.fail("DescribeInstances", Fault::Answer("<html>a proxy's page".to_owned()));
        let said = cloud.list_nodes().await.unwrap_err().to_string();
        assert!(said.contains("something that is no answer of an EC2 API"), "{said}");
        cloud.remove_node(&"n1".parse().unwrap()).await.unwrap();
        assert_eq!(world.observer.instances(), []);
    });
}

#[test]
fn a_volume_that_is_not_let_go_is_busy() {
    ec2::inside("it::ec2::cloud::a_volume_that_is_not_let_go_is_busy", |world| async move {
        let cloud = cloud(&world);
        let node = cloud.ensure_node(&node("n1")).await.unwrap();
        let made = cloud.ensure_volume(&volume("v1", 1, Some("n1"))).await.unwrap();
        cloud.attach_volume(&made.tag, &node.tag, "sdf").await.unwrap();
        let text = format!(
            "<R><volumeSet><item><volumeId>{}</volumeId><status>in-use</status><attachmentSet><item><instanceId>{}</instanceId>\
             <status>busy</status></item></attachmentSet></item></volumeSet></R>",
            made.volume_id, node.vmid
        );
        for _ in 0..2 {
            world.proxy.fail("DescribeVolumes", Fault::Answer(text.clone()));
        }
        let error = cloud.detach_volume(&made.tag).await.unwrap_err();
        assert!(matches!(error, CloudError::VolumeBusy { .. }), "{error}");
    });
}

#[test]
fn a_check_looks_at_everything_that_the_section_names() {
    ec2::inside("it::ec2::cloud::a_check_looks_at_everything_that_the_section_names", |world| async move {
        let of = |findings: &[Finding], verdict: Verdict| -> Vec<String> {
            findings.iter().filter(|finding| finding.verdict == verdict).map(|finding| finding.text.clone()).collect()
        };
        let findings = cloud(&world).check().await;
        assert_eq!(of(&findings, Verdict::Bad), Vec::<String>::new());
        let warnings = of(&findings, Verdict::Warning);
        assert!(warnings.len() == 1 && warnings[0].contains("does not let in TCP 8080, 9000, 3306, "), "{warnings:?}");
        assert_eq!(of(&findings, Verdict::Good).len(), 6, "{findings:?}");
        let unknown = [
            Fault::Answer("<R><regionInfo/></R>".to_owned()),
            Fault::Refuse(400, "InvalidParameterValue", "Invalid region provided: 'eu-west-1'"),
        ];
        for fault in unknown {
            world.proxy.fail("DescribeRegions", fault);
            assert_eq!(of(&cloud(&world).check().await, Verdict::Bad), ["Unknown EC2 region: eu-west-1"]);
        }
        let config = world.config();
        for (wrong, expected) in [
            (Ec2Config { secret_key: Secret::new("wrong"), ..config.clone() }, "check USER and PASSWORD"),
            (Ec2Config { image_id: "ami-00000000".to_owned(), ..config.clone() }, "no image ami-00000000"),
            (Ec2Config { size_id: "t3.none".to_owned(), ..config.clone() }, "Requested size not found. 't3.none'"),
            (
                Ec2Config { size_id: "t4g.micro".to_owned(), ..config.clone() },
                "the image is for x86_64, but t4g.micro runs arm64",
            ),
            (Ec2Config { key_name: "lost".to_owned(), ..config.clone() }, "no key pair 'lost'"),
            (Ec2Config { security_group: "none".to_owned(), ..config.clone() }, "no security group 'none'"),
            (Ec2Config { security_group: "default".to_owned(), ..config.clone() }, "does not let in TCP 443, 5555"),
            (Ec2Config { subnet_id: Some("subnet-0".to_owned()), ..config.clone() }, "no subnet subnet-0"),
        ] {
            let bad = of(&cloud_of("amazon", &wrong, "d1").check().await, Verdict::Bad);
            assert!(bad.iter().any(|text| text.contains(expected)), "{expected}: {bad:?}");
        }
    });
}
