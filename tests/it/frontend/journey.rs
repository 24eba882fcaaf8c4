//! From a login to a program that runs, without a script.

use crate::it::node::bench::tar_of;
use crate::support::director::World;
use crate::support::frontend::{Browser, Frontend, Page};
use crate::support::wait::wait_until;

/// Loads a page until it has a text.
fn await_text(browser: &mut Browser, path: &str, text: &str) -> Page {
    wait_until(&format!("{path} has '{text}'"), || {
        let page = browser.get(path);
        (page.status == 200 && page.text.contains(text)).then_some(page)
    })
}

#[test]
fn a_program_comes_to_run_and_its_page_follows() {
    let world = World::start();
    world.add_user("alice");
    let mut frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");

    let made = browser.post("/applications", &[("name", "attic")]);
    let app = made.header("location").unwrap().to_owned();
    let mut open = browser.open(&app);
    open.until("Never started");
    assert_eq!(browser.post(&format!("{app}/start"), &[("cloud", "default")]).header("location"), Some(app.as_str()));
    open.until("data-state=\"RUNNING\"");
    drop(open);

    let added = browser.post(&format!("{app}/services"), &[("kind", "generic")]);
    let service = added.header("location").unwrap().to_owned();
    browser.post(&format!("{service}/start"), &[]);
    await_text(&mut browser, &service, "data-state=\"RUNNING\"");

    await_text(&mut browser, &service, "exit 0");

    // An archive is uploaded, and runs.
    let script = "#!/bin/sh\necho started with \"$@\"\n";
    let archive = tar_of(&[("init.sh", "#!/bin/sh\n"), ("run.sh", script)]);
    let code = format!("{service}/code");
    let sent = browser.upload(&code, &[("enable", "yes")], ("code", "attic<b>.tar", &archive));
    assert_eq!(sent.header("location"), Some(code.as_str()), "{sent:?}");
    let page = await_text(&mut browser, &code, "attic&lt;b&gt;.tar");
    assert!(page.text.contains("Initial version"), "{}", page.text);
    await_text(&mut browser, &code, "span class=\"tag on\">active</span>");
    browser.post(&format!("{service}/scripts"), &[("script", "run"), ("parameters", "two words")]);
    await_text(&mut browser, &service, "exit 0");
    let id = page.text.split("<code>code-").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let file = browser.get(&format!("{code}/code-{id}/download"));
    assert!(file.status == 200 && file.header("content-disposition").is_some(), "{}", file.head);

    // Others get an address, with a picture for phones.
    assert!(browser.get(&service).text.contains("Only this machine reaches it."));
    browser.post(&format!("{service}/publish"), &[("name", "attic<b>")]);
    assert!(browser.get(&service).text.contains("Only this machine reaches it."), "no such name");
    browser.post(&format!("{service}/publish"), &[("name", "attic")]);
    let page = browser.get(&service);
    assert!(page.text.contains("http://attic.local/") && page.text.contains("<svg class=\"qr\""), "{}", page.text);
    browser.post(&format!("{service}/unpublish"), &[]);
    assert!(browser.get(&service).text.contains("Only this machine reaches it."));

    // The price is told first, then a node comes.
    let price = browser.get(&format!("{service}/scale?count=1&way=add"));
    assert!(price.text.contains("3 credits an hour instead of 2."), "{}", price.text);
    browser.post(&format!("{service}/scale"), &[("count", "1"), ("way", "add")]);
    wait_until("there are two nodes", || {
        let page = browser.get(&service);
        (page.text.matches("class=\"tag on\"").count() == 2).then_some(())
    });
    await_text(&mut browser, &service, "data-state=\"RUNNING\"");
    browser.post(&format!("{service}/startup"), &[("script", "#!/bin/sh\r\necho hi\r\n")]);
    let settings = browser.get(&format!("{service}/settings"));
    assert!(settings.text.contains("#!/bin/sh\necho hi\n</textarea>"), "{}", settings.text);

    // Logs: a list, and one that is read on from where it was.
    let list = browser.get(&format!("{service}/logs"));
    let link = list.text.split("href=\"").find(|rest| rest.starts_with(&format!("{service}/logs/iaas"))).unwrap();
    let link = link.split('"').next().unwrap().to_owned();
    assert_eq!(browser.get(&link).status, 200);
    let log = browser.get(&format!("{app}/log"));
    let live = log.text.split("data-live=\"/live").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut open = browser.open(&live);
    browser.post(&format!("{service}/scripts"), &[("script", "cleanup"), ("parameters", "")]);
    assert!(browser.get("/activity").text.contains("attic"));

    // A frontend that starts again goes on where it was.
    open.until("retry");
    frontend.kill();
    frontend.run();
    browser.open(&service).until("data-state=\"RUNNING\"");

    assert_eq!(browser.post(&format!("{service}/stop"), &[]).status, 303);
    await_text(&mut browser, &service, "data-state=\"STOPPED\"");
    assert_eq!(browser.post(&format!("{app}/stop"), &[]).status, 303);
    await_text(&mut browser, &app, "data-state=\"STOPPED\"");
    assert_eq!(browser.post(&format!("{app}/delete"), &[]).header("location"), Some("/"));
    assert!(browser.get("/").text.contains("attic is deleted."));
}
