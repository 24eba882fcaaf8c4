//! Charts: a line of values as they came, drawn here, so that no script is needed.

use maud::{Markup, html};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 80.0;
/// Room above the highest value.
const MARGIN: f64 = 4.0;

/// Draws values, the newest at the right; `label` says what they are. Fewer than two are no line.
pub(in crate::frontend) fn draw(values: &[u64], most: usize, label: &str) -> Markup {
    if values.len() < 2 {
        return html! {};
    }
    let line = points(values, most);
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
            polyline points=(line) {}
        }
    }
}

fn points(values: &[u64], most: usize) -> String {
    let highest = values.iter().copied().max().unwrap_or_default().max(1) as f64;
    let step = WIDTH / most.max(2).saturating_sub(1) as f64;
    let newest = values.len() - 1;
    let point = |(at, value): (usize, &u64)| {
        let x = WIDTH - (newest - at) as f64 * step;
        let y = HEIGHT - (*value as f64 / highest) * (HEIGHT - MARGIN);
        format!("{x:.1},{y:.1}")
    };
    values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_is_at_the_right_and_the_highest_at_the_top() {
        assert_eq!(points(&[0, 5, 10], 3), "0.0,80.0 150.0,42.0 300.0,4.0");
        assert_eq!(points(&[0, 0], 3), "150.0,80.0 300.0,80.0");
        assert_eq!(draw(&[1], 3, "x").into_string(), "");
    }
}
