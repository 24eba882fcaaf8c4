//! Web applications in Java on real containers, in real Tomcats behind real nginx.

use std::fs;
use std::path::{Path, PathBuf};

use super::php::Site;
use super::wars::Wars;
use super::world;

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
        let count = format!("{url}count.jsp");
        assert_eq!(site.fetch(&count, 2), [1, 2].map(|n| format!("200 {n} one {first}")));

        enable(&site, &wars.shop("two"));
        let newcomer = with_own_cookies(&site, "newcomer");
        let of_newcomer = Site { nutshell: &nutshell, directory: &newcomer };
        assert_eq!(of_newcomer.fetch(&count, 1), [format!("200 1 two {first}")]);
        assert_eq!(site.fetch(&count, 1), [format!("200 3 one {first}")], "a session ends where it began");

        does_not_start(&site, &wars);
        assert_eq!(of_newcomer.fetch(&count, 1), [format!("200 2 two {first}")], "the version before it serves on");

        scale(&site, &of_newcomer, &count);
        assert_eq!(site.nodes(), nodes, "the first node plays all roles again");
        assert_eq!(of_newcomer.fetch(&url, 1), ["200 <!DOCTYPE html> two"]);

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
    let said = refusal(&wars.pack("bare.war", &[("index.html", b"x".to_vec())]));
    assert!(said.contains("'bare.war' has no directory WEB-INF"), "{said}");
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
