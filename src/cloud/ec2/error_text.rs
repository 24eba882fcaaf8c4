//! EC2's codes in the words of whoever has to do something about them.

use super::query::QueryError;
use crate::cloud::CloudError;
use crate::config::Ec2Config;
use crate::model::CloudName;
use crate::sys::chain;

/// What EC2 says a quota is.
const QUOTAS: [&str; 7] = [
    "InstanceLimitExceeded",
    "VcpuLimitExceeded",
    "VolumeLimitExceeded",
    "MaxIOPSLimitExceeded",
    "AddressLimitExceeded",
    "ResourceLimitExceeded",
    "AttachmentLimitExceeded",
];
/// What it says when it has nothing left itself.
const CAPACITY: [&str; 7] = [
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientCapacity",
    "InsufficientAddressCapacity",
    "InsufficientFreeAddressesInSubnet",
    "InsufficientVolumeCapacity",
    "Server.InsufficientInstanceCapacity",
];

/// The words for a call of `cloud` that failed while `action` was tried.
pub(crate) fn explain(cloud: &CloudName, config: &Ec2Config, action: &str, error: &QueryError) -> CloudError {
    let failed = |reason: String| CloudError::Failed { cloud: cloud.clone(), action: action.to_owned(), reason };
    let QueryError::Refused { code, message } = error else { return failed(chain(error)) };
    match code.as_str() {
        code if QUOTAS.contains(&code) || CAPACITY.contains(&code) => exhausted(cloud, action, code, message),
        "AuthFailure" | "InvalidClientTokenId" | "SignatureDoesNotMatch" | "MissingAuthenticationToken" => {
            failed(format!("it does not know the access key: check USER and PASSWORD in [{cloud}] ({message})"))
        }
        "UnauthorizedOperation" | "Client.UnauthorizedOperation" | "AccessDenied" => {
            failed(format!("the access key may not do this: give its user the permissions of docs/ec2.md ({message})"))
        }
        "RequestExpired" => failed(format!("the clock of this machine is wrong ({message})")),
        "OptInRequired" | "PendingVerification" | "Blocked" => {
            failed(format!("the account is not ready for region {}: {message}", config.region))
        }
        code if code.starts_with("InvalidAMIID") => {
            failed(format!("region {} has no image {}: check IMAGE_ID ({message})", config.region, config.image_id))
        }
        "InvalidKeyPair.NotFound" => {
            failed(format!("region {} has no key pair '{}': check KEY_NAME", config.region, config.key_name))
        }
        code if code.starts_with("InvalidGroup") || code.starts_with("InvalidSecurityGroup") => {
            failed(no_group(config))
        }
        code if code.starts_with("InvalidSubnet") => {
            failed(format!("there is no subnet {}: check SUBNET_ID ({message})", shown_subnet(config)))
        }
        "InvalidVolume.ZoneMismatch" => failed(format!("the volume and the node are in different zones ({message})")),
        _ => failed(format!("{code}: {message}")),
    }
}

/// A quota or the capacity that ran out.
pub(crate) fn exhausted(cloud: &CloudName, action: &str, code: &str, message: &str) -> CloudError {
    let what = if QUOTAS.contains(&code) {
        format!("cannot {action}: the account's quota is used up ({code}: {message}): remove nodes or have it raised")
    } else {
        format!("cannot {action}: {code}: {message}; try again later, or with another size or subnet")
    };
    CloudError::Exhausted { cloud: cloud.clone(), what }
}

/// Whether a code that an instance ended with means that nothing is left.
pub(crate) fn is_exhaustion(code: &str) -> bool {
    let bare = code.split_once('.').map_or(code, |(_, bare)| bare);
    [code, bare].iter().any(|code| QUOTAS.contains(code) || CAPACITY.contains(code))
}

/// Whether a refusal to run an instance is about its type.
pub(crate) fn is_about_size(error: &QueryError) -> bool {
    let QueryError::Refused { code, message } = error else { return false };
    let message = message.to_ascii_lowercase();
    code.starts_with("InvalidInstanceType")
        || ["InvalidParameterValue", "Unsupported", "InvalidParameterCombination"].contains(&code.as_str())
            && (message.contains("instancetype") || message.contains("instance type"))
}

/// Upstream's words for a size that is not there.
pub(crate) fn no_size(size: &str, known: &[String]) -> String {
    const SHOWN: usize = 40;
    let family = size.split('.').next().unwrap_or_default();
    let (near, far): (Vec<&String>, Vec<&String>) =
        known.iter().partition(|name| name.split('.').next() == Some(family));
    let mut names: Vec<String> = near.into_iter().chain(far).take(SHOWN).map(|name| format!("'{name}'")).collect();
    if known.len() > SHOWN {
        names.push("…".to_owned());
    }
    format!("Requested size not found. '{size}' not in [{}]", names.join(", "))
}

pub(crate) fn no_group(config: &Ec2Config) -> String {
    format!("region {} has no security group '{}': check SECURITY_GROUP_NAME", config.region, config.security_group)
}

pub(crate) fn shown_subnet(config: &Ec2Config) -> &str {
    config.subnet_id.as_deref().unwrap_or("by default")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn config() -> Ec2Config {
        Ec2Config {
            access_key: "AKIA1".to_owned(),
            secret_key: Secret::new("s3cr3t"),
            region: "eu-west-1".to_owned(),
            endpoint: "https://x".to_owned(),
            image_id: "ami-1".to_owned(),
            size_id: "t3.micro".to_owned(),
            key_name: "k".to_owned(),
            security_group: "g".to_owned(),
            subnet_id: None,
        }
    }

    fn words(code: &str) -> String {
        let error = QueryError::Refused { code: code.to_owned(), message: "words".to_owned() };
        explain(&"amazon".parse().unwrap(), &config(), "make node n", &error).to_string()
    }

    #[test]
    fn each_sort_of_refusal_names_what_to_do() {
        for (code, expected) in [
            ("VcpuLimitExceeded", "cloud amazon has no room left: cannot make node n: the account's quota is used up"),
            ("InsufficientInstanceCapacity", "try again later, or with another size or subnet"),
            ("AuthFailure", "check USER and PASSWORD in [amazon]"),
            ("UnauthorizedOperation", "give its user the permissions"),
            ("InvalidAMIID.NotFound", "region eu-west-1 has no image ami-1: check IMAGE_ID"),
            ("InvalidKeyPair.NotFound", "no key pair 'k': check KEY_NAME"),
            ("InvalidGroup.NotFound", "no security group 'g': check SECURITY_GROUP_NAME"),
            ("InvalidSubnetID.NotFound", "check SUBNET_ID"),
            ("RequestExpired", "the clock of this machine is wrong"),
            ("Whatever", "cloud amazon cannot make node n: Whatever: words"),
        ] {
            let words = words(code);
            assert!(words.contains(expected) && !words.contains("s3cr3t"), "{code}: {words}");
        }
        assert!(is_exhaustion("Server.InsufficientInstanceCapacity") && is_exhaustion("Client.VolumeLimitExceeded"));
        assert!(!is_exhaustion("Client.UserInitiatedShutdown"));
    }

    #[test]
    fn an_unknown_size_is_told_as_upstream_does_nearest_first() {
        let known: Vec<String> = ["a1.large", "t3.micro", "t3.small"].map(str::to_owned).into();
        assert_eq!(
            no_size("t3.huge", &known),
            "Requested size not found. 't3.huge' not in ['t3.micro', 't3.small', 'a1.large']"
        );
        let refused = |code: &str, message: &str| QueryError::Refused { code: code.into(), message: message.into() };
        assert!(is_about_size(&refused("InvalidParameterValue", "Invalid value 'x' for InstanceType.")));
        assert!(is_about_size(&refused("InvalidInstanceType", "The instance type 'x' does not exist")));
        assert!(!is_about_size(&refused("InvalidParameterValue", "Invalid availability zone")));
    }
}
