//! Many tabs at once, and what becomes of them when a server starts anew.

use crate::support::browser::chromium::{Chromium, Scripts};
use crate::support::director::World;
use crate::support::frontend::Frontend;

/// A browser opens six connections to a site that speaks an old HTTP, and each open page holds one.
const N_TABS: usize = 7;

#[test]
fn seven_tabs_follow_and_come_back_after_a_restart_of_the_director() {
    let mut world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut other = frontend.browser();
    other.sign_in("alice");
    let origin = other.origin();
    let chromium = Chromium::start(Scripts::On);
    chromium.sign_in(&origin, "alice");
    let mut tabs = Vec::new();
    for _ in 0..N_TABS {
        tabs.push(chromium.driver.open_tab());
        chromium.go(&format!("{origin}/"));
        chromium.await_element("#applications");
    }
    other.post("/applications", &[("name", "seen in seven tabs")]);
    for tab in &tabs {
        chromium.driver.choose_tab(tab);
        chromium.await_text("seen in seven tabs");
    }

    world.kill();
    let refused = other.post("/applications", &[("name", "not made")]);
    assert_eq!(refused.header("location"), Some("/"));
    assert_eq!(other.get("/").status, 502, "a page says that the director does not answer");
    world.run(&[]);
    let made = other.post("/applications", &[("name", "made after the restart")]);
    assert!(made.header("location").unwrap().starts_with("/applications/"), "{made:?}");
    for tab in &tabs {
        chromium.driver.choose_tab(tab);
        chromium.await_text("made after the restart");
    }
}
