//! `conpaas renew` on the director's machine.

use std::process::{Command, Output};
use std::time::Duration;

use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use serde_json::Value;

use crate::support::director::{CONPAAS, World};
use crate::support::wait::eventually;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn findings(output: &Output) -> Vec<(String, String)> {
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    value.as_array().unwrap().iter().map(|finding| (text(finding, "verdict"), text(finding, "text"))).collect()
}

fn own(world: &World) -> Credentials {
    Credentials::load(&world.path("certs")).unwrap()
}

/// Issues the director another certificate for its names, as if it had been issued long ago.
fn place(world: &World, lifetime: Duration) {
    let authority = Authority::load(&world.path("certs")).unwrap();
    authority.issue_again(&own(world), Lifetime(lifetime)).unwrap().replace(&world.path("certs")).unwrap();
}

#[tokio::test]
async fn a_running_director_takes_its_renewed_certificate() {
    let mut world = World::prepare(&[]);
    place(&world, Duration::ZERO);
    let ended = own(&world);
    world.await_outdated(&ended);
    world.run(&[]);
    let director = world.certificate(&Subject::director("anybody"), Lifetime::NODE);
    let ask = || async { world.client(Some(&director)).get(&world.endpoint, "/version", &[]).await };
    let error = ask().await.unwrap_err().to_string();
    assert!(error.contains("failed verification"), "{error}");
    let output = world.command(&["renew", "--json"]).output().unwrap();
    let found = findings(&output);
    assert!(output.status.success() && found[0].1.starts_with("renewed the director's certificate"), "{found:?}");
    let renewed = own(&world);
    assert_eq!(renewed.identity().unwrap().subject, ended.identity().unwrap().subject);
    eventually("it uses the new one", || async { ask().await.ok().map(drop) }).await;
    assert!(world.is_running());
}

#[test]
fn what_is_not_due_is_kept_and_what_is_due_is_renewed_once() {
    let world = World::prepare(&[]);
    let renew = |words: &[&str]| {
        let output = world.command(&[&["renew", "--json"], words].concat()).output().unwrap();
        (output.status.code(), findings(&output))
    };
    // (days left, whether that is due): a third of five years is 608 days.
    for (days, is_due) in [(1, true), (607, true), (610, false), (1800, false)] {
        place(&world, DAY * days);
        let before = own(&world).certificate_pem;
        for is_first in [true, false] {
            let (code, found) = renew(&[]);
            let is_renewed = is_due && is_first;
            assert_eq!((code, found[0].0.as_str()), (Some(0), "ok"), "{found:?}");
            assert_eq!(found[0].1.starts_with("renewed"), is_renewed, "{days} days: {found:?}");
            assert_eq!((found[1].0.as_str(), &found[1].1[..25]), ("ok", "the certificate authority"), "{found:?}");
        }
        assert_eq!(own(&world).certificate_pem != before, is_due, "{days} days");
    }
    let config = world.path("director.cfg").display().to_string();
    assert_eq!(renew(&["--config", &config]).0, Some(0));
    // Without a director here there is nothing to do, unless it was named.
    std::fs::rename(world.path("director.cfg"), world.path("elsewhere.cfg")).unwrap();
    let (code, found) = renew(&[]);
    assert_eq!((code, found[0].1.as_str()), (Some(0), "this machine has no certificate to renew"));
    assert_eq!(renew(&["--config", &config]).0, Some(1));
    assert_eq!(renew(&["--authority"]).0, Some(1));
}

#[test]
fn a_year_before_the_authority_ends_it_is_said_and_can_be_mended() {
    let world = World::prepare(&[]);
    let before = world.certificate(&Subject::director("x"), Lifetime::DIRECTOR);
    let at = |days: u32, words: &[&str]| {
        let mut command = Command::new("faketime");
        command.args(["-f", &format!("+{days}d"), CONPAAS]).args(words);
        let output = command.env("DIRECTOR_CFG", world.path("director.cfg")).env("HOME", world.directory.path());
        let output = output.output().unwrap();
        (output.status.code(), findings(&output))
    };
    let (code, found) = at(3200, &["renew", "--json"]);
    assert_eq!((code, found[1].0.as_str()), (Some(0), "ok"), "{found:?}");
    for (days, verb) in [(3400, "ends on"), (3700, "ended on")] {
        let (code, found) = at(days, &["renew", "--json"]);
        assert_eq!((code, found[1].0.as_str()), (Some(0), "warning"), "{found:?}");
        assert!(found[1].1.contains(verb), "{found:?}");
    }
    let (_, checked) = at(3700, &["director", "check", "--json"]);
    assert!(checked.iter().any(|(verdict, text)| verdict == "warning" && text.contains("authority ended")));
    let (code, found) = at(3700, &["renew", "--authority", "--json"]);
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(found.last().map(|(verdict, _)| verdict.as_str()), Some("ok"), "{found:?}");
    let authority = Authority::load(&world.path("certs")).unwrap();
    assert!(authority.not_after().unwrap() > before.identity().unwrap().not_after);
    // The key is the old one: what was issued before stays good.
    let again = authority.issue_again(&before, Lifetime::NODE).unwrap();
    assert_eq!(again.identity().unwrap().subject, before.identity().unwrap().subject);
}

#[test]
fn nothing_is_issued_at_a_time_that_is_certainly_wrong() {
    let world = World::prepare(&[]);
    place(&world, DAY);
    let before = own(&world).certificate_pem;
    for words in [&["renew", "--json"][..], &["director", "init", "--hostname", "127.0.0.1"]] {
        let mut command = Command::new("faketime");
        command.args(["1970-01-02 00:00:00", CONPAAS]).args(words).env("DIRECTOR_CFG", world.path("director.cfg"));
        let output = command.env("HOME", world.directory.path()).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code() == Some(1) && text.contains("1970"), "{text}");
    }
    assert_eq!(own(&world).certificate_pem, before);
}

#[test]
fn an_authority_without_its_key_is_named() {
    let world = World::prepare(&[]);
    place(&world, DAY);
    std::fs::remove_file(world.path("certs/ca_key.pem")).unwrap();
    let output = world.command(&["renew"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(1) && text.contains("ca_key.pem") && text.contains("remedy"), "{text}");
}

#[test]
fn the_timer_looks_daily_and_whenever_the_clock_is_set() {
    let lines = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let timer = lines("conpaas-renew.timer");
    for line in ["OnBootSec=2min", "OnUnitActiveSec=1d", "OnClockChange=yes", "WantedBy=timers.target"] {
        assert!(timer.iter().any(|found| found == line), "{line}");
    }
    let service = lines("conpaas-renew.service");
    for line in ["Type=oneshot", "ExecStart=/usr/bin/conpaas renew", "Environment=HOME=/root"] {
        assert!(service.iter().any(|found| found == line), "{line}");
    }
    // Everything else is read-only for it.
    let writable = service.iter().find(|line| line.starts_with("ReadWritePaths=")).unwrap();
    for path in ["-/etc/cpsdirector/certs", "-/root/.conpaas", "-/var/lib/conpaas"] {
        assert!(writable.contains(path), "{path}");
    }
}
