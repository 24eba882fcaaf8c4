//! Tables as ConPaaS 2.0 prints them: headers, a line of dashes, rows;
//! texts to the left, numbers to the right, trailing spaces kept.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::api::params::python_str;

/// One row: values by column name.
type Row = Map<String, Value>;

/// Returns the data as the JSON value that `--json` prints.
pub(crate) fn value_of(data: &impl Serialize) -> Value {
    serde_json::to_value(data).expect("what commands print has texts as keys, so it always becomes JSON")
}

/// Returns the table of `rows`, its lines separated but not ended; nothing
/// for no rows. Fields that no column names are passed over, and a column
/// that a row has no field for shows `None`.
pub(crate) fn table(columns: &[&str], rows: &[impl Serialize]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cells: Vec<Vec<Cell>> = rows.iter().map(|row| cells_of(columns, row)).collect();
    let width = |index: usize| {
        let longest = cells.iter().map(|row| row[index].width()).max().unwrap_or(0);
        longest.max(columns[index].chars().count())
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let header: Vec<String> = columns.iter().zip(&widths).map(|(name, width)| format!("{name:width$}")).collect();
    let total = widths.iter().sum::<usize>() + widths.len().saturating_sub(1);
    let mut lines = vec![header.join(" "), "-".repeat(total)];
    for row in &cells {
        let shown: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| cell.padded(*width)).collect();
        lines.push(shown.join(" "));
    }
    lines.join("\n")
}

fn cells_of(columns: &[&str], row: &impl Serialize) -> Vec<Cell> {
    let fields: Row = match value_of(row) {
        Value::Object(fields) => fields,
        other => unreachable!("a row is a struct, not {other}"),
    };
    columns.iter().map(|name| Cell::of(fields.get(*name))).collect()
}

struct Cell {
    text: String,
    is_number: bool,
}

impl Cell {
    fn of(value: Option<&Value>) -> Self {
        let value = value.unwrap_or(&Value::Null);
        Cell { text: python_str(value), is_number: value.is_number() }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn padded(&self, width: usize) -> String {
        let text = &self.text;
        if self.is_number { format!("{text:>width$}") } else { format!("{text:width$}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(value: &Value) -> Vec<Row> {
        value.as_array().unwrap().iter().map(|row| row.as_object().cloned().unwrap()).collect()
    }

    #[test]
    fn it_is_as_recorded() {
        let apps = json!([
            {"aid": 1, "name": "New Application", "manager": null, "cloud": null, "status": "INIT"},
            {"aid": 2, "name": "webapp", "manager": "10.77.0.11", "cloud": "default", "status": "RUNNING"}
        ]);
        assert_eq!(
            table(&["aid", "name", "manager", "cloud", "status"], &rows(&apps)),
            "aid name            manager    cloud   status \n\
             ----------------------------------------------\n\
             \u{20} 1 New Application None       None    INIT   \n\
             \u{20} 2 webapp          10.77.0.11 default RUNNING"
        );
    }

    #[test]
    fn no_rows_are_no_table_and_letters_count_once() {
        assert_eq!(table(&["a"], &rows(&json!([]))), "");
        let letters = rows(&json!([{"a": "zoé"}, {"a": "b", "not a column": 5}]));
        assert_eq!(table(&["a"], &letters), "a  \n---\nzoé\nb  ");
        assert_eq!(table(&["missing"], &letters[..1]), "missing\n-------\nNone   ");
    }
}
