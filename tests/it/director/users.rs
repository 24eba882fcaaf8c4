//! Users as their operator has them: passwords, names, removal, and who may register.

use std::process::Output;

use crate::support::director::World;
use crate::support::totp::code_of;
use crate::support::wait::eventually;
use conpaas::pki::{Credentials, Lifetime, Subject};

const PASSWORDS: &str = "new-secret\nnew-secret\n";

fn type_command(world: &World, words: &[&str], answers: &str) -> Output {
    use std::io::Write;
    let mut command = world.command(words);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn told(world: &World, words: &[&str], answers: &str, code: i32) -> String {
    let output = type_command(world, words, answers);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    text
}

async fn logs_in(world: &World, name: &str, password: &str) -> bool {
    world.post(None, "/login", &[("username", name), ("password", password)]).await.text.trim() != "false"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_changes_passwords_and_names_and_removes_users() {
    let world = World::start();
    world.add_user("alice");
    world.add_user("bob");
    told(&world, &["director", "user", "password", "alice"], PASSWORDS, 0);
    assert!(logs_in(&world, "alice", "new-secret").await && !logs_in(&world, "alice", "alice-secret").await);
    assert!(told(&world, &["director", "user", "password", "eve"], PASSWORDS, 1).contains("Unknown user 'eve'"));
    assert!(told(&world, &["director", "user", "password", "alice"], "\n\n", 1).contains("empty"));
    assert!(told(&world, &["director", "user", "rename", "bob", "alice"], "", 1).contains("already taken"));
    assert!(told(&world, &["director", "user", "rename", "bob", "bo "], "", 1).contains("no blank"));
    told(&world, &["director", "user", "rename", "bob", "robert"], "", 0);
    assert!(logs_in(&world, "robert", "bob-secret").await);
    let list = told(&world, &["director", "user", "list", "--json"], "", 0);
    assert_eq!(list, "[{\"username\":\"alice\",\"credit\":50},{\"username\":\"robert\",\"credit\":50}]\n");

    let alice = user_certificate(&world, 1, "alice");
    world.post(Some(&alice), "/startapp/1", &[]).await;
    eventually("the application runs", async || {
        let list = world.get(Some(&alice), "/listapp").await;
        list.text.contains("RUNNING").then_some(())
    })
    .await;
    let refused = told(&world, &["director", "user", "remove", "alice"], "", 1);
    assert!(refused.contains("'New Application' (RUNNING)") && refused.contains("--force"), "{refused}");
    assert!(logs_in(&world, "alice", "new-secret").await);
    told(&world, &["director", "user", "remove", "alice", "--force"], "", 0);
    assert!(!logs_in(&world, "alice", "new-secret").await);
    assert_eq!(world.get(Some(&alice), "/listapp").await.text.trim(), "false");
    eventually("the manager is gone", async || {
        let clouds = world.path("state").join("clouds/iaas/nodes");
        (crate::support::director::entries(&clouds) == 0).then_some(())
    })
    .await;
}

fn user_certificate(world: &World, uid: i64, name: &str) -> Credentials {
    let subject = Subject::user(conpaas::model::UserId(uid), name, &format!("{name}@example.org"));
    world.certificate(&subject, Lifetime::USER)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registration_is_open_closed_or_by_invitation() {
    let register = async |world: &World, code: Option<&str>| {
        let mut fields = vec![("username", "eve"), ("email", "eve@example.org"), ("password", "x"), ("credit", "5")];
        fields.extend(code.map(|code| ("invitation", code)));
        world.post(None, "/new_user", &fields).await
    };
    let world = World::start_with(&[("director.REGISTRATION", "closed")], &[]);
    assert!(register(&world, None).await.error().starts_with("Registration is closed at this director"));
    assert!(register(&world, Some("spring")).await.error().starts_with("Registration is closed"));
    let codes = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(codes.path(), "# the course\nspring-7\n").unwrap();
    let world = World::start_with(&[("director.REGISTRATION", codes.path().to_str().unwrap())], &[]);
    assert!(register(&world, None).await.error().contains("needs an invitation code"));
    assert!(register(&world, Some("spring")).await.error().contains("is not known"));
    std::fs::write(codes.path(), "").unwrap();
    assert!(register(&world, Some("spring-7")).await.error().contains("is not known"), "the line is gone");
    std::fs::write(codes.path(), "spring-7\n").unwrap();
    assert_eq!(register(&world, Some("spring-7")).await.json()["username"], "eve");
    let world = World::start();
    assert_eq!(register(&world, None).await.json()["username"], "eve", "only this machine reaches it");
}

#[tokio::test]
async fn tries_count_for_the_visitor_whom_a_web_frontend_names_and_for_nobody_whom_others_name() {
    let limits = [("director.LOGIN_ATTEMPTS_PER_MINUTE", "1"), ("director.LOGIN_BURST", "2")];
    let world = World::start_with(&limits, &[]);
    world.add_user("alice");
    let frontend = world.certificate(&Subject::web_frontend(), Lifetime::USER);
    let user = user_certificate(&world, 1, "alice");
    let guess = async |who, visitor: &str| {
        let fields = [("username", "alice"), ("password", "guess"), ("visitor_address", visitor)];
        world.post(Some(who), "/getcerts", &fields).await.status
    };
    for visitor in ["10.0.0.1", "10.0.0.2", "2001:db8::1"] {
        let statuses =
            [guess(&frontend, visitor).await, guess(&frontend, visitor).await, guess(&frontend, visitor).await];
        assert_eq!(statuses, [200, 200, 429], "{visitor}");
    }
    let statuses = [guess(&user, "10.1.0.1").await, guess(&user, "10.1.0.2").await, guess(&user, "10.1.0.3").await];
    assert_eq!(statuses, [200, 200, 429], "only a frontend is believed");
}

#[tokio::test]
async fn a_user_changes_the_password_by_the_old_one() {
    let world = World::start();
    world.add_user("alice");
    let user = user_certificate(&world, 1, "alice");
    let change =
        async |old, new| world.post(Some(&user), "/change_password", &[("password", old), ("new_password", new)]).await;
    assert_eq!(change("guess", "new").await.error(), "User authentication failed");
    assert_eq!(change("alice-secret", "").await.error(), "Missing required field: 'new_password'");
    assert_eq!(change("alice-secret", "new").await.text, "{}");
    let login =
        async |password| world.post(None, "/login", &[("username", "alice"), ("password", password)]).await.text;
    assert_eq!(login("alice-secret").await, "false");
    assert!(login("new").await.contains("alice@example.org"));
}

#[tokio::test]
async fn a_login_needs_a_one_time_code_once_its_user_has_shown_one_and_none_opens_twice() {
    let world = World::start();
    world.add_user("alice");
    let alice = user_certificate(&world, 1, "alice");
    let post = async |path: &str, fields: &[(&str, &str)]| world.post(Some(&alice), path, fields).await;
    let login = async |code: Option<&str>| {
        let mut fields = vec![("username", "alice"), ("password", "alice-secret")];
        fields.extend(code.map(|code| ("totp", code)));
        let text = world.post(None, "/login", &fields).await.text;
        if text.contains("alice@example.org") { "in".to_owned() } else { text }
    };
    assert!(post("/confirm_totp", &[("totp", "123456")]).await.error().contains("begin them first"));
    assert_eq!(post("/begin_totp", &[("password", "guess")]).await.error(), "User authentication failed");
    let begun = post("/begin_totp", &[("password", "alice-secret")]).await.json();
    let secret = begun["secret"].as_str().expect("a secret").to_owned();
    assert!(begun["url"].as_str().is_some_and(|url| url.starts_with("otpauth://totp/") && url.contains(&secret)));
    assert_eq!(login(None).await, "in", "nothing is needed before the first code was shown");
    assert!(post("/confirm_totp", &[("totp", "12345x")]).await.error().contains("code is wrong"));
    let first = code_of(&secret, 0);
    let codes = post("/confirm_totp", &[("totp", &format!("{} {}", &first[..3], &first[3..]))]).await.json();
    let recovery = codes["recovery_codes"].as_array().expect("recovery codes").clone();
    assert_eq!(recovery.len(), 10);
    assert!(login(None).await.contains("A one-time code is needed besides the password"));
    assert!(login(Some(&first)).await.contains("was used before"), "its step is over");
    assert_eq!(login(Some(&code_of(&secret, 30))).await, "in");
    assert!(login(Some(&code_of(&secret, 30))).await.contains("was used before"));
    let spare = recovery[0].as_str().expect("a text");
    assert_eq!(login(Some(spare)).await, "in", "a recovery code stands in");
    assert!(login(Some(spare)).await.contains("was used before"), "once");
    let state = world.get(Some(&alice), "/totp").await.json();
    assert_eq!((state["is_on"].as_bool(), state["n_recovery_codes"].as_i64()), (Some(true), Some(9)));
    assert!(post("/begin_totp", &[("password", "alice-secret")]).await.error().contains("switched on already"));
    let spare = recovery[1].as_str().expect("a text");
    assert_eq!(
        post("/end_totp", &[("password", "guess"), ("totp", spare)]).await.error(),
        "User authentication failed"
    );
    assert!(post("/end_totp", &[("password", "alice-secret")]).await.error().contains("code is needed"));
    assert_eq!(post("/end_totp", &[("password", "alice-secret"), ("totp", spare)]).await.text, "{}");
    assert_eq!(login(None).await, "in");
}

#[tokio::test]
async fn guesses_of_one_time_codes_count_as_guesses_of_passwords_do() {
    let limits = [("director.LOGIN_ATTEMPTS_PER_MINUTE", "1"), ("director.LOGIN_BURST", "4")];
    let world = World::start_with(&limits, &[]);
    world.add_user("alice");
    let alice = user_certificate(&world, 1, "alice");
    let begun = world.post(Some(&alice), "/begin_totp", &[("password", "alice-secret")]).await.json();
    let first = code_of(begun["secret"].as_str().expect("a secret"), 0);
    assert!(world.post(Some(&alice), "/confirm_totp", &[("totp", &first)]).await.text.contains("recovery_codes"));
    let guess = async |code: &str| {
        let fields = [("username", "alice"), ("password", "alice-secret"), ("totp", code)];
        world.post(None, "/getcerts", &fields).await.status
    };
    let mut statuses = Vec::new();
    for code in ["000000", "000001", "000002", "000003", "000004", "000005"] {
        statuses.push(guess(code).await);
    }
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
}
