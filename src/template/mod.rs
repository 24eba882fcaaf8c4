//! Text from template files: pages, configurations, descriptions.
//!
//! A template is a file beside the code that fills it, in the syntax of
//! Jinja. Every value is escaped for the syntax of the text that it goes into:
//! a set of templates names its escape, so that no template can forget it.
//! A value that is missing is an error, never an empty place.
//!
//! Must not know: where a text goes, and who reads it.

mod qr;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;

pub(crate) use qr::Qr;

/// How a value is written in a syntax; `None` if the syntax has no way to say it.
pub(crate) type Escape = fn(&str) -> Option<String>;

/// Template files that belong together, and the syntax of their text.
pub(crate) struct Templates {
    /// Writes each value.
    pub escape: Escape,
    /// Name and text of each file; a file may extend or include others of the set.
    pub files: &'static [(&'static str, &'static str)],
}

/// Why a template gave no text.
#[derive(Debug, thiserror::Error)]
#[error("cannot fill the template {name}")]
pub(crate) struct TemplateError {
    name: String,
    #[source]
    source: Error,
}

impl Templates {
    /// Returns the text of a file, filled with `values`.
    ///
    /// # Errors
    /// Returns an error if a value is missing or cannot be written in this syntax.
    pub(crate) fn render(&self, name: &str, values: &impl Serialize) -> Result<String, TemplateError> {
        let fail = |source| TemplateError { name: name.to_owned(), source };
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(fail)?);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        let escape = self.escape;
        environment.set_formatter(move |out, _, value| write_value(escape, out, value));
        for (name, text) in self.files {
            environment.add_template(name, text).map_err(fail)?;
        }
        environment.get_template(name).and_then(|template| template.render(Value::from(Serde(values)))).map_err(fail)
    }
}

/// Escapes text of HTML and XML, in elements and in quoted attributes.
#[must_use]
pub(crate) fn markup(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn write_value(escape: Escape, out: &mut minijinja::Output<'_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return Err(Error::new(ErrorKind::UndefinedError, "a value is missing"));
    }
    let text = value.to_string();
    // What a block of the same template made is escaped already.
    if value.is_safe() {
        return out.write_str(&text).map_err(Error::from);
    }
    let Some(safe) = escape(&text) else {
        let shown: String = text.chars().take(40).collect();
        let reason = format!("{shown:?} cannot be written in the syntax of this file");
        return Err(Error::new(ErrorKind::InvalidOperation, reason));
    };
    out.write_str(&safe).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Site {
        name: Option<String>,
        ports: Vec<u16>,
    }

    fn site(name: &str) -> Site {
        Site { name: Some(name.to_owned()), ports: vec![80, 443] }
    }

    /// A word of a configuration: quoted, without line ends.
    fn word(text: &str) -> Option<String> {
        (!text.contains('\n')).then(|| format!("\"{}\"", text.replace('"', "\\\"")))
    }

    const CONFIGURATION: Templates = Templates {
        escape: word,
        files: &[("a.conf", "name {{ name }};\n{% for p in ports %}\nport {{ p }};\n{% endfor %}\n")],
    };

    #[test]
    fn every_value_is_written_in_the_syntax_of_its_file() {
        let text = CONFIGURATION.render("a.conf", &site("a\"b;")).unwrap();
        assert_eq!(text, "name \"a\\\"b;\";\nport \"80\";\nport \"443\";\n");
    }

    #[test]
    fn a_value_that_the_syntax_cannot_say_and_one_that_is_missing_are_errors() {
        let shown = |site: &Site| crate::sys::chain(&CONFIGURATION.render("a.conf", site).unwrap_err());
        assert!(shown(&site("a\nserver {")).contains("cannot be written"), "{}", shown(&site("a\nserver {")));
        assert!(shown(&Site { name: None, ports: Vec::new() }).contains("missing"));
        #[derive(Serialize)]
        struct Nothing {}
        assert!(CONFIGURATION.render("a.conf", &Nothing {}).is_err());
        assert!(CONFIGURATION.render("b.conf", &site("a")).is_err());
    }

    #[test]
    fn markup_cannot_be_broken_out_of() {
        let pages = Templates {
            escape: |text| Some(markup(text)),
            files: &[
                ("frame", "<h1 class='{{ name }}'>{% block body %}{% endblock %}</h1>"),
                ("page", "{% extends \"frame\" %}{% block body %}<b>{{ name }}</b>{% endblock %}"),
            ],
        };
        let text = pages.render("page", &site("'\"<&>")).unwrap();
        assert_eq!(text, "<h1 class='&#39;&quot;&lt;&amp;&gt;'><b>&#39;&quot;&lt;&amp;&gt;</b></h1>");
    }
}
