//! A manifest whose archive the director fetches, a program that uses the database that it is linked to, and an export that
//! makes the same application again.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::house::{House, succeed, vmid};
use super::world;
use crate::support::wait::eventually_within;

const LIMIT: Duration = Duration::from_secs(240);
/// An address of the public web, which only this test's world has.
const WEB: &str = "198.41.0.4";
/// Writes a row with what it finds in its environment, and notes what it has read back.
const INIT: &str = r#"#!/bin/sh
export MYSQL_PWD=$CONPAAS_MYSQL_PASSWORD
sql="CREATE TABLE IF NOT EXISTS visits (site TEXT); INSERT INTO visits VALUES ('$SITE'); SELECT site FROM visits"
mariadb -h "$CONPAAS_MYSQL_HOST" -P "$CONPAAS_MYSQL_PORT" -u "$CONPAAS_MYSQL_USER" -N -e "$sql" \
    "$CONPAAS_MYSQL_DATABASE" >/tmp/visits 2>&1
"#;

#[test]
fn an_archive_is_fetched_a_link_is_used_and_an_export_makes_the_same_again() {
    // Built outside of the test's world, which has no way to the packages.
    let image = world::engines_base();
    let name = "e2e::manifests::an_archive_is_fetched_a_link_is_used_and_an_export_makes_the_same_again";
    world::inside(name, |state| async move {
        let web = serve_code(&state);
        let mut house = House::of_image(&state, &image, "256M");
        let file = state.join("director.cfg");
        let config = std::fs::read_to_string(&file).unwrap();
        let hosts = format!("[director]\nMANIFEST_HOSTS = {WEB}, localhost");
        std::fs::write(&file, config.replacen("[director]", &hosts, 1)).unwrap();
        house.start();
        house.eventually("the director answers", async || house.ask("/listapp", &[]).await).await;
        house.client(&["user", "get_certificate"]);
        // The application that every user has: a manifest may name one that is there.
        house.client(&["application", "rename", "New Application", "shop"]);

        // A host may be allowed and yet be none of the web: nobody asks this machine's own services through a manifest.
        for (host, word) in [("localhost", "no address of the public web"), ("203.0.113.9", "fetches nothing from")] {
            let told = carried_out(&house, &manifest(host)).await.to_string();
            assert!(told.contains(word), "{told}");
        }
        let end = carried_out(&house, &manifest(WEB)).await;
        assert_eq!(end["status"], "DONE", "{end}");
        expect_visits(&house).await;

        let exported = export(&house, "first.tar");
        house.client(&["application", "rename", "shop", "old"]);
        let tar = house.state.join("first.tar").display().to_string();
        house.client(&["application", "manifest", &tar]);
        expect_visits(&house).await;
        assert_eq!(export(&house, "second.tar"), exported);
        drop(web);
    });
}

/// A web server that ends with this world.
struct Web(Child);

impl Drop for Web {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

fn serve_code(state: &std::path::Path) -> Web {
    let (code, site) = (state.join("code"), state.join("site"));
    for directory in [&code, &site] {
        std::fs::create_dir(directory).unwrap();
    }
    std::fs::write(code.join("init.sh"), INIT).unwrap();
    succeed(Command::new("tar").arg("-C").arg(&code).arg("-cf").arg(site.join("code.tar")).arg("."));
    succeed(Command::new("ip").args(["link", "set", "lo", "up"]));
    succeed(Command::new("ip").args(["address", "add", &format!("{WEB}/32"), "dev", "lo"]));
    let mut server = Command::new("python3");
    server.args(["-m", "http.server", "--bind", WEB, "--directory"]).arg(&site).arg("80");
    Web(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the machine has Python"))
}

fn manifest(host: &str) -> String {
    json!({"Application": "shop", "Services": [
        {"Type": "mysql", "ServiceName": "database"},
        {"Type": "generic", "ServiceName": "program", "Archive": format!("http://{host}/code.tar"),
         "Environment": {"SITE": "one"}, "Links": ["database"]}]})
    .to_string()
}

/// Has a manifest carried out, and returns how that ended, or the refusal.
async fn carried_out(house: &House, manifest: &str) -> Value {
    let fields = [("manifest", manifest), ("cloud", "default"), ("thread", "True")];
    let answer = house.ask("/upload_manifest", &fields).await.unwrap();
    let Some(id) = answer["operation_id"].as_str() else { return answer };
    eventually_within(LIMIT, "the manifest is at its end", async || {
        let view = house.get(&format!("/get_operation/{id}")).await?;
        (view["status"] != "RUNNING").then_some(view)
    })
    .await
}

/// The program has found the database, and its own row in it and no other.
async fn expect_visits(house: &House) {
    let nodes = house.client(&["generic", "list_nodes", "shop", "program"]);
    let is_node = |word: &&str| word.starts_with("iaas");
    let node = nodes.split_whitespace().find(is_node).unwrap_or_else(|| panic!("{nodes}")).trim_end_matches(':');
    eventually_within(LIMIT, "the program has written to its database", async || {
        let (_, text) = world::run_in(&vmid(node), "cat /tmp/visits");
        (text == "one").then_some(())
    })
    .await;
}

/// What an export says of the application.
fn export(house: &House, name: &str) -> Value {
    let file = house.state.join(name);
    house.client(&["application", "export", "shop", &file.display().to_string()]);
    let listed = Command::new("tar").arg("-xOf").arg(&file).arg("manifest.json").output().unwrap();
    serde_json::from_slice(&listed.stdout).unwrap()
}
