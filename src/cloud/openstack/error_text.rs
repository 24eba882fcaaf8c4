//! OpenStack's refusals in the words of whoever has to do something about them.

use super::call::CallError;
use crate::cloud::CloudError;
use crate::config::OpenStackConfig;
use crate::model::CloudName;

/// The words for a call of `cloud` that failed while `action` was tried.
pub(crate) fn explain(cloud: &CloudName, config: &OpenStackConfig, action: &str, error: &CallError) -> CloudError {
    let failed = |reason: String| CloudError::Failed { cloud: cloud.clone(), action: action.to_owned(), reason };
    match error {
        CallError::Login(_) => failed(format!(
            "keystone at {} does not know user '{}' with this password in project '{}': check USER, PASSWORD, PROJECT \
             and the domains in [{cloud}]",
            config.auth_url, config.user, config.project
        )),
        CallError::Refused { status, message } => {
            if let Some(what) = exhaustion(action, *status, message) {
                return CloudError::Exhausted { cloud: cloud.clone(), what };
            }
            failed(refusal(config, *status, message))
        }
        other => failed(other.to_string()),
    }
}

/// The words for a server that did not come up, by its fault.
pub(crate) fn fault(cloud: &CloudName, action: &str, message: &str) -> CloudError {
    if let Some(what) = exhaustion(action, 500, message) {
        return CloudError::Exhausted { cloud: cloud.clone(), what };
    }
    CloudError::Failed { cloud: cloud.clone(), action: action.to_owned(), reason: format!("nova says: {message}") }
}

/// What ran out, if something did.
fn exhaustion(action: &str, status: u16, message: &str) -> Option<String> {
    let lower = message.to_ascii_lowercase();
    let is_quota = status == 413
        || lower.contains("quota exceeded")
        || lower.contains("exceeded for quota")
        || lower.contains("exceeds allowed")
        || lower.contains("quotas");
    if is_quota {
        return Some(format!(
            "cannot {action}: the project's quota is used up ({message}): remove what is not needed or have it raised"
        ));
    }
    if lower.contains("no valid host") || lower.contains("exceeded maximum number of retries") {
        return Some(format!(
            "cannot {action}: no machine of the cloud has room for this size ({message}): try a smaller one, or later"
        ));
    }
    if lower.contains("no more ip addresses") || lower.contains("no free ip") {
        return Some(format!("cannot {action}: the network has no address left ({message})"));
    }
    if lower.contains("no available weighted backend") || lower.contains("no weighed backends") {
        return Some(format!("cannot {action}: no storage of the cloud has room for this volume ({message})"));
    }
    None
}

fn refusal(config: &OpenStackConfig, status: u16, message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    if status == 406 {
        return format!("nova is older than this program needs, which is Pike of 2017 ({message})");
    }
    if status == 401 {
        return format!("a service does not take keystone's tokens: see the services' own logs ({message})");
    }
    if lower.contains("invalid key_name") || lower.contains("keypair") && status == 400 {
        return format!("there is no key pair '{}': check KEY_NAME ({message})", config.key_name);
    }
    if (lower.contains("security group") || lower.contains("security_group")) && matches!(status, 400 | 404) {
        return no_group(config);
    }
    if lower.contains("multiple possible networks") {
        return "there are several networks: set NETWORK_ID".to_owned();
    }
    if let Some(class) = unexpected(message) {
        return format!("a service of OpenStack failed in itself ({class}): see its own log");
    }
    if status == 403 {
        return format!("user '{}' may not do this in project '{}' ({message})", config.user, config.project);
    }
    format!("{message} (status {status})")
}

/// What nova failed at inside: it asks people to report it, and names a class.
fn unexpected(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("Unexpected API Error")?;
    let class = rest.rsplit_once("<class '").and_then(|(_, class)| class.split_once('\''));
    Some(class.map_or("it does not say at what", |(class, _)| class))
}

/// Upstream's words for what an option names and is not there.
pub(crate) fn not_valid(value: &str, key: &str) -> String {
    format!("{value} is not a valid value for {key}")
}

pub(crate) fn no_group(config: &OpenStackConfig) -> String {
    format!("there is no security group '{}': check SECURITY_GROUP_NAME", config.security_group)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::{Floating, Secret};

    pub(crate) fn config() -> OpenStackConfig {
        OpenStackConfig {
            auth_url: "http://127.0.0.1:5000".to_owned(),
            user: "u".to_owned(),
            password: Secret::new("s3cr3t"),
            project: "p".to_owned(),
            user_domain: "Default".to_owned(),
            project_domain: "Default".to_owned(),
            region: None,
            ca_file: None,
            image_id: "i".to_owned(),
            size_id: "s".to_owned(),
            key_name: "k".to_owned(),
            security_group: "g".to_owned(),
            network_id: None,
            floating: Floating::ByCloud,
        }
    }

    fn words(status: u16, message: &str) -> String {
        let error = CallError::Refused { status, message: message.to_owned() };
        explain(&"stack".parse().unwrap(), &config(), "make node n", &error).to_string()
    }

    #[test]
    fn each_sort_of_refusal_names_what_to_do() {
        for (status, message, expected) in [
            (403, "Quota exceeded for cores: Requested 1, but already used 20 of 20 cores", "the project's quota"),
            (413, "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded", "have it raised"),
            (409, "Quota exceeded for resources: ['floatingip'].", "cloud stack has no room left: cannot make node n"),
            (400, "Invalid key_name provided.", "no key pair 'k': check KEY_NAME"),
            (400, "Security group g not found for project x.", "no security group 'g': check SECURITY_GROUP_NAME"),
            (400, "Unable to find security_group with name or id 'g'", "check SECURITY_GROUP_NAME"),
            (409, "Multiple possible networks found, use a Network ID", "set NETWORK_ID"),
            (403, "Policy doesn't allow x to be performed.", "user 'u' may not do this in project 'p'"),
            (406, "Version 2.52 is not supported", "Pike of 2017"),
            (
                500,
                "Unexpected API Error. Please report this.\n<class 'nova.exception.GlanceConnectionFailed'>",
                "failed in itself (nova.exception.GlanceConnectionFailed): see its own log",
            ),
            (400, "whatever", "cloud stack cannot make node n: whatever (status 400)"),
        ] {
            let words = words(status, message);
            assert!(words.contains(expected) && !words.contains("s3cr3t"), "{message}: {words}");
        }
        let login = CallError::Login("The request you have made requires authentication.".to_owned());
        let login = explain(&"stack".parse().unwrap(), &config(), "be looked at", &login).to_string();
        assert!(login.contains("check USER, PASSWORD, PROJECT") && !login.contains("s3cr3t"), "{login}");
        let full = fault(&"stack".parse().unwrap(), "make node n", "No valid host was found.").to_string();
        assert!(full.contains("no machine of the cloud has room"), "{full}");
    }
}
