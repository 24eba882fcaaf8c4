//! Code versions in Tomcat: one file each, by which Tomcat starts and ends them while it runs.
//!
//! Tomcat calls a version `ROOT##<number>`. New visitors get the one with the highest number that has started; who has
//! a session stays with the version that made it.
//!
//! # Guarantees
//! - A version that does not start is withdrawn, and visitors go on with the one before it.
//! - At most two versions stand side by side; with a third one the sessions of the oldest end.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::code;
use super::context::Context;
use super::place::Place;
use super::startup_log::{Startup, startup};
use super::tomcat;
use super::wanted::Wanted;
use crate::service::error::MethodError;
use crate::service::web::war::Dialect;
use crate::sys::file::{self, FileError};
use crate::sys::{self, program};
use crate::task::poll::{self, Pace};

/// A version and the one before it.
const N_VERSIONS: usize = 2;
/// A large program for `javax.servlet`, on a small machine.
const CONVERSION_LIMIT: Duration = Duration::from_secs(300);
const CONVERTER: &str = "/usr/share/tomcat-jakartaee-migration/lib";
const LOOK: Pace = Pace::growing(Duration::from_millis(50), Duration::from_millis(500), 4);
/// What is read of Tomcat's output at most.
const MAX_OUTPUT_BYTES: u64 = 8 << 20;

/// Makes the code version that Tomcat is to run the newest one.
pub(super) fn want(wanted: &mut Wanted) {
    let Some(version) = wanted.tomcat.as_ref().map(|tomcat| tomcat.code_version.clone()) else {
        wanted.contexts.clear();
        return;
    };
    if version.is_empty() || wanted.contexts.last().is_some_and(|newest| newest.version == version) {
        return;
    }
    wanted.last_context += 1;
    wanted.contexts.push(Context { number: wanted.last_context, version, has_started: false });
    let n_surplus = wanted.contexts.len().saturating_sub(N_VERSIONS);
    wanted.contexts.drain(..n_surplus);
}

/// Returns the newest version if it has not started yet.
#[must_use]
pub(super) fn starting(wanted: &Wanted) -> Option<Context> {
    wanted.contexts.last().filter(|newest| !newest.has_started).cloned()
}

/// Makes Tomcat know the newest version, and no other than those that are wanted. Blocking.
///
/// # Errors
/// Returns an error if a file cannot be written or removed.
pub(super) fn tell(place: &Place, wanted: &Wanted) -> Result<(), MethodError> {
    let directory = descriptors(place);
    let known: Vec<String> = wanted.contexts.iter().map(Context::file_name).collect();
    for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
        if !known.iter().any(|name| entry.file_name() == name.as_str()) {
            file::ensure_absent(&entry.path())?;
        }
    }
    // One before the newest that is gone has lost its last session: Tomcat itself withdrew it.
    let Some(newest) = wanted.contexts.last() else { return Ok(()) };
    let path = directory.join(newest.file_name());
    if !path.exists() {
        let text = tomcat::context(&code_of(place, wanted, &newest.version))?;
        file::write_atomic(&path, text.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Brings a version that is written for `javax.servlet` to `jakarta.servlet`, beside what was uploaded.
///
/// # Errors
/// Returns an error if the converter fails; nothing is left then.
pub(super) async fn convert(place: &Place, wanted: &Wanted, version: &str) -> Result<(), MethodError> {
    let target = code_of(place, wanted, version);
    let source = place.www.join(version);
    if target == source || target.is_dir() {
        return Ok(());
    }
    let staged = place.tomcat().join("converted").join(format!(".{version}"));
    let old = staged.clone();
    sys::blocking(move || file::ensure_absent(&old)).await?;
    let words = [
        "-Xmx64m".to_owned(),
        "-XX:+UseSerialGC".to_owned(),
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-cp".to_owned(),
        format!("{CONVERTER}/*"),
        "org.apache.tomcat.jakartaee.MigrationCLI".to_owned(),
        source.display().to_string(),
        staged.display().to_string(),
    ];
    tracing::info!(target: "conpaas.core.agent", "Converting code version '{version}' to jakarta.servlet");
    let converted = program::run("java", &words, CONVERSION_LIMIT).await;
    converted.map_err(|error| {
        let reason = sys::chain(&error);
        MethodError::refused(format!(
            "code version '{version}' is written for javax.servlet, and cannot be converted: {reason}"
        ))
    })?;
    if let Some(account) = &place.account {
        let words = ["-RhP".to_owned(), format!("{account}:{account}"), staged.display().to_string()];
        let owned = program::run("chown", &words, CONVERSION_LIMIT).await;
        owned.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    }
    let done = sys::blocking(move || fs::rename(&staged, &target).map_err(|error| (target, error))).await;
    done.map_err(|(target, error)| FileError::new("rename", &target, error).into())
}

/// Removes what was converted of versions that are not known. Blocking.
pub(super) fn remove_leftovers(place: &Place, known: &[String]) {
    let directory = place.tomcat().join("converted");
    for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
        if !known.iter().any(|version| entry.file_name() == version.as_str()) {
            code::remove(&entry.path());
        }
    }
}

/// How much Tomcat has said until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said(u64);

/// Returns how much Tomcat has said until now about what it does not know yet. What it knows already, from a call that was
/// broken off, it may have told of before. Blocking.
pub(super) fn said(place: &Place, context: &Context) -> Said {
    if descriptors(place).join(context.file_name()).exists() {
        return Said(0);
    }
    Said(fs::metadata(&tomcat::outputs(place)[0]).map_or(0, |file| file.len()))
}

/// Waits until a version has started, as Tomcat tells in its output after `said`.
///
/// # Errors
/// Returns an error with Tomcat's reason if the version does not start.
pub(super) async fn until_started(place: &Place, context: &Context, said: Said) -> Result<(), MethodError> {
    let file_name = context.file_name();
    let version = &context.version;
    let look = async || {
        let (outputs, name) = (tomcat::outputs(place), file_name.clone());
        let startup = sys::blocking(move || startup(&said_since(&outputs, said), &name)).await;
        Ok::<_, MethodError>(Some(startup).filter(|startup| *startup != Startup::Unknown))
    };
    match poll::until(LOOK, tomcat::READY_LIMIT, look).await? {
        Some(Startup::Started) => Ok(()),
        Some(Startup::Failed(reason)) => {
            Err(MethodError::refused(format!("code version '{version}' does not start in Tomcat: {reason}")))
        }
        Some(Startup::Unknown) | None => Err(MethodError::refused(format!(
            "code version '{version}' has not started in Tomcat within {} s",
            tomcat::READY_LIMIT.as_secs()
        ))),
    }
}

/// Returns what Tomcat has said since, also when its output went on in another file meanwhile.
fn said_since(outputs: &[PathBuf; 2], Said(before): Said) -> String {
    let [newest, older] = outputs;
    let n_bytes = fs::metadata(newest).map_or(0, |file| file.len());
    if n_bytes >= before { read_from(newest, before) } else { read_from(older, before) + &read_from(newest, 0) }
}

fn read_from(path: &Path, offset: u64) -> String {
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.take(MAX_OUTPUT_BYTES).read_to_end(&mut text)
    });
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Where Tomcat looks for versions.
fn descriptors(place: &Place) -> PathBuf {
    place.tomcat().join("conf/Catalina/localhost")
}

/// Returns where Tomcat finds the files of a version.
fn code_of(place: &Place, wanted: &Wanted, version: &str) -> PathBuf {
    let is_old = wanted.wars.get(version).is_some_and(|war| war.dialect == Dialect::Javax);
    if is_old { place.tomcat().join("converted").join(version) } else { place.www.join(version) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::environment::Variables;
    use crate::api::web::Tomcat;

    #[test]
    fn a_version_gets_a_new_number_each_time_it_becomes_the_newest() {
        let mut wanted = Wanted::default();
        let mut want_version = |version: &str| {
            wanted.tomcat =
                Some(Tomcat { port: 9000, code_version: version.to_owned(), environment: Variables::default() });
            want(&mut wanted);
            wanted.contexts.iter().map(|context| format!("{}{}", context.version, context.number)).collect::<Vec<_>>()
        };
        assert_eq!(want_version("a"), ["a1"]);
        assert_eq!(want_version("a"), ["a1"]);
        assert_eq!(want_version("b"), ["a1", "b2"]);
        assert_eq!(want_version("a"), ["b2", "a3"]);
        wanted.tomcat = None;
        want(&mut wanted);
        assert!(wanted.contexts.is_empty() && wanted.last_context == 3);
    }

    #[test]
    fn output_that_went_on_in_another_file_is_read_whole() {
        let place = tempfile::tempdir().unwrap();
        let outputs = ["new", "old"].map(|name| place.path().join(name));
        fs::write(&outputs[0], "before, after").unwrap();
        assert_eq!(said_since(&outputs, Said(8)), "after");
        fs::write(&outputs[1], "before, after").unwrap();
        fs::write(&outputs[0], " more").unwrap();
        assert_eq!(said_since(&outputs, Said(8)), "after more");
        assert_eq!(said_since(&["x".into(), "y".into()], Said(0)), "");
    }
}
