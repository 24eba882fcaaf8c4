//! How far the making of images is, for whoever looks at `conpaas image build`.

use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Instant;

use indicatif::ProgressBar;

use crate::cli::output::moving_line::moving_line;
use crate::cli::output::printer::{harmless, write_error};
use crate::image::{Built, Report};

/// Shows how far it is: on a terminal one moving line, elsewhere a line for each stage.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    is_silent: bool,
    stage: Mutex<Option<(String, Instant)>>,
}

impl Progress {
    /// Returns a progress that has no stage yet.
    pub(crate) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| moving_line("{spinner} {prefix} ({elapsed}) {wide_msg}"));
        Progress { bar, is_silent: false, stage: Mutex::new(None) }
    }

    /// Returns a progress that shows nothing: a program reads.
    pub(crate) fn silent() -> Self {
        Progress { bar: None, is_silent: true, stage: Mutex::new(None) }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            _ if self.is_silent => {}
            Some(bar) => bar.suspend(|| write_error(text)),
            None => write_error(text),
        }
    }

    /// Ends the stage that runs, and tells how long it took.
    fn change(&self, next: Option<String>) {
        let next = next.map(|stage| (stage, Instant::now()));
        let before = match self.stage.lock() {
            Ok(mut stage) => std::mem::replace(&mut *stage, next),
            Err(_) => None,
        };
        if let Some((stage, start)) = before {
            self.say(&format!("{stage} ({:.1} s)", start.elapsed().as_secs_f32()));
        }
    }

    /// Ends the last stage and takes the moving line away.
    pub(crate) fn end(&self) {
        self.change(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Report for Progress {
    fn begin(&self, image: &str, stage: &str) {
        let text = format!("{image}: {stage}");
        self.change(Some(text.clone()));
        if let Some(bar) = &self.bar {
            bar.set_prefix(text);
            bar.set_message("");
            bar.reset_elapsed();
        }
    }

    fn line(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(harmless(line));
        }
    }

    fn warn(&self, image: &str, text: &str) {
        self.say(&format!("WARNING - {image}: {}", harmless(text)));
    }

    fn done(&self, _: &Built) {
        self.change(None);
    }
}
