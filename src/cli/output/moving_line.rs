//! The line on a terminal that shows that work goes on.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Returns a line that moves by itself; `template` says what stands in it, in indicatif's words.
pub(crate) fn moving_line(template: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
