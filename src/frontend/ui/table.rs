//! Tables, which are blocks on a phone.

use maud::{Markup, html};

/// A row: its first cell is its name, the others have the titles of their columns.
pub(in crate::frontend) type Row = Vec<Markup>;

/// Shows a table; `empty` in its place when it has no rows.
pub(in crate::frontend) fn show(columns: &[&str], rows: &[Row], empty: &str) -> Markup {
    html! {
        @if rows.is_empty() {
            p.muted { (empty) }
        } @else {
            div.wide { table {
                thead { tr { @for column in columns {
                    @if column.is_empty() { td {} } @else { th scope="col" { (column) } }
                } } }
                tbody { @for row in rows { tr {
                    @for (at, cell) in row.iter().enumerate() {
                        @if at == 0 {
                            th scope="row" { (cell) }
                        } @else {
                            td data-l=[columns.get(at).filter(|title| !title.is_empty())] { (cell) }
                        }
                    }
                } } }
            } }
        }
    }
}

/// A card with a title.
pub(in crate::frontend) fn card(title: &str, content: &Markup) -> Markup {
    html! { section.card { header { h2 { (title) } } (content) } }
}
