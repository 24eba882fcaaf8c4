//! Which variables there may be, and what a link tells.

use serde_json::{Map, Value};

use crate::api::environment::{LinkPhase, Variables};
use crate::service::error::MethodError;
use crate::store::manager::{LinkPlace, LinkRow};

/// What the names of variables of links begin with.
pub(super) const PREFIX: &str = "CONPAAS_";
/// The longest name of a database that is made for a link, as databases have it.
const MAX_NAME_LENGTH: usize = 64;
const MAX_VARIABLES: usize = 64;
const MAX_VARIABLE_NAME: usize = 128;
const MAX_VALUE_BYTES: usize = 4096;
/// These decide which program runs, not what it does.
const RESERVED: [&str; 4] = ["PATH", "HOME", "SHELL", "USER"];

/// Where services find one that they are linked to.
pub(crate) type Offer = LinkPlace;

/// An account of a link, at the service that it leads to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// What it has all rights for, such as a database.
    pub name: String,
}

impl Account {
    /// Returns the account of a link.
    #[must_use]
    pub(crate) fn of(link: &LinkRow) -> Self {
        Account { user: link.account(), password: link.password.clone(), name: link.name.clone() }
    }
}

/// Reads the variables that a user sets.
///
/// # Errors
/// Returns an error that names the variable which no program could be given.
pub(crate) fn parse(values: Map<String, Value>) -> Result<Variables, MethodError> {
    let refuse = |name: &str, why: &str| Err(MethodError::invalid(format!("environment variable '{name}' {why}")));
    if values.len() > MAX_VARIABLES {
        return Err(MethodError::invalid(format!("there may be {MAX_VARIABLES} environment variables at most")));
    }
    let mut variables = Variables::default();
    for (name, value) in values {
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word
            || name.is_empty()
            || name.len() > MAX_VARIABLE_NAME
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return refuse(&name, "has no name of letters, digits and underscores");
        }
        if name.starts_with(PREFIX) || name.starts_with("LD_") || RESERVED.contains(&name.as_str()) {
            return refuse(&name, "is not for users to set");
        }
        let Value::String(text) = value else { return refuse(&name, "is no text") };
        // Every file of a program that passes them on can say the others.
        if text.len() > MAX_VALUE_BYTES || text.chars().any(|c| c.is_control() || "\"\\$".contains(c)) {
            return refuse(&name, "is too long, or has quotes, backslashes, dollar signs or control characters");
        }
        variables.0.insert(name, text);
    }
    Ok(variables)
}

/// Returns the variables of a service: its user's, and those of the links that can be used. With each link is the kind of
/// the service that it leads to.
pub(crate) fn of_links<'a>(own: Variables, links: impl Iterator<Item = (&'a LinkRow, &'a str)>) -> Variables {
    let mut variables = own;
    for (link, kind) in links.filter(|(link, _)| link.phase == LinkPhase::Ready) {
        let Some(place) = &link.place else { continue };
        let told = [
            ("HOST", place.host.clone()),
            ("PORT", place.port.to_string()),
            ("USER", link.account()),
            ("PASSWORD", link.password.clone()),
            ("DATABASE", link.name.clone()),
        ];
        let kind = kind.to_ascii_uppercase();
        variables.0.extend(told.map(|(name, value)| (format!("{PREFIX}{kind}_{name}"), value)));
    }
    variables
}

/// Returns whether a text can name what is made for a link, such as a database.
#[must_use]
pub(crate) fn is_plain_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.len() <= MAX_NAME_LENGTH && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ServiceId;

    fn parsed(value: Value) -> Result<Variables, String> {
        let Value::Object(values) = value else { panic!("an object") };
        parse(values).map_err(|error| error.to_string())
    }

    #[test]
    fn what_could_break_out_of_a_file_or_take_another_program_is_refused() {
        assert_eq!(parsed(json!({"SITE": "it's mine; a b"})).unwrap().0["SITE"], "it's mine; a b");
        for wrong in [
            json!({"": "x"}),
            json!({"1A": "x"}),
            json!({"A-B": "x"}),
            json!({"A\n": "x"}),
            json!({"A": "x\ny"}),
            json!({"A": "${HOME}"}),
            json!({"A": "\"x"}),
            json!({"A": 5}),
            json!({"A": "x".repeat(5000)}),
            json!({"CONPAAS_MYSQL_HOST": "x"}),
            json!({"LD_PRELOAD": "x"}),
            json!({"PATH": "x"}),
        ] {
            assert!(parsed(wrong.clone()).unwrap_err().contains("environment variable '"), "{wrong}");
        }
    }

    #[test]
    fn a_link_is_told_once_it_can_be_used_and_shows_no_password_in_a_log() {
        let place = LinkPlace { host: "10.0.0.2".to_owned(), port: 3306, incarnation: "n1".to_owned() };
        let mut link = LinkRow {
            number: 7,
            sid: ServiceId(1),
            to_sid: ServiceId(2),
            phase: LinkPhase::Ready,
            name: "shop".to_owned(),
            password: "secret0".to_owned(),
            is_shown: false,
            place: Some(place),
        };
        let told = |link: &LinkRow| of_links(Variables::default(), [(link, "mysql")].into_iter());
        let variables = told(&link);
        let shown: Vec<String> = variables.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            shown.join(" "),
            "CONPAAS_MYSQL_DATABASE=shop CONPAAS_MYSQL_HOST=10.0.0.2 CONPAAS_MYSQL_PASSWORD=secret0 \
             CONPAAS_MYSQL_PORT=3306 CONPAAS_MYSQL_USER=link7"
        );
        assert!(!format!("{variables:?}").contains("secret0"));
        link.phase = LinkPhase::Leaving;
        assert!(told(&link).is_empty());
    }

    #[test]
    fn names_of_databases_are_words() {
        assert!(is_plain_name("shop_2"));
        for wrong in ["", "a`b", "a b", "ä", "a;", &"x".repeat(65)] {
            assert!(!is_plain_name(wrong), "{wrong}");
        }
    }
}
