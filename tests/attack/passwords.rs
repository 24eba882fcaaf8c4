//! Logins and registrations, and what a burst of uploads leaves of a manager's memory.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use conpaas::rpc::{Client, FormBody, PeerRule};
use futures_util::future::join_all;

use super::archives;
use super::host::process_of;
use super::probe::megabytes;
use super::scene::{Found, Scene};
use super::tenant::{Tenant, director};
use crate::support::ask_from::{ask_from, login, status};

/// At once: as many as may wait, and two at work.
const AT_ONCE: u8 = 10;
const LIMIT: Duration = Duration::from_secs(60);

/// Sixty at once guess passwords, of nobody and of the neighbour, who logs in meanwhile.
pub(crate) fn flood(scene: &Scene<'_>) -> anyhow::Result<Found> {
    let neighbour = scene.neighbour.owner;
    let end = Instant::now() + scene.time;
    let guess = |number: u8| async move {
        let source = Ipv4Addr::new(127, 0, 8, number + 1);
        let name = if number.is_multiple_of(2) { "nobody" } else { neighbour.name };
        let mut n = 0;
        while Instant::now() < end {
            let _refused = tokio::time::timeout(LIMIT, ask_from(source, &director(), None, &login(name, "x"))).await;
            n += 1;
        }
        n
    };
    let (guesses, logins) =
        scene.runtime.block_on(async { tokio::join!(join_all((0..60).map(guess)), log_in_until(neighbour, end)) });
    let n_guesses: usize = guesses.into_iter().sum();
    let mut found = Found::default();
    let slowest = logins.iter().filter_map(|time| *time).max().unwrap_or_default();
    let n_good = logins.iter().flatten().count();
    let text = format!("{n_good} of {} right logins, slowest {:.1} s", logins.len(), slowest.as_secs_f64());
    found.figures.push(format!("{n_guesses} guesses; {text}"));
    found.expect(n_good > 0, format!("the neighbour cannot log in: {text}"));
    Ok(found)
}

/// Logs in with the right password again and again: how long each took; `None` was refused.
async fn log_in_until(tenant: &Tenant<'_>, end: Instant) -> Vec<Option<Duration>> {
    let mut logins = Vec::new();
    while Instant::now() < end || logins.is_empty() {
        let began = Instant::now();
        let (endpoint, right) = (director(), login(tenant.name, &tenant.password));
        let asking = ask_from(Ipv4Addr::new(127, 0, 9, 1), &endpoint, None, &right);
        let answer = tokio::time::timeout(LIMIT, asking).await;
        let is_right = answer.is_ok_and(|answer| answer.is_ok_and(|text| text.contains(tenant.name)));
        logins.push(is_right.then(|| began.elapsed()));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    logins
}

/// Many logins and registrations, then many uploads: what they leave of memory in the director and in a manager.
pub(crate) fn burst_and_upload(scene: &Scene<'_>) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let pid = scene.attacker.product.director_pid()?;
    let (n_logins, n_users, n_uploads) = scene.form.choose((500, 300, 40), (20, 10, 10));
    let before = megabytes(pid);
    let began = Instant::now();
    scene.runtime.block_on(log_in(n_logins))?;
    let after_logins = megabytes(pid);
    scene.runtime.block_on(register(n_users))?;
    let (after_users, time) = (megabytes(pid), began.elapsed().as_secs());
    found.figures.push(format!(
        "director {before:.0} MB, after {n_logins} logins {after_logins:.0} MB, \
         after {n_users} registrations {after_users:.0} MB ({time} s)"
    ));
    let vmid = &scene.application.manager_vmid;
    let manager = process_of("manager", vmid).context("the attacker's manager does not run")?;
    let before = megabytes(manager);
    let archive = archives::code_of(scene, 4 << 20)?;
    for _ in 0..n_uploads {
        scene.application.upload(&archive)?;
    }
    let after = megabytes(manager);
    found.figures.push(format!("manager {before:.0} MB, after {n_uploads} uploads of 4 MB {after:.0} MB"));
    found.expect(process_of("manager", vmid) == Some(manager), "the manager has died of uploads");
    Ok(found)
}

/// Logins with wrong passwords, from as many addresses as it takes not to be refused.
async fn log_in(n: usize) -> anyhow::Result<()> {
    for round in 0..n.div_ceil(usize::from(AT_ONCE)) {
        let network = u8::try_from(round % 250)?;
        let one = |number: u8| async move {
            let source = Ipv4Addr::new(127, 1, network, number + 1);
            ask_from(source, &director(), None, &login("nobody", "x")).await
        };
        for answer in join_all((0..AT_ONCE).map(one)).await {
            let answer = answer?;
            ensure!(status(&answer) == 200, "/login answers {answer}");
        }
    }
    Ok(())
}

/// Registers users; one that is told to come back later does.
async fn register(n: usize) -> anyhow::Result<()> {
    let client = Client::new(None, PeerRule::Unverified)?.with_timeout(LIMIT);
    let end = Instant::now() + Duration::from_secs(600);
    for number in 0..n {
        let (name, email) = (format!("user{number}"), format!("user{number}@example.org"));
        let form = [("username", name.as_str()), ("email", &email), ("password", "x-secret"), ("credit", "1")];
        let form = form.iter().fold(FormBody::default(), |form, (field, value)| form.field(field, *value));
        loop {
            let answer = client.post_form(&director(), "/new_user", &form).await?;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            if answer.status == 200 && text.contains(&name) {
                break;
            }
            ensure!(matches!(answer.status, 429 | 503) && Instant::now() < end, "/new_user: {} {text}", answer.status);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
