//! The directory of a code version that visitors see.

use crate::service::error::MethodError;

const MAX_BYTES: usize = 200;

/// Reads the name of a directory below the top of the code, such as `public`; `/` is the top itself, and nothing means
/// that it is found out by what the code has.
///
/// # Errors
/// Returns an error if it leads out of the code, or has characters that paths of sites do not have.
pub(crate) fn read(text: &str) -> Result<Option<String>, MethodError> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    let is_inside = parts.iter().all(|part| !part.starts_with('.'));
    if text.len() > MAX_BYTES || !text.chars().all(is_plain) || !is_inside {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(MAX_BYTES).collect();
        return Err(MethodError::invalid(format!(
            "the document root '{shown}' is no directory of the code: give a path below its top, such as 'public'"
        )));
    }
    Ok(Some(format!("/{}", parts.join("/"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_root_lies_in_the_code() {
        assert_eq!(read("").unwrap(), None);
        for (text, root) in
            [("public", "/public"), ("/web/htdocs/", "/web/htdocs"), ("/", "/"), ("a.b-c_d", "/a.b-c_d")]
        {
            assert_eq!(read(text).unwrap().as_deref(), Some(root));
        }
        let long = "a".repeat(MAX_BYTES + 1);
        for text in ["..", "a/../..", "/etc/../x", ".git", "a b", "a;b", "a\nb", "$x", "a\"b", "ä", long.as_str()] {
            assert!(read(text).unwrap_err().to_string().contains("is no directory of the code"), "{text}");
        }
    }
}
