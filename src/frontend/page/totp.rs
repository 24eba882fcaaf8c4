//! One-time codes: their card on `/account`, and the pages that are shown once while they are switched on.

use maud::{Markup, html};

use crate::api::{RecoveryCodesView, TotpSecretView, TotpView, totp};
use crate::frontend::frame::{Page, Section};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::table;
use crate::template::Qr;

/// Returns the card that says whether codes are on, with the way to the other state.
pub(super) fn card(t: &Texts, codes: &TotpView) -> Markup {
    let password = Field::password("password", t.present_password, "current-password");
    let password = Field { form: "totp-", ..password };
    let content = if codes.is_on {
        html! {
            p.small { (fill(t.totp_is_on, &[&codes.n_recovery_codes])) }
            form.stack method="post" action="/account/totp/off" {
                (password.show())
                (code(t.code_or_recovery).show())
                button { (t.switch_off) }
            }
        }
    } else {
        html! {
            p.small.muted { (t.totp_hint) }
            form.stack method="post" action="/account/totp" { (password.show()) button { (t.switch_on) } }
        }
    };
    table::card(t.one_time_codes, &html! { div.stack { (content) } })
}

/// Returns the page that shows a new secret and asks for a first code. `problem` says why the one before was not taken.
pub(in crate::frontend) fn secret(t: &Texts, secret: &TotpSecretView, problem: &str) -> Page {
    let content = html! {
        section.card.stack {
            @if !problem.is_empty() { p.said role="alert" { (problem) } }
            p { (t.totp_take) }
            @if let Some(code) = Qr::of(&secret.url) {
                div { svg.qr viewBox=(code.view_box) role="img" aria-label=(t.one_time_codes) { path d=(code.path) {} } }
            }
            (form::copy(&secret.secret, t.copy))
            form.stack method="post" action="/account/totp/confirm" {
                input type="hidden" name="secret" value=(secret.secret);
                input type="hidden" name="url" value=(secret.url);
                (code(t.one_time_code).show())
                div.row { button.primary { (t.switch_on) } a.button href="/account" { (t.cancel) } }
            }
        }
    };
    page(t, t.one_time_codes, content)
}

/// Returns the page that shows the recovery codes.
pub(in crate::frontend) fn recovery(t: &Texts, codes: &RecoveryCodesView) -> Page {
    let content = html! {
        section.card.stack {
            p { (t.recovery_hint) }
            (form::copy(&codes.recovery_codes.join(" "), t.copy))
            ul.plain { @for code in &codes.recovery_codes { li { code { (code) } } } }
            div.row { a.button.primary href="/account" { (t.account) } }
        }
    };
    page(t, t.recovery_codes, content)
}

fn page(t: &Texts, title: &'static str, content: Markup) -> Page {
    Page::new(Section::Account, title).below("/account", t.account).with("totp", content)
}

fn code(label: &str) -> Field<'_> {
    Field::text(totp::FIELD, label).with_fill("one-time-code")
}
