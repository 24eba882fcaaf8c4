//! Code that is pushed by real git over real SSH into a manager's node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::world;
use crate::support::nutshell::Nutshell;
use crate::support::wait::wait_until_within;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// A user with a key, a working copy, and an application.
pub(super) struct User<'a> {
    pub(super) nutshell: &'a Nutshell,
    pub(super) state: &'a Path,
    pub(super) manager: String,
}

impl User<'_> {
    fn client(&self, words: &str) -> String {
        let words: Vec<&str> = std::iter::once("conpaas").chain(words.split(' ')).collect();
        self.nutshell.type_command(&words)
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        let path = self.state.join(name);
        if !path.exists() {
            self.succeed(&format!("ssh-keygen -q -t ed25519 -N '' -f {}", path.display()));
        }
        path
    }

    /// Runs words of a shell in which git logs in with a key.
    fn run(&self, key: &str, line: &str) -> Output {
        let key = self.state.join(key).display().to_string();
        let hosts = self.state.join("known_hosts").display().to_string();
        let ssh = format!(
            "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new \
             -o UserKnownHostsFile={hosts} -i {key}"
        );
        let script = format!(
            "export GIT_SSH_COMMAND='{ssh}' GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null\n\
             export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@x.y GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@x.y\n\
             ssh=\"$GIT_SSH_COMMAND\"\ncd {}\n{line}",
            self.state.display()
        );
        self.nutshell.run("shell", &["--", "sh", "-ec", &script])
    }

    pub(super) fn succeed(&self, line: &str) -> String {
        let output = self.run("key", line);
        let text = said(&output);
        assert!(output.status.success(), "{line}: {text}");
        text
    }

    fn fail(&self, key: &str, line: &str) -> String {
        let output = self.run(key, line);
        let text = said(&output);
        assert!(!output.status.success(), "{line}: {text}");
        text
    }

    pub(super) fn commit(&self, file: &str, text: &str) {
        let path = self.state.join("code").join(file);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is writable");
        fs::write(path, text).expect("it is writable");
        self.succeed("cd code && git add -A && git commit -q -m 'A change'");
    }

    pub(super) fn head(&self) -> String {
        format!("git-{}", &self.succeed("cd code && git rev-parse HEAD")[..7])
    }

    fn info(&self) -> String {
        self.client("generic git_info shop 1")
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn code_is_pushed_listed_and_enabled() {
    let image = world::engines_base();
    world::inside("e2e::git::code_is_pushed_listed_and_enabled", |state| async move {
        let (_, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &[]);
        bound_archives(&state);
        nutshell.succeed("down", &[]);
        nutshell.succeed("up", &[]);
        let mut user = User { nutshell: &nutshell, state: &state, manager: String::new() };
        for words in ["application create shop", "application start shop", "generic add shop", "generic start shop 1"] {
            user.client(words);
        }
        assert!(user.info().contains("clone: not yet"), "{}", user.info());
        let key = user.key("key");
        assert_eq!(
            user.client(&format!("generic upload_key shop 1 {}.pub", key.display())),
            "1 keys added to authorized_keys.\n"
        );
        let info = user.info();
        let url = info.lines().next().and_then(|line| line.strip_prefix("clone: git clone ")).expect("the URL is told");
        user.manager = url.split(['@', ':']).nth(1).expect("it names the host").to_owned();

        user.succeed(&format!("git clone -q {url}"));
        user.succeed("cd code && git checkout -q -b main");
        user.commit("1/init.sh", "echo first\n");
        let text = user.succeed("cd code && git push -q origin main");
        let first = user.head();
        assert!(text.contains(&format!("remote: Code version {first} of service 1 (generic) is made.")), "{text}");
        assert!(text.contains(&format!("conpaas generic enable_code 2 1 {first}")), "{text}");
        assert!(user.client("generic list_codes shop 1").contains(&first));
        user.client(&format!("generic enable_code shop 1 {first}"));
        assert!(nodes_say(&user, "first"));

        user.client("generic auto_enable shop 1 on");
        user.commit("1/init.sh", "echo second\n");
        let text = user.succeed("cd code && git push -q origin main");
        let second = user.head();
        assert!(
            text.contains("Enabling it in service 1") && text.contains(&format!("Service 1 runs {second}")),
            "{text}"
        );
        assert!(nodes_say(&user, "second"));

        refused(&user);
        host_key_stays(&user);
        user.succeed(&format!("rm -rf again && git clone -q {url} again && test -f again/1/init.sh"));
        others_do_not_reach_it(&user);
    });
}

/// Has nodes told that code may have 16 MB.
fn bound_archives(state: &Path) {
    let path = state.join("nutshell/director.cfg");
    let text = fs::read_to_string(&path).expect("the nutshell wrote it");
    let bounded = text.replace("# ARCHIVE_MAX_SIZE = 2G", "ARCHIVE_MAX_SIZE = 16M");
    assert_ne!(bounded, text);
    fs::write(path, bounded).expect("it is writable");
}

/// Whether the only node's output has the word, which its init.sh printed.
fn nodes_say(user: &User<'_>, word: &str) -> bool {
    let node = user.client("generic list_nodes shop 1");
    let node = node.lines().last().and_then(|line| line.split_whitespace().nth(4)).expect("there is a node").to_owned();
    let log = || user.client(&format!("generic get_agent_log -f agent.out shop 1 {node}"));
    wait_until_within(LIMIT, "the script ran", || log().contains(word).then_some(()));
    true
}

/// What nobody gets through the door.
fn refused(user: &User<'_>) {
    let manager = &user.manager;
    let clone = format!("rm -rf no && git clone -q git@{manager}:code no");
    user.key("other");
    assert!(user.fail("other", &clone).contains("Permission denied (publickey)"));
    let text = user.fail("key", &format!("$ssh git@{manager} id"));
    assert!(text.contains("'id' is refused"), "{text}");
    let text = user.fail("key", &format!("$ssh -tt git@{manager}"));
    assert!(text.contains("PTY allocation request failed"), "{text}");
    assert!(user.fail("key", &format!("git clone -q git@{manager}:/etc no")).contains("no repository '/etc'"));
    assert!(user.fail("key", &format!("$ssh root@{manager} id")).contains("Permission denied"));
    let forward = format!("$ssh -o ExitOnForwardFailure=yes -R 9999:localhost:443 git@{manager} id");
    let text = user.fail("key", &forward);
    assert!(!text.contains("is refused: this"), "the forwarding fails first: {text}");

    let versions = user.client("generic list_codes shop 1");
    user.succeed("rm -rf lib && git init -q lib && cd lib && git commit -q --allow-empty -m x");
    user.succeed(
        "cd code && git -c protocol.file.allow=always submodule add -q $PWD/../lib 1/lib && git commit -q -m sub",
    );
    let text = user.fail("key", "cd code && git push -q origin main");
    assert!(text.contains("'1/lib' is a sub-module"), "{text}");
    user.succeed("cd code && git reset -q --hard origin/main && rm -rf 1/lib .git/modules");

    user.succeed("cd code && ln -s /etc/passwd 1/link && git add -A && git commit -q -m link");
    let text = user.fail("key", "cd code && git push -q origin main");
    assert!(text.contains("the directory '1' cannot be code of a service"), "{text}");
    user.succeed("cd code && git reset -q --hard origin/main");

    let many =
        "cd code && mkdir 1/many && (cd 1/many && seq 20001 | xargs touch) && git add -A && git commit -q -m many";
    user.succeed(many);
    let text = user.fail("key", "cd code && git push -q origin main");
    assert!(text.contains("20000"), "{text}");
    user.succeed("cd code && git reset -q --hard origin/main");

    user.succeed("cd code && head -c 17000000 /dev/urandom > 1/big && git add -A && git commit -q -m big");
    let text = user.fail("key", "cd code && git push -q origin main");
    assert!(text.contains("pack exceeds maximum allowed size"), "{text}");
    user.succeed("cd code && git reset -q --hard origin/main");

    let (_, left) = world::run_in(
        &manager_vmid(user),
        "ls -A /home/git/code/objects; ls -A /var/tmp; ls /home/git/code/objects/pack/*.pack | wc -l",
    );
    assert_eq!(left, "info\npack\ncpsmanager\n2", "two packs, and nothing of what was refused");

    // Hooks and configurations that are pushed are files like others.
    user.commit("1/hooks/post-receive", "#!/bin/sh\necho HOOKED\n");
    assert!(!user.succeed("cd code && chmod +x 1/hooks/post-receive && git push -q origin main").contains("HOOKED"));
    let now = user.client("generic list_codes shop 1");
    assert_eq!(now.lines().count(), versions.lines().count() + 1, "only the last one was taken: {now}");
}

/// The node is known again after its manager was killed, and after it was restarted.
fn host_key_stays(user: &User<'_>) {
    let fingerprint =
        |info: &str| info.lines().find(|line| line.starts_with("fingerprint: SHA256:")).map(str::to_owned);
    let before = fingerprint(&user.info()).expect("it is told");
    let scanned = user.succeed(&format!("ssh-keyscan -t ed25519 {} 2>/dev/null | ssh-keygen -lf -", user.manager));
    assert!(scanned.contains(before.trim_start_matches("fingerprint: ")), "{scanned}");
    let vmid = manager_vmid(user);
    let (is_killed, text) = world::run_in(&vmid, "pkill -9 -f '[c]onpaas manager'");
    assert!(is_killed, "{text}");
    let open = || user.client("generic git_info shop 1").contains("clone: git clone").then_some(());
    let answers =
        || user.nutshell.run("shell", &["--", "conpaas", "generic", "git_info", "shop", "1"]).status.success();
    wait_until_within(LIMIT, "the manager is there again", || answers().then_some(()));
    wait_until_within(LIMIT, "the door is open", open);
    assert_eq!(fingerprint(&user.info()), Some(before.clone()));
    user.commit("1/init.sh", "echo third\n");
    assert!(user.succeed("cd code && git push -q origin main").contains("Service 1 runs"));

    // A power cut: the director is started again, and starts the nodes.
    let record = fs::read_to_string(user.state.join("nutshell/director.json")).expect("the nutshell wrote it");
    let record: serde_json::Value = serde_json::from_str(&record).expect("it is JSON");
    let director = record["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("it names a process");
    for pid in [director, world::init_pid(&vmid)] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
    }
    user.nutshell.succeed("up", &[]);
    wait_until_within(LIMIT, "the manager is there again", || answers().then_some(()));
    wait_until_within(LIMIT, "the door is open", open);
    assert_eq!(fingerprint(&user.info()), Some(before));
    // The client would refuse another key.
    user.succeed("cd code && git fetch -q origin");
}

/// The node of another application has no way to the door.
fn others_do_not_reach_it(user: &User<'_>) {
    user.client("application create other");
    user.client("application start other");
    let (own, others): (Vec<_>, Vec<_>) = managers(user.state).into_iter().partition(|(_, ip)| *ip == user.manager);
    let reach = |(vmid, _): &(String, String)| {
        world::run_in(vmid, &format!("timeout 3 bash -c '</dev/tcp/{}/22'", user.manager)).0
    };
    assert!(own.len() == 1 && others.len() == 1, "{own:?} {others:?}");
    assert!(own.iter().all(reach) && !others.iter().any(reach), "only its own application reaches a manager");
}

fn manager_vmid(user: &User<'_>) -> String {
    let own = managers(user.state).into_iter().find(|(_, ip)| *ip == user.manager);
    own.expect("the manager has a node").0
}

/// The nodes of managers, each with its address.
fn managers(state: &Path) -> Vec<(String, String)> {
    let nodes = fs::read_dir(state.join("nutshell/clouds/iaas/nodes")).expect("the cloud keeps its nodes there");
    let records = nodes.flatten().filter_map(|entry| fs::read(entry.path().join("node.json")).ok());
    let records = records.filter_map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let word = |record: &serde_json::Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let records = records.filter(|record| word(record, "role") == "manager");
    records.map(|record| (word(&record, "vmid"), word(&record, "ip"))).collect()
}
