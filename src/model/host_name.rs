//! What can be the name of a machine.

use std::net::Ipv4Addr;

/// Looks whether `text` can be a host name or an IPv4 address; whether there is such a machine is another question.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_host_name(text: &str) -> Result<(), String> {
    let refuse = |what: &str| Err(format!("'{text}' cannot be a host name: {what}"));
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > 253 {
        return refuse("it has 1 to 253 characters");
    }
    // An address of IPv6 has its own rules, which its type knows.
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(());
    }
    for label in name.split('.') {
        let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(1..=63).contains(&label.len()) || !label.chars().all(is_good) {
            return refuse("each part between dots has 1 to 63 letters, digits and '-'");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return refuse("no part begins or ends with '-'");
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    // Resolvers take what ends in a number for an address.
    if last.chars().all(|c| c.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_err() {
        return refuse("what ends in a number is an address, such as 192.168.1.5");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_from_what_is_neither() {
        let long = format!("{}.org", "a".repeat(64));
        for good in [
            "a",
            "raspberrypi",
            "director.example.org",
            "pi.local",
            "my_host",
            "192.168.1.5",
            "host.",
            "3com.com",
            "::1",
        ] {
            assert_eq!(check_host_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "a..b", ".a", "-a", "a-", "a.-b", "a b", "a/b", "300.1.2.3", "1.2.3", "12345", "ä", &long]
        {
            assert!(check_host_name(bad).is_err(), "{bad}");
        }
    }
}
