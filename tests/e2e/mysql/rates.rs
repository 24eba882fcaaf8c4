//! A part of `make bench`: how fast a database is, beside a bare MariaDB with the same settings in the same container.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use conpaas::rpc::RpcCall;

use super::changes::make_older;
use super::{Cluster, PASSWORD};
use crate::e2e::house::vmid;
use crate::e2e::world;

const BARE_PORT: u16 = 3399;
const CLIENTS: u32 = 8;
const N_QUERIES: u32 = 4000;
const DUMP_MB: u64 = 100;
/// Starts a server without Galera beside the one of the node; its password is in the environment of nobody.
const BARE: &str = r#"
set -e
cnf=/var/tmp/cpsagent/daemons/mysqld/current/galera.cnf
place=$(echo /media/mysql-*/)bare
as="setpriv --reuid=mysql --regid=mysql --init-groups --"
mkdir -p "$place/tmp"; chown -R mysql: "$place"
off="--wsrep-on=OFF --wsrep-provider=none"
$as mariadb-install-db --defaults-file=$cnf --force --skip-test-db --auth-root-authentication-method=socket $off \
    --datadir="$place/data" >/dev/null 2>&1
nohup $as mariadbd --defaults-file=$cnf $off --datadir="$place/data" --tmpdir="$place/tmp" --socket="$place/socket" \
    --pid-file="$place/pid" --port=3399 >"$place/log" 2>&1 </dev/null &
for i in $(seq 100); do
    mariadb --socket="$place/socket" -e "CREATE USER mysqldb@'%'; GRANT ALL ON *.* TO mysqldb@'%'" 2>/dev/null && exit 0
    sleep 0.2
done
cat "$place/log"; exit 1
"#;

#[test]
fn how_fast_a_database_is() {
    if std::env::var_os("CONPAAS_BENCH").is_none() {
        println!("skipped: 'make bench' measures it");
        return;
    }
    let image = world::engines_base();
    world::inside("e2e::mysql::rates::how_fast_a_database_is", |state| async move {
        // Without TLS between nodes at first, so that its cost is seen.
        let cluster = Cluster::added(&state, image.clone(), "512M").await;
        make_older(&cluster);
        cluster.start_service().await;
        cluster.set_password(PASSWORD).await.unwrap();
        let (id, ip) = cluster.nodes("mysql").await.remove(0);
        say("memory of an idle node", &format!("{} MB anonymous", world::anonymous_mb(&vmid(&id))));
        let (is_up, text) = world::run_in(&vmid(&id), BARE);
        assert!(is_up, "{text}");
        let slap = Slap { image };
        slap.prepare(&cluster, &ip);
        slap.tell("bare MariaDB", &ip, BARE_PORT, "");
        slap.tell("one node alone", &ip, 3306, PASSWORD);

        let dump = state.join("large.sql");
        let bytes = write_dump(&dump);
        let began = Instant::now();
        let load = RpcCall::upload(1, "load_dump").file("mysqldump_file", &dump, "large.sql");
        cluster.house.try_call(load).await.unwrap();
        say("load_dump", &rate(bytes, began.elapsed()));
        let began = Instant::now();
        cluster.load_by_client(&ip, BARE_PORT, &dump);
        say("the same by the client into the bare one", &rate(bytes, began.elapsed()));
        let began = Instant::now();
        let n_bytes = cluster.house.download(RpcCall::get(1, "sqldump").param("form", "file")).await.len();
        say("sqldump", &rate(n_bytes as u64, began.elapsed()));
        let began = Instant::now();
        let n_bytes = cluster.house.download(RpcCall::get(1, "backup")).await.len();
        say("backup, compressed", &rate(n_bytes as u64, began.elapsed()));
        let began = Instant::now();
        cluster.change("add_nodes", "mysql", 1).await;
        say(&format!("a node joins, {DUMP_MB} MB"), &format!("{:.1} s", began.elapsed().as_secs_f32()));

        cluster.change("add_nodes", "mysql", 1).await;
        cluster.change("add_nodes", "glb", 1).await;
        let (_, balancer) = cluster.nodes("glb").await.remove(0);
        slap.tell("three nodes without TLS, through one", &ip, 3306, PASSWORD);
        cluster.house.try_call(RpcCall::post(1, "encrypt")).await.unwrap();
        cluster.rests_in("RUNNING").await;
        cluster.serve(3).await;
        slap.tell("three nodes with TLS, through one", &ip, 3306, PASSWORD);
        slap.tell("three nodes with TLS, through glb", &balancer, 3306, PASSWORD);
    });
}

impl Cluster {
    /// Loads a dump as somebody does who has the client program and no manager.
    fn load_by_client(&self, ip: &str, port: u16, dump: &Path) {
        let words = self.client();
        let file = std::fs::File::open(dump).unwrap();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["-h", ip, "-P", &port.to_string(), "-u", "mysqldb"]).stdin(file);
        let output = command.output().expect("coreutils have chroot");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Clients that send statements as fast as they are answered.
struct Slap {
    image: PathBuf,
}

impl Slap {
    fn prepare(&self, cluster: &Cluster, ip: &str) {
        let tables =
            "CREATE DATABASE slap; CREATE TABLE slap.orders (i BIGINT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(100))";
        cluster.ask(ip, tables);
        let output = cluster.sql(ip, BARE_PORT, "", tables);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn tell(&self, what: &str, ip: &str, port: u16, password: &str) {
        let write = "INSERT INTO orders (t) VALUES (REPEAT('x', 100))";
        let read = "SELECT t FROM orders WHERE i = 1";
        let [writes, reads] = [write, read].map(|query| self.rate(ip, port, password, query));
        say(what, &format!("{writes:.0} writes/s, {reads:.0} reads/s ({CLIENTS} clients)"));
    }

    fn rate(&self, ip: &str, port: u16, password: &str, query: &str) -> f64 {
        let mut command = Command::new("chroot");
        command.arg(&self.image).arg("mariadb-slap").args(["-h", ip, "-P", &port.to_string(), "-u", "mysqldb"]);
        command.arg(format!("--concurrency={CLIENTS}")).arg(format!("--number-of-queries={N_QUERIES}"));
        command.args(["--create-schema=slap", "--no-drop", "--query", query]).env("MYSQL_PWD", password);
        let output = command.output().expect("coreutils have chroot");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line =
            text.lines().find_map(|line| line.trim().strip_prefix("Average number of seconds to run all queries: "));
        let seconds = line.and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
        f64::from(N_QUERIES) / seconds.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Writes a dump of rows that do not compress to nothing; returns its size.
fn write_dump(path: &Path) -> u64 {
    use std::fmt::Write;
    let mut text = "CREATE DATABASE large;\nUSE `large`;\nCREATE TABLE t (i BIGINT PRIMARY KEY, a TEXT);\n".to_owned();
    let (mut n, mut random) = (0_u64, 88_172_645_463_325_252_u64);
    while (text.len() as u64) < DUMP_MB << 20 {
        text.push_str("INSERT INTO t VALUES ");
        for row in 0..100 {
            let mut value = String::new();
            for _ in 0..16 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                write!(value, "{random:016x}").unwrap();
            }
            write!(text, "{}({n},'{value}')", if row == 0 { "" } else { "," }).unwrap();
            n += 1;
        }
        text.push_str(";\n");
    }
    std::fs::write(path, &text).unwrap();
    text.len() as u64
}

fn rate(n_bytes: u64, time: Duration) -> String {
    let mb = n_bytes as f64 / f64::from(1 << 20);
    format!("{:.1} MB/s ({mb:.0} MB in {:.1} s)", mb / time.as_secs_f64(), time.as_secs_f64())
}

fn say(what: &str, measured: &str) {
    println!("{what:<40} {measured}");
}
