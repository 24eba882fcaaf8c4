//! The files that are data: units, the example program, the build's own
//! commands. Each is read here, so that none can rot unseen.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(shipped(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All `key=value` of a unit's section.
fn options(unit: &str, section: &str) -> Vec<(String, String)> {
    let text = text(unit);
    let lines = text.lines().skip_while(|line| *line != format!("[{section}]")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn option(unit: &str, section: &str, key: &str) -> String {
    let found = options(unit, section).into_iter().find(|(name, _)| name == key);
    found.unwrap_or_else(|| panic!("{unit} [{section}] has no {key}")).1
}

#[test]
fn the_directors_unit_keeps_its_containers_and_its_mounts() {
    let unit = "systemd/conpaas-director.service";
    assert_eq!(option(unit, "Service", "Type"), "notify");
    assert_eq!(option(unit, "Service", "KillMode"), "process");
    assert_eq!(option(unit, "Service", "Delegate"), "yes");
    assert!(option(unit, "Service", "ExecStart").starts_with("/usr/bin/conpaas director "));
    assert_eq!(option(unit, "Install", "WantedBy"), "multi-user.target");
    // It has a mount namespace of its own, and is given the machine's for what outlives it.
    assert_eq!(option(unit, "Service", "StandardInput"), "file:/proc/1/ns/mnt");
    // Containers inherit the first of these, and programs in them may need what they take; the director itself cannot
    // work under the others.
    let harmful = [
        "NoNewPrivileges",
        "RestrictSUIDSGID",
        "MemoryDenyWriteExecute",
        "SystemCallArchitectures",
        "LockPersonality",
        "RestrictNamespaces",
        "ProtectHostname",
        "ProtectProc",
        "ProcSubset",
        "PrivateNetwork",
        "PrivateUsers",
        "User",
        "DynamicUser",
        "RootDirectory",
        "IPAddressDeny",
    ];
    for (key, _) in options(unit, "Service") {
        assert!(!harmful.contains(&key.as_str()), "{key}");
    }
}

#[test]
fn what_the_unit_and_tmpfiles_make_is_what_the_configuration_names() {
    let config = conpaas::config::DirectorConfig::read(&shipped("config/director.cfg")).unwrap();
    let tmpfiles = text("systemd/conpaas.tmpfiles");
    let directories: Vec<(&str, &str)> = tmpfiles
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|words| {
            let is_device = words[0] == "c" && words.len() == 7;
            assert!(is_device || words[0] == "d" && words.len() == 6, "{words:?}");
            (words[1], words[2])
        })
        .collect();
    for (path, mode) in [
        (&config.conf_dir, "0755"),
        (&config.cert_dir, "0700"),
        (&config.userdata_dir, "0700"),
        (&config.state_dir, "0711"),
    ] {
        assert!(directories.contains(&(path.to_str().unwrap(), mode)), "{} {mode}", path.display());
    }
    let unit = "systemd/conpaas-director.service";
    assert_eq!(Path::new("/var/lib").join(option(unit, "Service", "StateDirectory")), config.state_dir);
    assert_eq!(Path::new("/etc").join(option(unit, "Service", "ConfigurationDirectory")), config.conf_dir);
    assert!(option(unit, "Service", "ExecStart").ends_with("--config /etc/cpsdirector/director.cfg"));
}

#[test]
fn make_knows_the_words_that_the_readme_promises() {
    let makefile = text("Makefile");
    let readme = text("README.md");
    for word in ["nutshell", "test", "bench", "fmt", "lint", "install", "doc"] {
        assert!(makefile.contains(&format!("\n{word}: ")), "Makefile has no {word}");
        assert!(readme.contains(&format!("make {word}")), "README.md does not name make {word}");
    }
}

/// The packages that `.ci/deps --list` names for these groups.
fn packages(groups: &[&str]) -> Vec<String> {
    let listed = Command::new(shipped(".ci/deps")).arg("--list").args(groups).output().unwrap();
    assert!(listed.status.success() && listed.stderr.is_empty(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    for line in listed.lines() {
        assert!(line.split_whitespace().count() > 1, "no purpose: {line}");
    }
    listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_nutshell_installs_what_its_own_work_needs_and_nothing_else() {
    let tests_only = ["chrony", "faketime", "nginx", "php-fpm", "python3-venv", "genimage", "man-db", "psmisc"];
    let all = packages(&[]);
    for package in ["lxc-dev", "mmdebstrap", "git"].iter().chain(&tests_only) {
        assert!(all.iter().any(|name| name == package), "{package} is needed for the tests: {all:?}");
    }
    for (cloud, needed, foreign) in
        [("lxc", ["mmdebstrap", "nftables"], "git"), ("process", ["git", "python3"], "mmdebstrap")]
    {
        let mut make = Command::new("make");
        make.args(["-n", "nutshell", &format!("CLOUD={cloud}"), "IS_ROOT=0"]);
        let planned = make.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let planned = String::from_utf8(planned.stdout).unwrap();
        let calls: Vec<&str> =
            planned.lines().filter_map(|line| line.split_once(".ci/deps")).map(|(_, rest)| rest).collect();
        let [groups] = &calls[..] else { panic!("one call of .ci/deps: {planned}") };
        let installed = packages(&groups.split_whitespace().collect::<Vec<_>>());
        let has = |package: &str| installed.iter().any(|name| name == package);
        assert!(needed.iter().all(|package| has(package)) && has("lxc-dev") && has("gcc"), "{cloud}: {installed:?}");
        let surplus: Vec<_> = tests_only.into_iter().chain([foreign]).filter(|package| has(package)).collect();
        assert!(surplus.is_empty(), "{cloud}: {surplus:?}");
        assert!(planned.contains("--profile nutshell") && !planned.contains("--release"), "{planned}");
        let n_stages = planned.matches(".ci/stage").count();
        assert!(n_stages >= 5, "each stage is timed: {planned}");
    }
}

#[test]
fn a_stage_says_how_long_it_took_and_how_it_ended() {
    let stage = |words: &[&str]| Command::new(shipped(".ci/stage")).args(words).output().unwrap();
    let good = stage(&["the program", "true"]);
    assert!(good.status.success());
    assert_eq!(String::from_utf8(good.stderr).unwrap(), "stage: the program took 0 min 0 s\n");
    let bad = stage(&["the program", "sh", "-c", "exit 7"]);
    assert_eq!(bad.status.code(), Some(7));
    assert!(String::from_utf8(bad.stderr).unwrap().starts_with("stage: the program failed after "));
}

/// A node as an agent would run the example on it: the code, agents.json
/// beside it, exactly three variables. Ended on drop.
struct Node {
    directory: tempfile::TempDir,
    ip: &'static str,
    running: Option<Child>,
}

impl Node {
    fn new(ip: &'static str, agents: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let code = directory.path().join("bin");
        std::fs::create_dir(&code).unwrap();
        for entry in std::fs::read_dir(shipped("examples/hello-web")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), code.join(entry.file_name())).unwrap();
        }
        std::fs::write(directory.path().join("agents.json"), agents).unwrap();
        Node { directory, ip, running: None }
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new("/bin/bash");
        command.arg(self.directory.path().join("bin").join(name)).current_dir(self.directory.path());
        command.env_clear().envs([("MY_IP", self.ip), ("MY_ROLE", "<node>"), ("MASTER_IP", "127.91.3.1")]);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, name: &str) -> String {
        let output = self.script(name).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn start(&mut self, port: &str) {
        self.running = Some(self.script("run.sh").arg(port).stdout(Stdio::null()).spawn().unwrap());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _already_ended = child.kill();
            let _already_waited = child.wait();
        }
    }
}

/// The answer to a GET, once somebody listens.
fn get(ip: &str, port: u16, path: &str) -> String {
    let limit = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match TcpStream::connect((ip, port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < limit, "nobody listens on {ip}:{port}: {error}"),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_example_serves_a_page_under_the_contract_of_scripts() {
    let agents = |last: &str| {
        format!(
            r#"[{{"id":"iaasi-1","ip":"127.91.3.1","role":"master"}},{{"id":"iaasi-2","ip":"127.91.3.2","role":"<node>"}}{last}]"#
        )
    };
    let mut node = Node::new("127.91.3.2", &agents(""));
    assert_eq!(node.run("init.sh"), "init: node 127.91.3.2 (<node>), master 127.91.3.1\n");
    assert!(node.run("notify.sh").contains("iaasi-2"));
    node.start("18080");
    let page = get("127.91.3.2", 18080, "/");
    assert!(page.starts_with("HTTP/1.0 200"), "{page}");
    for part in ["<h1>Hello from 127.91.3.2</h1>", "<dd>&lt;node&gt;</dd>", "http://127.91.3.1:18080/"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // A node that is added shows without a restart.
    let third = r#",{"id":"iaasi-3","ip":"127.91.3.3","role":"node"}"#;
    std::fs::write(node.directory.path().join("agents.json"), agents(third)).unwrap();
    assert!(get("127.91.3.2", 18080, "/json").contains(r#"{"ip": "127.91.3.3", "role": "node"}"#));
    assert!(get("127.91.3.2", 18080, "/etc/passwd").starts_with("HTTP/1.0 404"));
    assert!(node.run("interrupt.sh").contains("127.91.3.2"));
    assert!(node.run("cleanup.sh").contains("is clean"));
    // What the agent signals is the program itself: run.sh became it.
    drop(node);
    assert!(TcpStream::connect(("127.91.3.2", 18080)).is_err());
}
