//! Bounds of a log, because strangers have a say in what is in it: the length of a line, and how often the same
//! place of the program may say something.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use crate::sys::excerpt::commands_a_terminal;

/// The longest line.
pub(crate) const MAX_LINE_BYTES: usize = 8 * 1024;
/// Lines of one place of the program in each minute.
const MAX_LINES: u32 = 300;
const MINUTE: Duration = Duration::from_secs(60);

/// Takes a line that tells of lines that are left out.
pub(crate) type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// Leaves out what the same place of the program says too often. Details that somebody asked for are not counted.
pub(crate) struct LogRate {
    places: Mutex<HashMap<Identifier, Minute>>,
    tell: Tell,
}

struct Minute {
    began: Instant,
    n_lines: u32,
}

impl LogRate {
    /// Returns a filter that has left out nothing yet, and says by `tell` when it does.
    pub(crate) fn new(tell: Tell) -> Self {
        LogRate { places: Mutex::default(), tell }
    }

    fn admits(&self, place: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = places.entry(place.callsite()).or_insert(Minute { began: now, n_lines: 0 });
        let mut n_left_out = 0;
        if now.duration_since(minute.began) >= MINUTE {
            n_left_out = minute.n_lines.saturating_sub(MAX_LINES);
            *minute = Minute { began: now, n_lines: 0 };
        }
        minute.n_lines = minute.n_lines.saturating_add(1);
        let is_admitted = minute.n_lines <= MAX_LINES;
        let is_first_left_out = minute.n_lines == MAX_LINES + 1;
        drop(places);
        let where_said = format!("{}:{}", place.target(), place.line().unwrap_or_default());
        if n_left_out > 0 {
            (self.tell)(&format!("{n_left_out} lines of {where_said} were left out: there were too many in a minute"));
        }
        if is_first_left_out {
            (self.tell)(&format!("{where_said} says too much: its next lines of this minute are left out"));
        }
        is_admitted
    }
}

impl<S: Subscriber> Filter<S> for LogRate {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let is_detail = *event.metadata().level() > Level::INFO;
        is_detail || self.admits(event.metadata(), Instant::now())
    }
}

/// Whether colours are in a line; they are the one thing in it that a terminal may obey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// They are.
    Used,
    /// They are not.
    Unused,
}

/// Returns a line that is not too long and commands no terminal, without its end.
pub(crate) fn bounded_line(line: &str, colours: Colours) -> String {
    let mut shown = String::with_capacity(line.len().min(MAX_LINE_BYTES));
    for (at, c) in line.char_indices() {
        if shown.len() >= MAX_LINE_BYTES {
            shown.push_str(&format!("… ({} bytes more)", line.len() - at));
            break;
        }
        match c {
            '\n' => shown.push_str("; "),
            '\u{1b}' if colours == Colours::Used => shown.push(c),
            c if commands_a_terminal(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Standard error, for a log: each write is one line.
pub(crate) struct BoundedStderr(pub(crate) Colours);

impl Write for BoundedStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = bounded_line(text.strip_suffix('\n').unwrap_or(&text), self.0);
        io::stderr().write_all(format!("{line}\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn a_line_is_bounded_and_commands_no_terminal() {
        assert_eq!(bounded_line("a\nb\t\u{1b}[2Jc\u{9b}\r", Colours::Unused), "a; b\t\\u{1b}[2Jc\\u{9b}\\r");
        assert_eq!(bounded_line("\u{1b}[32mINFO\u{1b}[0m\u{7}", Colours::Used), "\u{1b}[32mINFO\u{1b}[0m\\u{7}");
        let long = bounded_line(&"ä".repeat(1_000_000), Colours::Unused);
        assert!(long.len() < MAX_LINE_BYTES + 40 && long.ends_with(" bytes more)"), "{} bytes", long.len());
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(event.metadata().level().to_string());
        }
    }

    #[test]
    fn a_place_that_says_too_much_is_cut_short_with_a_word_and_others_are_not() {
        let (lines, told) = (Lines::default(), Lines::default());
        let hear = told.clone();
        let rate = LogRate::new(Box::new(move |text| hear.0.lock().unwrap().push(text.to_owned())));
        let subscriber = tracing_subscriber::registry().with(lines.clone().with_filter(rate));
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..1000 {
                tracing::warn!(n, "refused a caller");
                tracing::debug!(n, "a detail");
            }
            tracing::error!("something else");
        });
        let lines = lines.0.lock().unwrap().clone();
        let n_of = |level: &str| lines.iter().filter(|line| *line == level).count();
        assert_eq!((n_of("WARN"), n_of("DEBUG"), n_of("ERROR")), (MAX_LINES as usize, 1000, 1));
        let told = told.0.lock().unwrap().clone();
        assert!(told.len() == 1 && told[0].contains("says too much"), "{told:?}");
    }
}
