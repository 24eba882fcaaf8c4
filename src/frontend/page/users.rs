//! `/users` and `/users/<uid>`: all users and one of them, for administrators. For others there are no such pages.

use maud::{Markup, html};

use crate::api::{ManagedUserView, texts};
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::Field;
use crate::frontend::ui::table::{self, Row};
use crate::frontend::visit::Visit;

pub(super) async fn show(visit: &Visit) -> Shown {
    let t = visit.t;
    let users = all(visit).await?;
    let row = |user: &ManagedUserView| -> Row {
        vec![
            html! { a href={ "/users/" (user.uid) } { (user.username) } @if user.administrator { " " span.tag.on { (t.administrator) } } },
            html! { (user.email) },
            html! { (user.credit) },
            html! { (fill(t.running_of_all, &[&user.running, &user.applications])) },
            html! { (day(user)) },
        ]
    };
    let rows: Vec<Row> = users.iter().map(row).collect();
    let columns = [t.name_of_account, t.email, t.credits, t.applications, t.since];
    let list = html! { section.card { (table::show(&columns, &rows, "")) } };
    Ok(Page::new(Section::Account, t.users).below("/account", t.account).with("users", list))
}

pub(super) async fn one(visit: &Visit) -> Shown {
    let (t, user) = (visit.t, user_of(visit).await?);
    let page = below(t, user.username.as_str());
    let path = format!("/users/{}", user.uid);
    let page = page.with("facts", facts(t, &user)).with("credit", credit(t, &path));
    Ok(if user.administrator {
        page.with("operator", html! { section.card { p.muted { (t.only_operator) } } })
    } else {
        page.beside("password", password(t, &path)).beside("removal", removal(t, &path))
    })
}

pub(super) async fn remove(visit: &Visit) -> Shown {
    let (t, user) = (visit.t, user_of(visit).await?);
    let back = format!("/users/{}", user.uid);
    let question = html! {
        section.card.stack {
            p { (t.loss_of_user) }
            form.stack method="post" action={ (back) "/remove" } {
                div.row {
                    button.primary.danger { (t.remove) }
                    a.button href=(back) { (t.cancel) }
                }
            }
        }
    };
    let title = fill(t.really, &[&t.remove, &user.username]);
    Ok(below(t, title).below(back.as_str(), user.username.as_str()).with("question", question))
}

/// Returns the user whom the path names.
pub(in crate::frontend) async fn user_of(visit: &Visit) -> Result<ManagedUserView, Problem> {
    let wanted = visit.argument(0);
    all(visit).await?.into_iter().find(|user| user.uid.to_string() == wanted).ok_or(Problem::NotFound)
}

async fn all(visit: &Visit) -> Result<Vec<ManagedUserView>, Problem> {
    visit.client.users().await.map_err(|failure| match failure.text.contains(texts::NOT_ADMINISTRATOR) {
        true => Problem::NotFound,
        false => failure.into(),
    })
}

fn below(t: &'static Texts, title: impl Into<String>) -> Page {
    Page::new(Section::Account, title).below("/account", t.account).below("/users", t.users)
}

fn facts(t: &Texts, user: &ManagedUserView) -> Markup {
    html! {
        section.card {
            dl.facts {
                dt { (t.credits) } dd { (user.credit) }
                dt { (t.email) } dd { (user.email) }
                dt { (t.applications) } dd { (fill(t.running_of_all, &[&user.running, &user.applications])) }
                dt { (t.since) } dd { (day(user)) }
            }
        }
    }
}

fn credit(t: &Texts, path: &str) -> Markup {
    let field = Field { kind: "number", ..Field::text("credit", t.credits_to_add) };
    let form = html! {
        form.stack method="post" action={ (path) "/credit" } { (field.show()) div { button.primary { (t.add) } } }
    };
    table::card(t.credits, &form)
}

fn password(t: &Texts, path: &str) -> Markup {
    let form = html! {
        form.stack method="post" action={ (path) "/password" } {
            (Field::password("new_password", t.new_password, "new-password").show())
            (Field::password("again", t.once_more, "new-password").show())
            button { (t.change_password) }
        }
    };
    table::card(t.change_password, &form)
}

fn removal(t: &Texts, path: &str) -> Markup {
    table::card(t.remove, &html! { a.button.danger href={ (path) "/remove" } { (t.remove) } })
}

fn day(user: &ManagedUserView) -> &str {
    user.created.split('T').next().unwrap_or_default()
}
