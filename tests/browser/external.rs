//! Login by a provider, as a person does it: away from the page by its button, and back.

use crate::support::browser::chromium::{Chromium, Scripts};
use crate::support::frontend::Frontend;
use crate::support::oidc::{away, path_of, world_with_provider};

#[test]
fn a_person_logs_in_at_the_provider_with_and_without_a_script() {
    let (world, provider) = world_with_provider(&[]);
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    let url = away(&browser.post("/account/external", &[("password", "alice-secret")]));
    let back = path_of(&browser, &provider.log_in(&url, Some("a-1")));
    assert_eq!(browser.get(&back).header("location"), Some("/account"));

    let origin = browser.origin();
    for scripts in [Scripts::On, Scripts::Off] {
        let chromium = Chromium::start(scripts);
        chromium.go(&format!("{origin}/login"));
        chromium.click("form[action='/external'] button");
        chromium.await_element("[name=sub]");
        assert!(!chromium.driver.url().starts_with(&origin), "{}", chromium.driver.url());
        chromium.write("sub", "a-1");
        chromium.click("button[type=submit]");
        chromium.await_text("New Application");
        assert_eq!(chromium.driver.url(), format!("{origin}/"));
    }
}
