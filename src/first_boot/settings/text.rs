//! The text of `conpaas.txt`, as people write it on any machine.

use super::entry::{Entry, MASK, Origin, Problem};
use super::keys::is_secret;

/// The most of a file that is read.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
const MAX_VALUE_CHARS: usize = 8 * 1024;

/// Reads `key = value` lines. `#` begins a comment where a line begins;
/// elsewhere it belongs to the value, because passwords have it. A value may
/// stand between double quotes, to keep the blanks around it. Editors that
/// write UTF-16, a byte order mark or CRLF are understood.
#[must_use]
pub fn read(file: &str, bytes: &[u8]) -> (Vec<Entry>, Vec<Problem>) {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    if bytes.len() > MAX_BYTES {
        let text = format!("is longer than {MAX_BYTES} bytes; what comes after them is not read");
        problems.push(Problem::at(Origin::file(file), text));
    }
    let text = decode(&bytes[..bytes.len().min(MAX_BYTES)]);
    for (index, line) in text.lines().enumerate() {
        let origin = Origin::line(file, index + 1);
        match read_line(line, &origin) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(text) => {
                // Without its password a network must not be taken for an open one.
                let key = line.split_once('=').map(|(key, _)| canonical(key));
                entries.extend(key.filter(|key| is_secret(key)).map(|key| Entry::refused(&key, origin.clone())));
                problems.push(Problem::at(origin, text));
            }
        }
    }
    (entries, problems)
}

/// Returns the same bytes with stars in the place of every secret, of the same
/// length; nothing where there is none left.
///
/// The length stays so that the file can be changed in its place: a FAT file
/// system survives that whenever the power fails, which it does not promise
/// for a file that is renamed over another.
#[must_use]
pub(crate) fn masked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut masked = bytes.to_vec();
    let big_endian = match bytes {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        _ => None,
    };
    let Some(big_endian) = big_endian else {
        mask_lines(&mut masked, MASK, char::from);
        return (masked != bytes).then_some(masked);
    };
    let star = u16::from(MASK);
    let mut pairs: Vec<[u8; 2]> = masked.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    let unit = |pair: [u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    let star = if big_endian { star.to_be_bytes() } else { star.to_le_bytes() };
    mask_lines(&mut pairs, star, |pair| char::from_u32(u32::from(unit(pair))).unwrap_or(char::REPLACEMENT_CHARACTER));
    let rest = masked.len() - pairs.len() * 2;
    let odd = masked.split_off(masked.len() - rest);
    let masked: Vec<u8> = pairs.into_iter().flatten().chain(odd).collect();
    (masked != bytes).then_some(masked)
}

/// `units` are bytes or UTF-16; what matters in them is ASCII.
fn mask_lines<T: Copy + PartialEq>(units: &mut [T], star: T, as_char: impl Fn(T) -> char) {
    for line in units.split_mut(|unit| as_char(*unit) == '\n') {
        let Some(at) = line.iter().position(|unit| as_char(*unit) == '=') else { continue };
        let key: String = line[..at].iter().map(|unit| as_char(*unit)).filter(char::is_ascii).collect();
        if is_comment(key.trim()) || !is_secret(&canonical(&key)) {
            continue;
        }
        let is_blank = |unit: &T| as_char(*unit).is_ascii_whitespace();
        let first = line[at + 1..].iter().position(|unit| !is_blank(unit)).map(|first| at + 1 + first);
        let last = line.iter().rposition(|unit| !is_blank(unit));
        if let (Some(first), Some(last)) = (first, last) {
            line[first..=last].fill(star);
        }
    }
}

fn decode(bytes: &[u8]) -> String {
    let units = |order: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes[2..].chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn read_line(line: &str, origin: &Origin) -> Result<Option<Entry>, String> {
    let line = line.trim();
    if line.is_empty() || is_comment(line) {
        return Ok(None);
    }
    let Some((key, value)) = line.split_once('=') else {
        return Err("is not `key = value`; put # before a line that is only for people".to_owned());
    };
    let key = canonical(key);
    if key.is_empty() || key.len() > 64 || key.chars().any(char::is_control) {
        return Err("has no key before the =".to_owned());
    }
    let value = unquoted(value.trim());
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err(format!("{key}: has characters that are not UTF-8; save the file as UTF-8"));
    }
    if value.chars().any(char::is_control) || value.chars().count() > MAX_VALUE_CHARS {
        return Err(format!("{key}: has characters that cannot be printed, or is too long"));
    }
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some(Entry { key, value: value.to_owned(), origin: origin.clone() }))
}

fn is_comment(line: &str) -> bool {
    line.starts_with('#') || line.starts_with(';')
}

/// `Wifi-Name` and `wifi name` mean `wifi_name`.
fn canonical(key: &str) -> String {
    key.trim().to_lowercase().replace(['-', ' '], "_")
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
