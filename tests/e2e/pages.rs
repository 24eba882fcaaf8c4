//! A web application in Java and a database, brought up and used by nothing but the pages, in Chromium: real containers
//! with real Tomcat and MariaDB.

use serde_json::{Value, json};

use super::wars::Wars;
use super::world;
use crate::support::browser::axe;
use crate::support::browser::chromium::{Chromium, Scripts};
use crate::support::nutshell::Nutshell;

const DUMP: &str = "CREATE DATABASE attic; CREATE TABLE attic.boxes (name VARCHAR(20));\n\
                    INSERT INTO attic.boxes VALUES ('christmas');\n";
const FETCH: &str = "
    const done = arguments[arguments.length - 1];
    fetch(arguments[0]).then((answer) => answer.text()).then(done, (error) => done(String(error)));
";

#[test]
fn java_and_mysql_live_their_lives_by_their_pages_alone() {
    let image = world::engines_base();
    world::inside("e2e::pages::java_and_mysql_live_their_lives_by_their_pages_alone", |state| async move {
        let wars = Wars::new(&image, &state);
        let image = image.to_str().expect("it is plain text");
        // In the network of this world, where the browser is, too.
        let nutshell = Nutshell::new(&state.join("nutshell"), &["--image", image]);
        let said = nutshell.succeed("up", &[]);
        let after = |mark: &str| said.split(mark).nth(1).and_then(|rest| rest.split_whitespace().next());
        let origin = after("Its pages for your browser are on ").expect("the address is told").trim_end_matches('/');
        let account = said.lines().find_map(|line| line.trim().strip_prefix("user ")?.split_once(", password "));
        let (user, password) = account.expect("the account is told");

        let chromium = Chromium::start(Scripts::On);
        chromium.sign_in_with(origin, user, password);
        chromium.write("name", "Attic");
        chromium.click("#create button.primary");
        chromium.click("#head button.primary");
        chromium.await_element("#head [data-state=RUNNING]");
        let app = chromium.driver.url();
        let add = |kind: &str| {
            chromium.go(&format!("{app}/add"));
            chromium.click(&format!("#kind-{kind} button"));
            chromium.await_element("#head [data-state=INIT]");
            chromium.click("#head button.primary");
            chromium.await_element("#head [data-state=RUNNING]");
            chromium.driver.url()
        };

        let java = add("java");
        chromium.go(&format!("{java}/code"));
        let field = chromium.driver.find("#file-code").remove(0);
        chromium.driver.choose(&field, wars.shop("attic").to_str().expect("it is plain text"));
        chromium.click("#upload button.primary");
        chromium.await_text("shop-attic.war");
        chromium.await_element("#versions tbody tr:nth-child(1) .on");
        chromium.go(&java);
        chromium.await_element("#head [data-state=RUNNING]");
        chromium.click("#overview a.button[rel=noreferrer]");
        chromium.await_text("attic");
        let site = chromium.driver.url();
        chromium.go(&format!("{site}count.jsp"));
        chromium.await_text("1 attic");

        let mysql = add("mysql");
        chromium.await_text("mysql --host=");
        chromium.go(&format!("{mysql}/settings"));
        chromium.write("password", "attic-secret");
        chromium.write("again", "attic-secret");
        chromium.click("#password button.primary");
        chromium.await_text("Saved.");
        let dump = state.join("attic.sql");
        std::fs::write(&dump, DUMP).expect("it is writable");
        let field = chromium.driver.find("#file-dump").remove(0);
        chromium.driver.choose(&field, dump.to_str().expect("it is plain text"));
        chromium.click("#data button.primary");
        chromium.await_text("The dump is loaded.");
        let own: Value = json!(format!("{mysql}/dump"));
        let fetched = chromium.driver.script_with_callback(FETCH, &[own]).expect("it is fetched");
        assert!(fetched.as_str().is_some_and(|text| text.contains("christmas")), "{fetched}");

        chromium.go(&mysql);
        chromium.write("mysql", "1");
        chromium.click("#scale button.primary");
        chromium.click("#price button.primary");
        chromium.await_element("#overview tbody tr:nth-child(2)");
        chromium.await_element("#head [data-state=RUNNING]");
        if let Some(program) = axe::program() {
            for path in [&java, &format!("{java}/logs"), &mysql, &format!("{mysql}/settings"), &format!("{mysql}/logs")]
            {
                chromium.go(path);
                let found = axe::violations(&chromium.driver, &program);
                assert!(found.is_empty(), "{path}: {found:?}");
            }
        }
        chromium.go(&mysql);
        chromium.click("#head a.danger");
        chromium.await_text("Download a dump first.");
        chromium.click("#question button.danger");
        chromium.await_element("#head [data-state=STOPPED]");
    });
}
