//! `/health`: whether the director does what it should.

use maud::html;

use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::ui::table;
use crate::frontend::visit::Visit;

pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, client) = (visit.t, &visit.client);
    let found = tokio::try_join!(client.version(), client.clouds(), client.service_kinds());
    let content = match found {
        Ok((version, clouds, kinds)) => html! {
            span.state.run { (t.director_answers) }
            dl.facts {
                dt { (t.address) } dd { (visit.site.director_url) }
                dt { (t.version) } dd { (version) }
                dt { (t.clouds) } dd { (clouds.join(", ")) }
                dt { (t.services) } dd { (kinds.join(", ")) }
                dt { (t.this_site) } dd { (env!("CARGO_PKG_VERSION")) }
            }
        },
        Err(failure) => html! {
            span.state.bad { (t.director_silent) }
            p.said { (failure.text) }
        },
    };
    Ok(Page::new(Section::Account, t.health)
        .below("/account", t.account)
        .with_live("health", table::card(t.director, &html! { div.stack { (content) } })))
}
