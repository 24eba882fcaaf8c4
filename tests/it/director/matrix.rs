//! Who may do what: every route with every sort of caller.

use std::time::Duration;

use conpaas::director::{Access, route_table};
use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};

use crate::support::director::{Answer, World};

const ALICE: UserId = UserId(1);
const MALLORY: UserId = UserId(2);

/// What a route says to a caller.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Admitted,
    NoCertificate,
    WrongRole,
    False,
}

fn verdict(answer: &Answer) -> Verdict {
    match (answer.status, answer.text.as_str()) {
        (401, _) => Verdict::NoCertificate,
        (403, _) => Verdict::WrongRole,
        (200, "false") => Verdict::False,
        _ => Verdict::Admitted,
    }
}

async fn call(world: &World, who: Option<&Credentials>, verb: &str, path: &str) -> Answer {
    match verb {
        "POST" => world.post(who, path, &[]).await,
        _ => world.get(who, path).await,
    }
}

#[tokio::test]
async fn every_route_admits_its_own_sort_of_caller_and_no_other() {
    let world = World::start();
    world.add_user("alice");
    world.add_user("mallory");
    let issue = |subject| world.certificate(&subject, Lifetime::NODE);
    // Alice's first application is 1, Mallory's is 2, 9 is nobody's.
    let user = issue(Subject::user(ALICE, "alice", "alice@example.org"));
    let unknown_user = issue(Subject::user(UserId(99), "ghost", "ghost@example.org"));
    let director = issue(Subject::director("elsewhere"));
    let manager = issue(Subject::manager(ALICE, ApplicationId(1)));
    let manager_of_other = issue(Subject::manager(ALICE, ApplicationId(2)));
    let manager_of_none = issue(Subject::manager(ALICE, ApplicationId(9)));
    let agent = issue(Subject::agent(ALICE, ApplicationId(1)));
    let agent_of_other = issue(Subject::agent(ALICE, ApplicationId(2)));
    let outdated = world.certificate(&Subject::manager(ALICE, ApplicationId(1)), Lifetime(Duration::ZERO));
    let outdated_agent = world.certificate(&Subject::agent(ALICE, ApplicationId(2)), Lifetime(Duration::ZERO));
    world.await_outdated(&outdated_agent);
    let frontend = issue(Subject::web_frontend());
    let ingress = issue(Subject::ingress());
    let callers: [(&str, Option<&Credentials>); 13] = [
        ("nobody", None),
        ("outdated manager", Some(&outdated)),
        ("outdated agent of another's application", Some(&outdated_agent)),
        ("user", Some(&user)),
        ("unknown user", Some(&unknown_user)),
        ("director", Some(&director)),
        ("web frontend", Some(&frontend)),
        ("ingress", Some(&ingress)),
        ("manager", Some(&manager)),
        ("manager of another's application", Some(&manager_of_other)),
        ("manager of no application", Some(&manager_of_none)),
        ("agent", Some(&agent)),
        ("agent of another's application", Some(&agent_of_other)),
    ];
    let mut n_checked = 0;
    for (verb, pattern, access) in route_table() {
        if pattern.starts_with("/deleteapp") || verb == "HEAD" {
            // Deleting Alice's application would change what the other rows see; it has its own test below.
            continue;
        }
        let path = pattern.replace("<int>", "7").replace("<text>", "x");
        for (name, who) in &callers {
            let answer = call(&world, *who, verb, &path).await;
            let wanted = match (access, *name) {
                (Access::Anyone, _) if pattern == "/login" => Verdict::False,
                (Access::Anyone | Access::Token, _) => Verdict::Admitted,
                (Access::Ingress, "ingress") => Verdict::Admitted,
                (Access::Ingress, "user" | "unknown user") => Verdict::False,
                (Access::Ingress, "nobody" | "outdated manager" | "outdated agent of another's application") => {
                    Verdict::NoCertificate
                }
                (Access::Ingress, _) => Verdict::WrongRole,
                (Access::WebFrontend, "web frontend") => Verdict::Admitted,
                (Access::WebFrontend, "user" | "unknown user") => Verdict::False,
                (Access::WebFrontend, "nobody" | "outdated manager" | "outdated agent of another's application") => {
                    Verdict::NoCertificate
                }
                (Access::WebFrontend, _) => Verdict::WrongRole,
                (_, "nobody" | "director" | "web frontend" | "ingress") => Verdict::NoCertificate,
                (Access::OutdatedNode, "outdated manager") => Verdict::Admitted,
                (Access::OutdatedNode, "outdated agent of another's application") => Verdict::False,
                (_, "outdated manager" | "outdated agent of another's application") => Verdict::NoCertificate,
                (Access::User, "user") => Verdict::Admitted,
                (Access::User, "unknown user") => Verdict::False,
                (Access::User, _) => Verdict::WrongRole,
                (_, "user" | "unknown user") => Verdict::False,
                (_, "manager") => Verdict::Admitted,
                (_, "manager of another's application" | "manager of no application") => Verdict::False,
                (Access::OutdatedNode, "agent") => Verdict::Admitted,
                (Access::OutdatedNode, _) => Verdict::False,
                (Access::Manager, _) => Verdict::WrongRole,
            };
            assert_eq!(verdict(&answer), wanted, "{verb} {path} by {name}: {} {}", answer.status, answer.text);
            n_checked += 1;
        }
    }
    assert!(n_checked > 200, "only {n_checked} cells of the matrix were checked");
}

#[tokio::test]
async fn nobody_touches_what_is_anothers() {
    let world = World::start();
    world.add_user("alice");
    world.add_user("mallory");
    let alice = world.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
    let mallory = world.certificate(&Subject::user(MALLORY, "mallory", "mallory@example.org"), Lifetime::USER);
    let before = world.get(Some(&alice), "/listapp").await.text;
    for (path, fields, error) in [
        ("/startapp/1", &[][..], "Application not found"),
        ("/stopapp/1", &[], "Application not found"),
        ("/deleteapp/1", &[], "Application not found"),
        ("/renameapp/1", &[("name", "mine")], "Application not found"),
        ("/delete_kept_volume", &[("app_id", "1"), ("name", "data")], "Application not found"),
        ("/add/generic", &[("appid", "1")], "Application 1 not found."),
        ("/rename", &[("app_id", "1"), ("service_id", "1"), ("name", "x")], "Invalid service_id"),
        ("/remove", &[("app_id", "1"), ("service_id", "1")], "Application 1 not found."),
        ("/publish", &[("app_id", "1"), ("service_id", "1"), ("name", "blog")], "Application not found"),
        ("/unpublish", &[("app_id", "1"), ("service_id", "1")], "Application not found"),
    ] {
        let answer = world.post(Some(&mallory), path, fields).await;
        assert_eq!(answer.error(), error, "{path}");
    }
    assert_eq!(world.get(Some(&mallory), "/list/1").await.text, "[]");
    assert_eq!(world.get(Some(&alice), "/listapp").await.text, before);

    let manager = world.certificate(&Subject::manager(MALLORY, ApplicationId(2)), Lifetime::NODE);
    let nodes_info = r#"[{"cloud": "default", "role": "node"}]"#;
    let order = [
        ("app_id", "1"),
        ("service_id", "1"),
        ("service_type", "generic"),
        ("manager_ip", "127.0.0.1"),
        ("nodes_info", nodes_info),
    ];
    let answer = world.post(Some(&manager), "/create_nodes", &order).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let answer = world.post(Some(&manager), "/attach_volume", &[("volume_id", "v"), ("vm_id", "i-1")]).await;
    assert_eq!(answer.error(), "Volume v not found in application 2");
    let answer =
        world.post(Some(&manager), "/callback/decrementUserCredit.php", &[("aid", "1"), ("decrement", "5")]).await;
    assert_eq!(answer.json()["error"], true);
    assert_eq!(world.get(Some(&alice), "/user_credit").await.text, "50");
}

#[tokio::test]
async fn the_authority_signs_for_the_callers_own_application_only() {
    let world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    let manager = world.certificate(&Subject::manager(ALICE, ApplicationId(1)), Lifetime::NODE);
    let table = [
        ("own agent", Subject::agent(ALICE, ApplicationId(1)), 200),
        ("a manager", Subject::manager(ALICE, ApplicationId(1)), 403),
        ("another application's agent", Subject::agent(ALICE, ApplicationId(2)), 403),
        ("another user's agent", Subject::agent(MALLORY, ApplicationId(1)), 403),
        ("a user", Subject::user(ALICE, "alice", "a@b"), 403),
        ("a director", Subject::director("x"), 403),
    ];
    for (name, subject, status) in table {
        let (request, _) = conpaas::pki::CertificateRequest::make(&subject).unwrap();
        let path = world.path("request.pem");
        std::fs::write(&path, request).unwrap();
        let form = conpaas::rpc::FormBody::default().file("csr", &path);
        let answer = world.client(Some(&manager)).post_form(&world.endpoint, "/ca/get_cert.php", &form).await.unwrap();
        assert_eq!(answer.status, status, "{name}: {}", String::from_utf8_lossy(&answer.body));
    }
    let answer = world.post(Some(&manager), "/ca/get_cert.php", &[]).await;
    assert_eq!(answer.status, 400, "a missing file");
}

#[tokio::test]
async fn a_certificate_is_renewed_only_while_its_node_is_wanted() {
    let world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
    let (manager, agent) = (Subject::manager(ALICE, ApplicationId(1)), Subject::agent(ALICE, ApplicationId(1)));
    let renew = async |subject: &Subject, node: Option<i64>, lifetime: Lifetime| {
        let (request, _) = conpaas::pki::CertificateRequest::make(subject).unwrap();
        let path = world.path("request.pem");
        std::fs::write(&path, request).unwrap();
        let form = conpaas::rpc::FormBody::default().file("csr", &path);
        let own = match node {
            Some(number) => world.certificate_of_node(subject, number, lifetime),
            None => world.certificate(subject, lifetime),
        };
        if lifetime.0.is_zero() {
            world.await_outdated(&own);
        }
        let answer = world.client(Some(&own)).post_form(&world.endpoint, "/ca/renew", &form).await.unwrap();
        if answer.status == 200 {
            let certificate_pem = String::from_utf8(answer.body.to_vec()).unwrap();
            let renewed = Credentials { certificate_pem, ..own }.identity().unwrap();
            assert_eq!(renewed.node.map(conpaas::pki::NodeNumber::get), node, "it stays that of its node");
            assert!(renewed.is_current(chrono::Utc::now().timestamp()));
        }
        answer.status
    };
    let (good, outdated) = (Lifetime::NODE, Lifetime(Duration::ZERO));
    assert_eq!(renew(&manager, Some(1), good).await, 403, "the application was never started");
    assert_eq!(renew(&manager, None, good).await, 403);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    for (subject, node, lifetime, status) in [
        (&manager, Some(1), good, 200),
        (&manager, Some(1), outdated, 200),
        (&manager, Some(2), good, 403),
        (&manager, Some(2), outdated, 403),
        (&manager, None, good, 200),
        (&manager, None, outdated, 403),
        (&agent, Some(1), good, 403),
        (&agent, Some(1), outdated, 403),
        (&agent, None, good, 403),
    ] {
        assert_eq!(renew(subject, node, lifetime).await, status, "{subject:?} of node {node:?}, {lifetime:?}");
    }
    world.post(Some(&alice), "/stopapp/1", &[]).await;
    world.post(Some(&alice), "/startapp/1", &[]).await;
    for lifetime in [good, outdated] {
        assert_eq!(renew(&manager, Some(1), lifetime).await, 403, "what was removed gets nothing more");
        assert_eq!(renew(&manager, Some(2), lifetime).await, 200, "the manager that came after it does");
    }
}

#[tokio::test]
async fn a_certificate_that_is_expired_or_of_another_authority_does_not_get_in() {
    let world = World::start();
    world.add_user("alice");
    let subject = Subject::user(ALICE, "alice", "alice@example.org");
    let short = world.certificate(&subject, Lifetime(Duration::ZERO));
    world.await_outdated(&short);
    let error = world.client(Some(&short)).get(&world.endpoint, "/listapp", &[]).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    // A node's is let in, as nobody's.
    let node = world.certificate(&Subject::manager(ALICE, ApplicationId(1)), Lifetime(Duration::ZERO));
    world.await_outdated(&node);
    let answer = world.post(Some(&node), "/credit", &[]).await;
    assert!(answer.status == 401 && answer.text.contains("not good at this time"), "{}", answer.text);
    // But not one of another authority.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut foreign = Authority::create(elsewhere.path())
        .unwrap()
        .issue(&Subject::manager(ALICE, ApplicationId(1)), &[], Lifetime(Duration::ZERO))
        .unwrap();
    foreign.authority_pem = short.authority_pem.clone();
    world.await_outdated(&foreign);
    let error = world.client(Some(&foreign)).get(&world.endpoint, "/version", &[]).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut foreign = Authority::create(elsewhere.path()).unwrap().issue(&subject, &[], Lifetime::USER).unwrap();
    foreign.authority_pem = short.authority_pem.clone();
    let error = world.client(Some(&foreign)).get(&world.endpoint, "/listapp", &[]).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let good = world.certificate(&subject, Lifetime::USER);
    assert_eq!(world.get(Some(&good), "/listapp").await.status, 200, "the director goes on");
}
