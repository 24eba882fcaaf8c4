//! The client with the real director.

use super::backend::Backend;
use super::place::Place;

/// What a user does before anything runs: command, exit code, standard output, standard error.
const BEFORE_ANYTHING_RUNS: &[(&str, i32, &str, &str)] = &[
    ("cps-user get_credit", 0, "50\n", ""),
    ("cps-user list", 0, "test\n", ""),
    ("cps-user list --credit", 0, "test\t50\n", ""),
    ("cps-user add_credit test -3", 0, "Credit added successfully to user 'test', the new credit is 47.\n", ""),
    ("cps-user add_credit nobody 1", 1, "", "ERROR: Unknown user 'nobody'\n"),
    ("cps-user create test --email a@b --password x", 1, "", "ERROR: Username 'test' is already taken\n"),
    ("cps-user create_free free --email f@x --password x", 0, "User 'free' created successfully.\n", ""),
    ("cps-user create_free f2 --email f@x --password x", 1, "", "ERROR: E-mail 'f@x' is already registered\n"),
    (
        "cps-user create_free f2 --email g@x --password x --credit 51",
        1,
        "",
        "ERROR: Cannot allocate 51 credit for a new user (max credit 50).\n",
    ),
    ("cps-user create_free f2 --email g@x --credit 0", 1, "", "ERROR: Cannot create a user with 0 credits.\n"),
    ("cps-director version", 0, "ConPaaS director version 2.0.0\n", ""),
    ("cps-cloud list", 0, "default\ncloud2\n", ""),
    ("cps-cloud list_resources", 0, "No existing resources\n", ""),
    (
        "cps-application list",
        0,
        "aid name            manager cloud status\n\
         ----------------------------------------\n\
         \u{20} 1 New Application None    None  INIT  \n",
        "",
    ),
    ("cps-application create web", 0, "Application 'web' created with id 3.\n", ""),
    ("cps-application create web", 1, "", "ERROR: Application name \"web\" is already taken\n"),
    ("cps-application rename 3 webapp", 0, "Application with id 3 has been renamed from 'web' to 'webapp'.\n", ""),
    ("cps-application start webapp -c nocloud", 1, "", "ERROR: Unknown cloud name 'nocloud'\n"),
    ("cps-application get_info webapp", 1, "", "ERROR: Application 3 has not started. Try to start it first.\n"),
    ("cps-service add generic webapp", 1, "", "ERROR: Application 3 has not started. Try to start it first.\n"),
    ("cps-service add nonsense webapp", 1, "", "ERROR: Unknown service type 'nonsense'\n"),
    ("cps-service list", 0, "No existing services.\n", ""),
    ("cps-generic start webapp 1", 1, "", "ERROR: Unknown service id 1 in application 3 of type generic.\n"),
    ("cps-application stop webapp", 0, "Application 'webapp' with id 3 was stopped.\n", ""),
    ("cps-application delete webapp", 0, "Application 'webapp' with id 3 has been deleted.\n", ""),
    ("cps-application delete webapp", 1, "", "ERROR: Unknown application name 'webapp'\n"),
    ("cps-application delete 99", 1, "", "ERROR: Unknown application id 99\n"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_and_the_real_director() {
    let place = Place::new().await;
    let backend = Backend::start(&place).await;
    assert_eq!(place.run(&["cps-user", "get_certificate"]).await.code, 0);
    let config = place.run(&["cps-user", "get_config"]).await.stdout;
    assert!(config.starts_with("username: test\nopenid: None\nuuid: \ncreated: "), "{config}");
    assert!(config.ends_with("credit: 50\nlname: \naffiliation: \nfname: \nemail: t@x.y\nuid: 1\n"), "{config}");
    for (line, code, stdout, stderr) in BEFORE_ANYTHING_RUNS {
        let words: Vec<&str> = line.split(' ').collect();
        let got = place.run_on_director(&words, "").await;
        assert_eq!((got.code, got.stdout.as_str(), got.stderr.as_str()), (*code, *stdout, *stderr), "{line}");
    }
    let events = place.run(&["conpaas", "events", "-n", "2", "--json"]).await;
    let told: Vec<serde_json::Value> = serde_json::from_str(&events.stdout).expect(&events.stderr);
    let told: Vec<_> = told.iter().map(|event| [&event["app_name"], &event["state"], &event["reason"]]).collect();
    assert_eq!(told, [["webapp", "STOPPED", ""], ["webapp", "STOPPED", "The application is deleted"]]);
    let shown = place.run(&["conpaas", "events"]).await.stdout;
    assert!(shown.starts_with("when ") && shown.contains("webapp"), "{shown}");
    backend.stop(&place).await;
}
