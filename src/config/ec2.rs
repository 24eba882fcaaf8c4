//! A cloud of EC2, or of something that speaks its language.

use super::ConfigError;
use super::ini::{Key, Section};
use super::secret::Secret;
use super::value;

/// Settings of a cloud of EC2's instances (`DRIVER = ec2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2Config {
    /// Id of the access key (`USER`).
    pub access_key: String,
    /// Its secret (`PASSWORD`).
    pub secret_key: Secret,
    /// Such as `us-east-1`.
    pub region: String,
    /// URL of the API, without a path at its end.
    pub endpoint: String,
    /// The image that nodes start from.
    pub image_id: String,
    /// The usual type of instance.
    pub size_id: String,
    /// Name of the key pair for SSH.
    pub key_name: String,
    /// Name or id of the security group.
    pub security_group: String,
    /// The subnet; `None` is the account's default.
    pub subnet_id: Option<String>,
}

pub(crate) const EC2_KEYS: &[Key] = &[
    Key::unset("DRIVER"),
    Key::unset("OTHER_CLOUDS"),
    Key::unset("USER"),
    Key::unset("PASSWORD"),
    Key::unset("REGION"),
    Key::unset("ENDPOINT"),
    Key::unset("IMAGE_ID"),
    Key::unset("SIZE_ID"),
    Key::unset("KEY_NAME"),
    Key::unset("SECURITY_GROUP_NAME"),
    Key::unset("SUBNET_ID"),
];

/// In the order in which upstream misses them.
pub(crate) const EC2_REQUIRED: &[&str] =
    &["USER", "PASSWORD", "IMAGE_ID", "SIZE_ID", "KEY_NAME", "SECURITY_GROUP_NAME", "REGION"];

pub(crate) fn read(section: &Section<'_>) -> Result<Ec2Config, ConfigError> {
    let endpoint = section.optional("ENDPOINT", endpoint)?;
    // Behind an endpoint of its own a region may have any name.
    let region = section.value("REGION", if endpoint.is_some() { word } else { region })?;
    Ok(Ec2Config {
        access_key: section.value("USER", word)?,
        secret_key: Secret::new(section.value("PASSWORD", word)?),
        endpoint: endpoint.unwrap_or_else(|| usual_endpoint(&region)),
        region,
        image_id: section.value("IMAGE_ID", word)?,
        size_id: section.value("SIZE_ID", word)?,
        key_name: section.value("KEY_NAME", value::line)?,
        security_group: section.value("SECURITY_GROUP_NAME", value::line)?,
        subnet_id: section.optional("SUBNET_ID", word)?,
    })
}

/// `us-east-1`, or as upstream writes it: `ec2.us-east-1.amazonaws.com`. New
/// regions need no new program: what looks like one may be one.
fn region(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("ec2.").unwrap_or(text);
    let name = name.strip_suffix(".cn").unwrap_or(name);
    let name = name.strip_suffix(".amazonaws.com").unwrap_or(name);
    let parts: Vec<&str> = name.split('-').collect();
    let is_word = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.split_last() {
        Some((number, words)) if words.len() >= 2 && is_number(number) && words.iter().all(|word| is_word(word)) => {
            Ok(name.to_owned())
        }
        _ => Err(format!("Unknown EC2 region: {text}")),
    }
}

fn usual_endpoint(region: &str) -> String {
    let country = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://ec2.{region}.amazonaws.com{country}")
}

/// `https://`, or `http://` to this very machine: tokens of nodes pass here.
fn endpoint(text: &str) -> Result<String, String> {
    let rest = match text.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) => {
            let host = rest.split(['/', ':']).next().unwrap_or_default();
            let is_here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
            if !is_here {
                return Err(format!("'{text}' is not safe: write https://"));
            }
            rest
        }
        _ => return Err(format!("'{text}' is not the URL of an EC2 API: write https://host[:port]")),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:/[]".contains(c);
    if rest.is_empty() || rest.starts_with(['/', ':']) || !rest.chars().all(is_plain) {
        return Err(format!("'{text}' is not the URL of an EC2 API: write https://host[:port]"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Says nothing of the value, which may be secret.
fn word(text: &str) -> Result<String, String> {
    if text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("has a blank or another character that cannot be in it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_named_in_both_ways() {
        for (text, name) in [
            ("us-east-1", "us-east-1"),
            ("ec2.us-east-1.amazonaws.com", "us-east-1"),
            ("ec2.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("us-gov-west-1", "us-gov-west-1"),
            ("ap-southeast-12", "ap-southeast-12"),
        ] {
            assert_eq!(region(text).as_deref(), Ok(name));
        }
        for text in ["", "virginia", "us-east", "us_east_1", "ec2.us-east-1.evil.com", "US-EAST-1", "us-east-1a"] {
            assert_eq!(region(text), Err(format!("Unknown EC2 region: {text}")));
        }
        assert_eq!(usual_endpoint("cn-north-1"), "https://ec2.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        assert_eq!(endpoint("https://cloud.example.org:8773/").as_deref(), Ok("https://cloud.example.org:8773"));
        assert_eq!(endpoint("http://127.0.0.1:5000").as_deref(), Ok("http://127.0.0.1:5000"));
        for text in
            ["cloud", "http://cloud", "http://127.0.0.1.evil.com", "ftp://x", "https://", "https://a b", "https://u@h"]
        {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
