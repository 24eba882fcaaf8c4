//! A full disk under the director: 507 with the remedy, nothing lost, and it
//! goes on by itself when there is room again. Root only: it takes a mount.

use std::io::Write;
use std::path::Path;

use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::support::director::{Answer, World, entries, succeed};
use crate::support::wait::eventually;

struct Small(tempfile::TempDir);

impl Small {
    fn mount(size: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: only root can mount a disk that is full");
            return None;
        }
        let place = tempfile::Builder::new().prefix("conpaas-full-").tempdir().unwrap();
        mount(Some("tmpfs"), place.path(), Some("tmpfs"), MsFlags::empty(), Some(size)).unwrap();
        Some(Small(place))
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.path().join("filler")).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        while file.write_all(&[7]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _best_effort = umount2(self.0.path(), MntFlags::MNT_DETACH);
    }
}

/// Changes names at `path` until that is refused: the log of changes has room left for some. Returns the refusal.
async fn until_refused(world: &World, who: &Credentials, path: &str, most: u32) -> Answer {
    let mut answer = world.post(Some(who), path, &[("name", "filler 0")]).await;
    for n in 1..most {
        if answer.status != 200 {
            break;
        }
        answer = world.post(Some(who), path, &[("name", &format!("filler {n}"))]).await;
    }
    answer
}

fn options(place: &Path) -> [(String, String); 2] {
    [
        ("director.STATE_DIR".into(), place.join("state").display().to_string()),
        ("director.DATABASE_URI".into(), format!("sqlite:///{}", place.join("director.db").display())),
    ]
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost() {
    let Some(disk) = Small::mount("size=3m") else { return };
    let options = options(disk.0.path());
    let options: Vec<(&str, &str)> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut world = World::start_with(&options, &[]);
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/createapp", &[("name", "before")]).await;
    let before = world.get(Some(&alice), "/listapp").await.text;
    assert!(before.contains("before"));
    disk.fill();
    let answer = until_refused(&world, &alice, "/createapp", 2000).await;
    assert_eq!(answer.status, 507, "{}", answer.text);
    assert!(answer.text.contains("disk is full") && answer.text.contains("Free some room"), "{}", answer.text);
    let file = world.path("large");
    std::fs::write(&file, vec![1; 100_000]).unwrap();
    let form = conpaas::rpc::FormBody::default().field("name", "x").file("csr", &file);
    let answer = world.client(Some(&alice)).post_form(&world.endpoint, "/createapp", &form).await.unwrap();
    assert_eq!(answer.status, 507, "{}", String::from_utf8_lossy(&answer.body));
    let answer = world.post(Some(&alice), "/startapp/1", &[]).await;
    assert_eq!(answer.status, 507, "{}", answer.text);
    assert!(world.get(Some(&alice), "/listapp").await.text.contains("\"before\""), "reading works");
    assert!(world.is_running(), "{}", world.log());
    disk.free();
    let answer = world.post(Some(&alice), "/createapp", &[("name", "after")]).await;
    assert_eq!(answer.json()["name"], "after");
    // What was there is still there after a crash.
    world.kill();
    world.run(&[]);
    let listed = world.get(Some(&alice), "/listapp").await.text;
    assert!(listed.contains("\"before\"") && listed.contains("\"after\""), "{listed}");
    world.kill();
}

#[tokio::test]
async fn a_full_disk_keeps_nobody_from_stopping_what_fills_it() {
    let Some(disk) = Small::mount("size=24m") else { return };
    let options = options(disk.0.path());
    let options: Vec<(&str, &str)> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut world = World::start_with(&options, &[]);
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    let status = async || world.get(Some(&alice), "/listapp").await.json()[0]["status"].clone();
    world.post(Some(&alice), "/startapp/1", &[]).await;
    eventually("it runs", || async { (status().await == "RUNNING").then_some(()) }).await;
    let (reserve, nodes) = (disk.0.path().join("state/reserve"), disk.0.path().join("state/clouds/iaas/nodes"));
    assert!(reserve.exists());
    disk.fill();
    let answer = until_refused(&world, &alice, "/renameapp/1", 5000).await;
    assert_eq!(answer.status, 507, "{}", answer.text);
    let answer = world.post(Some(&alice), "/createapp", &[("name", "more")]).await;
    assert_eq!((answer.status, reserve.exists()), (507, true), "{}", answer.text);
    let answer = world.post(Some(&alice), "/stopapp/1", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(status().await, "STOPPED");
    assert!(!reserve.exists(), "it was given up");
    eventually("its node is gone", || async { (entries(&nodes) == 0).then_some(()) }).await;
    disk.free();
    eventually("room is kept again", || async { reserve.exists().then_some(()) }).await;
    assert_eq!(world.post(Some(&alice), "/createapp", &[("name", "more")]).await.json()["name"], "more");
    world.kill();
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_the_remedy() {
    let mut world = World::prepare(&[]);
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute('pragma user_version=99')\nc.commit()";
    succeed(std::process::Command::new("python3").args(["-c", script]).arg(world.path("director.db")));
    world.spawn(&[]);
    assert_eq!(world.wait_for_end(), Some(1));
    assert!(
        world.log().contains("has version 99") && world.log().contains("install the newer program"),
        "{}",
        world.log()
    );
}
