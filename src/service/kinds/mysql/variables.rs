//! The variables that `setMySqlParams` sets, and the values that they take.
//!
//! What is not here could harm the cluster, take a node's memory, or open its files.

use crate::service::error::MethodError;

/// What a variable takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// A whole number between two others.
    Number(u64, u64),
    /// ON or OFF.
    Switch,
}

const VARIABLES: &[(&str, Takes)] = &[
    ("connect_timeout", Takes::Number(2, 600)),
    ("event_scheduler", Takes::Switch),
    ("group_concat_max_len", Takes::Number(4, 16 << 20)),
    ("innodb_flush_log_at_trx_commit", Takes::Number(0, 2)),
    ("innodb_lock_wait_timeout", Takes::Number(1, 3600)),
    ("innodb_print_all_deadlocks", Takes::Switch),
    ("interactive_timeout", Takes::Number(1, 86_400)),
    ("join_buffer_size", Takes::Number(128, 4 << 20)),
    ("lock_wait_timeout", Takes::Number(1, 86_400)),
    ("log_queries_not_using_indexes", Takes::Switch),
    ("long_query_time", Takes::Number(0, 3600)),
    ("max_allowed_packet", Takes::Number(1024, 64 << 20)),
    ("max_connect_errors", Takes::Number(1, 1_000_000)),
    ("max_connections", Takes::Number(10, 1000)),
    ("max_statement_time", Takes::Number(0, 86_400)),
    ("net_read_timeout", Takes::Number(1, 3600)),
    ("net_write_timeout", Takes::Number(1, 3600)),
    ("slow_query_log", Takes::Switch),
    ("sort_buffer_size", Takes::Number(1024, 4 << 20)),
    ("table_open_cache", Takes::Number(10, 4000)),
    ("wait_timeout", Takes::Number(1, 86_400)),
];

/// Returns name and value as they are written, of a variable that may be set.
///
/// # Errors
/// Returns an error that says which variables there are, or which values.
pub(super) fn parse(variable: &str, value: &str) -> Result<(&'static str, String), MethodError> {
    let found = VARIABLES.iter().find(|(name, _)| name.eq_ignore_ascii_case(variable));
    let Some((name, takes)) = found else {
        let names: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let shown = variable.escape_debug();
        return Err(MethodError::invalid(format!(
            "'{shown}' is no variable that can be set; these are: {}",
            names.join(", ")
        )));
    };
    let refuse = |range: String| MethodError::invalid(format!("{name} takes {range}, not '{}'", value.escape_debug()));
    let written = match takes {
        Takes::Number(least, most) => {
            let number = value.parse::<u64>().ok().filter(|number| (*least..=*most).contains(number));
            number.map(|number| number.to_string()).ok_or_else(|| refuse(format!("a number from {least} to {most}")))?
        }
        Takes::Switch => match value.to_ascii_uppercase().as_str() {
            "ON" | "1" => "ON".to_owned(),
            "OFF" | "0" => "OFF".to_owned(),
            _ => return Err(refuse("ON or OFF".to_owned())),
        },
    };
    Ok((name, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_variables_take_values_that_make_sense() {
        for (variable, value, written) in [
            ("wait_timeout", "600", "600"),
            ("WAIT_TIMEOUT", "0600", "600"),
            ("slow_query_log", "on", "ON"),
            ("event_scheduler", "0", "OFF"),
        ] {
            assert_eq!(parse(variable, value).unwrap().1, written);
        }
    }

    #[test]
    fn nothing_else_becomes_sql() {
        for (variable, value) in [
            ("wsrep_on", "OFF"),
            ("general_log_file", "/root/.ssh/authorized_keys"),
            ("wait_timeout = 1; DROP DATABASE a; -- ", "1"),
            ("wait_timeout", "1; DROP DATABASE a"),
            ("wait_timeout", "1 -- "),
            ("wait_timeout", "-1"),
            ("wait_timeout", "1\n"),
            ("wait_timeout", "1\0"),
            ("wait_timeout", ""),
            ("slow_query_log", "ON'"),
            ("slow_query_log", "\"ON\""),
            ("max_connections", "99999999999999999999"),
        ] {
            let text = parse(variable, value).unwrap_err().to_string();
            assert!(text.starts_with("Invalid arguments (") && !text.contains(['\n', '\0']), "{text}");
        }
    }
}
