//! Tomcat as a daemon, sized for its node.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::memory::JavaMemory;
use super::place::{GRACE, Place};
use crate::api::web::Tomcat;
use crate::service::error::MethodError;
use crate::supervise::daemon::{
    CONFIGURATION, ConfigurationFile, Daemon, DaemonSignal, Launch, Pauses, Probe, Readiness, Reload, Stop,
};
use crate::sys::{self, file, program};
use crate::template::{Templates, markup};

/// The name of the daemon that runs servlets.
pub(super) const TOMCAT: &str = "tomcat";

const FILES: Templates = Templates {
    escape: |text| Some(markup(text)),
    files: &[
        ("server.xml", include_str!("server.xml")),
        ("logging.properties", include_str!("logging.properties")),
        ("context.xml", include_str!("context.xml")),
    ],
};
/// Debian's installation.
const HOME: &str = "/usr/share/tomcat10";
const DEBIAN_CONFIGURATION: &str = "/etc/tomcat10";
/// What is taken as Debian has it: types of files, servlets for pages and plain files; where classes are.
const AS_DEBIAN_HAS_IT: [&str; 2] = ["web.xml", "catalina.properties"];
/// An old Pi starts Java slowly, and programs may start for long.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(240);
/// What may answer at the same time; each takes memory for its stack.
const THREADS_OF_SMALL_NODE: u32 = 40;
const THREADS: u32 = 150;
const N_TRIES: u32 = 10;

/// What `server.xml` is filled with.
#[derive(Serialize)]
struct ServerValues {
    listen: String,
    port: u16,
    status_port: u16,
    threads: u32,
    grace_ms: u128,
    route: String,
}

/// What the file of a version is filled with.
#[derive(Serialize)]
struct ContextValues<'a> {
    code: &'a Path,
}

/// Returns the mark of a backend in the ids of its sessions.
#[must_use]
pub(super) fn route_of(address: Ipv4Addr) -> String {
    address.octets().iter().fold("r".to_owned(), |mut text, byte| {
        let _into_a_text = write!(text, "{byte:02x}");
        text
    })
}

/// Makes the directory that Tomcat works in. Blocking.
///
/// # Errors
/// Returns an error if it cannot be made, or Tomcat is not installed.
pub(super) fn prepare(place: &Place) -> Result<(), MethodError> {
    let base = place.tomcat();
    let own = ["logs", "temp", "work"].map(|name| base.join(name));
    let others = ["conf", "conf/Catalina", "conf/Catalina/localhost", "conf/Status", "conf/Status/status"];
    let others = others.iter().chain(&["webapps", "status", "converted"]).map(|name| base.join(name));
    file::ensure_passable_directory(&base)?;
    for directory in others.chain(own.clone()) {
        file::ensure_passable_directory(&directory)?;
    }
    for directory in &own {
        place.give(directory)?;
    }
    // A version that is withdrawn is removed by Tomcat itself, with its file.
    place.give(&base.join("conf/Catalina/localhost"))?;
    for name in AS_DEBIAN_HAS_IT {
        let content = file::read(&Path::new(DEBIAN_CONFIGURATION).join(name)).map_err(|_| missing("tomcat10"))?;
        file::write_atomic(&base.join("conf").join(name), &content, 0o644)?;
    }
    Ok(())
}

/// Returns the file by which Tomcat knows a version whose files are in the directory `code`.
///
/// # Errors
/// Returns an error if the directory has no form in XML.
pub(super) fn context(code: &Path) -> Result<String, MethodError> {
    FILES.render("context.xml", &ContextValues { code }).map_err(|error| MethodError::refused(sys::chain(&error)))
}

/// Returns the daemon.
///
/// # Errors
/// Returns an error if Java is not installed.
pub(super) fn daemon(tomcat: &Tomcat, place: &Place, memory: JavaMemory) -> Result<Daemon, MethodError> {
    let status_port = tomcat.port.checked_add(1).ok_or_else(|| {
        MethodError::refused(format!("Tomcat cannot listen at port {}: it needs the next one, too", tomcat.port))
    })?;
    let values = ServerValues {
        listen: place.my_ip.to_string(),
        port: tomcat.port,
        status_port,
        threads: if memory.is_small { THREADS_OF_SMALL_NODE } else { THREADS },
        // The rest is for what Tomcat itself has to do.
        grace_ms: (GRACE / 3 * 2).as_millis(),
        route: route_of(place.my_ip),
    };
    let file = |path: &str| {
        let content = FILES.render(path, &values).map_err(|error| MethodError::refused(sys::chain(&error)))?;
        Ok::<_, MethodError>(ConfigurationFile {
            path: path.into(),
            content,
            mode: 0o640,
            owner: place.account.clone(),
        })
    };
    let program = program::find("java").ok_or_else(|| missing("java"))?;
    let mut environment = vec![("LANG".to_owned(), "C.UTF-8".to_owned())];
    environment.extend(tomcat.environment.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    let launch = Launch { directory: place.tomcat(), ..place.launch(program, arguments(place, memory), environment) };
    Ok(Daemon {
        name: TOMCAT.parse().expect("it is a name of a daemon"),
        launch,
        configuration: vec![file("server.xml")?, file("logging.properties")?],
        check: None,
        readiness: Readiness {
            probe: Probe::Http(format!("http://{}:{status_port}/health", place.my_ip)),
            limit: READY_LIMIT,
        },
        reload: Reload::Restart,
        stop: Stop { signal: DaemonSignal::Term, grace: GRACE },
        pauses: Pauses::default(),
        n_tries: N_TRIES,
    })
}

fn arguments(place: &Place, memory: JavaMemory) -> Vec<String> {
    let base = place.tomcat().display().to_string();
    let JavaMemory { heap_mb, classes_mb, code_mb, is_small } = memory;
    let mut words = vec![
        "-Xms16m".to_owned(),
        format!("-Xmx{heap_mb}m"),
        format!("-XX:MaxMetaspaceSize={classes_mb}m"),
        format!("-XX:ReservedCodeCacheSize={code_mb}m"),
        "-Xss512k".to_owned(),
        // Not every machine's Java knows all of these.
        "-XX:+IgnoreUnrecognizedVMOptions".to_owned(),
        // A program without memory answers no more: it is started again.
        "-XX:+ExitOnOutOfMemoryError".to_owned(),
    ];
    if is_small {
        words.extend(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(str::to_owned));
    }
    // Without these Tomcat cannot clear up after a version that is withdrawn.
    for package in ["java.lang", "java.lang.reflect", "java.io", "java.util", "java.util.concurrent"] {
        words.push(format!("--add-opens=java.base/{package}=ALL-UNNAMED"));
    }
    words.push("--add-opens=java.rmi/sun.rmi.transport=ALL-UNNAMED".to_owned());
    words.extend([
        "-Djava.awt.headless=true".to_owned(),
        // What it says is read, too.
        "-Duser.language=en".to_owned(),
        format!("-Dcatalina.base={base}"),
        format!("-Dcatalina.home={HOME}"),
        format!("-Djava.io.tmpdir={base}/temp"),
        format!("-Djava.util.logging.config.file={CONFIGURATION}/logging.properties"),
        "-Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager".to_owned(),
        "-cp".to_owned(),
        format!("{HOME}/bin/bootstrap.jar:{HOME}/bin/tomcat-juli.jar"),
        "org.apache.catalina.startup.Bootstrap".to_owned(),
        "-config".to_owned(),
        format!("{CONFIGURATION}/server.xml"),
        "start".to_owned(),
    ]);
    words
}

fn missing(name: &str) -> MethodError {
    MethodError::refused(format!("{name} is not installed in this node: its image was built without the kind java"))
}

/// Returns the files of what Tomcat has said, the newest first.
#[must_use]
pub(super) fn outputs(place: &Place) -> [PathBuf; 2] {
    ["stderr", "stderr.1"].map(|name| place.daemons.join(TOMCAT).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_has_a_mark_of_letters_that_every_file_can_hold() {
        assert_eq!(route_of([10, 0, 0, 31].into()), "r0a00001f");
    }

    #[test]
    fn a_version_is_told_as_markup() {
        let text = context(Path::new("/www/a&b")).unwrap();
        assert!(text.contains("docBase=\"/www/a&amp;b\""), "{text}");
    }
}
