//! Paths with variable parts, as tables of routes write them.

/// Returns the variable parts of `path`, if it fits `pattern`: `<int>` is digits, `<text>` is anything.
pub(crate) fn path_arguments(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        match wanted {
            "<int>" if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                arguments.push(part.to_owned());
            }
            "<text>" if !part.is_empty() => arguments.push(decoded(part)?),
            "<int>" | "<text>" => return None,
            fixed if fixed == part => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(arguments)
}

fn decoded(part: &str) -> Option<String> {
    percent_encoding::percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_patterns_whole() {
        assert_eq!(path_arguments("/startapp/<int>", "/startapp/12"), Some(vec!["12".to_owned()]));
        assert_eq!(path_arguments("/add/<text>", "/add/a%20b"), Some(vec!["a b".to_owned()]));
        for path in ["/startapp/abc", "/startapp/", "/startapp/1/", "/startapp/-1", "/startapp", "/startapp/1/x/y"] {
            assert_eq!(path_arguments("/startapp/<int>", path), None, "{path}");
        }
    }
}
