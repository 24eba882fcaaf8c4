//! Login by an OpenID provider: a real one, the frontend, and the director, which believes the provider alone.

use conpaas::pki::{Lifetime, Subject};

use crate::support::frontend::{Browser, Frontend, Page};
use crate::support::oidc::{Provider, away, path_of, world_with_provider};
use crate::support::totp::code_of;

fn log_in(browser: &mut Browser, provider: &Provider, subject: &str) -> Page {
    let url = away(&browser.post("/external", &[("keep", "yes")]));
    let back = path_of(browser, &provider.log_in(&url, Some(subject)));
    browser.get(&back)
}

#[test]
fn an_identity_is_linked_and_opens_a_session_until_it_is_not() {
    let (world, provider) = world_with_provider(&[]);
    world.add_user("alice");
    world.add_user("bob");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let page = browser.get("/login");
    assert!(page.text.contains("Sign in with Club &lt;b&gt;"), "{}", page.text);

    // Nobody is linked yet: an account is proposed, and its texts are texts.
    let page = log_in(&mut browser, &provider, "a-1");
    assert!(page.status == 200 && page.text.contains("Nobody here is linked"), "{}", page.text);
    assert!(page.text.contains("&lt;script&gt;alert(1)") && !page.text.contains("<script>alert"), "{}", page.text);
    assert!(!browser.cookies.contains_key("__Host-conpaas"));

    // A link needs the password, and the provider.
    browser.sign_in("alice");
    assert_eq!(browser.post("/account/external", &[("password", "wrong")]).status, 303);
    assert!(browser.get("/account").text.contains("password is wrong"));
    let link = |browser: &mut Browser, name: &str| {
        away(&browser.post("/account/external", &[("password", &format!("{name}-secret"))]))
    };
    let url = link(&mut browser, "alice");
    assert!(url.contains("code_challenge_method=S256") && url.contains("nonce="), "{url}");
    let back = path_of(&browser, &provider.log_in(&url, Some("a-1")));
    let answer = browser.get(&back);
    assert_eq!(answer.header("location"), Some("/account"), "{answer:?}");
    assert!(browser.get("/account").text.contains("The identity is linked"));
    assert!(browser.get("/account").text.contains("alice@idp.example"));

    // Another user cannot take the identity.
    let mut bob = frontend.browser();
    bob.sign_in("bob");
    let url = link(&mut bob, "bob");
    let back = path_of(&bob, &provider.log_in(&url, Some("a-1")));
    assert_eq!(bob.get(&back).header("location"), Some("/login"));
    assert!(bob.get("/account").text.contains("belongs to another account"));

    // It opens a session, and only in the browser in which it began, once.
    let mut fresh = frontend.browser();
    let answer = log_in(&mut fresh, &provider, "a-1");
    assert_eq!(answer.header("location"), Some("/"), "{answer:?}");
    assert!(answer.head.contains("Max-Age=1296000"), "it is kept: {}", answer.head);
    assert!(fresh.get("/account").text.contains("alice"));

    // The end of the link is the end of the way in.
    let identity = [("issuer", Provider::issuer(&world.endpoint.host)), ("subject", "a-1".to_owned())];
    let end = |browser: &mut Browser, name: &str| {
        let password = format!("{name}-secret");
        let mut fields: Vec<(&str, &str)> = identity.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("password", &password));
        browser.post("/account/external/off", &fields)
    };
    end(&mut bob, "bob");
    assert!(bob.get("/account").text.contains("not linked with you"));
    end(&mut browser, "alice");
    assert!(browser.get("/account").text.contains("not linked any more"));
    assert!(log_in(&mut frontend.browser(), &provider, "a-1").text.contains("Nobody here is linked"));
    let log = format!("{}{}", world.log(), frontend.log());
    assert!(!log.contains("s3cr3t") && !log.contains("alice-secret"), "{log}");
}

#[test]
fn a_login_that_was_begun_elsewhere_or_came_before_is_refused() {
    let (world, provider) = world_with_provider(&[("director.REGISTRATION", "open")]);
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let refused = |browser: &mut Browser, path: &str| {
        let answer = browser.get(path);
        assert_eq!(answer.header("location"), Some("/login"), "{path}: {answer:?}");
        let text = browser.get("/login").text;
        assert!(text.contains("This login is over, or was begun elsewhere"), "{path}: {text}");
        assert!(!browser.cookies.contains_key("__Host-conpaas"));
    };
    // A browser that began nothing; one that began another login.
    let url = away(&browser.post("/external", &[]));
    let back = path_of(&browser, &provider.log_in(&url, Some("mallory")));
    refused(&mut frontend.browser(), &back);
    let mut victim = frontend.browser();
    away(&victim.post("/external", &[]));
    refused(&mut victim, &back);
    // The victim's browser has used the state up: not even its owner comes in by it.
    refused(&mut browser, &back);

    // A changed state, a code twice, the name of another issuer.
    let url = away(&browser.post("/external", &[]));
    let back = path_of(&browser, &provider.log_in(&url, Some("m-1")));
    refused(&mut browser, &back.replace("state=", "state=x"));
    let url = away(&browser.post("/external", &[]));
    let back = path_of(&browser, &provider.log_in(&url, Some("m-1")));
    let answer = browser.get(&format!("{back}&iss=https%3A%2F%2Fevil.example"));
    assert_eq!(answer.header("location"), Some("/login"));
    assert!(browser.get("/login").text.contains("cannot be believed"));
    let url = away(&browser.post("/external", &[]));
    let back = path_of(&browser, &provider.log_in(&url, Some("m-1")));
    let code = |path: &str| path.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(browser.get(&back).status, 200);
    let url = away(&browser.post("/external", &[]));
    let other = path_of(&browser, &provider.log_in(&url, Some("m-1")));
    let replayed = browser.get(&other.replace(&code(&other), &code(&back)));
    assert_eq!(replayed.header("location"), Some("/login"), "a code is good once");

    // Who says no at the provider is told so; what the provider says is a text.
    let url = away(&browser.post("/external", &[]));
    provider.log_in(&url, None);
    let answer = browser.get("/external/back?error=%3Cscript%3Ealert(1)&state=x");
    assert_eq!(answer.header("location"), Some("/login"));
    let text = browser.get("/login").text;
    assert!(text.contains("did not let you in") && !text.contains("<script>alert"), "{text}");
    // A form of another site begins nothing.
    assert_eq!(browser.post_from(&[("sec-fetch-site", "cross-site")], "/external", &[]).status, 403);
}

#[test]
fn an_account_is_made_where_registration_is_open_and_codes_are_asked_for() {
    let (world, provider) = world_with_provider(&[("director.REGISTRATION", "open")]);
    world.add_user("taken");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let page = log_in(&mut browser, &provider, "n-1");
    assert!(page.text.contains("Nobody here is linked"), "{}", page.text);
    let fields = |name: &'static str| [("username", name), ("email", "new@example.org"), ("credit", "20")];
    let page = browser.post("/external/account", &fields("taken"));
    assert!(page.status == 200 && page.text.contains("already taken"), "{page:?}");
    let answer = browser.post("/external/account", &fields("newcomer"));
    assert_eq!(answer.header("location"), Some("/"), "{answer:?}");
    assert!(browser.get("/").text.contains("20 credits"));
    assert_eq!(browser.post("/external/account", &fields("second")).header("location"), Some("/login"), "once");
    assert_eq!(log_in(&mut frontend.browser(), &provider, "n-1").header("location"), Some("/"));

    // Who uses one-time codes is asked for one after the provider, too.
    let mut user = frontend.browser();
    user.sign_in("taken");
    let shown = user.post("/account/totp", &[("password", "taken-secret")]).text;
    let secret = shown.split("name=\"secret\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    user.post("/account/totp/confirm", &[("secret", &secret), ("url", "x"), ("totp", &code_of(&secret, 0))]);
    let proof = |code: &str| [("password", "taken-secret".to_owned()), ("totp", code.to_owned())];
    fn pairs<'a>(all: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
        all.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
    assert_eq!(user.post("/account/external", &pairs(&proof(""))).status, 303);
    assert!(user.get("/account").text.contains("needs a one-time code"));
    let url = away(&user.post("/account/external", &pairs(&proof(&code_of(&secret, 30)))));
    let back = path_of(&user, &provider.log_in(&url, Some("t-1")));
    assert_eq!(user.get(&back).header("location"), Some("/account"));
    let mut other = frontend.browser();
    let page = log_in(&mut other, &provider, "t-1");
    assert!(page.status == 200 && page.text.contains("/external/code"), "{page:?}");
    assert!(!other.cookies.contains_key("__Host-conpaas"));
    let page = other.post("/external/code", &[("username", "taken"), ("totp", "000000")]);
    assert!(page.text.contains("The code is wrong"), "{page:?}");
    assert!(!other.cookies.contains_key("__Host-conpaas"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_frontend_logs_nobody_in() {
    let (world, _provider) = world_with_provider(&[]);
    world.add_user("alice");
    let thief = world.certificate(&Subject::web_frontend(), Lifetime::USER);
    let call = async |path: &str, fields: &[(&str, &str)]| world.post(Some(&thief), path, fields).await.text;
    let back = format!("https://{}/external/back", world.endpoint.host);
    let begun = call("/begin_external_login", &[("redirect_uri", &back)]).await;
    let begun: serde_json::Value = serde_json::from_str(&begun).unwrap();
    let url = begun["url"].as_str().unwrap().to_owned();
    let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let secret = begun["secret"].as_str().unwrap();
    // Without a code of the provider there is no ticket, and without a ticket no certificate.
    let fields = [("state", state.as_str()), ("secret", secret), ("code", "guessed")];
    let said = call("/external_login", &fields).await;
    assert!(said.contains("could not be asked, or refused"), "{said}");
    let said = call("/external_login", &fields).await;
    assert!(said.contains("is over"), "a state is good once: {said}");
    for ticket in ["", "x", secret, &state] {
        let said = call("/external_certificate", &[("ticket", ticket), ("username", "alice")]).await;
        assert!(said.contains("error"), "{ticket}: {said}");
    }
    for url in [
        "https://evil.example/x",
        "https://user@evil.example/external/back",
        "http://h/external/back",
        "https://h/external/back?x",
        "https://h#/external/back",
        "https:///external/back",
    ] {
        let said = call("/begin_external_login", &[("redirect_uri", url)]).await;
        assert!(said.contains("is not usable"), "{url}: {said}");
    }
    // It cannot link, either: that is a user's.
    let answer = world.post(Some(&thief), "/begin_external_link", &[("redirect_uri", &back), ("password", "x")]).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
}
