//! The spelling of options' values; each function says in its refusal what would be right.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// `true`, `yes`, `on`, `1` or their opposites, in any case.
pub(crate) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("'{text}' is neither true nor false")),
    }
}

/// Reads a duration such as `30`, `30s`, `5m`, `12h`, `7d`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (digits, factor) = scaled(text, &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]);
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("'{text}' is not a duration: write 30s, 5m, 12h or 7d"))
}

/// Reads a duration above zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be above zero".to_owned()),
        positive => Ok(positive),
    }
}

/// Reads a size in bytes such as `65536`, `64K`, `256M`, `2G` (powers of 1024), above zero.
pub(crate) fn size_bytes(text: &str) -> Result<u64, String> {
    let (digits, factor) = scaled(text, &[("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)]);
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    size.filter(|&size| size > 0).ok_or_else(|| format!("'{text}' is not a size: write 65536, 64K, 256M or 2G"))
}

/// Anything that parses itself and explains itself.
pub(crate) fn parsed<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse::<T>().map_err(|error| error.to_string())
}

/// Reads a whole number in `range`.
pub(crate) fn whole(range: std::ops::RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> {
    move |text| {
        let number = text.parse::<u32>().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("'{text}' is not a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Reads ports from the first to the last one, such as `8001-8999`.
pub(crate) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let bounds = text.split_once('-').map(|(first, last)| (port(first.trim()), port(last.trim())));
    match bounds {
        Some((Ok(first), Ok(last))) if first <= last => Ok(first..=last),
        _ => Err("wants two ports, such as 8001-8999".to_owned()),
    }
}

/// Reads a TCP or UDP port from 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|&port| port > 0)
        .ok_or_else(|| format!("'{text}' is not a port: a whole number from 1 to 65535"))
}

/// Reads a path from the root of the file system.
pub(crate) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err(format!("'{text}' is not an absolute path")) }
}

/// Reads a name or an id in a cloud: one line of at most 255 bytes.
pub(crate) fn line(text: &str) -> Result<String, String> {
    if text.len() <= 255 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err("is too long, or has a character that cannot be in it".to_owned())
}

/// Words separated by commas, blanks around them ignored, empty ones left out.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn scaled<'a>(text: &'a str, units: &[(&str, u64)]) -> (&'a str, u64) {
    for (unit, factor) in units {
        let cut = text.len().saturating_sub(unit.len());
        if text.get(cut..).is_some_and(|end| end.eq_ignore_ascii_case(unit)) {
            return (text[..cut].trim_end(), *factor);
        }
    }
    (text, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_units() {
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5 M"), Ok(Duration::from_secs(300)));
        assert_eq!(size_bytes("256M"), Ok(268_435_456));
        assert_eq!(size_bytes("1"), Ok(1));
        assert_eq!(flag("Yes"), Ok(true));
        assert_eq!(list(" a, b,,c "), ["a", "b", "c"]);
        assert_eq!(ports("8001 - 8999"), Ok(8001..=8999));
        assert_eq!(ports("80-80"), Ok(80..=80));
    }

    #[test]
    fn what_is_no_value_is_refused_in_words() {
        for text in ["", "-1", "1.5h", "h", "99999999999999999999", "99999999999999999d", "ä"] {
            assert!(duration(text).is_err(), "{text}");
            assert!(size_bytes(text).is_err(), "{text}");
        }
        for text in ["80", "9-8", "0-9", "1-70000", "a-b", "1-2-3"] {
            assert!(ports(text).is_err(), "{text}");
        }
        assert!(positive_duration("0").is_err());
        assert!(size_bytes("0").is_err());
        assert!(flag("maybe").is_err());
        assert!(port("0").is_err());
        assert!(port("65536").is_err());
        assert!(absolute_path("etc").is_err());
        assert!(whole(1..=100)("101").is_err());
    }
}
