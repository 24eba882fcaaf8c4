//! The services' own text in a refusal: each of them writes it in another form.

use serde_json::Value;

use super::call::CallError;

/// Takes the services' own words out of a refusal.
pub(crate) fn check_status(status: u16, body: &[u8]) -> Result<(), CallError> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body);
    let message = serde_json::from_str(&text).ok().and_then(|value| message_in(&value));
    let message = message.unwrap_or_else(|| shortened(&text));
    Err(CallError::Refused { status, message })
}

/// `{"badRequest": {"message": …}}`, `{"NeutronError": {"message": …}}`,
/// `{"NeutronError": "…"}`, `{"error": {"message": …}}`, `{"message": …}`.
fn message_in(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    if let Some(message) = object.get("message").and_then(Value::as_str) {
        return Some(message.to_owned());
    }
    object.values().find_map(|inner| match inner {
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => message_in(inner),
        _ => None,
    })
}

/// Of a page of HTML the words alone.
fn shortened(text: &str) -> String {
    let mut words = String::new();
    let mut is_in_tag = false;
    for c in text.chars() {
        match c {
            '<' => is_in_tag = true,
            '>' => {
                is_in_tag = false;
                words.push(' ');
            }
            c if !is_in_tag => words.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = words.split_whitespace().take(40).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_services_own_words_are_found() {
        for (body, words) in [
            (r#"{"forbidden": {"code": 403, "message": "Quota exceeded"}}"#, "Quota exceeded"),
            (r#"{"NeutronError": {"type": "OverQuota", "message": "Quota", "detail": ""}}"#, "Quota"),
            (r#"{"NeutronError": "no such"}"#, "no such"),
            (r#"{"message": "bad", "code": "401"}"#, "bad"),
            ("<html><head><title>404 Not Found</title></head></html>", "404 Not Found"),
            ("", ""),
        ] {
            let error = check_status(409, body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("{words} (status 409)"));
        }
        assert!(check_status(202, b"").is_ok());
    }
}
