//! Daemons for tests, the directory that they live in, and what asks them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use conpaas::supervise::daemon::{
    Change, CommandLine, ConfigurationFile, Daemon, DaemonError, DaemonSignal, DaemonState, Launch, OutputLimits,
    Pauses, Probe, Readiness, Reload, Scheduling, Stop, Style, Supervisor,
};
use conpaas::sys::process::ProcessId;
use conpaas::task::Tasks;

/// Nothing here takes long on a machine that has nothing else to do.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// Names the directory for the process that [`supervisor_process`] is.
pub(super) const DIRECTORY: &str = "CONPAAS_TEST_DAEMON_DIRECTORY";
pub(super) const PORT: &str = "CONPAAS_TEST_DAEMON_PORT";

/// A directory that every account may walk through.
pub(super) struct World {
    directory: tempfile::TempDir,
    pub(super) tasks: Tasks,
}

impl World {
    pub(super) fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        World { directory, tasks: Tasks::new() }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn supervisor(&self) -> Supervisor {
        supervisor(self.path(), self.tasks.clone())
    }
}

pub(super) fn supervisor(directory: &Path, tasks: Tasks) -> Supervisor {
    Supervisor::with_keeper(&directory.join("daemons"), tasks, Path::new(env!("CARGO_BIN_EXE_conpaas"))).unwrap()
}

pub(super) async fn apply(supervisor: &Supervisor, daemon: &Daemon) -> Result<Change, DaemonError> {
    supervisor.apply(vec![daemon.clone()]).await.pop().unwrap().change
}

/// Waits until the daemon is in this state.
pub(super) async fn wait_for(supervisor: &Supervisor, daemon: &Daemon, wanted: DaemonState) {
    let reached = supervisor.status_when(&daemon.name, |status| status.state == wanted);
    let reached = tokio::time::timeout(LIMIT, reached).await;
    assert!(reached.is_ok(), "not {wanted:?}: {:?}", supervisor.status());
}

pub(super) fn pid(supervisor: &Supervisor) -> i32 {
    supervisor.status()[0].process.unwrap()
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(super) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

pub(super) fn kill(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

/// The processes whose command line holds `mark`.
pub(super) fn processes_with(mark: &str) -> Vec<ProcessId> {
    let holds = |content: &[u8]| content.windows(mark.len()).any(|window| window == mark.as_bytes());
    let mut found = conpaas::sys::process::find("cmdline", holds);
    found.retain(|process| process.is_alive());
    found
}

pub(super) fn daemon(name: &str, program: &str, arguments: &[&str], probe: Probe) -> Daemon {
    Daemon {
        name: name.parse().unwrap(),
        launch: Launch {
            program: program.into(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: Vec::new(),
            user: None,
            directory: "/".into(),
            style: Style::Foreground,
            scheduling: Scheduling::Usual,
            output: OutputLimits::default(),
        },
        configuration: Vec::new(),
        check: None,
        readiness: Readiness { probe, limit: LIMIT },
        reload: Reload::Restart,
        stop: Stop { signal: DaemonSignal::Term, grace: Duration::from_secs(20) },
        pauses: Pauses {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(100),
            well_after: Duration::from_secs(3600),
        },
        n_tries: 5,
    }
}

pub(super) fn shell(name: &str, script: &str, probe: Probe) -> Daemon {
    daemon(name, "/bin/sh", &["-c", script], probe)
}

pub(super) fn exists(path: &Path) -> Probe {
    let arguments = vec!["-e".to_owned(), path.display().to_string()];
    Probe::Command(CommandLine { program: "/usr/bin/test".into(), arguments, limit: LIMIT })
}

pub(super) fn file(path: &str, content: String) -> ConfigurationFile {
    ConfigurationFile { path: path.into(), content, mode: 0o644, owner: None }
}

/// nginx in `place` that answers `answer` on `port`.
pub(super) fn nginx(place: &Path, port: u16, answer: &str) -> Daemon {
    let place = place.display();
    let user = if is_root() { "user www-data;" } else { "" };
    let main = format!(
        "daemon off; worker_processes 2; pid {place}/nginx.pid; error_log stderr; {user}\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p;\n\
         fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n\
         include server.conf; }}\n"
    );
    // Each configuration answers at a place of its own.
    let server = format!(
        "server {{ listen 127.0.0.1:{port}; location = / {{ return 200 \"{answer}\"; }}\n\
         location = /{answer} {{ return 200 ok; }} }}\n"
    );
    let probe = Probe::Http(format!("http://127.0.0.1:{port}/{answer}"));
    let mut nginx = daemon("nginx", "/usr/sbin/nginx", &["-e", "stderr", "-c", "{configuration}/nginx.conf"], probe);
    nginx.configuration = vec![file("nginx.conf", main), file("server.conf", server)];
    let check = ["-t", "-q", "-e", "stderr", "-c", "{configuration}/nginx.conf"].map(str::to_owned).to_vec();
    nginx.check = Some(CommandLine { program: "/usr/sbin/nginx".into(), arguments: check, limit: LIMIT });
    nginx.reload = Reload::Signal(DaemonSignal::Hup);
    nginx.stop.signal = DaemonSignal::Quit;
    nginx
}

pub(super) fn get(port: u16) -> std::io::Result<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(body.to_owned())
}

/// Asks again until the answer is `wanted`.
pub(super) async fn wait_for_answer(port: u16, wanted: &str) {
    let end = Instant::now() + LIMIT;
    while get(port).is_ok_and(|answer| answer != wanted) {
        assert!(Instant::now() < end, "{:?}", get(port));
        tokio::task::yield_now().await;
    }
}
