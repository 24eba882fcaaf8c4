//! A look into real nodes: their logs as they grow, and commands in them.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::house::vmid;
use super::world;
use crate::support::nutshell::Nutshell;
use crate::support::wait::wait_until_within;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Has each node write a line, three times, and waits until each was followed: from the beginning, over a cursor, and
/// over a log that was moved.
const FOLLOW: &str = r#"
import json, signal, subprocess, sys
nodes = sys.argv[1:]
follow = ["conpaas", "logs", "-f", "shop", "1", "--file", "agent.out", "--json"]
watched = subprocess.Popen(follow, stdout=subprocess.PIPE, text=True)
for move, words in [("", "first"), ("", "second"), ("mv agent.out agent.out.1;", "third")]:
    for node in nodes:
        script = f"cd /root; {move} echo {words} of {node} >> agent.out"
        subprocess.run(["conpaas", "exec", "shop", "1", node, "--", "sh", "-c", script], check=True)
    left = {(node, f"{words} of {node}") for node in nodes}
    while left:
        line = json.loads(watched.stdout.readline())
        left.discard((line["node"], line["line"]))
    print("followed", words)
watched.send_signal(signal.SIGINT)
print("ended by", -watched.wait(60))
"#;

/// Calls `exec` of a manager with the certificate of somebody else.
const AS_ANOTHER: &str = r#"
import http.client, json, ssl, sys
host, home, node = sys.argv[1:]
context = ssl._create_unverified_context()
context.load_cert_chain(home + "/cert.pem", home + "/key.pem")
connection = http.client.HTTPSConnection(host, 443, context=context, timeout=60)
params = {"agentId": node, "command": ["id"], "time_limit": 5}
body = json.dumps({"service_id": 1, "method": "exec", "params": params, "id": 1})
connection.request("POST", "/", body, {"Content-Type": "application/json"})
print(connection.getresponse().status)
"#;

fn client(nutshell: &Nutshell, words: &[&str]) -> Output {
    nutshell.run("shell", &[&["--", "conpaas"], words].concat())
}

fn shell(nutshell: &Nutshell, script: &str) -> Output {
    nutshell.run("shell", &["--", "sh", "-c", script])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn logs_are_followed_and_commands_end_with_their_callers() {
    world::inside("e2e::exec::logs_are_followed_and_commands_end_with_their_callers", |state| async move {
        let (_, nutshell) = world::nutshell(&state, &state, &world::base());
        nutshell.succeed("up", &[]);
        for words in ["application create shop", "application start shop", "generic add shop", "generic start shop 1"] {
            let words: Vec<&str> = std::iter::once("conpaas").chain(words.split(' ')).collect();
            nutshell.type_command(&words);
        }
        nutshell.type_command(&["conpaas", "generic", "add_nodes", "--count", "1", "shop", "1"]);
        nutshell.type_command(&["conpaas", "helloworld", "add", "shop"]);
        nutshell.type_command(&["conpaas", "helloworld", "start", "shop", "2"]);
        let of_service = |kind: &str, sid: &str| -> Vec<(String, String)> {
            let rows = nutshell.type_command(&["conpaas", kind, "list_nodes", "shop", sid, "--json"]);
            let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).expect("it is JSON");
            let word = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
            rows.iter().map(|row| (word(row, "ip"), word(row, "agent_id"))).collect()
        };
        let nodes = of_service("generic", "1");
        assert_eq!(nodes.len(), 2, "{nodes:?}");

        let addresses: Vec<&str> = nodes.iter().map(|(address, _)| address.as_str()).collect();
        let said = nutshell.type_command(&[&["python3", "-c", FOLLOW], addresses.as_slice()].concat());
        assert_eq!(said, "followed first\nfollowed second\nfollowed third\nended by 2\n");
        let whole = text(&client(&nutshell, &["logs", "shop", "-n", "1000"]).stdout);
        for part in [format!("{} agent.out | third of", addresses[0]), "manager manager.log | ".to_owned()] {
            assert!(whole.contains(&part), "{part}: {whole}");
        }

        commands(&nutshell, addresses[0]);
        let (other, _) = of_service("helloworld", "2").remove(0);
        let refused = client(&nutshell, &["exec", "shop", "1", &other, "--", "id"]);
        assert!(text(&refused.stderr).contains("there is no node"), "{refused:?}");
        nothing_stays(&nutshell, &state, &nodes[0]);
        another_user(&nutshell, &state, &nodes[0].1);
    });
}

/// Output, input and code come back.
fn commands(nutshell: &Nutshell, node: &str) {
    let exec = |command: &[&str]| client(nutshell, &[&["exec", "shop", "1", node, "--"], command].concat());
    let done = exec(&["sh", "-c", "echo out; echo err >&2; id -u; exit 7"]);
    assert_eq!((text(&done.stdout), text(&done.stderr)), ("out\n0\n".to_owned(), "err\n".to_owned()));
    assert_eq!(done.status.code(), Some(7));
    let done = exec(&["no-such-program"]);
    assert!(done.status.code() == Some(127) && text(&done.stderr).contains("not found"), "{done:?}");
    let killed = exec(&["sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.status.code(), Some(137), "{killed:?}");
    let much = exec(&["head", "-c", "3000000", "/dev/zero"]);
    assert_eq!((much.stdout.len(), much.status.code()), (3_000_000, Some(0)));
    let read = shell(nutshell, &format!("printf 'a\\nb' | conpaas exec -i shop 1 {node} -- wc -c"));
    assert_eq!(text(&read.stdout).trim(), "3", "{read:?}");
    let large = format!("head -c 3000000 /dev/zero | conpaas exec -i shop 1 {node} -- wc -c");
    assert_eq!(text(&shell(nutshell, &large).stdout).trim(), "3000000", "input comes as it is read");
    // The second line is written once the first one came back.
    let talk = format!(
        "answer=$(mktemp)
        (echo one; for _ in $(seq 600); do grep -q one $answer && break; sleep 0.1; done; echo two) |
            conpaas exec -i shop 1 {node} -- sh -c 'read a; echo $a; read b; echo $b' | tee $answer
        rm $answer"
    );
    assert_eq!(text(&shell(nutshell, &talk).stdout), "one\ntwo\n");
    in_a_terminal(nutshell, node);
    let json = client(nutshell, &["exec", "--json", "shop", "1", node, "--", "echo", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one JSON value");
    assert_eq!((&json["stdout"], &json["exit_code"]), (&"--json\n".into(), &0.into()));
    let log = client(nutshell, &["logs", "shop", "1", "--node", node, "--file", "cpsagent.log"]);
    assert!(text(&log.stdout).contains(": no-such-program"), "{log:?}");
}

/// Types into a shell of a node as somebody at a terminal does, makes the window larger, and sees what is shown.
const AT_A_TERMINAL: &str = r##"
import fcntl, os, pty, select, struct, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp("conpaas", ["conpaas", "exec", "-t", "shop", "1", sys.argv[1], "--", "sh"])
shown = b""
def until(words):
    global shown
    end = time.time() + 60
    while words not in shown:
        assert time.time() < end, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 65536)
    before, shown = shown.split(words, 1)
    return before
def resize(rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
resize(24, 80)
until(b"# ")
os.write(terminal, b"tty | cut -c1-9; echo $TERM\n")
until(b"/dev/pts/\r\nxterm\r\n")
resize(33, 111)
end = time.time() + 60
while True:
    os.write(terminal, b"stty size\n")
    if b"33 111" in until(b"# "):
        break
    assert time.time() < end
os.write(terminal, b"echo be''gun; sleep 1000\n")
until(b"begun\r\n")
os.write(terminal, b"\x03")
until(b"# ")
os.write(terminal, b"exit 5\n")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"##;

/// A shell has a terminal: its size, its keys, and its code come through, and the history tells of it.
fn in_a_terminal(nutshell: &Nutshell, node: &str) {
    let said = nutshell.type_command(&["python3", "-c", AT_A_TERMINAL, node]);
    assert_eq!(said.trim(), "5");
    let history = nutshell.type_command(&["conpaas", "generic", "get_history", "shop", "1"]);
    assert!(history.contains("A terminal is opened in node "), "{history}");
    let without = client(nutshell, &["exec", "-t", "shop", "1", node, "--", "sh"]);
    assert!(text(&without.stderr).contains("there is no terminal here"), "{without:?}");
}

/// A command ends at its limit, with its caller, and with all that it started.
fn nothing_stays(nutshell: &Nutshell, state: &Path, (node, id): &(String, String)) {
    let vmid = vmid(id);
    let is_empty = || (!world::run_in(&vmid, "pgrep -x sleep").0).then_some(());
    let began = std::time::Instant::now();
    let ended = client(nutshell, &["exec", "--timeout", "1", "shop", "1", node, "--", "sleep", "1000"]);
    assert!(text(&ended.stderr).contains("it was ended after 1 s, its time limit"), "{ended:?}");
    assert!(ended.status.code() == Some(143) && began.elapsed() < LIMIT, "{ended:?}");
    wait_until_within(LIMIT, "nothing stays of what was ended", is_empty);

    let left = client(nutshell, &["exec", "shop", "1", node, "--", "sh", "-c", "setsid sleep 1000 & exit 3"]);
    assert_eq!(left.status.code(), Some(3), "{left:?}");
    wait_until_within(LIMIT, "nothing stays of what was left behind", is_empty);

    let marker = state.join("begun");
    let begun = format!(
        "(conpaas exec shop 1 {node} -- sh -c 'echo begun; exec sleep 1000' > {0} 2> /dev/null & echo $! > {0}.pid)",
        marker.display()
    );
    assert!(shell(nutshell, &begun).status.success());
    let is_begun = || fs::read_to_string(&marker).is_ok_and(|text| text == "begun\n").then_some(());
    wait_until_within(LIMIT, "the command runs", is_begun);
    assert!(is_empty().is_none());
    assert!(shell(nutshell, &format!("kill -9 $(cat {}.pid)", marker.display())).status.success());
    wait_until_within(LIMIT, "the command ends with its caller", is_empty);
}

/// Somebody else's certificate opens nothing.
fn another_user(nutshell: &Nutshell, state: &Path, node: &str) {
    let home = state.join("bob/.conpaas");
    fs::create_dir_all(&home).expect("it is writable");
    let settings = "[cps-tools]\ndirector_url = https://172.16.0.1:5555\nusername = bob\npassword = bob-secret\n";
    fs::write(home.join("cps-tools.conf"), settings).expect("it is writable");
    let create = format!(
        "DIRECTOR_CFG={} conpaas user create bob --email b@x.y --password bob-secret && HOME={} conpaas user get_certificate",
        state.join("nutshell/director.cfg").display(),
        state.join("bob").display()
    );
    let made = shell(nutshell, &create);
    assert!(made.status.success(), "{made:?}");
    let unknown = shell(nutshell, &format!("HOME={} conpaas exec shop 1 {node} -- id", state.join("bob").display()));
    assert!(!unknown.status.success() && !text(&unknown.stdout).contains("uid"), "{unknown:?}");
    let manager = "172.16.0.2";
    let home = home.display().to_string();
    assert_eq!(nutshell.type_command(&["python3", "-c", AS_ANOTHER, manager, &home, node]), "403\n");
}
