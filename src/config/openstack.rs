//! A cloud of OpenStack.

use std::path::PathBuf;

use super::ConfigError;
use super::ini::{Key, Section};
use super::secret::Secret;
use super::value;

/// Settings of a cloud of OpenStack's servers (`DRIVER = openstack`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStackConfig {
    /// Keystone's URL (`HOST`), without a slash at its end.
    pub auth_url: String,
    /// Name of the user.
    pub user: String,
    /// His password.
    pub password: Secret,
    /// Name of the project in which all is made.
    pub project: String,
    /// Name of the domain that the user is in.
    pub user_domain: String,
    /// Name of the domain that the project is in.
    pub project_domain: String,
    /// The region; `None` takes the first that the catalog names.
    pub region: Option<String>,
    /// Certificates (PEM) of authorities that are trusted besides this machine's.
    pub ca_file: Option<PathBuf>,
    /// Id or name of the image that nodes start from.
    pub image_id: String,
    /// Id or name of the usual flavor.
    pub size_id: String,
    /// Name of the key pair for SSH.
    pub key_name: String,
    /// Id or name of the security group.
    pub security_group: String,
    /// Id or name of the network; `None` is the only one that there is.
    pub network_id: Option<String>,
    /// Who gives nodes their floating addresses.
    pub floating: Floating,
}

/// Who gives nodes the addresses at which they are reached from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Floating {
    /// The cloud by itself, or nobody (`AUTO_ASSIGN_FLOATING_IP = true`).
    ByCloud,
    /// The director (`false`).
    ByDirector {
        /// Id or name of the pool, an external network; `None` takes the first.
        pool: Option<String>,
    },
}

pub(crate) const OPENSTACK_KEYS: &[Key] = &[
    Key::unset("DRIVER"),
    Key::unset("OTHER_CLOUDS"),
    Key::unset("USER"),
    Key::unset("PASSWORD"),
    Key::unset("HOST"),
    Key::unset("PROJECT"),
    Key::new("USER_DOMAIN", "Default"),
    Key::new("PROJECT_DOMAIN", "Default"),
    Key::unset("REGION"),
    Key::unset("CA_FILE"),
    Key::unset("IMAGE_ID"),
    Key::unset("SIZE_ID"),
    Key::unset("KEY_NAME"),
    Key::unset("SECURITY_GROUP_NAME"),
    Key::unset("NETWORK_ID"),
    Key::new("AUTO_ASSIGN_FLOATING_IP", "true"),
    Key::unset("FLOATING_NETWORK_ID"),
];

/// In the order in which upstream misses them.
pub(crate) const OPENSTACK_REQUIRED: &[&str] =
    &["USER", "PASSWORD", "HOST", "IMAGE_ID", "SIZE_ID", "KEY_NAME", "SECURITY_GROUP_NAME"];

pub(crate) fn read(section: &Section<'_>) -> Result<OpenStackConfig, ConfigError> {
    let user = section.value("USER", value::line)?;
    let pool = section.optional("FLOATING_NETWORK_ID", value::line)?;
    let floating = if section.value("AUTO_ASSIGN_FLOATING_IP", value::flag)? {
        if pool.is_some() {
            let problem = "is for AUTO_ASSIGN_FLOATING_IP = false, with which the director gives addresses";
            return Err(section.refuse("FLOATING_NETWORK_ID", problem));
        }
        Floating::ByCloud
    } else {
        Floating::ByDirector { pool }
    };
    Ok(OpenStackConfig {
        auth_url: section.value("HOST", auth_url)?,
        password: Secret::new(section.value("PASSWORD", password)?),
        // Upstream knew no project: it took the one that is called as the user.
        project: section.optional("PROJECT", value::line)?.unwrap_or_else(|| user.clone()),
        user,
        user_domain: section.value("USER_DOMAIN", value::line)?,
        project_domain: section.value("PROJECT_DOMAIN", value::line)?,
        region: section.optional("REGION", value::line)?,
        ca_file: section.optional("CA_FILE", value::absolute_path)?,
        image_id: section.value("IMAGE_ID", value::line)?,
        size_id: section.value("SIZE_ID", value::line)?,
        key_name: section.value("KEY_NAME", value::line)?,
        security_group: section.value("SECURITY_GROUP_NAME", value::line)?,
        network_id: section.optional("NETWORK_ID", value::line)?,
        floating,
    })
}

/// Keystone's URL, or as upstream has it the bare host, which means `http://HOST:5000`.
fn auth_url(text: &str) -> Result<String, String> {
    let refuse = || format!("'{text}' is neither a host nor the URL of keystone: write https://host:5000/v3");
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
        Some(_) => return Err(refuse()),
        None => (None, text),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:/[]".contains(c);
    if rest.is_empty() || rest.starts_with(['/', ':', '-']) || !rest.chars().all(is_plain) {
        return Err(refuse());
    }
    let rest = rest.trim_end_matches('/');
    match scheme {
        Some(scheme) => Ok(format!("{scheme}://{rest}")),
        None if rest.contains('/') => Err(refuse()),
        None if rest.contains(':') => Ok(format!("http://{rest}")),
        None => Ok(format!("http://{rest}:5000")),
    }
}

/// Says nothing of the value, which is secret.
fn password(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("has a character that cannot be in it".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_written_as_upstream_does_or_as_a_url() {
        for (text, url) in [
            ("cloud.example.org", "http://cloud.example.org:5000"),
            ("cloud:35357", "http://cloud:35357"),
            ("https://cloud/identity/", "https://cloud/identity"),
            ("http://127.0.0.1:5000/v3", "http://127.0.0.1:5000/v3"),
        ] {
            assert_eq!(auth_url(text).as_deref(), Ok(url));
        }
        for text in ["", "ftp://x", "https://", "https://u@h", "a b", "host/path", "https://:5000", "-x"] {
            assert!(auth_url(text).is_err(), "{text}");
        }
    }
}
