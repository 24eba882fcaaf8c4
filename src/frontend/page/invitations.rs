//! `/invitations`: who may register, for administrators. For others there is no such page.

use maud::{Markup, html};

use crate::api::{InvitationView, NewInvitationView, texts};
use crate::client::error::Failure;
use crate::clock::Clock;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::table::{self, Row};
use crate::frontend::visit::Visit;
use crate::template::Qr;

const DAY: i64 = 24 * 3600;

pub(super) async fn show(visit: &Visit) -> Shown {
    let t = visit.t;
    let all = visit.client.invitations().await.map_err(unless_administrator)?;
    Ok(below(t, t.invitations).with("list", list(t, &all)).beside("new", new(t)))
}

/// Returns the page that shows a new invitation, once.
pub(in crate::frontend) fn made(t: &'static Texts, origin: &str, made: &NewInvitationView) -> Page {
    let url = format!("{origin}/register?invitation={}", made.code);
    let content = html! {
        section.card.stack {
            p { (t.invitation_hint) }
            (form::copy(&url, t.copy))
            @if let Some(code) = Qr::of(&url) {
                div { svg.qr viewBox=(code.view_box) role="img" aria-label=(t.invitation) { path d=(code.path) {} } }
            }
            dl.facts { dt { (t.invitation) } dd { code { (made.code) } } }
            div.row { a.button.primary href="/invitations" { (t.invitations) } }
        }
    };
    below(t, t.invitation).below("/invitations", t.invitations).with("made", content)
}

/// Who is no administrator is told nothing.
pub(in crate::frontend) fn unless_administrator(failure: Failure) -> Problem {
    match failure.text.contains(texts::NOT_ADMINISTRATOR) {
        true => Problem::NotFound,
        false => failure.into(),
    }
}

fn below(t: &'static Texts, title: &'static str) -> Page {
    Page::new(Section::Account, title).below("/account", t.account)
}

fn list(t: &Texts, all: &[InvitationView]) -> Markup {
    let now = Clock::system().unix_seconds();
    let row = |one: &InvitationView| -> Row {
        let days = (one.expires - now).max(0) / DAY + 1;
        vec![
            html! { (one.label) },
            html! { (fill(t.for_n_people, &[&one.uses])) },
            html! { (fill(t.for_n_days, &[&days])) },
            html! { (form::post(&format!("/invitations/{}/remove", one.id), t.withdraw, "tiny danger")) },
        ]
    };
    let rows: Vec<Row> = all.iter().map(row).collect();
    html! { section.card { (table::show(&[t.label, t.users, t.good_for, ""], &rows, t.no_invitations)) } }
}

fn new(t: &Texts) -> Markup {
    let number = |name, label, value| Field { kind: "number", value, ..Field::text(name, label) }.show();
    let content = html! {
        form.stack method="post" action="/invitations" {
            (Field { is_required: false, ..Field::text("label", t.label) }.show())
            (number("uses", t.how_many_people, "1"))
            (number("days", t.how_many_days, "7"))
            div { button.primary { (t.invite) } }
        }
    };
    table::card(t.invite, &content)
}
