//! Questions before something is lost. They are pages, so that they are asked without the script, too.

use maud::{Markup, html};

use super::tabs;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::{Texts, fill};
use crate::frontend::visit::{Place, Visit};

/// A question.
struct Question<'a> {
    /// What is lost.
    loss: &'a str,
    action: String,
    /// The word on the button.
    word: &'a str,
    /// Where to go instead.
    back: String,
    /// Whether volumes may be kept.
    offers_volumes: bool,
}

pub(super) async fn stop_application(visit: &Visit) -> Shown {
    of_application(visit, visit.t.stop, visit.t.loss_of_stop, "stop", true).await
}

pub(super) async fn delete_application(visit: &Visit) -> Shown {
    of_application(visit, visit.t.delete, visit.t.loss_of_deletion, "delete", false).await
}

async fn of_application(visit: &Visit, word: &str, loss: &str, end: &str, offers_volumes: bool) -> Shown {
    let (t, app) = (visit.t, visit.application().await?);
    let back = format!("/applications/{}", app.aid);
    let action = format!("{back}/{end}");
    let title = fill(t.really, &[&word, &app.name]);
    let page = Page::new(Section::Applications, title).below("/", t.applications).below(back.as_str(), app.name);
    Ok(page.with("question", ask(t, &Question { loss, action, word, back, offers_volumes })))
}

pub(super) async fn stop_service(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let loss = if place.service.kind == "mysql" { t.loss_of_databases } else { t.loss_of_service_stop };
    Ok(of_service(t, &place, (t.stop, &place.service.name), loss, "stop", true))
}

pub(super) async fn remove_service(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    Ok(of_service(t, &place, (t.remove, &place.service.name), t.loss_of_service, "remove", false))
}

pub(super) async fn delete_code(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let version = visit.argument(2);
    let end = format!("code/{}/delete", encoded(version));
    Ok(of_service(t, &place, (t.delete, version), t.loss_of_code, &end, false))
}

pub(super) async fn delete_volume(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let volumes = visit.client.volumes(&place.found).await?;
    let volume = volumes.iter().find(|volume| volume.vol_name == visit.argument(2)).ok_or(Problem::NotFound)?;
    let end = format!("volumes/{}/delete", encoded(&volume.vol_name));
    Ok(of_service(t, &place, (t.delete, &volume.vol_name), t.loss_of_volume, &end, false))
}

fn of_service(
    t: &'static Texts,
    place: &Place,
    (word, name): (&str, &str),
    loss: &str,
    end: &str,
    offers_volumes: bool,
) -> Page {
    let back = place.path();
    let action = format!("{back}/{end}");
    let title = fill(t.really, &[&word, &name]);
    tabs::below(t, place, title).with("question", ask(t, &Question { loss, action, word, back, offers_volumes }))
}

fn ask(t: &Texts, question: &Question<'_>) -> Markup {
    html! {
        section.card.stack {
            p { (question.loss) }
            form.stack method="post" action=(question.action) {
                @if question.offers_volumes {
                    label.check { input type="checkbox" name="keep_volumes" value="yes"; (t.keep_volumes) }
                }
                div.row {
                    button.primary.danger { (question.word) }
                    a.button href=(question.back) { (t.cancel) }
                }
            }
        }
    }
}

/// Returns a text as a part of a path.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
