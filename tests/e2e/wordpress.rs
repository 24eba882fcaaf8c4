//! WordPress from one command, on real containers: a database, a link, a site with three backends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use conpaas::rpc::RpcCall;
use serde_json::Value;

use super::house::{House, succeed, vmid};
use super::world;
use crate::support::wait::eventually_within;

/// Everything starts again on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);
/// Prints status and text of a page.
const FETCH: &str = "
import sys, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try: answer = opener.open(sys.argv[1], timeout=60)
except urllib.error.HTTPError as error: answer = error
print(answer.status, answer.read().decode())
";
/// Writes a post as the account admin, whose password is read, and prints its number.
const POST: &str = "
import sys, xmlrpc.client
site = xmlrpc.client.ServerProxy(sys.argv[1] + 'xmlrpc.php')
post = {'post_title': 'News', 'post_content': sys.argv[2], 'post_status': 'publish'}
print(site.wp.newPost(1, 'admin', sys.stdin.readline().strip(), post))
";
const TEXT: &str = "This stays, whoever dies.";

/// An example with its program, made once on this machine.
fn example(name: &str) -> PathBuf {
    let place = Path::new("/var/tmp/conpaas-test").join(name);
    if std::env::var_os("CONPAAS_E2E_INSIDE").is_none() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        std::fs::create_dir_all(&place).unwrap();
        for entry in std::fs::read_dir(&source).unwrap().flatten() {
            std::fs::copy(entry.path(), place.join(entry.file_name())).unwrap();
        }
        succeed(&mut Command::new(place.join("fetch")));
    }
    place
}

/// A site, seen by its user and its visitors.
struct Blog {
    house: House,
}

impl Blog {
    async fn open(state: &Path, image: &Path) -> Self {
        let mut house = House::of_image(state, image, "256M");
        house.start();
        house.eventually("the director answers", async || house.ask("/listapp", &[]).await).await;
        let blog = Blog { house };
        blog.client(&["user", "get_certificate"]);
        blog
    }

    /// Has a manifest carried out, and returns where the site answers.
    fn make(&self, manifest: &Path) -> String {
        let said = self.client(&["application", "manifest", &manifest.display().to_string()]);
        said.lines().find_map(|line| line.strip_prefix("It answers at ")).expect("a site").to_owned()
    }

    fn client(&self, words: &[&str]) -> String {
        let options =
            ["--director_url", "https://172.16.0.1:5555", "--username", "alice", "--password", "alice-secret"];
        let mut command = self.house.command(&[&words[..1], &options, &words[1..]].concat());
        let output = command.output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {stdout}{stderr}");
        stdout.into_owned()
    }

    fn fetch(&self, url: &str) -> String {
        let output = Command::new("python3").args(["-c", FETCH, url]).output().expect("the machine has Python");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ids of the site's nodes in a role.
    async fn nodes(&self, role: &str) -> Vec<String> {
        let list = self.house.call(RpcCall::get(2, "list_nodes")).await.unwrap();
        list[role].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// Publishes a post and returns its page.
    async fn publish(&self, url: &str) -> String {
        let backend = self.nodes("backend").await.remove(0);
        let run = "php $(ls -t /var/cache/cpsagent/www/*/conpaas-password.php | head -n 1)";
        let password = self.client(&["exec", "wordpress", "site", &backend, "--", "sh", "-c", run]);
        let mut command = Command::new("python3");
        command.args(["-c", POST, url, TEXT]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("the machine has Python");
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the post is made");
        format!("{url}?p={}", String::from_utf8_lossy(&output.stdout).trim())
    }

    /// The addresses of the backends that the proxy has had answers of.
    async fn asked_backends(&self) -> BTreeSet<String> {
        let proxy = self.nodes("proxy").await.remove(0);
        let (_, log) = world::run_in(&vmid(&proxy), "sleep 1.2; cat /var/cache/cpsagent/nginx-proxy-access.log");
        let is_backend = |word: &&str| word.ends_with(":9000");
        log.split([' ', ',']).filter(is_backend).map(str::to_owned).collect()
    }

    /// Nobody but root and the account of the site reads the password, and it is in no list of processes and no log.
    async fn keep_secrets(&self) {
        let backend = vmid(&self.nodes("backend").await.remove(0));
        let (_, shown) = world::run_in(&backend, "stat -c '%a %U' /run/conpaas/links/mysql.env");
        assert_eq!(shown, "640 www-data");
        let (_, file) = world::run_in(&backend, "cat /run/conpaas/links/mysql.env");
        let password = file.lines().find_map(|line| line.strip_prefix("CONPAAS_MYSQL_PASSWORD=")).unwrap().to_owned();
        let (_, open) = world::run_in(&backend, "cat /proc/*/cmdline /var/log/*.log /var/cache/cpsagent/*.log");
        assert!(!open.contains(&password));
        let link = self.client(&["service", "list_links", "wordpress"]);
        assert!(link.contains("wordpress") && link.contains("ready") && !link.contains(&password), "{link}");
        assert_eq!(self.client(&["service", "get_link_password", "wordpress", "site"]).trim(), password);
        let again = RpcCall::post(0, "get_link_password").param("service_id", 2);
        assert!(self.house.try_call(again).await.unwrap_err().contains("shown once"));
    }
}

/// Writes the manifest of the example once more, without what takes long.
fn without_code(example: &Path, state: &Path) -> String {
    let text = std::fs::read_to_string(example.join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    let site = manifest["Services"][1].as_object_mut().unwrap();
    site.retain(|key, _| !["Archive", "Run"].contains(&key.as_str()));
    let file = state.join("again.json");
    std::fs::write(&file, manifest.to_string()).unwrap();
    file.display().to_string()
}

#[test]
fn wordpress_comes_from_one_command_and_loses_no_post() {
    // Built outside of the test's world, which has no way to the packages.
    let (image, example) = (world::engines_base(), example("wordpress"));
    world::inside("e2e::wordpress::wordpress_comes_from_one_command_and_loses_no_post", |state| async move {
        let mut blog = Blog::open(&state, &image).await;
        // The application that every user has: a manifest may name one that is there.
        blog.client(&["application", "rename", "New Application", "wordpress"]);
        let began = Instant::now();
        let url = blog.make(&example);
        let page = blog.fetch(&url);
        println!("from nothing to the first page: {:.1} s", began.elapsed().as_secs_f32());
        assert!(page.starts_with("200 ") && page.contains("A site on ConPaaS"), "{}", &page[..page.len().min(500)]);
        let again = blog.client(&["application", "manifest", &without_code(&example, &state)]);
        assert!(again.contains("done."), "the same manifest finds everything there: {again}");

        let post = blog.publish(&url).await;
        for _ in 0..12 {
            assert!(blog.fetch(&post).contains(TEXT));
        }
        assert_eq!(blog.asked_backends().await.len(), 3, "all backends have answered");
        blog.keep_secrets().await;

        let file = state.join("wordpress.tar");
        blog.client(&["application", "export", "wordpress", &file.display().to_string()]);
        let listed = Command::new("tar").arg("-xOf").arg(&file).arg("manifest.json").output().unwrap();
        let manifest: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let site = &manifest["Services"][1];
        assert_eq!(
            (&site["StartupInstances"]["backend"], &site["Links"][0]["Service"]),
            (&3.into(), &"database".into())
        );
        assert!(site["Archive"].as_str().unwrap().ends_with("wordpress.tar"), "{site}");

        let list = blog.house.ask("/listapp", &[]).await.unwrap();
        let mut vmids = vec![list[0]["vmid"].as_str().unwrap().to_owned()];
        let info = blog.house.call(RpcCall::get(0, "get_app_info")).await.unwrap();
        vmids.extend(info["nodes"].as_array().unwrap().iter().map(|id| vmid(id.as_str().unwrap())));
        blog.house.cut_power(&vmids);
        let cut = Instant::now();
        blog.house.start();
        eventually_within(LIMIT, "the post is there again", async || blog.fetch(&post).contains(TEXT).then_some(()))
            .await;
        println!("from a power cut to the same page: {:.1} s", cut.elapsed().as_secs_f32());
    });
}

/// Uploads a picture as the account admin, and prints its address.
const UPLOAD: &str = "
import sys, xmlrpc.client
site = xmlrpc.client.ServerProxy(sys.argv[1] + 'xmlrpc.php')
picture = {'name': 'point.png', 'type': 'image/png', 'bits': xmlrpc.client.Binary(bytes.fromhex(sys.argv[2]))}
print(site.wp.uploadFile(1, 'admin', sys.stdin.readline().strip(), picture)['url'])
";
/// One black point.
const PICTURE: &str = "89504e470d0a1a0a0000000d494844520000000100000001080000000\
                       03a7e9b550000000a49444154789c6360000000020001e221bc330000000049454e44ae426082";

impl Blog {
    /// Uploads a picture and returns its address.
    async fn upload(&self, url: &str) -> String {
        let backend = self.nodes("backend").await.remove(0);
        let run = "php $(ls -t /var/cache/cpsagent/www/*/conpaas-password.php | head -n 1)";
        let password = self.client(&["exec", "wordpress", "site", &backend, "--", "sh", "-c", run]);
        let mut command = Command::new("python3");
        command.args(["-c", UPLOAD, url, PICTURE]).stdin(std::process::Stdio::piped());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the machine has Python");
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the picture is taken");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What visitors get at an address: the digits of its bytes.
    fn picture(&self, url: &str) -> String {
        let fetch =
            "import sys, urllib.request as u; print(u.build_opener(u.ProxyHandler({})).open(sys.argv[1]).read().hex())";
        let output = Command::new("python3").args(["-c", fetch, url]).output().expect("the machine has Python");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[test]
fn pictures_of_a_site_are_in_shared_storage() {
    let (image, example) = (world::engines_base(), example("wordpress"));
    world::inside("e2e::wordpress::pictures_of_a_site_are_in_shared_storage", |state| async move {
        let blog = Blog::open(&state, &image).await;
        blog.client(&["application", "rename", "New Application", "wordpress"]);
        let url = blog.make(&example);
        blog.client(&["xtreemfs", "add", "wordpress"]);
        blog.client(&["xtreemfs", "start", "wordpress", "3"]);
        blog.client(&["xtreemfs", "add_nodes", "--osd", "2", "wordpress", "3"]);
        blog.client(&["xtreemfs", "add_xfs_volume", "wordpress", "3", "uploads"]);
        blog.client(&["storage", "link", "wordpress", "site", "uploads", "/srv/uploads"]);
        let hook = example.join("nginx.hook").display().to_string();
        blog.client(&["php", "set_nginx_hook", "wordpress", "site", "server", &hook]);
        let picture = blog.upload(&url).await;
        assert_eq!(blog.picture(&picture), PICTURE);
        for backend in blog.nodes("backend").await {
            let (_, found) = world::run_in(&vmid(&backend), "find /srv/uploads -name 'point*.png' | wc -l");
            assert_ne!(found, "0", "{backend}");
        }
        // One server of three dies, with its node.
        eventually_within(LIMIT, "two servers have it", async || {
            let servers = blog.house.call(RpcCall::get(3, "get_servers")).await?;
            (servers["n_waiting"] == 0).then_some(())
        })
        .await;
        let list = blog.house.call(RpcCall::get(3, "list_nodes")).await.unwrap();
        blog.house.lose_node(&vmid(list["osd"][1].as_str().unwrap()));
        assert_eq!(blog.picture(&picture), PICTURE);
    });
}

/// A balancer takes the place of the database's address, and nothing is left of a link that ends but its data.
async fn follow_the_database(blog: &Blog, url: &str) {
    let links = async || blog.house.call(RpcCall::get(0, "list_links")).await.unwrap()["links"].clone();
    let before = links().await[0]["address"].clone();
    blog.client(&["mysql", "add_nodes", "--glb", "1", "mediawiki", "database"]);
    eventually_within(LIMIT, "the link leads to the balancer", async || {
        (links().await[0]["address"] != before).then_some(())
    })
    .await;
    let backend = blog.nodes("backend").await.remove(0);
    eventually_within(LIMIT, "programs find the balancer", async || {
        let (_, file) = world::run_in(&vmid(&backend), "cat /run/conpaas/links/mysql.env");
        let address = format!("CONPAAS_MYSQL_HOST={}\n", links().await[0]["address"].as_str()?.split(':').next()?);
        file.contains(&address).then_some(())
    })
    .await;
    assert!(blog.fetch(&format!("{url}index.php/Special:Version")).starts_with("200 "));
    blog.client(&["service", "unlink", "mediawiki", "wiki"]);
    eventually_within(LIMIT, "the account is gone", async || (links().await == serde_json::json!([])).then_some(()))
        .await;
    assert!(!world::run_in(&vmid(&backend), "test -e /run/conpaas/links/mysql.env").0);
    blog.client(&["service", "link", "--database", "mediawiki", "mediawiki", "wiki", "database"]);
    assert!(blog.fetch(&format!("{url}index.php/Main_Page")).starts_with("200 "), "the data was kept");
}

#[test]
fn mediawiki_comes_from_one_command() {
    if std::env::var_os("CONPAAS_TEST_LONG").is_none() {
        return;
    }
    let (image, example) = (world::engines_base(), example("mediawiki"));
    world::inside("e2e::wordpress::mediawiki_comes_from_one_command", |state| async move {
        let blog = Blog::open(&state, &image).await;
        blog.client(&["application", "rename", "New Application", "mediawiki"]);
        let began = Instant::now();
        let url = blog.make(&example);
        let page = blog.fetch(&format!("{url}index.php/Main_Page"));
        println!("from nothing to the first page: {:.1} s", began.elapsed().as_secs_f32());
        assert!(page.starts_with("200 ") && page.contains("A wiki on ConPaaS"), "{}", &page[..page.len().min(500)]);
        follow_the_database(&blog, &url).await;
    });
}
