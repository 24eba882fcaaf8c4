//! `/account`: the visitor's own things.

use maud::{Markup, html};

use super::{external, totp};
use crate::api::UserView;
use crate::clock::Clock;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::session::Record;
use crate::frontend::text::{LANGUAGES, Texts};
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::icon::{self, Icon};
use crate::frontend::ui::{table, time};
use crate::frontend::visit::Visit;
use crate::template::Qr;

pub(super) async fn show(visit: &Visit) -> Shown {
    let t = visit.t;
    let user = visit.client.user().await?;
    let sessions = visit.site.sessions.of_user(visit.uid);
    let codes = visit.client.totp().await?;
    let provider = visit.site.provider(visit.address).await;
    let mut page = Page::new(Section::Account, t.account);
    page.head = form::post("/logout", t.sign_out, "");
    let command = format!(
        "conpaas user get_certificate --director_url {} --username {}",
        visit.site.director_url,
        quoted(&user.username)
    );
    let page = match &provider {
        Some(provider) => {
            let links = visit.client.external_logins().await?;
            page.beside("external", external::card(t, provider, &links))
        }
        None => page,
    };
    Ok(page
        .with("computer", computer(t, &command))
        .with("sessions", sessions_of(t, &sessions, &visit.secret.name()))
        .beside("user", about(t, &user))
        .beside("password", password(t))
        .beside("totp", totp::card(t, &codes))
        .beside("look", look(t))
        .beside("phone", phone(t, &visit.origin))
        .beside("device", device(t, visit, &user)))
}

fn quoted(name: &str) -> String {
    shlex::try_quote(name).map_or_else(|_| name.to_owned(), std::borrow::Cow::into_owned)
}

fn computer(t: &Texts, command: &str) -> Markup {
    table::card(
        t.for_your_computer,
        &html! {
            div.stack {
                p { (t.client_does_all) }
                (form::copy(command, t.copy))
                div.row {
                    a.button href="/account/certs.zip" { (icon::draw(Icon::Download)) (t.download_certificate) }
                    a.button href="/account/cps-tools.conf" { (icon::draw(Icon::Download)) (t.download_settings) }
                }
            }
        },
    )
}

fn sessions_of(t: &Texts, sessions: &[(String, Record)], own: &str) -> Markup {
    let now = Clock::system().unix_seconds();
    table::card(
        t.signed_in,
        &html! {
            div.stack {
                ul.plain { @for (name, record) in sessions { li {
                    span.grow {
                        @if name == own { b { (t.this_browser) } " " }
                        span.muted.small { (record.agent) ", " (record.address) }
                    }
                    (time::ago(record.seen, now, t))
                } } }
                @if sessions.len() > 1 { (form::post("/account/sign-out-others", t.sign_out_others, "")) }
            }
        },
    )
}

fn about(t: &Texts, user: &UserView) -> Markup {
    table::card(
        &user.username,
        &html! {
            dl.facts {
                dt { (t.credits) } dd { (user.credit) }
                @if !user.fname.is_empty() || !user.lname.is_empty() { dt { (t.name) } dd { (user.fname) " " (user.lname) } }
                dt { (t.email) } dd { (user.email) }
                dt { (t.since) } dd { (user.created.split('T').next().unwrap_or_default()) }
            }
        },
    )
}

fn password(t: &Texts) -> Markup {
    table::card(
        t.change_password,
        &html! {
            form.stack method="post" action="/account/password" {
                (Field::password("password", t.present_password, "current-password").show())
                (Field::password("new_password", t.new_password, "new-password").show())
                (Field::password("again", t.once_more, "new-password").show())
                button { (t.change_password) }
            }
        },
    )
}

fn look(t: &Texts) -> Markup {
    let looks = [("device", t.as_my_device), ("light", t.light), ("dark", t.dark)];
    table::card(
        t.look,
        &html! {
            form.stack method="post" action="/account/look" {
                div.row { @for (value, word) in looks { button.tiny name="look" value=(value) { (word) } } }
                div.row { @for texts in LANGUAGES { button.tiny name="language" value=(texts.language) { (texts.own_name) } } }
            }
        },
    )
}

fn phone(t: &Texts, origin: &str) -> Markup {
    let url = format!("{origin}/");
    let content = html! {
        div.stack.center {
            @if let Some(code) = Qr::of(&url) {
                div { svg.qr viewBox=(code.view_box) role="img" aria-label=(url) { path d=(code.path) {} } }
            }
            code { (url) }
        }
    };
    table::card(t.on_your_phone, &content)
}

fn device(t: &Texts, visit: &Visit, user: &UserView) -> Markup {
    table::card(
        t.this_site,
        &html! {
            ul.plain {
                @if visit.site.authority.is_some() { li { a href="/trust" { (t.trust_title) } } }
                li { a href="/health" { (t.health) } }
                @if user.administrator {
                    li { a href="/users" { (t.users) } }
                    li { a href="/invitations" { (t.invitations) } }
                }
            }
        },
    )
}
