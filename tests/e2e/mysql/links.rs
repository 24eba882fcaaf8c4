//! Services that are linked to a database: their programs find it, also at another address, and whoever dies in the middle
//! of that.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use conpaas::rpc::RpcCall;
use serde_json::{Value, json};

use super::one_node::HOSTILE;
use super::{Cluster, LIMIT};
use crate::e2e::house::{kill_managers, succeed, vmid};
use crate::e2e::wars::Wars;
use crate::e2e::world;
use crate::support::wait::eventually_within;

/// Writes a row with what it finds in its environment, and notes where the database was.
const RUN: &str = r#"#!/bin/sh
export MYSQL_PWD=$CONPAAS_MYSQL_PASSWORD
sql="CREATE TABLE IF NOT EXISTS visits (i INT); INSERT INTO visits VALUES (1)"
mariadb -h "$CONPAAS_MYSQL_HOST" -P "$CONPAAS_MYSQL_PORT" -u "$CONPAAS_MYSQL_USER" -e "$sql" \
    "$CONPAAS_MYSQL_DATABASE" >/tmp/error 2>&1 && echo "$CONPAAS_MYSQL_HOST" >/tmp/host
"#;
/// Says what a web application finds in its environment, and the first words of the server that it finds there.
const PAGE: &str = r#"<%@ page import="java.net.Socket" %><%
String host = System.getenv("CONPAAS_MYSQL_HOST"), port = System.getenv("CONPAAS_MYSQL_PORT"), said = "nobody";
if (host != null) try (Socket socket = new Socket(host, Integer.parseInt(port))) {
    byte[] greeting = new byte[128];
    int n = socket.getInputStream().read(greeting);
    said = new String(greeting, 0, n, "ISO-8859-1").contains("MariaDB") ? "MariaDB" : "a stranger";
}
%><%= host %> <%= System.getenv("CONPAAS_MYSQL_USER") %> <%= System.getenv("CONPAAS_MYSQL_DATABASE") %> <%= said %>
"#;
const PROGRAM: i64 = 2;
const SITE: i64 = 3;

#[test]
fn programs_find_their_database_wherever_it_is_and_whoever_dies() {
    let image = world::engines_base();
    let name = "e2e::mysql::links::programs_find_their_database_wherever_it_is_and_whoever_dies";
    world::inside(name, |state| async move {
        let wars = Wars::new(&image, &state);
        let cluster = Cluster::start(&state, image, "256M").await;
        cluster.house.client(&["user", "get_certificate"]);
        let (database, member) = cluster.nodes("mysql").await.remove(0);
        for kind in ["generic", "java"] {
            cluster.house.ask(&format!("/add/{kind}"), &[("appid", "1")]).await.unwrap();
        }
        for sid in ["2", "3"] {
            cluster.house.client(&["service", "start", "1", sid]);
        }
        let program = place(&cluster, PROGRAM, "master").await;
        let site = place(&cluster, SITE, "web").await;
        let directory = state.join("program");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("run.sh"), RUN).unwrap();
        let code = state.join("program.tar");
        succeed(Command::new("tar").arg("-C").arg(&directory).arg("-cf").arg(&code).arg("."));
        enable(&cluster, "generic", "2", &code.display().to_string());
        let war = wars.pack("linked.war", &[("index.jsp", PAGE.as_bytes().to_vec())]);
        enable(&cluster, "java", "3", &war.display().to_string());
        shows(&site.1, "null null null nobody").await;

        for text in HOSTILE {
            let link = RpcCall::post(0, "link_service").param("service_id", PROGRAM).param("to_service_id", 1);
            let refused = cluster.house.try_call(link.param("database", text)).await.unwrap_err();
            assert!(refused.contains("letters, digits and underscores"), "{text:?}: {refused}");
            for (program, base) in [(Value::from(text), json!(1)), (json!(PROGRAM), Value::from(text))] {
                let link = RpcCall::post(0, "link_service").param("service_id", program).param("to_service_id", base);
                assert!(cluster.house.try_call(link).await.is_err(), "{text:?}");
            }
        }
        link_while_managers_die(&cluster, &vmid(&database)).await;
        runs_at(&cluster, &program.0, &member).await;
        let said = cluster.house.client(&["service", "link", "1", "3", "1", "--database", "site"]);
        let account = said.split('\'').nth(1).unwrap_or_else(|| panic!("{said}")).to_owned();
        shows(&site.1, &format!("{member} {account} site MariaDB")).await;

        // From now on the database is found at its balancer.
        cluster.change("add_nodes", "glb", 1).await;
        let (_, balancer) = cluster.nodes("glb").await.remove(0);
        shows(&site.1, &format!("{balancer} {account} site MariaDB")).await;
        eventually_within(LIMIT, "the file names the balancer", async || {
            let (_, text) = world::run_in(&vmid(&program.0), "cat /run/conpaas/links/mysql.env");
            text.contains(&format!("CONPAAS_MYSQL_HOST={balancer}\n")).then_some(())
        })
        .await;
        runs_at(&cluster, &program.0, &balancer).await;

        cluster.house.client(&["service", "unlink", "1", "3"]);
        shows(&site.1, "null null null nobody").await;
    });
}

/// The manager dies while it links: before the link is recorded, when it is, when the account is there. Whatever was
/// recorded comes to its end, and no account is left without a link.
async fn link_while_managers_die(cluster: &Cluster, database: &str) {
    let ask = async |method: &str, params: &[(&str, i64)]| {
        let call = RpcCall::post(0, method);
        cluster.house.try_call(params.iter().fold(call, |call, (name, value)| call.param(name, *value))).await
    };
    let states = async || {
        let list = cluster.house.call(RpcCall::get(0, "list_links")).await?["links"].clone();
        Some(list.as_array()?.iter().map(|link| link["state"].as_str().map(str::to_owned)).collect::<Vec<_>>())
    };
    let accounts = || {
        let sql = "SELECT COUNT(*) FROM mysql.global_priv WHERE User LIKE 'link%'";
        let script = format!("mariadb --socket=/run/cpsagent/mysql/mysqld.sock -N -e \"{sql}\"");
        world::run_in(database, &script).1
    };
    let (user, both) = ([("service_id", PROGRAM)], [("service_id", PROGRAM), ("to_service_id", 1)]);
    for pause_ms in [0, 5, 20, 60, 150] {
        let last = RefCell::new(String::new());
        eventually_within(LIMIT, "the service is unlinked", async || {
            let found = states().await?;
            let n_accounts = accounts();
            let is_gone = found.is_empty() && n_accounts == "0";
            if !is_gone {
                let answer = ask("unlink_service", &user).await;
                let now = format!("links {found:?}, accounts {n_accounts:?}, unlink {answer:?}");
                if *last.borrow() != now {
                    println!("{now}");
                    last.replace(now);
                }
            }
            is_gone.then_some(())
        })
        .await;
        let kill = async {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            kill_managers();
        };
        let (answer, ()) = tokio::join!(ask("link_service", &both), kill);
        let n_recorded = eventually_within(LIMIT, "the manager tells of its links", &states).await.len();
        eventually_within(LIMIT, "the link is ready", async || match states().await?.as_slice() {
            [] => ask("link_service", &both).await.ok().and(None),
            [state] => (state.as_deref() == Some("ready") && accounts() == "1").then_some(()),
            more => panic!("{more:?}"),
        })
        .await;
        println!("killed {pause_ms} ms after the call: answered {}, links found {n_recorded}", answer.is_ok());
    }
}

/// The id and the address of the node of a service that plays a role.
async fn place(cluster: &Cluster, sid: i64, role: &str) -> (String, String) {
    let list = cluster.house.call(RpcCall::get(sid, "list_nodes")).await.unwrap();
    let id = list[role][0].as_str().unwrap_or_else(|| panic!("{list}")).to_owned();
    let info = cluster.house.call(RpcCall::get(sid, "get_node_info").param("serviceNodeId", id.as_str())).await;
    let info = info.unwrap();
    (id, info["serviceNode"]["ip"].as_str().unwrap().to_owned())
}

fn enable(cluster: &Cluster, kind: &str, sid: &str, file: &str) {
    let said = cluster.house.client(&[kind, "upload_code", "1", sid, file]);
    let id = said.split('\'').find(|word| word.starts_with("code-")).unwrap_or_else(|| panic!("{said}"));
    cluster.house.client(&[kind, "enable_code", "1", sid, id]);
}

/// The program finds its database there when it is run the next time.
async fn runs_at(cluster: &Cluster, node: &str, host: &str) {
    eventually_within(LIMIT, &format!("the program has written to the database at {host}"), async || {
        let run = RpcCall::post(PROGRAM, "execute_script").param("command", "run");
        let _it_may_run_already = cluster.house.try_call(run).await;
        let (_, text) = world::run_in(&vmid(node), "cat /tmp/host");
        (text == host).then_some(())
    })
    .await;
}

/// The site answers with these words, as soon as it knows them.
async fn shows(host: &str, text: &str) {
    let ask = || {
        let mut stream = TcpStream::connect((host, 80)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        stream.write_all(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.trim().to_owned())
    };
    let last = RefCell::new(None);
    eventually_within(LIMIT, &format!("the site says {text}"), async || {
        let answer = ask();
        if *last.borrow() != answer {
            println!("the site says {answer:?}");
            last.replace(answer.clone());
        }
        (answer.as_deref() == Some(text)).then_some(())
    })
    .await;
}
