//! Web applications in Java on real containers, in real Tomcats behind real nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::git::User;
use super::php::Site;
use super::visited::{processes, send_signal};
use super::wars::Wars;
use super::{streams, world};
use crate::support::visitors::Visitors;
use crate::support::wait::{wait_until, wait_until_within};

/// A Tomcat starts for some seconds, and load is looked at for some more.
const SCALED: Duration = Duration::from_secs(180);

#[test]
fn a_web_application_lives_its_whole_life() {
    let image = world::engines_base();
    world::inside("e2e::java::a_web_application_lives_its_whole_life", |state| async move {
        let wars = Wars::new(&image, &state);
        let (_, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &[]);
        let site = Site { nutshell: &nutshell, directory: &state };
        for words in ["application create shop", "application start shop", "java add shop", "java start shop 1"] {
            site.client(words);
        }
        let nodes = site.nodes();
        assert_eq!(nodes.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["backend", "proxy", "web"]);
        let first = nodes.first().expect("there is one").1.clone();
        let url = format!("http://{first}/");
        assert!(site.fetch(&url, 1)[0].starts_with("200 <!DOCTYPE html>"), "the code that a service begins with");

        enable(&site, &wars.shop("one"));
        see_every_sort_of_page(&site, &first);
        see_all_that_is_long_and_large(&site, &first);
        let count = format!("{url}count.jsp");
        assert_eq!(site.fetch(&count, 2), [1, 2].map(|n| format!("200 {n} one {first}")));

        enable(&site, &wars.shop("two"));
        let newcomer = with_own_cookies(&site, "newcomer");
        let of_newcomer = Site { nutshell: &nutshell, directory: &newcomer };
        assert_eq!(of_newcomer.fetch(&count, 1), [format!("200 1 two {first}")]);
        assert_eq!(site.fetch(&count, 1), [format!("200 3 one {first}")], "a session ends where it began");
        restart_tomcat(&site, &state);
        assert_eq!(site.fetch(&count, 1), [format!("200 4 one {first}")], "sessions outlive a restart of Tomcat");
        assert_eq!(of_newcomer.fetch(&count, 1), [format!("200 2 two {first}")]);

        does_not_start(&site, &wars);
        assert_eq!(of_newcomer.fetch(&count, 1), [format!("200 3 two {first}")], "the version before it serves on");

        scale(&site, &of_newcomer, &count);
        assert_eq!(site.nodes(), nodes, "the first node plays all roles again");
        assert_eq!(of_newcomer.fetch(&url, 1), ["200 <!DOCTYPE html> two"]);

        pushed(&site, &wars, &url);

        let said = upload(&site, &wars.old());
        assert!(said.contains("it is written for javax.servlet"), "{said}");
        site.client(&format!("java enable_code shop 1 {}", id_in(&said)));
        assert_eq!(of_newcomer.fetch(&format!("{url}hello"), 1), ["200 an old one at /hello"]);
        assert_eq!(of_newcomer.fetch(&format!("{url}old.jsp"), 1), ["200 GET"]);
    });
}

#[test]
fn a_war_comes_on_the_air_by_one_word_in_a_small_node_and_what_is_none_is_refused() {
    let image = world::engines_base();
    let name = "e2e::java::a_war_comes_on_the_air_by_one_word_in_a_small_node_and_what_is_none_is_refused";
    world::inside(name, |state| async move {
        let wars = Wars::new(&image, &state);
        let section = state.join("section");
        fs::write(&section, "MEMORY = 256M\n").expect("it is writable");
        let (_, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &["--section", section.to_str().expect("it is plain text")]);
        let site = Site { nutshell: &nutshell, directory: &state };
        let built = state.join("shop/target/shop.war");
        fs::create_dir_all(built.parent().expect("it has one")).expect("it is writable");
        fs::copy(wars.shop("built"), &built).expect("it is writable");
        let said = site.client(&format!("deploy {}", state.join("shop").display()));
        let url = said.lines().last().and_then(|line| line.rsplit(' ').next()).expect("the address is told").to_owned();
        assert_eq!(site.fetch(&url, 1), ["200 <!DOCTYPE html> built"]);
        assert_eq!(site.fetch(&format!("{url}shop/a"), 1), ["200 shop /a"]);

        // A directory that would be a war, and a war itself, under the name of the application that is there.
        let open = state.join("open");
        fs::create_dir_all(open.join("WEB-INF")).expect("it is writable");
        fs::write(open.join("WEB-INF/web.xml"), "<web-app/>").expect("it is writable");
        fs::write(open.join("index.html"), "open\n").expect("it is writable");
        site.client(&format!("deploy {} --app shop", open.display()));
        assert_eq!(site.fetch(&url, 1), ["200 open"]);
        site.client(&format!("deploy {} --app shop", built.display()));
        assert_eq!(site.fetch(&url, 1), ["200 <!DOCTYPE html> built"]);
        site.client("rollback shop");
        assert_eq!(site.fetch(&url, 1), ["200 open"]);

        let said = site.fail_to_deploy(&wars.failing());
        assert!(said.contains("does not start in Tomcat") || said.contains("no database"), "{said}");
        is_refused(&site, &wars);
    });
}

#[test]
fn tomcats_come_when_visitors_wait_too_long_and_go_with_them() {
    let image = world::engines_base();
    world::inside("e2e::java::tomcats_come_when_visitors_wait_too_long_and_go_with_them", |state| async move {
        let wars = Wars::new(&image, &state);
        let (namespace, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &[]);
        let site = Site { nutshell: &nutshell, directory: &state };
        for words in ["application create shop", "application start shop", "java add shop", "java start shop 1"] {
            site.client(words);
        }
        let page = "<%@ page session=\"false\" %><% Thread.sleep(30); %>slow\n";
        let files = [("WEB-INF/web.xml", b"<web-app/>".to_vec()), ("index.jsp", page.as_bytes().to_vec())];
        enable(&site, &wars.pack("slow.war", &files));
        let backends = || site.nodes().into_iter().filter(|(role, _)| role == "backend").count();
        let history = || site.client("java get_history shop 1");

        let address = SocketAddr::new(node_address(&site).parse().expect("it is an address"), 80);
        let visitors = Visitors::come(&namespace, address, &["/"]);
        site.client("java enable_autoscaling shop 1 0 10 low --max-nodes 2");
        let are_two = || (history().matches("Autoscaling: 1 more: answers take").count() == 2).then_some(());
        wait_until_within(SCALED, "there are two backends", are_two);
        let is_told = || history().contains("but there are 2 nodes, as many as are allowed").then_some(());
        wait_until_within(SCALED, "the limit is told", is_told);
        assert_eq!(backends(), 2);
        let seen = visitors.go();
        assert_eq!(seen.n_failed, 0, "{seen:?}");

        wait_until_within(SCALED, "one backend goes", || (backends() == 1).then_some(()));
        assert_eq!(history().matches("Autoscaling: 1 less: nobody asks for anything").count(), 1, "{}", history());
        assert_eq!(site.fetch(&format!("http://{}/", address.ip()), 1), ["200 slow"]);
    });
}

/// Web applications are pushed with git: as a folder, and as a file that was built.
fn pushed(site: &Site<'_>, wars: &Wars, url: &str) {
    let user = User { nutshell: site.nutshell, state: site.directory, manager: String::new() };
    let said = site.client(&format!("java upload_key shop 1 {}.pub", user.key("key").display()));
    assert_eq!(said, "1 keys added to authorized_keys.\n");
    let info = site.client("java git_info shop 1");
    let clone = info.lines().next().and_then(|line| line.strip_prefix("clone: ")).expect("the URL is told").to_owned();
    user.succeed(&format!("{clone} -q && cd code && git checkout -q -b main"));
    site.client("java auto_enable shop 1 on");
    user.commit("1/WEB-INF/web.xml", "<web-app/>");
    user.commit("1/index.html", "a folder\n");
    let said = user.succeed("cd code && git push -q origin main");
    assert!(said.contains(&format!("Service 1 runs {}", user.head())), "{said}");
    assert_eq!(site.fetch(url, 1), ["200 a folder"]);
    user.succeed("cd code && git rm -q -r 1 && mkdir 1");
    fs::copy(wars.shop("war"), site.directory.join("code/1/shop.war")).expect("it is writable");
    user.commit("readme.txt", "a war\n");
    let said = user.succeed("cd code && git push -q origin main");
    assert!(said.contains(&format!("Service 1 runs {}", user.head())), "{said}");
    assert_eq!(site.fetch(url, 1), ["200 <!DOCTYPE html> war"]);
    assert_eq!(site.fetch(&format!("{url}shop/a"), 1), ["200 shop /a"]);
}

/// Looks at what servlets, pages, files and rules answer, at a proxy.
fn see_every_sort_of_page(site: &Site<'_>, proxy: &str) {
    let answer = |path: &str| site.fetch(&format!("http://{proxy}/{path}"), 1).concat();
    assert_eq!(answer("shop/a/b"), "200 shop /a/b");
    assert!(answer("hello").starts_with(&format!("200 hello {proxy} ")), "{}", answer("hello"));
    assert!(answer("style.css").starts_with("200 body {} "), "{}", answer("style.css"));
    for (path, status) in
        [("secret/style.css", "403"), ("WEB-INF/web.xml", "404"), ("web-inf/web.xml", "404"), ("no", "404")]
    {
        assert!(answer(path).starts_with(status), "{path}: {}", answer(path));
    }
}

/// Events, messages in both directions and large uploads go through proxy and Tomcat as they come.
fn see_all_that_is_long_and_large(site: &Site<'_>, proxy: &str) {
    assert_eq!(site.events(proxy, "/events", "/go"), "200 text/event-stream data: one data: two");
    assert_eq!(site.say(proxy, "/socket", "a word"), "101 echo a word");
    assert_eq!(site.upload_to(proxy, "/upload"), streams::whole());
}

/// Ends the only Tomcat as an operator does, and waits until another one serves.
fn restart_tomcat(site: &Site<'_>, state: &Path) {
    let nodes = site.client("java list_nodes shop 1");
    let node = nodes.lines().find(|line| line.contains("backend")).expect("there is one");
    let node = node.split_whitespace().nth(4).expect("it has an id");
    let before = processes(state, node, "java");
    send_signal(state, node, "java", Signal::SIGTERM);
    let is_another = || {
        let now = processes(state, node, "java");
        (!now.is_empty() && now.iter().all(|pid| !before.contains(pid))).then_some(())
    };
    wait_until("another Tomcat runs", is_another);
    let host = node_address(site);
    let serves = || site.fetch(&format!("http://{host}/hello"), 1).concat().starts_with("200 ").then_some(());
    wait_until("it serves", serves);
}

/// The address of the first proxy.
fn node_address(site: &Site<'_>) -> String {
    let proxy = site.nodes().into_iter().find(|(role, _)| role == "proxy");
    proxy.expect("there is one").1
}

/// An enable whose program does not start says why, and goes back by itself.
fn does_not_start(site: &Site<'_>, wars: &Wars) {
    let said = upload(site, &wars.failing());
    let enabled = site.nutshell.run("shell", &["--", "conpaas", "java", "enable_code", "shop", "1", &id_in(&said)]);
    let said = String::from_utf8_lossy(&enabled.stderr).into_owned();
    assert!(!enabled.status.success() && said.contains("does not start in Tomcat"), "{said}");
    assert!(said.contains("IllegalStateException: no database"), "{said}");
    let history = site.client("java get_history shop 1");
    assert!(history.contains("IllegalStateException: no database"), "{history}");
    assert!(site.client("java get_state shop 1").contains("RUNNING"));
}

/// Roles come and go; a session lives in its backend for as long as that is there.
fn scale(site: &Site<'_>, visitor: &Site<'_>, count: &str) {
    site.client("java add_nodes --backend 2 shop 1");
    let answers = visitor.fetch(count, 6);
    let words: Vec<Vec<&str>> = answers.iter().map(|line| line.split(' ').collect()).collect();
    let numbers: Vec<&str> = words.iter().filter_map(|words| words.get(1).copied()).collect();
    assert_eq!(
        numbers,
        ["1", "2", "3", "4", "5", "6"],
        "it begins anew in one of the new nodes, and stays: {answers:?}"
    );
    assert!(words.iter().all(|line| line[3] == words[0][3]), "{answers:?}");
    site.client("java add_nodes --backend 1 shop 1");
    let again = visitor.fetch(count, 3);
    assert_eq!(again, [7, 8, 9].map(|n| format!("200 {n} two {}", words[0][3])), "a session outlives an addition");

    site.client("java add_nodes --web 1 --proxy 1 shop 1");
    let nodes = site.nodes();
    let of_role =
        |wanted: &'static str| nodes.iter().filter(move |(role, _)| role == wanted).map(|(_, address)| address);
    assert_eq!(of_role("proxy").count(), 2);
    for proxy in of_role("proxy") {
        see_every_sort_of_page(site, proxy);
        assert_eq!(visitor.fetch(&format!("http://{proxy}/style.css"), 1), ["200 body {} two"]);
    }
    for web in of_role("web") {
        let said = site.fetch(&format!("http://{web}:8080/secret/style.css"), 1).concat();
        assert!(said.starts_with("403"), "a web node answers proxies alone: {said}");
    }
    site.client("java remove_nodes --proxy 1 --web 1 --backend 1 shop 1");
    let is_left = site.nodes().iter().any(|(role, address)| role == "backend" && address == words[0][3]);
    let next = visitor.fetch(count, 1).concat();
    assert!(next.starts_with(if is_left { "200 10 two" } else { "200 1 two" }), "{next}");
    site.client("java remove_nodes --backend 2 shop 1");
}

/// What is no war is refused when it is uploaded, with its name and the next step.
fn is_refused(site: &Site<'_>, wars: &Wars) {
    let refusal = |path: &Path| {
        let path = path.display().to_string();
        let output = site.nutshell.run("shell", &["--", "conpaas", "java", "upload_code", "shop", "1", &path]);
        assert!(!output.status.success(), "{path}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refusal(&wars.pack("bare.war", &[("readme.txt", b"x".to_vec())]));
    assert!(said.contains("'bare.war' has neither a directory WEB-INF nor a first page"), "{said}");
    let said = upload(site, &wars.pack("pages.war", &[("index.html", b"only pages".to_vec())]));
    assert!(said.contains("it has no directory WEB-INF"), "{said}");
    site.client(&format!("java enable_code shop 1 {}", id_in(&said)));
    let proxy = site.nodes().into_iter().find(|(role, _)| role == "proxy").expect("there is one").1;
    assert_eq!(site.fetch(&format!("http://{proxy}/"), 1), ["200 only pages"]);
    let said = refusal(&wars.pack("source.war", &[("pom.xml", b"x".to_vec()), ("src/A.java", b"x".to_vec())]));
    assert!(said.contains("'source.war' has the source of a program") && said.contains("build it"), "{said}");
    let whole = fs::read(wars.shop("broken")).expect("it is there");
    let broken = site.directory.join("broken.war");
    fs::write(&broken, &whole[..whole.len() / 2]).expect("it is writable");
    let said = refusal(&broken);
    assert!(said.contains("Invalid archive format") && said.contains("this was 'broken.war'"), "{said}");
    let tar = site.directory.join("site.tar");
    let mut builder = tar::Builder::new(fs::File::create(&tar).expect("it is writable"));
    builder.append_path_with_name(&broken, "WEB-INF/web.xml").expect("it is writable");
    builder.finish().expect("it is writable");
    let said = refusal(&tar);
    assert!(said.contains("'site.tar' is a tar archive and not a web application"), "{said}");

    let source = site.directory.join("source");
    fs::create_dir(&source).expect("it is new");
    fs::write(source.join("pom.xml"), "<project/>").expect("it is writable");
    let said = site.fail_to_deploy(&source);
    assert!(said.contains("has pom.xml, and no .war file was built yet: 'mvn package'"), "{said}");
}

/// A directory for the cookies of another visitor.
fn with_own_cookies(site: &Site<'_>, name: &str) -> PathBuf {
    let directory = site.directory.join(name);
    fs::create_dir(&directory).expect("it is new");
    directory
}

fn enable(site: &Site<'_>, war: &Path) {
    let id = id_in(&upload(site, war));
    site.client(&format!("java enable_code shop 1 {id}"));
}

/// Uploads a war; returns what is said about it, notes and all.
fn upload(site: &Site<'_>, war: &Path) -> String {
    let path = war.display().to_string();
    let output = site.nutshell.run("shell", &["--", "conpaas", "java", "upload_code", "shop", "1", &path]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

fn id_in(said: &str) -> String {
    said.split('\'').find(|word| word.starts_with("code-")).expect("the id is told").to_owned()
}
