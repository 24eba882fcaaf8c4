//! What was measured of a site, in lines.

use super::super::figures::{median, median_ms};
use super::super::line::{Aim, Line};
use super::{Figures, Rates};

/// Returns what was measured, in lines.
pub(crate) fn lines(figures: &Figures) -> Vec<Line> {
    let first_page = median_ms(&figures.first_page) / 1000.0;
    let number = |name, measured, number: f64| Line::number(name, measured, number, None);
    let nodes: Vec<String> = figures.scaled_nodes.iter().map(|megabytes| format!("{megabytes:.0}")).collect();
    let all = figures.all_nodes + figures.director;
    let measured = format!("{first_page:.2} s");
    vec![
        Line::number("first page of a new site", measured, first_page, Some(Aim::AtMost(3.0))),
        Line::time("enable_code of a site", median_ms(&figures.enable_code)),
        Line::time("one node to four backends", figures.four_backends.as_secs_f64() * 1000.0),
        rate("files to bare nginx", &figures.plain, 0.9),
        rate("PHP to bare nginx and php-fpm", &figures.php, 0.85),
        number("the one node of a site, idle", format!("{:.1} MB", figures.idle_node), figures.idle_node),
        number(
            "a node and two backends, used",
            format!("{} MB", nodes.join(" + ")),
            figures.scaled_nodes.iter().sum::<f64>(),
        ),
        number("  with manager and director", format!("{all:.0} MB"), all),
    ]
}

fn rate(name: &'static str, rates: &Rates, aim: f64) -> Line {
    let (site, bare) = (median(&rates.site), median(&rates.bare));
    let measured = format!("{site:.0}/s to {bare:.0}/s");
    Line::number(name, measured, site / bare, Some(Aim::AtLeast(aim)))
}
