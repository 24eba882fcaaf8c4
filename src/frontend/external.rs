//! Login by a provider, as its visitor meets it: away to the provider, back, and in.
//!
//! The director decides all of it. Here is only what the visitor's browser keeps in between, in a cookie: first the secret
//! that binds the login to this browser, then the ticket.

use maud::{Markup, html};

use super::cookie;
use super::frame::gate;
use super::gate::{Guest, TOO_MANY, account_of, back};
use super::text::{Texts, fill};
use super::ui::form::Field;
use crate::api::{ExternalNext, texts, totp};
use crate::client::certificate::NewAccount;
use crate::client::error::Failure;
use crate::client::external::{self, Return};
use crate::config::is_safe_url;
use crate::rpc::{Form, FormBounds, Packing, Request, Response};

/// Where the provider sends visitors back to.
pub(super) const BACK: &str = "/external/back";
/// What the provider says when it sends somebody back.
const QUERY: FormBounds = FormBounds { max_bytes: 16 * 1024, takes_files: false };
const MAX_SHOWN_CHARS: usize = 200;

impl Guest<'_> {
    /// Sends somebody to the provider.
    pub(super) async fn leave(&self, request: &Request, form: &Form) -> Response {
        let origin = format!("https://{}", request.header("host").unwrap_or_default());
        let (session, trust) = (self.site.session("", None), self.site.trust(request.caller.address.ip()));
        match external::begin_login(&session, &trust, &format!("{origin}{BACK}")).await {
            Ok(begun) => {
                let is_kept = form.filled("keep").is_some();
                let answer = away(self.t, &begun.url).unwrap_or_else(|| back("/login", self.t.not_done.to_owned()));
                answer.with_cookie(&cookie::of_external(&begun.secret, is_kept))
            }
            Err(failure) => back("/login", self.explained(failure)),
        }
    }

    /// Takes back who comes from the provider.
    pub(super) async fn come_back(&self, request: &mut Request) -> Response {
        let Ok(query) = Form::read_within(request, QUERY).await else {
            return back("/login", self.t.external_over.to_owned());
        };
        let of = |name: &str| query.get(name).unwrap_or_default();
        let Some((secret, is_kept)) = cookie::external(request) else {
            return back("/login", self.t.external_over.to_owned());
        };
        if query.filled("error").is_some() {
            let shown: String = of("error").chars().filter(char::is_ascii_graphic).take(MAX_SHOWN_CHARS).collect();
            return back("/login", fill(self.t.external_refused, &[&shown])).with_cookie(&cookie::no_external());
        }
        let (session, trust) = (self.site.session("", None), self.site.trust(request.caller.address.ip()));
        let brought = Return { state: of("state"), secret: &secret, code: of("code"), issuer: of("iss") };
        let shown = match external::come_back(&session, &trust, &brought).await {
            Ok(shown) => shown,
            Err(failure) => return back("/login", self.explained(failure)).with_cookie(&cookie::no_external()),
        };
        let ticket = cookie::of_external(&shown.ticket, is_kept);
        match shown.next {
            ExternalNext::Linked => {
                let note = cookie::Note { is_failure: false, text: self.t.identity_is_linked.to_owned() };
                Response::see_other("/account").with_cookie(&note.cookie()).with_cookie(&cookie::no_external())
            }
            ExternalNext::Certificate => self.finish(request, (&shown.ticket, is_kept), &shown.username, None).await,
            ExternalNext::Code => self.code_page(&shown.username, "").with_cookie(&ticket),
            ExternalNext::Account => {
                let proposed =
                    NewAccount { username: shown.username, email: shown.email, credit: 50, ..NewAccount::default() };
                self.account_page(&proposed, "").with_cookie(&ticket)
            }
        }
    }

    /// Signs in who has come back and shows a one-time code.
    pub(super) async fn show_code(&self, request: &Request, form: &Form) -> Response {
        let Some((ticket, is_kept)) = cookie::external(request) else {
            return back("/login", self.t.external_over.to_owned());
        };
        let username = form.get("username").unwrap_or_default();
        self.finish(request, (&ticket, is_kept), username, form.filled(totp::FIELD)).await
    }

    async fn finish(
        &self,
        request: &Request,
        (ticket, is_kept): (&str, bool),
        username: &str,
        code: Option<&str>,
    ) -> Response {
        let (session, trust) = (self.site.session(username, None), self.site.trust(request.caller.address.ip()));
        let fetched = external::fetch(&session, &trust, (ticket, code)).await;
        let opened = match fetched {
            Ok(credentials) => self.open(request, is_kept, username, credentials).await,
            Err(failure) if failure.text.contains(texts::TOTP_WRONG) => {
                return self.code_page(username, self.t.totp_wrong);
            }
            Err(failure) => Err(failure),
        };
        match opened {
            Ok(answer) => answer.with_cookie(&cookie::no_external()),
            Err(failure) => back("/login", self.explained(failure)).with_cookie(&cookie::no_external()),
        }
    }

    /// Makes an account for who has come back, and signs its owner in.
    pub(super) async fn register_external(&self, request: &Request, form: &Form) -> Response {
        let Some((ticket, is_kept)) = cookie::external(request) else {
            return back("/login", self.t.external_over.to_owned());
        };
        let account = account_of(form);
        let (session, trust) = (self.site.session("", None), self.site.trust(request.caller.address.ip()));
        let made = external::create_account(&session, &trust, (&ticket, &account)).await;
        let opened = match made {
            Ok(credentials) => self.open(request, is_kept, &account.username, credentials).await,
            Err(failure) if failure.text.contains(texts::EXTERNAL_OVER) => Err(failure),
            Err(failure) => return self.account_page(&account, &self.explained(failure)),
        };
        match opened {
            Ok(answer) => answer.with_cookie(&cookie::no_external()),
            Err(failure) => back("/login", self.explained(failure)).with_cookie(&cookie::no_external()),
        }
    }

    fn code_page(&self, username: &str, problem: &str) -> Response {
        let t = self.t;
        let code = Field::text(totp::FIELD, t.code_or_recovery).with_fill("one-time-code");
        let content = html! {
            form.card.stack method="post" action="/external/code" {
                h1 { (t.sign_in) }
                (said(problem))
                input type="hidden" name="username" value=(username);
                (code.show())
                button.primary { (t.sign_in) }
            }
        };
        self.page(200, t.sign_in, &content)
    }

    fn account_page(&self, typed: &NewAccount, problem: &str) -> Response {
        let t = self.t;
        let optional = |name, label, value| Field { is_required: false, value, ..Field::text(name, label) }.show();
        let credit = typed.credit.to_string();
        let content = html! {
            form.card.stack method="post" action="/external/account" {
                h1 { (t.register) }
                (said(problem))
                p.small.muted { (t.external_new) }
                (Field { value: &typed.username, ..Field::text("username", t.name_of_account) }.with_fill("username").show())
                (Field { kind: "email", value: &typed.email, ..Field::text("email", t.email) }.with_fill("email").show())
                (optional("fname", t.first_name, &typed.fname))
                (optional("lname", t.last_name, &typed.lname))
                (optional("affiliation", t.affiliation, &typed.affiliation))
                (Field { kind: "number", value: &credit, ..Field::text("credit", t.credit_wanted) }.show())
                (optional("invitation", t.invitation, &typed.invitation))
                div.row { button.primary { (t.register) } a.button href="/login" { (t.sign_in) } }
            }
        };
        self.page(200, t.register, &content)
    }

    fn explained(&self, failure: Failure) -> String {
        let t = self.t;
        let words = [
            (texts::EXTERNAL_OVER, t.external_over),
            (texts::EXTERNAL_OTHERS, t.external_others),
            (TOO_MANY, t.too_many_attempts),
        ];
        let known = words.iter().find(|(part, _)| failure.text.contains(part)).map(|(_, text)| (*text).to_owned());
        known.unwrap_or(failure.text)
    }
}

/// Returns the page that leads to the provider, by itself and by a click. A policy of forms keeps a redirect from doing
/// that: the provider is another site.
pub(super) fn away(t: &'static Texts, url: &str) -> Option<Response> {
    let host = url.split('/').nth(2).filter(|_| is_safe_url(url))?;
    let content = html! {
        section.card.stack {
            h1 { (fill(t.going_to, &[&host])) }
            a.button.primary href=(url) { (t.go_on) }
        }
    };
    let page = gate(t, "", t.sign_in, None, &content);
    Some(Response::scripted_page(200, page, Packing::Plain).leading_to(url))
}

fn said(problem: &str) -> Markup {
    html! { @if !problem.is_empty() { p.said role="alert" { (problem) } } }
}
