//! A database that does not know what the clouds hold: nothing is removed
//! before somebody decides. Backup, restore, and one director for one database.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};

use crate::support::director::{World, entries, succeed};
use crate::support::wait::eventually;

/// A director with a running application and a volume.
struct Holding {
    world: World,
    alice: Credentials,
    manager: Credentials,
}

impl Holding {
    async fn start(options: &[(&str, &str)]) -> Holding {
        let world = World::start_with(options, &[]);
        world.add_user("alice");
        let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
        let manager = world.certificate(&Subject::manager(UserId(1), ApplicationId(1)), Lifetime::NODE);
        world.post(Some(&alice), "/startapp/1", &[]).await;
        let holding = Holding { world, alice, manager };
        holding.runs().await;
        holding.add_volume("first").await;
        holding
    }

    async fn runs(&self) {
        eventually("the application runs", || async {
            let list = self.world.get(Some(&self.alice), "/listapp").await.json();
            (list[0]["status"] == "RUNNING").then_some(())
        })
        .await;
    }

    async fn add_volume(&self, name: &str) -> String {
        let fields = [("name", name), ("size", "1")];
        let answer = self.world.post(Some(&self.manager), "/create_volume", &fields).await;
        answer.json()["volume_id"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
    }

    fn held(&self) -> (usize, usize) {
        let cloud = self.world.path("state/clouds/iaas");
        (entries(&cloud.join("nodes")), entries(&cloud.join("volumes")))
    }

    /// Waits until the director of the next round has judged what it found.
    async fn is_told(&self, text: &str) {
        eventually(&format!("the log says '{text}'"), || async { self.world.log().contains(text).then_some(()) }).await;
    }

    fn director(&self, words: &[&str]) -> (Output, String) {
        let words: Vec<&str> = ["director"].iter().chain(words).copied().collect();
        let output = self.world.command(&words).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output, text)
    }

    fn forget_database(&self) {
        for name in ["director.db", "director.db-wal", "director.db-shm"] {
            let _gone_already = std::fs::remove_file(self.world.path(name));
        }
    }
}

fn sql(database: &Path, statement: &str) {
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()";
    succeed(Command::new("python3").args(["-c", script]).arg(database).arg(statement));
}

#[tokio::test]
async fn a_missing_or_empty_database_destroys_nothing() {
    let mut holding = Holding::start(&[]).await;
    assert_eq!(holding.held(), (1, 1));
    for is_empty in [false, true] {
        holding.world.kill();
        holding.forget_database();
        if is_empty {
            std::fs::write(holding.world.path("director.db"), "").unwrap();
        }
        std::fs::write(holding.world.path("log"), "").unwrap();
        holding.world.run(&[]);
        holding.is_told("nothing is removed until somebody decides").await;
        holding.is_told("the database never named a volume").await;
        assert_eq!(holding.held(), (1, 1), "{}", holding.world.log());
        assert_eq!(holding.world.get(None, "/version").await.status, 200, "it serves");
    }
    let (_, check) = holding.director(&["check"]);
    assert!(check.contains("belongs to another database") && check.contains("director adopt"), "{check}");
    let (_, list) = holding.director(&["orphans"]);
    assert!(list.contains("node") && list.contains("volume") && list.contains("waiting"), "{list}");

    let (adopted, text) = holding.director(&["adopt"]);
    assert!(adopted.status.success() && text.contains("is kept"), "{text}");
    holding.world.kill();
    std::fs::write(holding.world.path("log"), "").unwrap();
    holding.world.run(&[]);
    assert!(!holding.world.log().contains("nothing is removed"), "it is this database's now");
    assert_eq!(holding.held(), (1, 1));

    let (discarded, text) = holding.director(&["discard"]);
    assert!(discarded.status.success() && text.contains("will be removed"), "{text}");
    eventually("all is removed", || async { (holding.held() == (0, 0)).then_some(()) }).await;
    let (_, list) = holding.director(&["orphans"]);
    assert!(list.contains("the records name all"), "{list}");
}

#[tokio::test]
async fn an_older_database_keeps_what_was_made_since() {
    let mut holding = Holding::start(&[]).await;
    holding.world.kill();
    let (database, copy) = (holding.world.path("director.db"), holding.world.path("copy.db"));
    succeed(Command::new("python3").args([
        "-c",
        "import sqlite3,sys\nsqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))",
        &database.display().to_string(),
        &copy.display().to_string(),
    ]));
    holding.world.run(&[]);
    holding.add_volume("second").await;
    holding.world.kill();
    holding.forget_database();
    std::fs::copy(&copy, &database).unwrap();
    holding.world.run(&[]);
    holding.is_told("is an older copy of the one").await;
    holding.is_told("the database never named a volume").await;
    assert_eq!(holding.held(), (1, 2));
    holding.runs().await;
    let (_, json) = holding.director(&["orphans", "--json"]);
    let orphans: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((orphans.as_array().unwrap().len(), &orphans[0]["kind"]), (1, &"volume".into()), "{json}");
    let (refused, text) = holding.director(&["discard", "v-not-there"]);
    assert!(!refused.status.success() && text.contains("v-not-there"), "{text}");
    let (discarded, text) = holding.director(&["discard", orphans[0]["tag"].as_str().unwrap()]);
    assert!(discarded.status.success(), "{text}");
    // What was named is decided by nobody: the rest still waits for the word.
    let (discarded, text) = holding.director(&["discard"]);
    assert!(discarded.status.success(), "{text}");
    eventually("it is removed", || async { (holding.held() == (1, 1)).then_some(()) }).await;
}

#[tokio::test]
async fn a_backup_of_a_running_director_is_restored_and_nothing_newer_is_lost() {
    let mut holding = Holding::start(&[]).await;
    let file = holding.world.path("backup.tar");
    let name = file.display().to_string();
    let (made, text) = holding.director(&["backup", &name]);
    assert!(made.status.success(), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (again, text) = holding.director(&["backup", &name]);
    assert!(!again.status.success() && text.contains("is there already"), "{text}");
    let (refused, text) = holding.director(&["restore", &name]);
    assert!(!refused.status.success() && text.contains("another director (process"), "{text}");
    holding.add_volume("second").await;
    holding.world.kill();
    holding.forget_database();
    let key = holding.world.path("certs/ca_key.pem");
    let authority = std::fs::read(&key).unwrap();
    std::fs::remove_dir_all(holding.world.path("certs")).unwrap();
    std::fs::remove_file(holding.world.path("director.cfg")).unwrap();
    let cut = holding.world.path("cut.tar");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let (refused, text) = holding.director(&["restore", &cut.display().to_string()]);
    assert!(!refused.status.success() && text.contains("cut.tar"), "{text}");
    assert!(!holding.world.path("director.db").exists(), "what is refused changes nothing");
    let (restored, text) = holding.director(&["restore", &name]);
    assert!(restored.status.success() && text.contains("put back"), "{text}");
    assert_eq!(std::fs::read(&key).unwrap(), authority);
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    holding.world.run(&[]);
    holding.is_told("nothing is removed until somebody decides").await;
    holding.runs().await;
    assert_eq!(holding.held(), (1, 2));
}

#[tokio::test]
async fn a_second_director_on_the_same_data_is_refused_and_names_the_first() {
    let world = World::start();
    let text = std::fs::read_to_string(world.path("director.cfg")).unwrap();
    let second = world.path("second.cfg");
    std::fs::write(&second, text.replace(":5555", ":5556")).unwrap();
    let output = world.command(&["director", "--config", &second.display().to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(&format!("process {}", world.pid())), "{text}");
    assert_eq!(world.get(None, "/version").await.status, 200, "the first goes on");
}

#[tokio::test]
async fn nothing_is_acknowledged_without_the_file() {
    let mut world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    // Its port is open before it has read what it starts with.
    assert_eq!(world.get(None, "/version").await.status, 200);
    std::fs::rename(world.path("director.db"), world.path("aside.db")).unwrap();
    let answer = world.post(Some(&alice), "/createapp", &[("name", "lost")]).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert!(world.log().contains("was removed or replaced while this program uses it"), "{}", world.log());
    std::fs::rename(world.path("aside.db"), world.path("director.db")).unwrap();
    let answer = world.post(Some(&alice), "/createapp", &[("name", "kept")]).await;
    assert_eq!(answer.json()["name"], "kept");
    assert!(world.is_running());
}

#[tokio::test]
async fn a_damaged_row_is_shown_as_broken_and_hides_no_other() {
    let mut world = World::start();
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/createapp", &[("name", "sound")]).await;
    world.kill();
    sql(&world.path("director.db"), "UPDATE application SET status = 'RUNNIMG' WHERE aid = 1");
    world.run(&[]);
    let list = world.get(Some(&alice), "/listapp").await.json();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["status"]), (2, &"ERROR".into()), "{list}");
    let output = world.command(&["director", "check"]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("row 1 of table application cannot be read"), "{text}");
    world.post(Some(&alice), "/stopapp/1", &[]).await;
    let list = world.get(Some(&alice), "/listapp").await.json();
    assert_eq!(list[0]["status"], "STOPPED", "{list}");
}

#[tokio::test]
async fn keys_uploads_and_volumes_are_the_directors_alone() {
    let holding = Holding::start(&[]).await;
    for name in ["certs", "data", "state/uploads", "state/clouds/iaas/volumes"] {
        let mode = std::fs::metadata(holding.world.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{name} is {mode:o}");
    }
}
