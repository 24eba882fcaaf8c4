//! What OpenStack refuses, and in which words people read it.

use conpaas::cloud::{Cloud, CloudError, RepairOptions};
use conpaas::config::{Floating, OpenStackConfig, Secret};
use conpaas::model::{Finding, Verdict};
use conpaas::pki::{Authority, CertificateName, Lifetime, Subject};
use conpaas::rpc::{ClientAuthentication, server_config};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::cloud::refused;
use super::world::{self, World};
use crate::support::remote::node::{node, volume};

fn bad(findings: &[Finding]) -> Vec<String> {
    let of_worth = findings.iter().filter(|finding| finding.verdict == Verdict::Bad);
    of_worth.map(|finding| format!("{}; {}", finding.text, finding.remedy)).collect()
}

async fn check(world: &World, config: &OpenStackConfig) -> Vec<Finding> {
    world.cloud_with(config, "d1").check().await
}

#[test]
fn quotas_that_are_used_up_are_told_as_such() {
    world::inside("openstack::refusals::quotas_that_are_used_up_are_told_as_such", |world| async move {
        let cloud = world.cloud();
        for (service, key, value, said) in [
            ("compute", "instances", 0, "Quota exceeded for instances"),
            ("compute", "ram", 64, "Quota exceeded for ram"),
            ("volume", "volumes", 0, "VolumeLimitExceeded"),
            ("volume", "gigabytes", 1, "VolumeSizeExceedsAvailableQuota"),
        ] {
            let before = world.observer.quota(service, key, value);
            let error = match service {
                "compute" => cloud.ensure_node(&node("n1")).await.unwrap_err(),
                _ => cloud.ensure_volume(&volume("v1", 2048, None)).await.unwrap_err(),
            };
            world.observer.quota(service, key, before);
            assert!(matches!(error, CloudError::Exhausted { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("the project's quota is used up") && text.contains("have it raised"), "{text}");
            println!("{key}: {text} (nova and cinder say '{said}')");
        }
        let before = world.observer.quota("compute", "instances", 0);
        let findings = cloud.check().await;
        world.observer.quota("compute", "instances", before);
        assert!(findings.iter().any(|finding| finding.text.contains("quota of servers is used up (0 of 0)")));
    });
}

#[test]
fn a_node_that_fits_nowhere_is_told_of_and_removed() {
    world::inside("openstack::refusals::a_node_that_fits_nowhere_is_told_of_and_removed", |world| async move {
        let cloud = world.cloud();
        let before =
            [("ram", 1 << 30), ("cores", 1 << 20)].map(|(key, n)| (key, world.observer.quota("compute", key, n)));
        let _: Value = world.observer.tell(&["ensure_giant"]);
        let mut spec = node("n1");
        spec.instance_type = Some("conpaas-giant".to_owned());
        let outcomes = [cloud.ensure_node(&spec).await, cloud.ensure_node(&spec).await];
        let seen = world.observer.look();
        cloud.remove_node(&spec.tag).await.unwrap();
        for (key, value) in before {
            world.observer.quota("compute", key, value);
        }
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert!(matches!(error, CloudError::Exhausted { .. }), "{error}");
            assert!(error.to_string().contains("no machine of the cloud has room for this size"), "{error}");
        }
        assert_eq!((seen.servers.len(), seen.servers[0].status.as_str()), (1, "ERROR"));
    });
}

#[test]
fn what_the_configuration_names_and_is_not_there_is_named() {
    world::inside("openstack::refusals::what_the_configuration_names_and_is_not_there_is_named", |world| async move {
        let good = world.config();
        assert_eq!(bad(&check(&world, &good).await), Vec::<String>::new());
        let lost = || "lost".to_owned();
        let pool = Floating::ByDirector { pool: Some(lost()) };
        for (config, words) in [
            (OpenStackConfig { image_id: lost(), ..good.clone() }, "lost is not a valid value for IMAGE_ID"),
            (OpenStackConfig { size_id: lost(), ..good.clone() }, "lost is not a valid value for SIZE_ID"),
            (OpenStackConfig { network_id: Some(lost()), ..good.clone() }, "lost is not a valid value for NETWORK_ID"),
            (OpenStackConfig { key_name: lost(), ..good.clone() }, "there is no key pair 'lost'"),
            (OpenStackConfig { security_group: lost(), ..good.clone() }, "there is no security group 'lost'"),
            (OpenStackConfig { region: Some(lost()), ..good.clone() }, "region lost has no service"),
        ] {
            let text = refused(&world, &config).await;
            assert!(text.starts_with("cloud stack cannot make node n1") && text.contains(words), "{text}");
            let findings = bad(&check(&world, &config).await);
            let words = words.split_once(" has no").map_or(words, |_| "the catalog has no compute");
            assert!(findings.iter().any(|finding| finding.contains(words)), "{findings:?}");
            assert_eq!(world.observer.counts(), [0; 4]);
        }
        let lost_pool = OpenStackConfig { floating: pool, ..good.clone() };
        let text = refused(&world, &lost_pool).await;
        assert!(text.contains("lost is not a valid value for FLOATING_NETWORK_ID"), "{text}");
        world.cloud().remove_node(&"n1".parse().unwrap()).await.unwrap();

        // By id, too.
        let cloud = world.cloud();
        let made = cloud.ensure_node(&node("n1")).await.unwrap();
        cloud.remove_node(&made.tag).await.unwrap();
    });
}

#[test]
fn who_is_not_let_in_is_told_why() {
    world::inside("openstack::refusals::who_is_not_let_in_is_told_why", |world| async move {
        let good = world.config();
        let secret = "wr0ng-s3cr3t";
        for config in [
            OpenStackConfig { password: Secret::new(secret), ..good.clone() },
            OpenStackConfig { project: "lost".to_owned(), ..good.clone() },
            OpenStackConfig { user: "nobody".to_owned(), ..good.clone() },
            OpenStackConfig { user_domain: "lost".to_owned(), ..good.clone() },
        ] {
            let text = refused(&world, &config).await;
            assert!(text.contains("keystone at http://127.0.0.1:5000/v3 does not know user"), "{text}");
            assert!(text.contains("check USER, PASSWORD, PROJECT and the domains in [stack]"), "{text}");
            assert!(!text.contains(secret) && !text.contains(&world.password()), "{text}");
            assert_eq!(bad(&check(&world, &config).await).len(), 1);
        }
        let nobody = OpenStackConfig { auth_url: "http://127.0.0.1:5999/v3".to_owned(), ..good.clone() };
        let findings = bad(&check(&world, &nobody).await);
        assert!(findings[0].contains("cannot reach 127.0.0.1:5999: Connection refused"), "{findings:?}");
    });
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named_and_only_then() {
    let name = "openstack::refusals::a_private_authority_is_trusted_when_it_is_named_and_only_then";
    world::inside(name, |world| async move {
        std::fs::create_dir(world.path("ca")).unwrap();
        let authority = Authority::create(&world.path("ca")).unwrap();
        let names = [CertificateName::Address("127.0.0.1".parse().unwrap())];
        let credentials = authority.issue(&Subject::director("127.0.0.1"), &names, Lifetime::NODE).unwrap();
        let tls = server_config(&credentials, ClientAuthentication::Optional).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let auth_url = format!("https://{}/v3", listener.local_addr().unwrap());
        // Keystone behind TLS, as a cloud has it.
        let proxy = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let tls = tokio_rustls::TlsAcceptor::from(std::sync::Arc::clone(&tls));
                tokio::spawn(async move {
                    let Ok(mut outside) = tls.accept(stream).await else { return };
                    let mut inside = TcpStream::connect("127.0.0.1:5000").await.unwrap();
                    let _either_may_end = copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        let unknown = OpenStackConfig { auth_url, ..world.config() };
        let findings = bad(&check(&world, &unknown).await);
        assert!(findings[0].contains("UnknownIssuer"), "{findings:?}");
        let ca_file = Some(world.path("ca/ca_cert.pem"));
        let known = OpenStackConfig { ca_file, ..unknown.clone() };
        assert_eq!(bad(&check(&world, &known).await), Vec::<String>::new());
        let wrong = OpenStackConfig { ca_file: Some(world.path("lost.pem")), ..unknown };
        let error =
            conpaas::cloud::openstack::OpenStackCloud::new(&"stack".parse().unwrap(), &wrong, "d1").err().unwrap();
        assert!(error.to_string().contains("CA_FILE"), "{error}");
        proxy.abort();
    });
}

#[test]
fn what_is_missing_is_made() {
    world::inside("openstack::refusals::what_is_missing_is_made", |world| async move {
        let name = || "conpaas-test-mend".to_owned();
        let config = OpenStackConfig { key_name: name(), security_group: name(), ..world.config() };
        let cloud = world.cloud_with(&config, "d1");
        assert_eq!(bad(&cloud.check().await).len(), 2);
        let repair = RepairOptions { image: None, key_directory: world.directory.path() };
        let mended = cloud.repair(&repair).await;
        let again = cloud.repair(&repair).await;
        let checked = cloud.check().await;
        let key = std::fs::read_to_string(world.path("stack-conpaas-test-mend.pem"));
        let _: Value = world.observer.tell(&["delete_group", &name()]);
        let _: Value = world.observer.tell(&["delete_key", &name()]);
        assert!(mended.len() == 3 && bad(&mended).is_empty(), "{mended:?}");
        assert!(again.is_empty(), "there is nothing left to be made: {again:?}");
        assert!(checked.iter().all(|finding| finding.verdict == Verdict::Good), "{checked:?}");
        assert!(key.unwrap().contains("PRIVATE KEY"));
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(world.path("stack-conpaas-test-mend.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Nobody overwrites a key that may be the only one.
        let mended = cloud.repair(&repair).await;
        let _: Value = world.observer.tell(&["delete_group", &name()]);
        assert!(bad(&mended)[0].contains("is there; import its public key"), "{mended:?}");
    });
}
