//! All texts of the pages, in one table for each language.
//!
//! `{}` in a text is the place of a value; [`fill`] puts it there.

mod dutch;
mod english;
mod french;
mod german;
mod spanish;
mod texts;

use std::fmt::Display;

pub(super) use texts::Texts;

/// Every language, the one for everybody else first.
pub(super) static LANGUAGES: [&Texts; 5] =
    [&english::TEXTS, &german::TEXTS, &french::TEXTS, &dutch::TEXTS, &spanish::TEXTS];

/// Returns the texts of the language that was chosen, or that the browser prefers.
pub(super) fn choose(chosen: Option<&str>, accepted: Option<&str>) -> &'static Texts {
    let find = |name: &str| LANGUAGES.iter().copied().find(|texts| texts.language == name);
    let preferred = accepted.unwrap_or_default().split(',').filter_map(|entry| {
        let name = entry.split(';').next().unwrap_or_default().trim();
        find(name.split('-').next().unwrap_or_default())
    });
    chosen.and_then(find).or_else(|| preferred.into_iter().next()).unwrap_or(LANGUAGES[0])
}

/// Puts values into the places of a text.
pub(super) fn fill(text: &str, values: &[&dyn Display]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut values = values.iter();
    for (at, part) in text.split("{}").enumerate() {
        if at > 0 {
            filled.push_str(&values.next().map(ToString::to_string).unwrap_or_default());
        }
        filled.push_str(part);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_chosen_by_hand_or_by_the_browser() {
        for (chosen, accepted, language) in [
            (None, None, "en"),
            (None, Some("de-CH,de;q=0.9,en;q=0.8"), "de"),
            (None, Some("it,de;q=0.5"), "de"),
            (None, Some("it"), "en"),
            (None, Some("fr-BE"), "fr"),
            (Some("nl"), Some("es"), "nl"),
            (None, Some("es"), "es"),
            (Some("en"), Some("de"), "en"),
            (Some("xx"), Some("de"), "de"),
        ] {
            assert_eq!(choose(chosen, accepted).language, language, "{chosen:?} {accepted:?}");
        }
    }

    /// That no key is missing holds by the type.
    #[test]
    fn all_languages_say_everything_with_the_same_values_in_it() {
        // As a list of keys and texts.
        let listed = |texts: &Texts| {
            let shown = format!("{texts:?}");
            let inner = shown.trim_start_matches("Texts { ").trim_end_matches(" }");
            let pairs = inner.split("\", ").map(|pair| pair.split_once(": \"").expect("a key and a text"));
            pairs.map(|(key, text)| (key.to_owned(), text.trim_end_matches('"').to_owned())).collect::<Vec<_>>()
        };
        let english = listed(LANGUAGES[0]);
        assert!(english.len() > 200);
        for texts in &LANGUAGES[1..] {
            let own = listed(texts);
            let n_same = english.iter().zip(&own).filter(|(one, other)| one == other).count();
            assert!(n_same < english.len() / 6, "{}: {n_same} texts are the English ones", texts.language);
            assert_eq!(own.len(), english.len());
            for ((key, text), (other_key, other)) in english.iter().zip(&own) {
                assert_eq!(key, other_key);
                assert!(!other.is_empty(), "{}: {key} is empty", texts.language);
                let places = |text: &str| text.matches("{}").count();
                assert_eq!(places(text), places(other), "{}: {key}", texts.language);
            }
        }
    }

    #[test]
    fn values_stand_in_their_places_and_are_no_places_themselves() {
        assert_eq!(fill("{} of {}", &[&1, &"{}"]), "1 of {}");
        assert_eq!(fill("{} of {}", &[&1]), "1 of ");
    }
}
