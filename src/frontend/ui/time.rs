//! Times: how long ago, with the exact time for those who want it.

use chrono::DateTime;
use maud::{Markup, html};

use crate::frontend::text::{Texts, fill};

/// Shows a time, in seconds since 1970, as it looks at `now`.
pub(in crate::frontend) fn ago(time: i64, now: i64, t: &Texts) -> Markup {
    let exact = DateTime::from_timestamp(time, 0).map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string());
    html! { time title=[exact] { (shown(now - time, t)) } }
}

fn shown(seconds: i64, t: &Texts) -> String {
    match seconds {
        ..60 => t.just_now.to_owned(),
        60..3600 => fill(t.minutes_ago, &[&(seconds / 60)]),
        3600..86400 => fill(t.hours_ago, &[&(seconds / 3600)]),
        _ => fill(t.days_ago, &[&(seconds / 86400)]),
    }
}
