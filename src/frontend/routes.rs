//! Which path is what: pages, actions and files of visitors who are signed in, and what anybody may see.

use std::net::IpAddr;
use std::sync::Arc;

use super::action::{ACTIONS, ActionRoute, FILES};
use super::cookie::{self, Note};
use super::frame::{Around, Page, framed};
use super::gate::{self, Guest};
use super::outcome::{Done, Problem};
use super::page::{PAGES, PageRoute};
use super::site::Site;
use super::text::{self, Texts};
use super::visit::Visit;
use super::{assets, external, guard, live};
use crate::model::UserId;
use crate::pki::Secret;
use crate::rpc::{Form, FormBounds, Packing, Request, Response, path_arguments};
use crate::sys;

/// Forms of people who are not signed in.
const GUEST_FORM: FormBounds = FormBounds { max_bytes: 16 * 1024, takes_files: false };

/// Answers any request.
pub(super) async fn answer(site: Arc<Site>, mut request: Request) -> Response {
    let t = text::choose(cookie::get(&request, cookie::LANGUAGE).as_deref(), request.header("accept-language"));
    let look = cookie::get(&request, cookie::LOOK).unwrap_or_default();
    let packing = Packing::accepted(request.header("accept-encoding"));
    let guest = Guest { site: &site, t, look, note: cookie::note(&request), packing };
    if !guard::is_for_us(&request, &site.names) {
        request.discard_rest().await;
        return guest.refusal(421, t.wrong_host, "");
    }
    let answered = match request.method.as_str() {
        "GET" | "HEAD" => get(&guest, &mut request).await,
        "POST" if guard::is_from_us(&request) => post(&guest, &mut request).await,
        "POST" => Err(Refused::Foreign),
        _ => Err(Refused::Verb),
    };
    match answered {
        Ok(response) => response,
        Err(refused) => {
            request.discard_rest().await;
            refused.response(&guest, &request)
        }
    }
}

/// Why there is no answer of its own.
enum Refused {
    /// Nobody is signed in.
    SignedOut,
    /// A page of another site sent the form.
    Foreign,
    Verb,
    Problem(Problem),
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Refused::Problem(problem.into())
    }
}

impl Refused {
    fn response(self, guest: &Guest<'_>, request: &Request) -> Response {
        let t = guest.t;
        let is_post = request.method == "POST";
        match self {
            Refused::SignedOut if request.path.starts_with("/live/") => Response::plain_refusal(401, t.sign_in),
            Refused::SignedOut => go_to(request, "/login", None),
            Refused::Foreign => guest.refusal(403, t.foreign_form, ""),
            Refused::Verb => guest.refusal(405, t.not_found, ""),
            Refused::Problem(Problem::NotFound) => guest.refusal(404, t.not_found, ""),
            Refused::Problem(Problem::Body(error)) => error.response(),
            Refused::Problem(Problem::Form(text)) if is_post => go_to(request, &back(request), Some(failure(text))),
            Refused::Problem(Problem::Form(text)) => guest.refusal(400, t.not_done, &text),
            Refused::Problem(Problem::Failed(error)) => {
                let text = gate::said(t, &error);
                if is_post {
                    go_to(request, &back(request), Some(failure(text)))
                } else {
                    guest.refusal(502, t.not_done, &text)
                }
            }
        }
    }
}

async fn get(guest: &Guest<'_>, request: &mut Request) -> Result<Response, Refused> {
    let path = request.path.clone();
    match path.as_str() {
        "/login" => return Ok(guest.login(request).await),
        external::BACK => return Ok(guest.come_back(request).await),
        "/register" => {
            let query = Form::read_within(request, action_bounds()).await?;
            return Ok(guest.registration(query.get("invitation").unwrap_or_default()));
        }
        "/trust" => return Ok(guest.trust()),
        "/trust.crt" => return Ok(guest.trust_file()),
        _ => {}
    }
    if path.starts_with("/assets/") {
        return assets::find(&path, guest.packing).ok_or(Refused::Problem(Problem::NotFound));
    }
    let who = signed_in(guest, request).await?;
    if let Some(of_page) = path.strip_prefix("/live").filter(|rest| rest.starts_with('/')) {
        let (page, arguments) = find_page(of_page).ok_or(Problem::NotFound)?;
        let form = Form::read_within(request, action_bounds()).await?;
        let cursor = request.header("last-event-id").or(form.get("cursor")).map(str::to_owned);
        let is_terminal = form.filled("exec").is_some();
        let visit = visit(guest, who, form, arguments)?;
        if is_terminal {
            return Ok(live::terminal(visit, cursor).await?);
        }
        return Ok(match cursor {
            None => live::answer(visit, of_page, page.show)?,
            Some(cursor) => {
                // A log is of an application, which must be the visitor's.
                visit.application().await?;
                live::log(visit, cursor)?
            }
        });
    }
    if let Some((page, arguments)) = find_page(&path) {
        let form = Form::read_within(request, action_bounds()).await?;
        return show(guest, page, visit(guest, who, form, arguments)?, &path).await;
    }
    let (file, arguments) = find_action(FILES, &path).ok_or(Problem::NotFound)?;
    let form = Form::read_within(request, file.bounds).await?;
    let done = (file.act)(visit(guest, who, form, arguments)?).await?;
    Ok(finish(guest, request, done))
}

async fn post(guest: &Guest<'_>, request: &mut Request) -> Result<Response, Refused> {
    let path = request.path.clone();
    match path.as_str() {
        "/login" => {
            let form = Form::read_within(request, GUEST_FORM).await?;
            return Ok(guest.sign_in(request, &form).await);
        }
        "/register" => {
            let form = Form::read_within(request, GUEST_FORM).await?;
            return Ok(guest.register(request, &form).await);
        }
        "/external" => {
            let form = Form::read_within(request, GUEST_FORM).await?;
            return Ok(guest.leave(request, &form).await);
        }
        "/external/code" => {
            let form = Form::read_within(request, GUEST_FORM).await?;
            return Ok(guest.show_code(request, &form).await);
        }
        "/external/account" => {
            let form = Form::read_within(request, GUEST_FORM).await?;
            return Ok(guest.register_external(request, &form).await);
        }
        _ => {}
    }
    let who = signed_in(guest, request).await?;
    let (action, arguments) = find_action(ACTIONS, &path).ok_or(Problem::NotFound)?;
    let form = Form::read_within(request, action.bounds).await?;
    let done = (action.act)(visit(guest, who, form, arguments)?).await?;
    Ok(finish(guest, request, done))
}

/// What a page takes in its query.
fn action_bounds() -> FormBounds {
    FormBounds { max_bytes: 4096, takes_files: false }
}

async fn show(guest: &Guest<'_>, page: &PageRoute, visit: Arc<Visit>, path: &str) -> Result<Response, Refused> {
    let client = Arc::clone(&visit.client);
    let (shown, credit) = tokio::join!((page.show)(visit), client.credit());
    Ok(frame(guest, &shown?, credit.ok(), path))
}

fn frame(guest: &Guest<'_>, shown: &Page, credit: Option<i64>, path: &str) -> Response {
    let around = Around { t: guest.t, look: &guest.look, note: guest.note.clone(), credit, path };
    let answer = Response::scripted_page(200, framed(shown, &around), guest.packing);
    if guest.note.is_some() { answer.with_cookie(&cookie::no_note()) } else { answer }
}

/// Who is signed in.
struct Who {
    secret: Secret,
    uid: UserId,
    username: String,
    origin: String,
    address: IpAddr,
}

/// Finds the session of the visitor's cookie; the request counts as the user's from then on.
async fn signed_in(guest: &Guest<'_>, request: &mut Request) -> Result<Who, Refused> {
    let secret = cookie::secret(request).ok_or(Refused::SignedOut)?;
    let (site, own) = (Arc::clone(guest.site), secret.clone());
    let record = sys::blocking(move || site.sessions.find(&own)).await.ok_or(Refused::SignedOut)?;
    request.become_user(record.uid)?;
    let origin = format!("https://{}", request.header("host").unwrap_or_default());
    Ok(Who { secret, uid: record.uid, username: record.username, origin, address: request.caller.address.ip() })
}

fn visit(guest: &Guest<'_>, who: Who, form: Form, arguments: Vec<String>) -> Result<Arc<Visit>, Refused> {
    let site = guest.site;
    let Who { secret, uid, username, origin, address } = who;
    let client = site.sessions.opened(&secret, |credentials| site.session(&username, Some(credentials)));
    let client = client.ok_or(Refused::SignedOut)?;
    let t: &'static Texts = guest.t;
    Ok(Arc::new(Visit { site: Arc::clone(site), t, uid, username, origin, address, secret, client, form, arguments }))
}

fn find_page(path: &str) -> Option<(&'static PageRoute, Vec<String>)> {
    PAGES.iter().find_map(|page| Some((page, path_arguments(page.pattern, path)?)))
}

fn find_action(table: &'static [ActionRoute], path: &str) -> Option<(&'static ActionRoute, Vec<String>)> {
    table.iter().find_map(|action| Some((action, path_arguments(action.pattern, path)?)))
}

fn finish(guest: &Guest<'_>, request: &Request, done: Done) -> Response {
    match done {
        Done::Page(page) => frame(guest, &page, None, &request.path),
        Done::Answer(response) => response.for_one_person(),
        Done::Go { to, note } => {
            let note = Some(note).filter(|note| !note.is_empty()).map(|text| Note { is_failure: false, text });
            go_to(request, &to, note)
        }
    }
}

fn failure(text: String) -> Note {
    Note { is_failure: true, text }
}

/// Leads to a page: a browser by itself, a script of ours by a word to it.
fn go_to(request: &Request, path: &str, note: Option<Note>) -> Response {
    let answer = if request.has_header("x-part") { Response::go_on(path) } else { Response::see_other(path) };
    match note {
        Some(note) => answer.with_cookie(&note.cookie()),
        None => answer,
    }
}

/// Returns the page on which a form stood, which the browser tells; a form came from a page of ours.
fn back(request: &Request) -> String {
    let path = request.header("referer").and_then(|url| {
        let rest = url.strip_prefix("https://")?;
        rest.find('/').map(|at| rest[at..].to_owned())
    });
    path.filter(|path| !path.starts_with("//") && !path.contains('\\')).unwrap_or_else(|| "/".to_owned())
}
