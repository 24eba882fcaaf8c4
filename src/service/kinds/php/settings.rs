//! What is set of a php service, and which values make sense (`docs/reference/manager-api.md` §5.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::web::Hooks;
use crate::service::error::MethodError;
use crate::service::role::Counts;
use crate::service::settings::Settings;
use crate::service::web::{SiteSettings, Weights};
use crate::sys::random;

/// The functions that programs may not call, until somebody says otherwise.
const DISABLED: &str = "pcntl_alarm,pcntl_fork,pcntl_waitpid,pcntl_wait,pcntl_wifexited,pcntl_wifstopped,\
                        pcntl_wifsignaled,pcntl_wexitstatus,pcntl_wtermsig,pcntl_wstopsig,pcntl_signal,\
                        pcntl_signal_dispatch,pcntl_get_last_error,pcntl_strerror,pcntl_sigprocmask,\
                        pcntl_sigwaitinfo,pcntl_sigtimedwait,pcntl_exec,pcntl_getpriority,pcntl_setpriority";
const PASSWORD_LENGTH: usize = 32;

/// What is set of a php service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PhpSettings {
    /// Values of php.ini by key.
    pub phpconf: BTreeMap<String, String>,
    /// The address of a content delivery network, if one was set.
    pub cdn: Option<String>,
    /// The directory of the code that visitors see, such as `/public`; found out by what the code has by default.
    pub document_root: Option<String>,
    /// Weights of nodes that serve static files.
    pub web_weights: Weights,
    /// Weights of backends.
    pub backend_weights: Weights,
    /// How many nodes of each role the next start makes.
    pub counts: Counts,
    /// What its user adds to the configuration of nginx.
    pub hooks: Hooks,
    /// Opens the store of sessions.
    pub session_password: String,
}

impl Default for PhpSettings {
    fn default() -> Self {
        let phpconf = [
            ("disable_functions", DISABLED),
            ("display_errors", "Off"),
            ("log_errors", "Off"),
            ("max_execution_time", "30"),
            ("memory_limit", "128M"),
            ("post_max_size", "8M"),
            ("upload_max_filesize", "2M"),
        ];
        PhpSettings {
            phpconf: phpconf.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            cdn: None,
            document_root: None,
            web_weights: Weights::new(),
            backend_weights: Weights::new(),
            counts: Counts::new(),
            hooks: Hooks::default(),
            session_password: String::new(),
        }
    }
}

impl Settings for PhpSettings {}

impl SiteSettings for PhpSettings {
    fn weights(&mut self) -> (&mut Weights, &mut Weights) {
        (&mut self.web_weights, &mut self.backend_weights)
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }
}

impl PhpSettings {
    /// Returns the settings of a new service, with a password of its own.
    #[must_use]
    pub(super) fn of_new_service() -> Self {
        PhpSettings { session_password: random::alphanumeric(PASSWORD_LENGTH), ..PhpSettings::default() }
    }

    /// Sets a value of php.ini.
    ///
    /// # Errors
    /// Returns the text of ConPaaS 2.0 if there is no such key, or the value makes no sense.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), MethodError> {
        let Some(known) = self.phpconf.get_mut(key) else {
            return Err(MethodError::refused(format!("Unexpected arguments phpconf attribute \"{key}\"")));
        };
        if !makes_sense(key, value) {
            return Err(MethodError::invalid(format!("phpconf attribute \"{key}\" cannot be \"{value}\"")));
        }
        value.clone_into(known);
        Ok(())
    }

    /// Returns the values of php.ini that differ from those of a new service.
    #[must_use]
    pub(super) fn changed(&self) -> Map<String, Value> {
        let defaults = PhpSettings::default().phpconf;
        let changed = self.phpconf.iter().filter(|(key, value)| defaults.get(*key) != Some(*value));
        changed.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
    }

    /// Returns the largest request in megabytes, rounded up: that of `post_max_size`; 0 if there is no limit.
    #[must_use]
    pub(super) fn max_body_mb(&self) -> u32 {
        let text = self.phpconf.get("post_max_size").map_or("", String::as_str);
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().unwrap_or_default();
        let factor: u64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => 1,
        };
        u32::try_from(number.saturating_mul(factor).div_ceil(1 << 20)).unwrap_or(0)
    }
}

fn makes_sense(key: &str, value: &str) -> bool {
    let is_size = || {
        let number = value.strip_suffix(['K', 'k', 'M', 'm', 'G', 'g']).unwrap_or(value);
        !number.is_empty() && number.len() <= 9 && number.chars().all(|c| c.is_ascii_digit())
    };
    match key {
        "max_execution_time" => !value.is_empty() && value.len() <= 9 && value.chars().all(|c| c.is_ascii_digit()),
        "memory_limit" | "upload_max_filesize" | "post_max_size" => is_size(),
        "log_errors" | "display_errors" => matches!(value, "On" | "Off"),
        // Empty means that every function may be called.
        "disable_functions" => value.chars().all(|c| c.is_ascii_alphanumeric() || "_, ".contains(c)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_break_a_configuration_are_refused() {
        let mut settings = PhpSettings::default();
        for (key, value) in [("memory_limit", "256M"), ("display_errors", "On"), ("max_execution_time", "60")] {
            settings.set(key, value).unwrap();
            assert_eq!(settings.phpconf[key], value);
        }
        for (key, value) in [
            ("memory_limit", "1M\nphp_admin_value[x] = 1"),
            ("memory_limit", "-1"),
            ("memory_limit", "M"),
            ("display_errors", "Onward"),
            ("max_execution_time", ""),
            ("disable_functions", "exec\";"),
        ] {
            let text = settings.set(key, value).unwrap_err().to_string();
            assert!(text.starts_with("Invalid arguments"), "{text}");
        }
        let unknown = settings.set("colour", "red").unwrap_err().to_string();
        assert_eq!(unknown, "Unexpected arguments phpconf attribute \"colour\"");
    }

    #[test]
    fn a_request_may_be_as_large_as_php_takes() {
        let mut settings = PhpSettings::default();
        for (text, megabytes) in [("8M", 8), ("1G", 1024), ("1500K", 2), ("0", 0), ("1048577", 2)] {
            settings.set("post_max_size", text).unwrap();
            assert_eq!(settings.max_body_mb(), megabytes, "{text}");
        }
    }
}
