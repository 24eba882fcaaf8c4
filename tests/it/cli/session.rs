//! The recorded sessions of ConPaaS 2.0's client (`session.txt`, `sites.txt`), typed again
//! with ours: the same output, byte for byte, and the same exit codes.

use std::fmt::Write;

use super::place::{Outcome, Place};

/// One command of the session.
#[derive(Default)]
pub(super) struct Step {
    answers: Vec<String>,
    calls: Vec<String>,
    pub(super) command: String,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) code: i32,
}

/// The whole session.
pub(super) fn recorded() -> Vec<Step> {
    let steps = steps(include_str!("session.txt"));
    assert!(steps.len() > 80, "the session is not whole");
    steps
}

/// The sessions with sites.
pub(super) fn with_sites() -> Vec<Step> {
    let steps = steps(include_str!("sites.txt"));
    assert!(steps.len() > 70, "the sessions are not whole");
    steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_session_is_the_same_with_ours() {
    type_all(&recorded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sessions_with_sites_are_the_same_with_ours() {
    type_all(&with_sites()).await;
}

async fn type_all(steps: &[Step]) {
    let place = Place::new().await;
    for name in ["idrsa.pub", "gencode.tar.gz", "st.sh", "php.tar.gz", "java.war"] {
        std::fs::write(place.work().join(name), "content").unwrap();
    }
    std::fs::write(place.work().join("m.json"), r#"{"Application": "wiki", "Services": [{"Type": "php"}]}"#).unwrap();
    std::fs::write(place.work().join("m2.json"), r#"{"Application": "empty", "Services": []}"#).unwrap();
    std::fs::write(place.work().join("m3.json"), "{").unwrap();
    expect_same(&place, steps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_with_a_database_is_the_same_with_ours() {
    let place = Place::new().await;
    std::fs::write(place.work().join("dump.sql"), "content").unwrap();
    expect_same(&place, &steps(include_str!("session_mysql.txt"))).await;
}

async fn expect_same(place: &Place, steps: &[Step]) {
    let mut differences = String::new();
    for step in steps {
        if let Err(difference) = take(place, step).await {
            write!(differences, "$ {}\n{difference}\n", step.command).unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

async fn take(place: &Place, step: &Step) -> Result<(), String> {
    let port = place.manager.port.to_string();
    for line in &step.answers {
        let line = line.replace("@PORT@", &port);
        let n_words = if line.starts_with("manager") { 3 } else { 2 };
        let end = line.match_indices(' ').nth(n_words - 1).unwrap().0;
        let answers: Vec<&str> = line[end + 1..].split(" >> ").collect();
        place.script.lock().unwrap().set(&line[..end], &answers);
    }
    place.script.lock().unwrap().take_calls();
    let command = step.command.replace("/home/user", place.work().to_str().unwrap());
    let words: Vec<&str> = command.split(' ').collect();
    let got = place.run(&words).await;
    let wanted_out = step.stdout.replace("/home/user", place.work().to_str().unwrap());
    let wanted = Outcome { code: step.code, stdout: wanted_out, stderr: step.stderr.clone() };
    if got.code != wanted.code || got.stdout != wanted.stdout || !is_like(&got.stderr, &wanted.stderr) {
        return Err(format!("wanted {wanted:#?}\ngot {got:#?}"));
    }
    let calls = place.script.lock().unwrap().take_calls();
    match step.calls.iter().find(|wanted| !calls.contains(wanted)) {
        Some(wanted) => Err(format!("it did not call {wanted}\nbut {calls:#?}")),
        None => Ok(()),
    }
}

/// Compares lines; `~` at the end of a wanted line stands for any text.
fn is_like(got: &str, wanted: &str) -> bool {
    let (got, wanted): (Vec<&str>, Vec<&str>) = (got.lines().collect(), wanted.lines().collect());
    got.len() == wanted.len()
        && got.iter().zip(wanted).all(|(got, wanted)| match wanted.strip_suffix('~') {
            Some(start) => got.starts_with(start),
            None => *got == wanted,
        })
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut next = Step::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let rest = line.get(2..).unwrap_or_default();
        match line.get(..2) {
            Some("@ ") => next.answers.push(rest.to_owned()),
            Some("> ") => next.calls.push(rest.to_owned()),
            Some("$ ") => rest.clone_into(&mut next.command),
            Some("| ") => next.stdout += &format!("{rest}\n"),
            Some("! ") => next.stderr += &format!("{rest}\n"),
            Some("= ") => next.code = rest.parse().unwrap(),
            Some(other) => panic!("what is '{other}' in the session?"),
            None => {
                if !next.command.is_empty() {
                    steps.push(std::mem::take(&mut next));
                }
            }
        }
    }
    if !next.command.is_empty() {
        steps.push(next);
    }
    steps
}
