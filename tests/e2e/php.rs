//! A site in PHP on real containers, with the programs that serve it.

use std::collections::BTreeSet;
use std::path::Path;

use super::world;
use crate::support::nutshell::Nutshell;

const PAGE: &str = "<?php session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;\n\
                    echo $_SESSION['n'], ' ', getHostByName(getHostName()), ' ', $_SERVER['REQUEST_URI'], \"\\n\";\n";
/// Fetches a URL some times with one jar of cookies, and prints status and text of each.
const FETCH: &str = "
import http.cookiejar, sys, urllib.error, urllib.request
jar = http.cookiejar.LWPCookieJar(sys.argv[1])
try: jar.load(ignore_discard=True)
except OSError: pass
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
for _ in range(int(sys.argv[3])):
    try: answer = opener.open(sys.argv[2], timeout=60)
    except urllib.error.HTTPError as error: answer = error
    print(answer.status, answer.read().decode().strip().split('\\n')[0])
jar.save(ignore_discard=True)
";
/// Fetches a URL some times at once with one jar of cookies, and prints the first word of each.
const FETCH_AT_ONCE: &str = "
import concurrent.futures, http.cookiejar, sys, urllib.request
jar = http.cookiejar.LWPCookieJar(sys.argv[1])
jar.load(ignore_discard=True)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
def first_word(_): return opener.open(sys.argv[2], timeout=120).read().decode().split()[0]
with concurrent.futures.ThreadPoolExecutor(16) as crowd:
    print('\\n'.join(crowd.map(first_word, range(int(sys.argv[3])))))
";

pub(super) struct Site<'a> {
    pub(super) nutshell: &'a Nutshell,
    pub(super) directory: &'a Path,
}

impl Site<'_> {
    pub(super) fn client(&self, words: &str) -> String {
        let words: Vec<&str> = std::iter::once("conpaas").chain(words.split(' ')).collect();
        self.nutshell.type_command(&words)
    }

    /// What a deployment says that fails.
    pub(super) fn fail_to_deploy(&self, directory: &Path) -> String {
        let output = self.nutshell.run("shell", &["--", "conpaas", "deploy", &directory.display().to_string()]);
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Rows of `list_nodes` as (role, address).
    pub(super) fn nodes(&self) -> BTreeSet<(String, String)> {
        let text = self.client("service list_nodes shop 1");
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let rows = rows.filter(|words| words.len() == 6 && words[0] != "aid");
        rows.map(|words| (words[2].to_owned(), words[3].to_owned())).collect()
    }

    /// The first words of as many answers, asked for by sixteen with one session.
    fn fetch_at_once(&self, url: &str, times: u32) -> Vec<u32> {
        let jar = self.directory.join("cookies").display().to_string();
        let text = self.nutshell.type_command(&["python3", "-c", FETCH_AT_ONCE, &jar, url, &times.to_string()]);
        text.lines().map(|line| line.parse().expect("a counter")).collect()
    }

    pub(super) fn fetch(&self, url: &str, times: u32) -> Vec<String> {
        let jar = self.directory.join("cookies").display().to_string();
        let text = self.nutshell.type_command(&["python3", "-c", FETCH, &jar, url, &times.to_string()]);
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_site_in_php_lives_its_whole_life() {
    // Built outside of the test's world, which has no way to the packages.
    let image = world::engines_base();
    world::inside("e2e::php::a_site_in_php_lives_its_whole_life", |state| async move {
        let (_, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &[]);
        let site = Site { nutshell: &nutshell, directory: &state };
        for words in ["application create shop", "application start shop", "php add shop", "php start shop 1"] {
            site.client(words);
        }
        let nodes = site.nodes();
        assert_eq!(nodes.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["backend", "proxy", "web"]);
        let first = nodes.first().expect("there is one").1.clone();
        let url = format!("http://{first}/");
        assert!(site.fetch(&url, 1)[0].starts_with("200 <!DOCTYPE html>"), "the code that a service begins with");

        enable(&site, PAGE);
        assert_eq!(site.fetch(&format!("{url}a/b?c=d"), 2), [1, 2].map(|n| format!("200 {n} {first} /a/b?c=d")));
        assert_eq!(site.fetch(&format!("{url}style.css"), 1), ["200 body {}"]);

        site.client("php add_nodes --backend 2 shop 1");
        let roles: Vec<String> = site.nodes().into_iter().map(|(role, _)| role).collect();
        assert_eq!(roles, ["backend", "backend", "proxy", "web"], "the packed node runs PHP no more");
        let answers = site.fetch(&url, 12);
        let counters: Vec<u32> = answers.iter().filter_map(|line| line.split(' ').nth(1)?.parse().ok()).collect();
        assert_eq!(counters, (3..15).collect::<Vec<u32>>(), "all backends share sessions: {answers:?}");
        let backends: BTreeSet<&str> = answers.iter().filter_map(|line| line.split(' ').nth(2)).collect();
        assert!(backends.len() == 2 && !backends.contains(first.as_str()), "{answers:?}");

        let mut counters = site.fetch_at_once(&url, 100);
        counters.sort_unstable();
        assert_eq!(counters, (15..115).collect::<Vec<u32>>(), "no request overwrites what another one counted");

        site.client("php add_nodes --web 1 --proxy 1 shop 1");
        let proxies: Vec<String> =
            site.nodes().into_iter().filter(|(role, _)| role == "proxy").map(|(_, address)| address).collect();
        assert_eq!(proxies.len(), 2);
        for proxy in &proxies {
            assert_eq!(site.fetch(&format!("http://{proxy}/style.css"), 1), ["200 body {}"]);
        }
        site.client("php debug shop 1 on");
        assert!(site.client("php get_php_config shop 1").contains("display_errors: On"));

        site.client("php remove_nodes --proxy 1 --web 1 --backend 2 shop 1");
        assert_eq!(site.nodes(), nodes, "the first node plays all roles again");
        assert_eq!(site.fetch(&url, 1), [format!("200 115 {first} /")]);
    });
}

#[test]
fn a_directory_comes_on_the_air_by_one_word_and_goes_back_by_another() {
    let image = world::engines_base();
    world::inside("e2e::php::a_directory_comes_on_the_air_by_one_word_and_goes_back_by_another", |state| async move {
        let (_, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &[]);
        let site = Site { nutshell: &nutshell, directory: &state };
        let shop = state.join("shop");
        std::fs::create_dir(&shop).expect("it is new");
        let deploy = |text: &str| {
            std::fs::write(shop.join("index.php"), format!("<?php echo '{text}';\n")).expect("it is writable");
            site.client(&format!("deploy {}", shop.display()))
        };
        std::fs::write(shop.join(".gitignore"), "secret.txt\n").expect("it is writable");
        std::fs::write(shop.join("secret.txt"), "x").expect("it is writable");
        let said = deploy("one");
        let url = said.lines().last().and_then(|line| line.rsplit(' ').next()).expect("the address is told").to_owned();
        assert_eq!(site.fetch(&url, 1), ["200 one"]);
        assert!(!site.fetch(&format!("{url}secret.txt"), 1)[0].contains('x'), "what git ignores is not uploaded");

        deploy("two");
        assert_eq!(site.fetch(&url, 1), ["200 two"]);
        let status = site.client("status");
        assert!(status.contains("shop") && status.contains("RUNNING") && status.contains(&url), "{status}");
        assert_eq!(site.client("open shop").trim(), url);
        site.client("rollback shop");
        assert_eq!(site.fetch(&url, 1), ["200 one"]);

        // A page that fails is no success, and visitors have the version before it.
        std::fs::write(shop.join("index.php"), "<?php http_response_code(500);\n").expect("it is writable");
        let said = site.fail_to_deploy(&shop);
        assert!(said.contains("answers 500, so the service goes back to what it was"), "{said}");
        assert_eq!(site.fetch(&url, 1), ["200 one"]);

        // What was found out of a newer directory is not true of the older one; what failed was never there.
        std::fs::create_dir(shop.join("public")).expect("it is new");
        std::fs::write(shop.join("composer.json"), "{}").expect("it is writable");
        std::fs::write(shop.join("public/index.php"), "<?php echo 'framework';\n").expect("it is writable");
        let said = deploy("above the root");
        assert_eq!(site.fetch(&url, 1), ["200 framework"], "{said}");
        site.client("rollback shop");
        assert_eq!(site.fetch(&url, 1), ["200 one"]);
        assert!(!site.client("php get_php_config shop 1").contains("/public"));

        let program = state.join("clock");
        std::fs::create_dir(&program).expect("it is new");
        std::fs::write(program.join("run.sh"), "exec sleep 600\n").expect("it is writable");
        let said = site.client(&format!("deploy {} --app clock --json", program.display()));
        let said: serde_json::Value = serde_json::from_str(said.trim()).expect("one JSON value");
        assert_eq!((&said["type"], said["urls"].as_array().map(Vec::len)), (&"generic".into(), Some(1)), "{said}");
        std::fs::write(program.join("run.sh"), "exit 3\n").expect("it is writable");
        let said = site.fail_to_deploy(&program);
        assert!(said.contains("run.sh ended with code 3 in node "), "{said}");
    });
}

/// Uploads a site with a style sheet and this first page, and enables it. Returns the id of the version.
pub(super) fn enable(site: &Site<'_>, page: &str) -> String {
    let id = upload(site, page);
    site.client(&format!("php enable_code shop 1 {id}"));
    id
}

/// Uploads a site with a style sheet and this first page; returns the id of the version.
pub(super) fn upload(site: &Site<'_>, page: &str) -> String {
    let code = site.directory.join("site");
    std::fs::create_dir_all(&code).expect("it is writable");
    std::fs::write(code.join("index.php"), page).expect("it is writable");
    std::fs::write(code.join("style.css"), "body {}\n").expect("it is writable");
    let said = site.client(&format!("php upload_code shop 1 {}", code.display()));
    said.split('\'').find(|word| word.starts_with("code-")).expect("the id is told").to_owned()
}
