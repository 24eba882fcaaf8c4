//! QR codes as drawings: what a camera reads off a page.

use qrcodegen::{QrCode, QrCodeEcc};
use serde::Serialize;

/// The free room around a code, in modules.
const MARGIN: i32 = 4;

/// A code, to be drawn as the path of an SVG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Qr {
    /// The view box of the drawing.
    pub view_box: String,
    /// Its dark modules, as the data of a path.
    pub path: String,
}

impl Qr {
    /// Returns the code of a text; `None` for one that is too long.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let side = code.size() + 2 * MARGIN;
        let path = (0..code.size()).flat_map(|y| rows(&code, y)).collect();
        Some(Qr { view_box: format!("{} {} {side} {side}", -MARGIN, -MARGIN), path })
    }
}

impl Qr {
    /// Returns the code of a text as lines for a terminal, two rows of modules a line; `None` for one that is too long.
    pub(crate) fn lines(text: &str) -> Option<Vec<String>> {
        // Light modules are drawn: most terminals are dark, and cameras take the other way round, too.
        let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
        let far = code.size() + MARGIN;
        let half = |x: i32, y: i32| match (code.get_module(x, y), code.get_module(x, y + 1)) {
            (false, false) => '█',
            (false, true) => '▀',
            (true, false) => '▄',
            (true, true) => ' ',
        };
        let rows = (-MARGIN..far).step_by(2);
        Some(rows.map(|y| (-MARGIN..far).map(|x| half(x, y)).collect()).collect())
    }
}

/// Dark modules beside each other are one rectangle.
fn rows(code: &QrCode, y: i32) -> Vec<String> {
    let mut found = Vec::new();
    let mut x = 0;
    while x < code.size() {
        let length = (x..code.size()).take_while(|at| code.get_module(*at, y)).count();
        if length > 0 {
            found.push(format!("M{x} {y}h{length}v1h-{length}z"));
        }
        x += i32::try_from(length).unwrap_or(code.size()) + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_a_text_that_is_too_long_has_none() {
        let code = Qr::of("https://attic.local/").expect("a short text");
        assert_eq!(code.view_box, "-4 -4 33 33");
        assert!(code.path.starts_with("M0 0h7v1h-7z") && code.path.contains("M18 0h7v1h-7z"), "{}", code.path);
        assert!(code.path.chars().all(|c| c.is_ascii_digit() || "Mhvz -".contains(c)));
        assert_eq!(Qr::of(&"x".repeat(5000)), None);
    }

    #[test]
    fn a_code_for_a_terminal_has_its_corner_behind_a_light_margin() {
        let lines = Qr::lines("https://attic.local/").expect("a short text");
        assert_eq!((lines.len(), lines[0].chars().count()), (17, 33));
        assert_eq!(lines[0].trim_matches('█'), "", "nothing dark");
        assert!(lines[2].starts_with("████ ▄▄▄▄▄ █"), "{}", lines[2]);
        assert_eq!(Qr::lines(&"x".repeat(5000)), None);
    }
}
