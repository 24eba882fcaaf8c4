//! YAML as a tree of JSON values.

use serde_json::{Map, Value};

/// Reads one document; the library bounds depth, aliases and size.
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    match serde_saphyr::from_str::<Value>(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("is not a list of keys with their values".to_owned()),
        // The library's words quote the text, which may hold a password.
        Err(_) => Err("is not YAML that can be read".to_owned()),
    }
}

/// Returns a text, a number or a truth value, as text.
pub(crate) fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(if *flag { "yes" } else { "no" }.to_owned()),
        _ => None,
    }
}

/// Returns a list of texts; a single text is a list of one.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(|item| scalar(Some(item))).collect(),
        other => scalar(other).into_iter().collect(),
    }
}

/// Returns the keys of a map that are not in `known`, each with `prefix` before it.
pub(crate) fn others(map: &Map<String, Value>, known: &[&str], prefix: &str) -> Vec<String> {
    let is_other = |key: &&String| !known.contains(&key.as_str());
    // A key is as hostile as a value: it goes to a console.
    let shown = |key: &String| -> String { key.chars().filter(|c| !c.is_control()).take(40).collect() };
    map.keys().filter(is_other).map(|key| format!("{prefix}{}", shown(key))).collect()
}
