//! The long form: a backup that is larger than one upload may be goes to a file and comes back.

use super::kills::is_long;
use super::{Cluster, PASSWORD};
use crate::e2e::world;

const BATCHES: u64 = 32;
const ROWS: u64 = 20_000;
/// What an upload may have.
const MOST_UPLOAD_BYTES: u64 = 512 << 20;

#[test]
fn a_backup_larger_than_an_upload_is_restored() {
    if !is_long() {
        println!("skipped: 'make test-data' does it");
        return;
    }
    let image = world::engines_base();
    world::inside("e2e::mysql::large::a_backup_larger_than_an_upload_is_restored", |state| async move {
        let cluster = Cluster::added(&state, image, "512M").await;
        cluster.house.try_call(Cluster::start_call().param("volume_size", 4096)).await.unwrap();
        cluster.rests_in("RUNNING").await;
        cluster.set_password(PASSWORD).await.unwrap();
        cluster.house.client(&["user", "get_certificate"]);
        let (_, ip) = cluster.nodes("mysql").await.remove(0);
        cluster.ask(&ip, "CREATE DATABASE large; CREATE TABLE large.t (i BIGINT PRIMARY KEY, x BLOB)");
        // Nothing that could be compressed.
        for batch in 0..BATCHES {
            let first = batch * ROWS;
            let rows = format!("SELECT {first} + seq, RANDOM_BYTES(1000) FROM large.seq_1_to_{ROWS}");
            cluster.ask(&ip, &format!("INSERT INTO large.t {rows}"));
        }
        let sums = "SELECT COUNT(*), SUM(CRC32(x)) FROM large.t";
        let before = cluster.ask(&ip, sums);
        let file = state.join("large.backup");
        let name = file.display().to_string();
        let began = std::time::Instant::now();
        cluster.house.client(&["mysql", "backup", "1", "1", &name]);
        let size = file.metadata().unwrap().len();
        let taken = began.elapsed();
        assert!(size > MOST_UPLOAD_BYTES, "{size}");
        cluster.ask(&ip, "DROP DATABASE large");
        let began = std::time::Instant::now();
        let said = cluster.house.client(&["mysql", "restore", "1", "1", &name, "--yes"]);
        assert!(said.contains("restored"), "{said}");
        let restored = began.elapsed();
        cluster.serve(1).await;
        assert_eq!(cluster.ask(&ip, sums), before);
        println!(
            "{} MB: backup in {:.0} s, restored in {:.0} s",
            size >> 20,
            taken.as_secs_f32(),
            restored.as_secs_f32()
        );
    });
}
