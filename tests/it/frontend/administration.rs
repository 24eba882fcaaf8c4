//! What administrators see and do: invitations, and whether the director does what it should.

use crate::support::director::{World, succeed};
use crate::support::frontend::{Browser, Frontend, Page};

const HOSTILE: &str = "<script>alert(1)</script>";

fn register(browser: &mut Browser, name: &str, code: &str) -> Page {
    let email = format!("{name}@example.org");
    let fields = [
        ("username", name),
        ("email", email.as_str()),
        ("password", "a secret"),
        ("again", "a secret"),
        ("credit", "5"),
        ("invitation", code),
    ];
    browser.post("/register", &fields)
}

#[test]
fn who_is_invited_registers_and_nobody_else() {
    let world = World::start_with(&[("director.REGISTRATION", "invited")], &[]);
    world.add_user("root");
    world.add_user("alice");
    succeed(&mut world.command(&["director", "user", "administrator", "root"]));
    let frontend = Frontend::start(&world);
    let (mut root, mut alice) = (frontend.browser(), frontend.browser());
    root.sign_in("root");
    alice.sign_in("alice");
    let wish = [("label", HOSTILE), ("uses", "1"), ("days", "7")];
    for (verb, path) in [("GET", "/invitations"), ("POST", "/invitations"), ("POST", "/invitations/1/remove")] {
        let answer = if verb == "GET" { alice.get(path) } else { alice.post(path, &wish) };
        assert_eq!(answer.status, 404, "{verb} {path} is an administrator's");
    }
    assert!(!alice.get("/account").text.contains("/invitations"));
    assert!(root.get("/account").text.contains("/invitations"));
    for (name, value) in [("uses", "0"), ("days", "9999"), ("uses", "x"), ("days", "")] {
        let mut wrong = wish;
        wrong.iter_mut().filter(|(own, _)| *own == name).for_each(|field| field.1 = value);
        assert_eq!(root.post("/invitations", &wrong).status, 303, "{name}={value}");
    }
    let made = root.post("/invitations", &wish);
    assert_eq!(made.status, 200, "{made:?}");
    let code = made.text.split("/register?invitation=").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let list = root.get("/invitations").text;
    assert!(list.contains("&lt;script&gt;alert(1)") && !list.contains(HOSTILE) && !list.contains(&code), "{list}");

    let mut guest = frontend.browser();
    let shown = guest.get(&format!("/register?invitation={code}")).text;
    assert!(shown.contains(&format!("value=\"{code}\"")), "{shown}");
    let shown = guest.get("/register?invitation=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text;
    assert!(!shown.contains(HOSTILE), "{shown}");
    for wrong in ["", "xxxx-xxxx-xxxx-xxxx"] {
        assert_eq!(register(&mut guest, "eve", wrong).header("location"), Some("/register"));
    }
    assert_eq!(register(&mut guest, "eve", &code).header("location"), Some("/"), "the invitation lets in");
    assert_eq!(register(&mut frontend.browser(), "mallory", &code).header("location"), Some("/register"), "once");
    assert!(root.get("/invitations").text.contains("Nobody is invited"), "it is used up");

    root.post("/invitations", &wish);
    let list = root.get("/invitations").text;
    let remove = list.split("action=\"").find(|rest| rest.contains("/remove\"")).unwrap();
    let remove = remove.split('"').next().unwrap();
    assert_eq!(root.post(remove, &[]).status, 303);
    assert!(root.get("/invitations").text.contains("Nobody is invited"), "it is withdrawn");
    assert!(!world.log().contains(&code), "no log has the code");
}

#[test]
fn administrators_see_what_a_check_finds() {
    let world = World::start();
    world.add_user("root");
    world.add_user("alice");
    succeed(&mut world.command(&["director", "user", "administrator", "root"]));
    let frontend = Frontend::start(&world);
    let (mut root, mut alice) = (frontend.browser(), frontend.browser());
    root.sign_in("root");
    alice.sign_in("alice");
    let shown = root.get("/health").text;
    for text in ["What a check found", "the director's certificate is valid", "process", "state run"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let hidden = alice.get("/health").text;
    assert!(hidden.contains("The director answers") && !hidden.contains("What a check found"), "{hidden}");
}
