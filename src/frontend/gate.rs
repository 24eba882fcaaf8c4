//! What anybody may see: login, registration, and how a device comes to trust this site.

use std::sync::Arc;

use maud::{Markup, html};

use super::cookie::{self, Note};
use super::frame::gate;
use super::session::{KEPT_IDLE, NewSession};
use super::site::Site;
use super::text::{Texts, fill};
use super::ui::form::Field;
use super::ui::icon::{self, Icon};
use crate::api::{texts, totp};
use crate::client::certificate::{self, NewAccount};
use crate::client::error::Failure;
use crate::pki::Credentials;
use crate::rpc::{Form, Packing, Request, Response};
use crate::sys;

/// What the director says to who tries too often.
pub(super) const TOO_MANY: &str = "HTTP status 429";
/// Longest name of a browser that is kept.
const MAX_AGENT_CHARS: usize = 120;

/// Who is not signed in, or asks for what anybody may see.
pub(super) struct Guest<'a> {
    pub(super) site: &'a Arc<Site>,
    pub(super) t: &'static Texts,
    pub(super) look: String,
    pub(super) note: Option<Note>,
    pub(super) packing: Packing,
}

impl Guest<'_> {
    pub(super) fn page(&self, status: u16, title: &str, content: &Markup) -> Response {
        let page = gate(self.t, &self.look, title, self.note.as_ref(), content);
        let answer = Response::scripted_page(status, page, self.packing);
        if self.note.is_some() { answer.with_cookie(&cookie::no_note()) } else { answer }
    }

    /// Returns the page that says why something is not done.
    pub(super) fn refusal(&self, status: u16, title: &str, text: &str) -> Response {
        let content = html! {
            section.card.stack {
                h1 { (title) }
                @if !text.is_empty() { p.said { (text) } }
                div.row { a.button.primary href="/" { (self.t.to_the_start) } a.button href="/health" { (self.t.health) } }
            }
        };
        self.page(status, title, &content)
    }

    /// Returns the login page.
    pub(super) async fn login(&self, request: &Request) -> Response {
        let t = self.t;
        let is_asked =
            self.note.as_ref().is_some_and(|note| [t.totp_needed, t.totp_wrong].contains(&note.text.as_str()));
        let provider = self.site.provider(request.caller.address.ip()).await;
        let code =
            Field { is_required: false, ..Field::text(totp::FIELD, t.code_or_recovery) }.with_fill("one-time-code");
        let content = html! {
            form.card.stack method="post" action="/login" {
                h1 { (t.sign_in) }
                (Field::text("username", t.name_of_account).with_fill("username").show())
                (Field::password("password", t.password, "current-password").show())
                details open[is_asked] { summary.small { (t.i_use_codes) } (code.show()) }
                label.check { input type="checkbox" name="keep" value="yes"; (t.keep_me_signed_in) }
                button.primary { (t.sign_in) }
            }
            @if let Some(provider) = &provider { (external_form(self.t, provider)) }
            p.center.muted.small {
                (t.no_account_yet) " " a href="/register" { (t.register) }
                @if self.site.authority.is_some() { br; (t.browser_warned) " " a href="/trust" { (t.trust_title) } }
            }
        };
        self.page(200, t.sign_in, &content)
    }

    /// Returns the page on which somebody makes an account.
    pub(super) fn registration(&self, invitation: &str) -> Response {
        let t = self.t;
        let optional = |name, label| Field { is_required: false, ..Field::text(name, label) }.show();
        let content = html! {
            form.card.stack method="post" action="/register" {
                h1 { (t.register) }
                (Field::text("username", t.name_of_account).with_fill("username").show())
                (Field { kind: "email", ..Field::text("email", t.email) }.with_fill("email").show())
                (Field::password("password", t.password, "new-password").show())
                (Field::password("again", t.once_more, "new-password").show())
                (optional("fname", t.first_name))
                (optional("lname", t.last_name))
                (optional("affiliation", t.affiliation))
                (Field { kind: "number", value: "50", ..Field::text("credit", t.credit_wanted) }.show())
                (Field { is_required: false, value: invitation, ..Field::text("invitation", t.invitation) }.show())
                button.primary { (t.register) }
            }
            p.center.muted.small { a href="/login" { (t.sign_in) } }
        };
        self.page(200, t.register, &content)
    }

    /// Returns the page that tells how a device comes to trust this site.
    pub(super) fn trust(&self) -> Response {
        let t = self.t;
        let Some((_, fingerprint)) = &self.site.authority else {
            return self.refusal(404, t.not_found, "");
        };
        let systems = [
            ("Android", t.trust_android),
            ("iPhone, iPad", t.trust_ios),
            ("Windows", t.trust_windows),
            ("macOS", t.trust_macos),
            ("Firefox", t.trust_firefox),
        ];
        let content = html! {
            section.card.stack {
                h1 { (t.trust_title) }
                p.muted { (t.trust_why) }
                a.button.primary href="/trust.crt" { (icon::draw(Icon::Shield)) (t.download_certificate) }
                @for (system, how) in systems { details { summary { (system) } p.small { (how) } } }
                div.note { (icon::draw(Icon::Shield)) div.small { (t.trust_limits) br; code { (fingerprint) } } }
                div.row { a.button.primary href="/" { (t.to_the_start) } }
            }
        };
        self.page(200, t.trust_title, &content)
    }

    /// Returns the web authority's certificate.
    pub(super) fn trust_file(&self) -> Response {
        match &self.site.authority {
            Some((pem, _)) => {
                Response::attachment("application/x-x509-ca-cert", "conpaas-pages.crt", pem.clone().into_bytes())
            }
            None => self.refusal(404, self.t.not_found, ""),
        }
    }

    /// Signs somebody in.
    pub(super) async fn sign_in(&self, request: &Request, form: &Form) -> Response {
        let (username, password) = (form.get("username").unwrap_or_default(), form.get("password").unwrap_or_default());
        match self.begin(request, form, username, (password, form.filled(totp::FIELD))).await {
            Ok(answer) => answer,
            Err(failure) => {
                let t = self.t;
                let words = [
                    (texts::AUTHENTICATION_FAILED, t.wrong_password),
                    (texts::TOTP_NEEDED, t.totp_needed),
                    (texts::TOTP_WRONG, t.totp_wrong),
                    (TOO_MANY, t.too_many_attempts),
                ];
                let known =
                    words.iter().find(|(part, _)| failure.text.contains(part)).map(|(_, text)| (*text).to_owned());
                back("/login", known.unwrap_or(failure.text))
            }
        }
    }

    /// Makes an account and signs its owner in.
    pub(super) async fn register(&self, request: &Request, form: &Form) -> Response {
        if form.get("password") != form.get("again") {
            return back("/register", self.t.passwords_differ.to_owned());
        }
        let account = account_of(form);
        let session = self.site.session(&account.username, None);
        let trust = self.site.trust(request.caller.address.ip());
        if let Err(failure) = certificate::create_account(&session, &trust, &account).await {
            return back("/register", failure.text);
        }
        match self.begin(request, form, &account.username, (&account.password, None)).await {
            Ok(answer) => answer,
            Err(failure) => back("/login", failure.text),
        }
    }

    /// Fetches the user's certificate for his password, and opens a session with it.
    async fn begin(
        &self,
        request: &Request,
        form: &Form,
        username: &str,
        (password, code): (&str, Option<&str>),
    ) -> Result<Response, Failure> {
        let session = self.site.session(username, None);
        let address = request.caller.address.ip();
        let credentials = certificate::fetch(&session, &self.site.trust(address), (password, code)).await?;
        self.open(request, form.filled("keep").is_some(), username, credentials).await
    }

    /// Keeps a user's certificate in a new session. The old one ends.
    pub(super) async fn open(
        &self,
        request: &Request,
        is_kept: bool,
        username: &str,
        credentials: Credentials,
    ) -> Result<Response, Failure> {
        let address = request.caller.address.ip();
        let identity = credentials.identity()?;
        let uid = identity.uid().ok_or_else(|| Failure::said(self.t.wrong_password))?;
        let agent = request.header("user-agent").unwrap_or_default();
        let new = NewSession {
            uid,
            username: username.to_owned(),
            is_kept,
            agent: agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT_CHARS).collect(),
            address: address.to_canonical().to_string(),
        };
        let (site, old) = (Arc::clone(self.site), cookie::secret(request));
        let secret = sys::blocking(move || {
            if let Some(old) = old {
                site.sessions.end(&old.name());
            }
            site.sessions.begin(new, &credentials)
        });
        let secret = secret.await?;
        tracing::info!(user.id = uid.0, peer = %address, "signed in");
        let life = is_kept.then(|| KEPT_IDLE.unsigned_abs());
        Ok(Response::see_other("/").with_cookie(&cookie::of_session(&secret, life)))
    }
}

fn external_form(t: &Texts, provider: &str) -> Markup {
    html! {
        form.card.stack method="post" action="/external" {
            label.check { input type="checkbox" name="keep" value="yes"; (t.keep_me_signed_in) }
            button { (fill(t.sign_in_with, &[&provider])) }
        }
    }
}

/// Returns the account that a form asks for.
pub(super) fn account_of(form: &Form) -> NewAccount {
    let of = |name: &str| form.get(name).unwrap_or_default().to_owned();
    NewAccount {
        username: of("username"),
        fname: of("fname"),
        lname: of("lname"),
        email: of("email"),
        affiliation: of("affiliation"),
        password: of("password"),
        credit: form.get("credit").and_then(|text| text.trim().parse().ok()).unwrap_or_default(),
        invitation: of("invitation"),
    }
}

/// Leads back to a form, with what went wrong.
pub(super) fn back(path: &str, text: String) -> Response {
    Response::see_other(path).with_cookie(&Note { is_failure: true, text }.cookie())
}

/// Returns what a failure says on a page.
pub(super) fn said(t: &Texts, failure: &Failure) -> String {
    if failure.is_passing { fill(t.cannot_be_reached, &[&failure.text]) } else { failure.text.clone() }
}
