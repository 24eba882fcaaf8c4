//! The programs themselves look at the configurations that are made for them.

use std::process::Command;

use super::daemons::{self, DocumentRoots};
use super::place::Place;
use super::wanted::Wanted;
use crate::api::environment::Variables;
use crate::api::web::{Hooks, HttpProxy, Php, Server, SessionStore};
use crate::service::web::war::{Dialect, Statics, Survey};
use crate::supervise::daemon::{CONFIGURATION, Daemon};

const OWN: [u8; 4] = [127, 0, 0, 1];

fn place(directory: &std::path::Path) -> Place {
    let place = Place {
        cache: directory.join("cache"),
        www: directory.join("cache/www"),
        daemons: directory.join("daemons"),
        run: directory.join("run"),
        links: crate::service::environment::LinkFiles::new(directory, None),
        account: None,
        my_ip: OWN.into(),
    };
    for path in [&place.cache.join("tmp"), &place.www, &place.run] {
        std::fs::create_dir_all(path).unwrap();
    }
    place
}

fn server(ip: [u8; 4], port: u16, weight: u32) -> Server {
    Server { ip: ip.into(), port, weight }
}

fn proxy(web: &[[u8; 4]], backends: &[[u8; 4]]) -> HttpProxy {
    HttpProxy {
        port: 18080,
        code_version: "code-a".to_owned(),
        cdn: false,
        web_list: web.iter().map(|ip| server(*ip, 18081, 1)).collect(),
        fpm_list: backends.iter().map(|ip| server(*ip, 19000, 2)).collect(),
        tomcat_list: Vec::new(),
        tomcat_servlets: Vec::new(),
        max_body_mb: 8,
        document_root: None,
        hooks: Hooks::default(),
    }
}

fn php(configuration: &[(&str, &str)]) -> Php {
    let store = SessionStore { ip: OWN.into(), port: 16379, password: "secret0".to_owned(), prefix: "s1:".to_owned() };
    Php {
        port: 19000,
        configuration: configuration.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        proxies: vec![[10, 0, 0, 2].into()],
        sessions: Some(store),
        environment: Variables::default(),
    }
}

/// Writes the files of a daemon, and has the program check them.
fn checked(daemon: &Daemon, directory: &std::path::Path) -> (bool, String) {
    for file in &daemon.configuration {
        let path = directory.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.content).unwrap();
    }
    let filled = |text: &str| text.replace(CONFIGURATION, &directory.display().to_string());
    let check = daemon.check.as_ref().unwrap();
    let output = Command::new(&check.program)
        .args(check.arguments.iter().map(|word| filled(word)))
        .envs(daemon.launch.environment.iter().map(|(name, value)| (name, filled(value))))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    (output.status.success(), said)
}

#[test]
fn nginx_takes_the_configuration_of_every_set_of_roles() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let other = [10, 0, 0, 7];
    let sets = [
        (Some(proxy(&[OWN], &[OWN])), Some(18081)),
        (Some(proxy(&[other], &[other, OWN])), None),
        (Some(proxy(&[OWN, other], &[other])), Some(18081)),
        (Some(proxy(&[OWN], &[])), Some(18081)),
        (None, Some(18081)),
    ];
    for (number, (proxy, web)) in sets.into_iter().enumerate() {
        let wanted = Wanted { proxy, web, ..Wanted::default() };
        let daemons =
            daemons::of(&wanted, &place, DocumentRoots { of_newest: "/public", of_served: "/public" }).unwrap();
        let files = directory.path().join(number.to_string());
        let (is_good, said) = checked(&daemons[0], &files);
        assert!(is_good, "{said}\n{}", daemons[0].configuration[0].content);
    }
}

#[test]
fn nginx_takes_the_configuration_of_every_web_application() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let other = [10, 0, 0, 7];
    let patterns = ["/shop/*", "/shop", "*.css", "/a.js", "/-/health", "/-/tomcat/*"].map(str::to_owned);
    let statics = [Statics::None, Statics::AllBut(Vec::new()), Statics::AllBut(patterns.into())];
    let sets = [(vec![OWN], vec![OWN]), (vec![other], vec![OWN, other]), (vec![OWN, other], vec![other])];
    for (number, (statics, (web, backends))) in
        statics.iter().flat_map(|one| sets.iter().map(move |set| (one, set))).enumerate()
    {
        let mut proxy = proxy(web, &[]);
        proxy.tomcat_list = backends.iter().map(|ip| server(*ip, 19000, 2)).collect();
        let war = Survey { dialect: Dialect::Jakarta, statics: statics.clone(), oddities: Vec::new() };
        let wanted = Wanted {
            wars: [(proxy.code_version.clone(), war)].into(),
            proxy: Some(proxy),
            web: Some(18081),
            web_clients: vec![other.into()],
            ..Wanted::default()
        };
        let daemons = daemons::of(&wanted, &place, DocumentRoots::default()).unwrap();
        let (is_good, said) = checked(&daemons[0], &directory.path().join(number.to_string()));
        let conf = &daemons[0].configuration[0].content;
        assert!(is_good, "{said}\n{conf}");
        assert!(
            conf.contains("proxy_pass http://$tomcat_of_session;") && !conf.contains("index.php$is_args"),
            "{conf}"
        );
        assert_eq!(conf.contains("error_page 405 = @front;"), *statics != Statics::None, "{conf}");
    }
}

#[test]
fn nginx_looks_at_the_lines_of_users_before_it_uses_them() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let of_node = place.cache.join("nginx-user-server.conf");
    let look = |number: u32, server: &str, rootloc: &str| {
        let hooks = Hooks { server: server.to_owned(), rootloc: rootloc.to_owned() };
        let proxy = HttpProxy { hooks, ..proxy(&[OWN], &[OWN]) };
        let wanted = Wanted { proxy: Some(proxy), web: Some(18081), ..Wanted::default() };
        let daemons = daemons::of(&wanted, &place, DocumentRoots::default()).unwrap();
        checked(&daemons[0], &directory.path().join(number.to_string()))
    };
    std::fs::write(&of_node, "location /of-node { return 204; }\n").unwrap();
    assert!(look(1, "location /of-service { return 204; }", "add_header X-Shop yes;").0);
    for (number, line) in
        ["colour red;", "} server {", "location / {", "proxy_pass \"", "return 200 'x"].iter().enumerate()
    {
        let (is_good, said) = look(10 + number as u32, line, "");
        assert!(!is_good && said.contains("[emerg]") && said.contains(".conf"), "{line}: {said}");
        let (is_good, said) = look(20 + number as u32, "", line);
        assert!(!is_good && said.contains("[emerg]"), "{line}: {said}");
    }
    std::fs::write(&of_node, "colour red;\n").unwrap();
    let (is_good, said) = look(2, "", "");
    assert!(!is_good && said.contains("unknown directive \"colour\"") && said.contains("user-server.conf:1"), "{said}");
}

#[test]
fn a_proxy_serves_its_own_files_only_while_no_other_node_does() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let conf = |web: &[[u8; 4]]| {
        let wanted = Wanted { proxy: Some(proxy(web, &[OWN])), web: Some(18081), ..Wanted::default() };
        daemons::of(&wanted, &place, DocumentRoots::default()).unwrap()[0].configuration[0].content.clone()
    };
    assert!(!conf(&[OWN]).contains("web_upstream"));
    assert!(conf(&[OWN, [10, 0, 0, 7]]).contains("server 10.0.0.7:18081 weight=1"));
}

#[test]
fn a_proxy_follows_a_link_to_the_code_only_before_tomcat() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let root = |proxy: &HttpProxy| {
        let wanted = Wanted { proxy: Some(proxy.clone()), web: Some(18081), ..Wanted::default() };
        let roots = DocumentRoots { of_newest: "", of_served: "/public" };
        let conf = daemons::of(&wanted, &place, roots).unwrap().remove(0).configuration.remove(0).content;
        let root = conf.lines().find_map(|line| line.trim().strip_prefix("root ")).unwrap();
        root.strip_prefix(&format!("{}/", place.www.display())).unwrap().to_owned()
    };
    let php = proxy(&[OWN], &[OWN]);
    let without_code = HttpProxy { code_version: String::new(), ..php.clone() };
    let java = HttpProxy { tomcat_list: vec![server(OWN, 19000, 1)], fpm_list: Vec::new(), ..php.clone() };
    assert_eq!([root(&php), root(&without_code), root(&java)], ["code-a/public;", "current;", "current;"]);
    let with_other_code = |proxy: &HttpProxy| HttpProxy { code_version: "code-b".to_owned(), ..proxy.clone() };
    assert!(php.differs_for_nginx(&with_other_code(&php)) && !java.differs_for_nginx(&with_other_code(&java)));
    assert!(java.differs_for_nginx(&php) && !java.differs_for_nginx(&java));
}

#[test]
fn php_takes_its_configuration_and_a_change_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let values = [("memory_limit", "128M"), ("display_errors", "On"), ("disable_functions", "exec,pcntl_fork")];
    let mut php = php(&values);
    php.environment.0.insert("SITE".to_owned(), "it's; mine = [x]".to_owned());
    let wanted = Wanted { php: Some(php), ..Wanted::default() };
    let daemons = daemons::of(&wanted, &place, DocumentRoots::default()).unwrap();
    let (is_good, said) = checked(&daemons[0], &directory.path().join("files"));
    assert!(is_good, "{said}");
    let conf = &daemons[0].configuration[0].content;
    assert!(conf.contains("env[SITE] = \"it's; mine = [x]\""), "{conf}");
    assert!(conf.contains("listen.allowed_clients = \"10.0.0.2,127.0.0.1\""), "{conf}");
    assert!(conf.contains("\"tcp://127.0.0.1:16379?auth=secret0&prefix=s1:&timeout=1&read_timeout=2\""), "{conf}");
}

#[test]
fn php_answers_a_proxy_in_the_same_node_without_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { account: Some("www-data".to_owned()), ..place(directory.path()) };
    let confs = |clients: &[[u8; 4]]| {
        let php = Php { proxies: clients.iter().map(|ip| (*ip).into()).collect(), ..php(&[]) };
        let other = [10, 0, 0, 7];
        let wanted = Wanted { proxy: Some(proxy(&[OWN], &[OWN, other])), php: Some(php), ..Wanted::default() };
        let daemons = daemons::of(&wanted, &place, DocumentRoots::default()).unwrap();
        [0, 1].map(|n| daemons[n].configuration[0].content.clone())
    };
    let socket = place.run.join("fpm.sock").display().to_string();
    let [nginx, fpm] = confs(&[OWN]);
    assert!(nginx.contains(&format!("server unix:{socket} weight=2")) && nginx.contains("server 10.0.0.7:19000"));
    assert!(fpm.contains(&format!("listen = {socket}\n")) && !fpm.contains("allowed_clients"), "{fpm}");
    assert!(nginx.contains("/fpm-access.log php_requests buffer=32k") && !fpm.contains("access.log"), "{nginx}{fpm}");
    let [nginx, fpm] = confs(&[OWN, [10, 0, 0, 2]]);
    assert!(nginx.contains("server 127.0.0.1:19000") && fpm.contains("listen = 127.0.0.1:19000"), "{nginx}{fpm}");
    assert!(!nginx.contains("php_requests buffer") && fpm.contains("access.log = "), "{nginx}{fpm}");
}

#[test]
fn a_value_that_would_break_out_of_its_line_is_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    for value in ["1M\nphp_admin_value[x] = y", "a\"b", "${HOME}"] {
        let wanted = Wanted { php: Some(php(&[("memory_limit", value)])), ..Wanted::default() };
        assert!(daemons::of(&wanted, &place, DocumentRoots::default()).is_err(), "{value:?}");
    }
}
