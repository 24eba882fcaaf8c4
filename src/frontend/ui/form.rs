//! Forms and buttons. Each is a plain form, which works without the script.

use maud::{Markup, html};

use crate::frontend::text::Texts;

/// What a field is.
#[derive(Debug, Clone, Copy)]
pub(in crate::frontend) struct Field<'a> {
    pub(in crate::frontend) name: &'a str,
    pub(in crate::frontend) label: &'a str,
    /// The type of the input, such as `password`.
    pub(in crate::frontend) kind: &'a str,
    pub(in crate::frontend) value: &'a str,
    /// The browser's word for what is filled in by itself; empty for nothing.
    pub(in crate::frontend) fills: &'a str,
    pub(in crate::frontend) is_required: bool,
    /// Sets it apart from one of this name in another form of the page; may be empty.
    pub(in crate::frontend) form: &'a str,
}

impl<'a> Field<'a> {
    /// A text that must be given.
    pub(in crate::frontend) fn text(name: &'a str, label: &'a str) -> Self {
        Field { name, label, kind: "text", value: "", fills: "", is_required: true, form: "" }
    }

    /// A password that must be given.
    pub(in crate::frontend) fn password(name: &'a str, label: &'a str, fills: &'a str) -> Self {
        Field { kind: "password", fills, ..Field::text(name, label) }
    }

    /// The same, which the browser may fill in.
    pub(in crate::frontend) fn with_fill(self, fills: &'a str) -> Self {
        Field { fills, ..self }
    }

    /// Shows it.
    pub(in crate::frontend) fn show(self) -> Markup {
        let id = format!("field-{}{}", self.form, self.name);
        html! {
            div {
                label for=(id) { (self.label) }
                input id=(id) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=[Some(self.fills).filter(|fills| !fills.is_empty())] required[self.is_required];
            }
        }
    }
}

/// A button that does something at once.
pub(in crate::frontend) fn post(action: &str, word: &str, class: &str) -> Markup {
    html! { form method="post" action=(action) { button class=(class) { (word) } } }
}

/// A button that does something at once with one value.
pub(in crate::frontend) fn post_value(action: &str, name: &str, value: &str, word: &str, class: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name=(name) value=(value);
            button class=(class) { (word) }
        }
    }
}

/// A text to be copied.
pub(in crate::frontend) fn copy(text: &str, word: &str) -> Markup {
    html! {
        div.copy { code tabindex="0" { (text) } button.quiet.tiny type="button" data-copy="" hidden { (word) } }
    }
}

/// A place to drop a file, or to choose one.
pub(in crate::frontend) struct Upload<'a> {
    pub(in crate::frontend) action: &'a str,
    /// The name of the file's field.
    pub(in crate::frontend) name: &'a str,
    pub(in crate::frontend) label: &'a str,
    /// The word on its button.
    pub(in crate::frontend) word: &'a str,
    pub(in crate::frontend) hint: &'a str,
}

impl Upload<'_> {
    /// Shows it. `extra` stands above its button.
    pub(in crate::frontend) fn show(&self, t: &Texts, extra: &Markup) -> Markup {
        let id = format!("file-{}", self.name);
        html! {
            form.stack.drop method="post" action=(self.action) enctype="multipart/form-data" data-upload=(self.name) {
                label for=(id) { (self.label) }
                input id=(id) name=(self.name) type="file" required;
                @if !self.hint.is_empty() { p.hint { (self.hint) } }
                (extra)
                progress hidden max="1" value="0" aria-label=(self.label) {}
                output.small {}
                div.row {
                    button.primary { (self.word) }
                    button type="button" data-cancel=(t.upload_cancelled) hidden { (t.cancel) }
                }
            }
        }
    }
}
