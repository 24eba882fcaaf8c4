//! `/health`: whether the director does what it should.

use maud::{Markup, html};

use crate::api::{CheckView, CloudView, FindingVerdict, FindingView};

use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::text::Texts;
use crate::frontend::ui::table::{self, Row};
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
    let page = Page::new(Section::Account, t.health)
        .below("/account", t.account)
        .with_live("health", table::card(t.director, &html! { div.stack { (content) } }));
    // Who is no administrator is told no more.
    Ok(match client.check_director().await {
        Ok(check) => page.with_live("clouds", clouds(t, &check)).with_live("findings", findings(t, &check)),
        Err(_) => page,
    })
}

fn clouds(t: &Texts, check: &CheckView) -> Markup {
    let row = |cloud: &CloudView| -> Row {
        vec![
            html! { (cloud.name) },
            html! { (cloud.driver) },
            html! { (cloud.nodes) @if cloud.passing > 0 { " + " (cloud.passing) " " (t.changing) } },
            html! { (cloud.volumes) },
        ]
    };
    let rows: Vec<Row> = check.clouds.iter().map(row).collect();
    table::card(t.clouds, &table::show(&[t.cloud, t.sort, t.nodes, t.volumes], &rows, ""))
}

fn findings(t: &Texts, check: &CheckView) -> Markup {
    let word = |verdict| match verdict {
        FindingVerdict::Good => ("state run", t.finding_good),
        FindingVerdict::Warning => ("state lost", t.finding_warning),
        FindingVerdict::Bad => ("state bad", t.finding_bad),
    };
    let row = |finding: &FindingView| -> Row {
        let (class, word) = word(finding.verdict);
        vec![
            html! { span class=(class) { (word) } },
            html! { (finding.text) @if !finding.remedy.is_empty() { br; span.muted.small { (finding.remedy) } } },
        ]
    };
    let rows: Vec<Row> = check.findings.iter().map(row).collect();
    table::card(t.findings, &table::show(&["", ""], &rows, ""))
}
