//! Requests that were recorded at ConPaaS 2.0's director, and what it
//! answered: shapes and texts are the same, except where the reference lists
//! a weakness that is mended (see `docs/reference/wire-deviations.md`).

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall};
use serde_json::{Value, json};

use crate::support::director::World;
use crate::support::wait::eventually;

#[tokio::test]
async fn accounts_answer_as_recorded() {
    let world = World::start();
    world.add_user("test");
    let alice = [
        ("username", "alice"),
        ("fname", "Al"),
        ("lname", "Ice"),
        ("email", "alice@example.org"),
        ("affiliation", "Uni"),
        ("password", "secret"),
        ("credit", "10"),
        ("uuid", "<none>"),
        ("openid", "<none>"),
    ];
    let created = world.post(None, "/new_user", &alice).await.json();
    assert_eq!(created["password"], "5ebe2294ecd0e0f08eab7690d2a6ee69");
    assert_eq!((&created["uuid"], &created["openid"], &created["credit"]), (&json!(""), &json!("<none>"), &json!(10)));
    let with = |changes: &[(&'static str, &'static str)]| {
        let mut fields: Vec<(&str, &str)> = alice.to_vec();
        for (name, value) in changes {
            fields.retain(|(field, _)| field != name);
            if *value != "-" {
                fields.push((name, value));
            }
        }
        fields
    };
    for (changes, error) in [
        (&[][..], "Username 'alice' is already taken"),
        (&[("username", "b")], "E-mail 'alice@example.org' is already registered"),
        (&[("email", "-")], "Missing required field: 'email'"),
        (&[("email", "")], "Missing required field: 'email'"),
        (&[("password", "-")], "Missing required field: 'password'"),
        (&[("username", "b"), ("email", "b"), ("credit", "x")], "Required credit 'x' is not a valid integer."),
        (&[("username", "b"), ("email", "b"), ("credit", "-1")], "Required credit -1 cannot be a negative integer."),
        (
            &[("username", "b"), ("email", "b"), ("credit", "51")],
            "Cannot allocate 51 credit for a new user (max credit 50).",
        ),
    ] {
        assert_eq!(world.post(None, "/new_user", &with(changes)).await.error(), error);
    }
    let login = world.post(None, "/login", &[("username", "test"), ("password", "test-secret")]).await.json();
    let keys: Vec<&str> = login.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "username",
        "openid",
        "uid",
        "affiliation",
        "password",
        "uuid",
        "created",
        "lname",
        "credit",
        "fname",
        "email",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(world.post(None, "/login", &[("username", "test"), ("password", "no")]).await.text, "false");
    assert_eq!(world.post(None, "/login", &[("username", "ghost"), ("password", "no")]).await.text, "false");
    assert_eq!(world.post(None, "/login", &[("uuid", "<none>")]).await.text, "false");
    let answer = world.post(None, "/getcerts", &[("username", "test"), ("password", "bad")]).await;
    assert_eq!(answer.text, "{\n  \"error\": \"User authentication failed\"\n}\n");
    let answer = world.get(None, "/getcerts?username=test&password=test-secret").await;
    assert!(answer.text.starts_with("PK"), "a zip file");
    for name in ["ca_cert.pem", "key.pem", "cert.pem"] {
        assert!(answer.text.contains(name), "{name}");
    }
}

#[tokio::test]
async fn public_information_answers_as_recorded() {
    let world = World::start();
    for (path, text) in [
        ("/version", "2.0.0"),
        ("/support_external_idp", "False"),
        ("/support_openid", "False"),
        ("/debug_level/js", "0"),
        ("/available_services", r#"["java", "generic", "helloworld", "mysql", "xtreemfs", "php"]"#),
        ("/available_clouds", r#"["default"]"#),
        ("/download_data/nothing", ""),
        ("/download_data/..%2f..%2fdirector.db", ""),
    ] {
        let answer = world.get(None, path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, text), "{path}");
    }
    for (verb, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/download/ConPaaS.tar.gz", 404),
        ("GET", "/login", 405),
        ("POST", "/version", 405),
        ("POST", "/renameapp/abc", 404),
    ] {
        let answer = if verb == "GET" { world.get(None, path).await } else { world.post(None, path, &[]).await };
        assert_eq!(answer.status, status, "{verb} {path}");
    }
}

#[tokio::test]
async fn applications_answer_as_recorded() {
    let world = World::start();
    world.add_user("test");
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    let who = Some(&user);
    let created = world.post(who, "/createapp", &[("name", "First app")]).await;
    let wanted = "{\n  \"aid\": 2, \n  \"cloud\": null, \n  \"manager\": null, \n  \"name\": \"First app\", \n  \
                  \"status\": \"INIT\", \n  \"uid\": 1, \n  \"vmid\": null\n}\n";
    assert_eq!(created.text, wanted);
    for (path, fields, error) in [
        ("/createapp", &[][..], "\"name\" is a required argument"),
        ("/createapp", &[("name", "First app")], "Application name \"First app\" is already taken"),
        ("/renameapp/2", &[], "\"name\" is a required argument"),
        ("/renameapp/99", &[("name", "x")], "Application not found"),
        ("/renameapp/2", &[("name", "New Application")], "Application name \"New Application\" is already taken"),
        ("/startapp/99", &[], "Application not found"),
        ("/deleteapp/99", &[], "Application not found"),
        ("/startapp/2/nowhere", &[], "Unknown cloud: nowhere. Available clouds: ['iaas']"),
        ("/add/nonsense", &[], "Unknown service type 'nonsense'"),
        ("/add/generic", &[("appid", "2")], "Application 2 has not started. Try to start it first."),
        ("/add/generic", &[("appid", "99")], "Application 99 not found."),
        ("/rename", &[], "Bad specification of application or service IDs"),
        ("/rename", &[("app_id", "2"), ("service_id", "1")], "\"name\" is a required argument"),
        ("/rename", &[("app_id", "2"), ("service_id", "9"), ("name", "x")], "Invalid service_id"),
        ("/remove", &[("app_id", "2"), ("service_id", "9")], "Application 2 has not started. Try to start it first."),
    ] {
        assert_eq!(world.post(who, path, fields).await.error(), error, "{path} {fields:?}");
    }
    assert_eq!(world.post(who, "/renameapp/2", &[("name", "Renamed")]).await.text, "{}\n");
    let listed = world.get(who, "/listapp").await.json();
    assert_eq!(
        listed[1],
        json!({"aid": 2, "name": "Renamed", "uid": 1, "status": "INIT", "manager": null, "vmid": null, "cloud": null})
    );
    assert_eq!(world.get(who, "/list").await.text, "[]");
    assert_eq!(world.get(who, "/list_resources").await.text, "[]");
    assert_eq!(world.post(who, "/stopapp/2", &[]).await.text, "{}");
    assert_eq!(world.get(who, "/listapp").await.json()[1]["status"], "STOPPED");
    assert_eq!(world.post(who, "/deleteapp/2", &[]).await.text, "{}");
    assert_eq!(world.get(who, "/listapp").await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_start_that_fails_ends_in_error_with_its_reason() {
    let world = World::start_with(&[("iaas.PROGRAM", "/dev/null/conpaas")], &[]);
    world.add_user("test");
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    let started = world.post(Some(&user), "/startapp/1", &[]).await.json();
    let fields: Vec<&String> = started.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    assert_eq!(fields, ["operation_id"], "nothing but what a client may wait for: {started}");
    let application = eventually("the application is in ERROR", || async {
        let application = world.get(Some(&user), "/listapp").await.json()[0].clone();
        (application["status"] == "ERROR").then_some(application)
    })
    .await;
    let reason = application["reason"].as_str().unwrap();
    assert!(reason.contains("/dev/null/conpaas"), "{reason}");
    assert!(world.log().contains("application cannot start"), "{}", world.log());
    assert_eq!(application["manager"], Value::Null);
    assert_eq!(world.get(Some(&user), "/user_credit").await.text, "50", "nothing was charged");
    assert_eq!(world.post(Some(&user), "/stopapp/1", &[]).await.text, "{}");
}

#[tokio::test]
async fn without_credit_nothing_starts() {
    let world = World::start();
    crate::support::director::succeed(&mut world.command(&[
        "user",
        "create",
        "poor",
        "--email",
        "p@b",
        "--password",
        "x",
        "--credit",
        "1",
    ]));
    crate::support::director::succeed(&mut world.command(&["user", "add_credit", "poor", "-1"]));
    let user = world.certificate(&Subject::user(UserId(1), "poor", "p@b"), Lifetime::USER);
    assert_eq!(world.post(Some(&user), "/startapp/1", &[]).await.error(), "Insufficient credits");
    let manager = world.certificate(&Subject::manager(UserId(1), ApplicationId(1)), Lifetime::NODE);
    let order = [
        ("app_id", "1"),
        ("service_id", "1"),
        ("service_type", "generic"),
        ("manager_ip", "127.0.0.1"),
        ("nodes_info", "[{'cloud': u'default', 'role': 'node'}]"),
        ("context", "{}"),
    ];
    assert_eq!(world.post(Some(&manager), "/create_nodes", &order).await.error(), "Insufficient credits");
    assert_eq!(world.post(Some(&manager), "/credit", &[]).await.json(), json!({"credit": 0}));
}

#[tokio::test]
async fn bounds_of_archives_are_set_at_the_director_and_hold_in_its_nodes() {
    let world = World::start_with(&[("director.ARCHIVE_MAX_ENTRIES", "3")], &[]);
    world.add_user("test");
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    world.post(Some(&user), "/startapp/1", &[]).await;
    let host = eventually("the manager is up", || async {
        let application = world.get(Some(&user), "/listapp").await.json()[0].clone();
        application["manager"].as_str().map(str::to_owned)
    })
    .await;
    world.post(Some(&user), "/add/generic", &[("appid", "1")]).await.json();
    let directory = tempfile::tempdir().unwrap();
    let upload = |n_files: usize| {
        let path = directory.path().join(format!("{n_files}.tar"));
        let mut archive = tar::Builder::new(std::fs::File::create(&path).unwrap());
        for index in 0..n_files {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o755);
            header.set_mtime(0);
            header.set_cksum();
            archive.append_data(&mut header, format!("{index}.sh"), std::io::empty()).unwrap();
        }
        archive.finish().unwrap();
        RpcCall::upload(1, "upload_code_version").file("code", path, "code.tar")
    };
    let manager = Client::new(Some(&user), PeerRule::ManagerOf(UserId(1))).unwrap();
    let endpoint = Endpoint { host, port: 8443 };
    assert!(manager.call(&endpoint, &upload(3)).await.unwrap()["codeVersionId"].is_string());
    let error = manager.call(&endpoint, &upload(4)).await.unwrap_err().to_string();
    assert!(error.contains("Archive is too large"), "{error}");
}

#[tokio::test]
async fn a_name_is_what_was_registered_blanks_and_all() {
    let world = World::start();
    let fields =
        |name: &'static str| [("username", name), ("email", "al@example.org"), ("password", "secret"), ("credit", "5")];
    assert_eq!(world.post(None, "/new_user", &fields("  ")).await.error(), "Missing required field: 'username'");
    assert_eq!(world.post(None, "/new_user", &fields("al ")).await.json()["username"], "al ");
    let login = |name: &'static str| [("username", name), ("password", "secret")];
    assert_eq!(world.post(None, "/login", &login("al ")).await.json()["username"], "al ");
    assert_eq!(world.post(None, "/login", &login("al")).await.text, "false");
}

#[tokio::test]
async fn credit_is_taken_whole_or_not_at_all() {
    let world = World::start();
    world.add_user("test");
    let manager = world.certificate(&Subject::manager(UserId(1), ApplicationId(1)), Lifetime::NODE);
    let user = world.certificate(&Subject::user(UserId(1), "test", "test@example.org"), Lifetime::USER);
    world.post(Some(&user), "/startapp/1", &[]).await;
    let before = eventually("the manager's first hour is paid", || async {
        let credit = world.post(Some(&manager), "/credit", &[]).await.json()["credit"].as_i64().unwrap();
        (credit == 49).then_some(credit)
    })
    .await;
    for (decrement, is_error, left) in
        [("0", true, before), ("-1", true, before), ("51", true, before), ("x", true, before), ("2", false, before - 2)]
    {
        let fields = [("aid", "1"), ("decrement", decrement)];
        let said = world.post(Some(&manager), "/callback/decrementUserCredit.php", &fields).await.text;
        assert_eq!(said, format!("{{\"error\": {is_error}}}"), "{decrement}");
        assert_eq!(world.post(Some(&manager), "/credit", &[]).await.json()["credit"], left, "{decrement}");
    }
}
