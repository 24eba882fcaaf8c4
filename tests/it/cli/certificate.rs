//! Pinning: the first certificate authority is trusted, another one is refused.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use conpaas::model::UserId;
use conpaas::pki::{Lifetime, Subject};

use super::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_authority_is_pinned_and_another_one_refused() {
    let place = Place::new().await;
    let first = place.run(&["cps-user", "get_certificate"]).await;
    assert_eq!((first.code, first.stdout.as_str()), (0, "User certificates installed successfully.\n"));
    let authority = std::fs::read_to_string(place.state_dir().join("ca_cert.pem")).unwrap();
    let fingerprint = conpaas::pki::fingerprint(&authority).unwrap();
    assert!(first.stderr.contains(&fingerprint), "{}", first.stderr);
    let mode = |name: &str| std::fs::metadata(place.state_dir().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("."), mode("key.pem")), (0o700, 0o600));

    let again = place.run(&["cps-user", "get_certificate"]).await;
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "a known authority needs no words");

    // What a full disk or a power cut leaves.
    let key = place.state_dir().join("key.pem");
    std::fs::write(&key, "").unwrap();
    let empty = place.run(&["cps-user", "get_credit"]).await;
    let wanted = format!("ERROR: Cannot call the ConPaaS director: the file '{}' is empty.\n", key.display());
    assert!(empty.code == 1 && empty.stderr.starts_with(&wanted), "{empty:?}");
    assert_eq!(place.run(&["cps-user", "get_certificate"]).await.code, 0);
    place.script.lock().unwrap().set("director user_credit", &["8"]);
    assert_eq!(place.run(&["cps-user", "get_credit"]).await.stdout, "8\n");

    let other = Place::new().await;
    place.configure(other.director.port);
    let refused = place.run(&["cps-user", "get_certificate"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains("You may be the victim of a man-in-the-middle attack"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--accept-new-ca"), "{}", refused.stderr);
    let refused = place.run(&["cps-user", "get_credit"]).await;
    assert!(refused.stderr.contains("SSL certificate failed verification"), "{}", refused.stderr);
    let accepted = place.run(&["cps-user", "get_certificate", "--accept-new-ca"]).await;
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    other.script.lock().unwrap().set("director user_credit", &["7"]);
    assert_eq!(place.run(&["cps-user", "get_credit"]).await.stdout, "7\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_what_is_missing_and_leave_nothing() {
    let place = Place::new().await;
    let wrong = place.run(&["cps-user", "--password", "wrong", "get_certificate"]).await;
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.ends_with("ERROR: User authentication failed\n"), "{}", wrong.stderr);
    assert!(!place.state_dir().join("ca_cert.pem").exists());
    let early = place.run(&["cps-application", "list"]).await;
    assert_eq!(
        (early.code, early.stderr.as_str()),
        (
            1,
            "ERROR: Cannot call the ConPaaS director: user certificates are not present.\n\
             Try to run 'conpaas user get_certificate' first.\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_directory_that_is_missing_is_told_and_not_made() {
    let place = Place::new().await;
    let home = place.state_dir().parent().unwrap().to_owned();
    let port = place.director.port.to_string();
    std::fs::remove_dir_all(&home).unwrap();
    let url = format!("https://127.0.0.1:{port}");
    let options = ["--director_url", &url, "--username", "test", "--password", "secret"];
    for (command, told) in [("get_certificate", "there is no home directory"), ("get_credit", "ERROR: ")] {
        let words: Vec<&str> = ["cps-user"].into_iter().chain(options).chain([command]).collect();
        let said = place.run(&words).await;
        assert!(said.code == 1 && said.stderr.contains(told), "{command}: {}", said.stderr);
        assert!(!home.exists(), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_ended_is_named_with_the_remedy() {
    let place = Place::new().await;
    assert_eq!(place.run(&["cps-user", "get_certificate"]).await.code, 0);
    give_certificate_that_ends(&place, Duration::ZERO).await;
    let refused = place.run(&["cps-user", "get_credit"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("your certificate is good from 20"), "{}", refused.stderr);
    assert!(refused.stderr.ends_with("Try to run 'conpaas user get_certificate' first.\n"), "{}", refused.stderr);
}

/// Replaces the certificate of the user, and waits for its end if that is now.
async fn give_certificate_that_ends(place: &Place, after: Duration) {
    let user = Subject::user(UserId(1), "test", "t@example.org");
    let short = place.authority().issue(&user, &[], Lifetime(after)).unwrap();
    short.replace(&place.state_dir()).unwrap();
    let identity = short.identity().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while after.is_zero() && identity.is_current(chrono::Utc::now().timestamp()) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renew_fetches_a_users_certificate_in_its_last_third_where_the_password_is_configured() {
    let place = Place::new().await;
    let nothing = place.run(&["conpaas", "renew"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, "ok       this machine has no certificate to renew\n"));
    assert_eq!(place.run(&["cps-user", "get_certificate"]).await.code, 0);
    let kept = place.run(&["conpaas", "renew"]).await;
    assert!(kept.code == 0 && kept.stdout.starts_with("ok       your certificate is good until 20"), "{kept:?}");
    for days in [0, 30] {
        give_certificate_that_ends(&place, Duration::from_secs(days * 24 * 3600)).await;
        let renewed = place.run(&["conpaas", "renew"]).await;
        assert!(renewed.code == 0 && renewed.stdout.starts_with("ok       renewed your certificate"), "{renewed:?}");
        let kept = place.run(&["conpaas", "renew"]).await;
        assert!(kept.stdout.starts_with("ok       your certificate is good until"), "{kept:?}");
    }
    // Without a password it is said, and is an error only once it is too late.
    let port = place.director.port;
    let configuration = format!("[cps-tools]\ndirector_url = 127.0.0.1:{port}\nusername = test\n");
    std::fs::write(place.state_dir().join("cps-tools.conf"), configuration).unwrap();
    for (days, code, word) in [(30, 0, "warning "), (0, 1, "ERROR ")] {
        give_certificate_that_ends(&place, Duration::from_secs(days * 24 * 3600)).await;
        let told = place.run(&["conpaas", "renew"]).await;
        assert!(told.code == code && told.stdout.starts_with(word), "{told:?}");
        assert!(told.stdout.contains("remedy: run 'conpaas user get_certificate'"), "{told:?}");
    }
}
