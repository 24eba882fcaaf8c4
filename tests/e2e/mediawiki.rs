//! A program as people install it: Debian's MediaWiki on SQLite, by the commands of `docs/php.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::php::Site;
use super::world;

/// Unpacks Debian's package into `$1`, without extensions and without words in other languages. `$2` prepares an apt for
/// the release whose PHP the nodes have.
const UNPACK: &str = "
set -eu
mkdir -p \"$1.new\"
cd \"$1.new\"
rm -rf ./*
\"$2\" \"$PWD/apt\" \"$(dpkg --print-architecture)\" trixie
APT_CONFIG=\"$PWD/apt/apt.conf\" apt-get download -q mediawiki mediawiki-classes
for package in *.deb; do dpkg-deb -x \"$package\" unpacked; done
mv unpacked/usr/share/mediawiki wiki
cd wiki
rm -rf extensions extensions-core config images LocalSettings.php
mkdir extensions images
find . -path '*/i18n/*' -name '*.json' ! -name en.json -delete
find languages/messages -name 'Messages*.php' ! -name MessagesEn.php -delete
rm -rf ../unpacked ../apt ../*.deb
mv ../wiki \"$1\"
rmdir \"$1.new\"
";
/// Prints the status of a page, and what it says.
const READ: &str = "
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answer = opener.open(sys.argv[1], timeout=120)
print(answer.status, answer.read().decode())
";
/// Logs in with the password `argv[2]`, writes ten pages at once through the API, and prints the outcome of each.
const EDIT: &str = "
import concurrent.futures, http.cookiejar, json, sys, urllib.parse, urllib.request
url, password = sys.argv[1:]
jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
def call(**form):
    form['format'] = 'json'
    try:
        answer = opener.open(url + 'api.php', urllib.parse.urlencode(form).encode(), timeout=120)
        return json.load(answer)
    except urllib.error.HTTPError as error:
        return {'status': error.code, 'page': error.read().decode()}
token = call(action='query', meta='tokens', type='login')['query']['tokens']['logintoken']
print(call(action='login', lgname='Admin', lgpassword=password, lgtoken=token)['login']['result'])
token = call(action='query', meta='tokens')['query']['tokens']['csrftoken']
def edit(number):
    text = 'Page number %d was written through the API.' % number
    return call(action='edit', title='Notes %d' % number, text=text, token=token)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for answer in pool.map(edit, range(10)):
        print(answer.get('edit', {}).get('result', answer))
";
/// What is installed lies beside the data, and stays over new versions of the code.
const SETTINGS: &str = "<?php
if ((@include '/srv/wiki/LocalSettings.php') === false) exit(\"not installed yet\\n\");
$wgCacheDirectory = '/srv/wiki';
$wgArticlePath = '/wiki/$1';
";
const PASSWORD: &str = "a-long-secret-7";

#[test]
fn a_wiki_is_installed_read_and_written() {
    let image = world::engines_base();
    let wiki = debians_wiki();
    world::inside("e2e::mediawiki::a_wiki_is_installed_read_and_written", |state| async move {
        let (_, nutshell) = world::nutshell(&state, &state, &image);
        nutshell.succeed("up", &[]);
        let site = Site { nutshell: &nutshell, directory: &state };
        let folder = state.join("wiki");
        let copied = Command::new("cp").args(["-R"]).args([&wiki, &folder]).status().expect("there is cp");
        assert!(copied.success());
        fs::write(folder.join("LocalSettings.php"), SETTINGS).expect("it is writable");
        let said = site.client(&format!("deploy {}", folder.display()));
        let url = said.lines().last().and_then(|line| line.rsplit(' ').next()).expect("it is told").to_owned();
        assert_eq!(site.fetch(&url, 1), ["200 not installed yet"]);
        install(&site, &url);
        let read = |path: &str| nutshell.type_command(&["python3", "-c", READ, &format!("{url}{path}")]);
        let page = read("wiki/Main_Page");
        assert!(page.starts_with("200 ") && page.contains("MediaWiki has been installed."), "{page}");
        assert!(read("load.php?lang=en&modules=mediawiki.page.ready&skin=vector").starts_with("200 "));
        let written = nutshell.type_command(&["python3", "-c", EDIT, &url, PASSWORD]);
        assert_eq!(written.lines().collect::<Vec<_>>(), ["Success"; 11]);
        let page = read("wiki/Notes_7");
        assert!(page.contains("Page number 7 was written through the API."), "{page}");
    });
}

/// Installs by commands in the only node.
fn install(site: &Site<'_>, url: &str) {
    let nodes = site.client("php list_nodes wiki 1");
    let row = nodes.lines().find(|line| line.contains("backend")).expect("there is one");
    let node = row.split_whitespace().nth(4).expect("it has an id");
    let exec = |words: &[&str]| site.nutshell.type_command(&[&["conpaas", "exec", "wiki", node, "--"], words].concat());
    exec(&["install", "-d", "-o", "www-data", "-g", "www-data", "/srv/wiki"]);
    let as_site = ["setpriv", "--reuid", "www-data", "--regid", "www-data", "--clear-groups"];
    let php = ["env", "MW_CONFIG_FILE=/srv/wiki/LocalSettings.php", "php"];
    let program = ["/var/cache/cpsagent/www/current/maintenance/install.php", "--dbtype", "sqlite"];
    let places = ["--dbpath", "/srv/wiki", "--confpath", "/srv/wiki", "--scriptpath", "", "--server"];
    let rest = [url.trim_end_matches('/'), "--pass", PASSWORD, "Wiki", "Admin"];
    let said = exec(&[as_site.as_slice(), &php, &program, &places, &rest].concat());
    assert!(said.contains("successfully installed"), "{said}");
}

/// What Debian's package has, unpacked once on this machine.
fn debians_wiki() -> PathBuf {
    let place = Path::new("/var/tmp/conpaas-test/mediawiki-trixie");
    let apt = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/private-apt");
    if !place.exists() {
        let status =
            Command::new("sh").args(["-c", UNPACK, "sh"]).arg(place).arg(&apt).status().expect("there is a shell");
        assert!(status.success(), "Debian's MediaWiki cannot be unpacked");
    }
    place.to_owned()
}
