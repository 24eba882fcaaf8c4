//! `events`: what happened to applications and services, and why, also as it happens.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{Local, TimeZone};
use clap::Args;
use serde::Serialize;

use crate::api::EventView;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::{Printer, Reply, write_shown};
use crate::cli::output::table::{table, value_of};
use crate::client::error::Failure;
use crate::client::{event, lookup};
use crate::model::{ApplicationId, State};
use crate::sys::excerpt::excerpt;

/// For how many seconds an answer waits for something to happen.
const PATIENCE: u32 = 20;
/// After nobody has answered.
const AGAIN: Duration = Duration::from_secs(2);
const MAX_REASON_CHARS: usize = 1000;

/// Which events are shown.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Name or identifier of an application; all of them when it is left out
    app_name_or_id: Option<String>,
    /// Go on with what happens, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// So many of the newest
    #[arg(short = 'n', long, value_name = "EVENTS", default_value_t = 20)]
    lines: usize,
}

/// A row of the table.
#[derive(Serialize)]
struct Row {
    when: String,
    application: String,
    service: String,
    status: State,
    by: &'static str,
    reason: String,
}

#[async_trait(?Send)]
impl Action for Events {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let aid = match &self.app_name_or_id {
            Some(name) => Some(lookup::application(&run.session, name).await?.aid),
            None => None,
        };
        let mut newest = event::newest(&run.session, aid).await?;
        newest.events.drain(..newest.events.len().saturating_sub(self.lines));
        if !self.follow {
            let rows: Vec<Row> = newest.events.iter().map(row).collect();
            let columns = ["when", "application", "service", "status", "by", "reason"];
            let text = if rows.is_empty() { "Nothing has happened yet.".to_owned() } else { table(&columns, &rows) };
            return Ok(Reply::line(text, &newest.events));
        }
        let Some(last) = newest.last else {
            return Err(Failure::said("this director does not tell of what happens; leave --follow out"));
        };
        newest.events.iter().for_each(|event| print(run.printer, event));
        go_on(run, aid, last).await
    }
}

/// Goes on for as long as somebody looks: Ctrl-C ends this process.
async fn go_on(run: &Invocation, aid: Option<ApplicationId>, mut last: i64) -> Result<Reply, Failure> {
    let mut is_away = false;
    loop {
        match run.session.events(aid, Some(last), PATIENCE).await {
            Ok(view) => {
                is_away = false;
                view.events.iter().for_each(|event| print(run.printer, event));
                last = view.last;
            }
            Err(failure) if failure.is_passing => {
                if !is_away {
                    run.printer.note(&failure.text);
                }
                is_away = true;
                tokio::time::sleep(AGAIN).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn print(printer: Printer, event: &EventView) {
    let shown = match printer.is_json {
        true => value_of(event).to_string(),
        false => line(event),
    };
    write_shown(&format!("{shown}\n"));
}

fn line(event: &EventView) -> String {
    let Row { when, application, service, status, by, reason } = row(event);
    let of = if service.is_empty() { application } else { format!("{application}/{service}") };
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("{when} {of} {status} ({by}){why}")
}

fn row(event: &EventView) -> Row {
    let time = Local.timestamp_opt(event.seconds(), 0).earliest();
    Row {
        when: time.map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default(),
        application: event.app_name.clone(),
        service: event.service().unwrap_or_default(),
        status: event.state,
        by: event.by.as_str(),
        reason: excerpt(&event.reason, MAX_REASON_CHARS).replace('\n', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, ServiceId};

    #[test]
    fn a_line_says_what_happened_to_what_and_why_on_one_line() {
        let mut event = EventView {
            id: 7,
            time: 0.0,
            app_id: ApplicationId(1),
            app_name: "shop".to_owned(),
            service_id: Some(ServiceId(2)),
            service_name: None,
            state: State::Error,
            reason: "no\nroom\u{1b}[2J".to_owned(),
            by: Actor::Manager,
        };
        let told = line(&event);
        assert!(told.ends_with(" shop/2 ERROR (manager): no room\\u{1b}[2J"), "{told}");
        (event.service_id, event.reason) = (None, String::new());
        assert!(line(&event).ends_with(" shop ERROR (manager)"));
    }
}
