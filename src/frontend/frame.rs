//! A page, and the frame around it.
//!
//! A page is pieces. Those that change while it is open are sent again by the stream of the page ([`super::live`]).

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::cookie::Note;
use super::text::Texts;
use super::ui::icon::{self, Icon};

/// The part of the site that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Applications,
    Nodes,
    Activity,
    Account,
}

/// A part of a page.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) id: &'static str,
    pub(super) html: Markup,
    /// Whether it is sent again when it changes. One with a field that somebody types in only comes and goes.
    pub(super) is_live: bool,
}

/// A page, without its frame.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) section: Section,
    /// What it is a part of: path and name, outermost first.
    pub(super) crumbs: Vec<(String, String)>,
    /// State and buttons beside the title; live.
    pub(super) head: Markup,
    pub(super) tabs: Option<Markup>,
    pub(super) main: Vec<Piece>,
    pub(super) side: Vec<Piece>,
    /// Whether something goes on that ends soon.
    pub(super) is_busy: bool,
    /// From where the stream of a log goes on.
    pub(super) log_cursor: Option<String>,
    /// Whether it has a terminal, which brings its own script.
    pub(super) has_terminal: bool,
}

impl Page {
    /// Returns an empty page.
    pub(super) fn new(section: Section, title: impl Into<String>) -> Self {
        Page {
            title: title.into(),
            section,
            crumbs: Vec::new(),
            head: html! {},
            tabs: None,
            main: Vec::new(),
            side: Vec::new(),
            is_busy: false,
            log_cursor: None,
            has_terminal: false,
        }
    }

    /// Says what it is a part of.
    pub(super) fn below(mut self, path: impl Into<String>, name: impl Into<String>) -> Self {
        self.crumbs.push((path.into(), name.into()));
        self
    }

    /// Adds a part that stays as it is.
    pub(super) fn with(mut self, id: &'static str, html: Markup) -> Self {
        self.main.push(Piece { id, html, is_live: false });
        self
    }

    /// Adds a part that is sent again when it changes.
    pub(super) fn with_live(mut self, id: &'static str, html: Markup) -> Self {
        self.main.push(Piece { id, html, is_live: true });
        self
    }

    /// Adds a part at the side that stays as it is.
    pub(super) fn beside(mut self, id: &'static str, html: Markup) -> Self {
        self.side.push(Piece { id, html, is_live: false });
        self
    }

    /// Adds a part at the side that is sent again when it changes.
    pub(super) fn beside_live(mut self, id: &'static str, html: Markup) -> Self {
        self.side.push(Piece { id, html, is_live: true });
        self
    }

    /// Returns whether any part of it changes while it is open.
    pub(super) fn is_live(&self) -> bool {
        self.log_cursor.is_some() || self.main.iter().chain(&self.side).any(|piece| piece.is_live)
    }

    /// Returns what changes while it is open, each with its id.
    pub(super) fn live_pieces(&self) -> Vec<(&'static str, String)> {
        let pieces = self.main.iter().chain(&self.side).filter(|piece| piece.is_live);
        let mut all: Vec<(&'static str, String)> =
            pieces.map(|piece| (piece.id, placed(piece).into_string())).collect();
        all.push(("head", head(&self.head).into_string()));
        all
    }
}

/// What stands around all pages of a visitor.
pub(super) struct Around<'a> {
    pub(super) t: &'static Texts,
    pub(super) look: &'a str,
    pub(super) note: Option<Note>,
    pub(super) credit: Option<i64>,
    /// The path of the page.
    pub(super) path: &'a str,
}

/// Returns a page of somebody who is signed in.
pub(super) fn framed(page: &Page, around: &Around<'_>) -> String {
    let t = around.t;
    let live = page.is_live().then(|| match &page.log_cursor {
        None => format!("/live{}", around.path),
        Some(cursor) => {
            let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            format!("/live{}?cursor={cursor}", around.path)
        }
    });
    let body = html! {
        body data-live=[live] data-lost=(t.connection_lost) {
            a.skip href="#main" { (t.skip) }
            header.top { div {
                a.brand href="/" { (icon::brand()) "ConPaaS" }
                nav.nav aria-label=(t.main_navigation) {
                    @for (section, path, icon, name) in [
                        (Section::Applications, "/", Icon::Apps, t.applications),
                        (Section::Nodes, "/nodes", Icon::Node, t.nodes),
                        (Section::Activity, "/activity", Icon::Clock, t.activity),
                        (Section::Account, "/account", Icon::User, t.account),
                    ] {
                        a href=(path) aria-current=[(section == page.section).then_some("page")] {
                            (icon::draw(icon)) (name)
                        }
                    }
                }
                @if let Some(credit) = around.credit {
                    a.chip href="/account" title=(t.credit_title) { (icon::draw(Icon::Coin)) (credit) " " (t.credits) }
                }
            } }
            main #main tabindex="-1" {
                (note(around.note.as_ref()))
                div.head {
                    div {
                        @if !page.crumbs.is_empty() {
                            nav.crumbs aria-label=(t.where_you_are) {
                                @for (at, (path, name)) in page.crumbs.iter().enumerate() {
                                    @if at > 0 { " / " }
                                    a href=(path) { (name) }
                                }
                            }
                        }
                        h1 { (page.title) }
                    }
                    (head(&page.head))
                }
                @if let Some(tabs) = &page.tabs { (tabs) }
                @if page.side.is_empty() {
                    @for piece in &page.main { (placed(piece)) }
                } @else {
                    div.two {
                        div.stack { @for piece in &page.main { (placed(piece)) } }
                        aside.stack { @for piece in &page.side { (placed(piece)) } }
                    }
                }
            }
            p #toast.toast role="status" hidden {}
            script src=(assets::script_path()) defer {}
            @if page.has_terminal { script src=(assets::terminal_paths().0) defer {} }
        }
    };
    document(t, (around.look, page.has_terminal), &page.title, &body)
}

/// Returns a page for people who are not signed in, or where something is wrong.
pub(super) fn gate(t: &'static Texts, look: &str, title: &str, note_above: Option<&Note>, content: &Markup) -> String {
    let body = html! {
        body {
            main.gate {
                span.brand { (icon::brand()) "ConPaaS" }
                (note(note_above))
                (content)
            }
        }
    };
    document(t, (look, false), title, &body)
}

fn document(t: &'static Texts, (look, has_terminal): (&str, bool), title: &str, body: &Markup) -> String {
    let theme = Some(look).filter(|look| ["light", "dark"].contains(look));
    let whole = html! {
        (DOCTYPE)
        html lang=(t.language) data-theme=[theme] {
            head {
                meta charset="utf-8";
                title { (title) " · ConPaaS" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                link rel="icon" href=(assets::icon_path()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::style_path());
                @if has_terminal { link rel="stylesheet" href=(assets::terminal_paths().1); }
            }
            (body)
        }
    };
    whole.into_string()
}

fn note(note: Option<&Note>) -> Markup {
    html! {
        @if let Some(note) = note {
            @if note.is_failure {
                div.note.bad role="alert" { (icon::draw(Icon::Warn)) div.said { (note.text) } }
            } @else {
                div.note role="status" { (icon::draw(Icon::Check)) div.said { (note.text) } }
            }
        }
    }
}

fn head(content: &Markup) -> Markup {
    html! { div #head.row { (content) } }
}

fn placed(piece: &Piece) -> Markup {
    html! { div.stack id=(piece.id) { (piece.html) } }
}
