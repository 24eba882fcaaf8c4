//! A line of the table, and the same as JSON.

use serde_json::{Value, json};

/// One line of the table.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// What was measured, with its unit.
    pub(super) measured: String,
    /// The number that is compared; `None` on a line that only informs.
    pub(super) number: Option<f64>,
    pub(super) aim: Option<Aim>,
}

#[derive(Clone, Copy)]
pub(super) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    fn is_met(self, number: f64) -> bool {
        match self {
            Aim::AtMost(limit) => number <= limit,
            Aim::AtLeast(limit) => number >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Aim::AtMost(limit) => format!("<= {limit}"),
            Aim::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

impl Line {
    /// A time that only informs.
    pub(super) fn time(name: &'static str, milliseconds: f64) -> Self {
        Line { name, measured: format!("{milliseconds:.0} ms"), number: None, aim: None }
    }

    /// The same, of some milliseconds or less.
    pub(super) fn short_time(name: &'static str, milliseconds: f64) -> Self {
        Line { name, measured: format!("{milliseconds:.2} ms"), number: None, aim: None }
    }

    /// A number that is compared.
    pub(super) fn number(name: &'static str, measured: String, number: f64, aim: Option<Aim>) -> Self {
        Line { name, measured, number: Some(number), aim }
    }

    fn verdict(&self) -> &'static str {
        match self.number.zip(self.aim) {
            Some((number, aim)) if aim.is_met(number) => "met",
            Some(_) => "missed",
            None => "",
        }
    }

    fn row(&self) -> Value {
        json!({
            "name": self.name.trim(),
            "measured": self.measured,
            "number": self.number,
            "aim": self.aim.map(Aim::text),
            "is_met": self.number.zip(self.aim).map(|(number, aim)| aim.is_met(number)),
        })
    }
}

/// Prints everything to standard output.
pub(super) fn print(lines: &[Line], is_json: bool) {
    if is_json {
        let rows: Vec<Value> = lines.iter().map(Line::row).collect();
        println!("{:#}", Value::from(rows));
        return;
    }
    println!("{:<32} {:>30} {:>8} {:>8}  ", "", "measured", "ratio/MB", "aim");
    for line in lines {
        let number = line.number.map(|number| format!("{number:.2}")).unwrap_or_default();
        let aim = line.aim.map(Aim::text).unwrap_or_default();
        println!("{:<32} {:>30} {number:>8} {aim:>8}  {}", line.name, line.measured, line.verdict());
    }
}
