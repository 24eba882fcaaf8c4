//! Reads the card into checked settings, which are recorded before the card is changed.

use super::error::FirstBootError;
use super::place::Place;
use super::record::Record;
use super::settings::{Entry, Problem, Settings, masked, read, resolve};
use super::{card, imager};
use crate::sys::chain;
use crate::task::crash_point;

/// Defaults of an image for all machines that are made of it: the least important
/// source. Only images have it.
pub(crate) const IMAGE_DEFAULTS: &str = "/usr/lib/conpaas/first-boot.txt";

/// Settings, and what is not right with their sources.
pub(crate) struct Gathered {
    pub settings: Settings,
    pub problems: Vec<Problem>,
}

/// The card and the record together.
struct Sources {
    record: Record,
    problems: Vec<Problem>,
    /// The files whose content is to be taken off the card.
    to_take: Vec<&'static str>,
    /// `conpaas.txt` with stars in the place of its secrets, by the name that it has.
    to_mask: Vec<(&'static str, Vec<u8>)>,
}

/// Reads all sources and changes nothing. Blocking.
pub(crate) fn look(place: &Place) -> Gathered {
    settle(place, read_card(place, Record::load(place)))
}

/// Reads all sources, records what they say, then takes secrets off the
/// card. A power cut at any line loses nothing: what is off the card is in
/// the record. Blocking.
///
/// # Errors
/// The record cannot be written: then the card stays as it is.
pub(crate) fn gather(place: &Place) -> Result<Gathered, FirstBootError> {
    let mut sources = read_card(place, Record::load(place));
    sources.record.save(place)?;
    crash_point("first-boot.gather.record");
    let masks: Vec<_> =
        sources.to_mask.iter().map(|(name, bytes)| (*name, card::overwrite(place, name, bytes))).collect();
    crash_point("first-boot.gather.mask");
    let takes = sources.to_take.iter().map(|name| {
        let outcome = card::take(place, name);
        crash_point("first-boot.gather.take");
        (*name, outcome)
    });
    for (name, outcome) in masks.into_iter().chain(takes.collect::<Vec<_>>()) {
        if let Err(error) = outcome {
            let text = format!("still holds its secrets: {}", chain(&error));
            sources.problems.push(Problem::at(super::settings::Origin::file(name), text));
        }
    }
    Ok(settle(place, sources))
}

fn settle(place: &Place, sources: Sources) -> Gathered {
    let mut problems = sources.problems;
    let defaults = std::fs::read(place.path(IMAGE_DEFAULTS)).unwrap_or_default();
    let (defaults, mut defaults_problems) = read("first-boot.txt", &defaults);
    problems.append(&mut defaults_problems);
    let settings = resolve(&[sources.record.settings, sources.record.imager, defaults], &mut problems);
    Gathered { settings, problems }
}

fn read_card(place: &Place, mut record: Record) -> Sources {
    let mut problems = Vec::new();
    let mut to_mask = Vec::new();
    let mut settings = None;
    for name in card::ALL_SETTINGS {
        let Some(bytes) = read_file(place, name, &mut problems) else { continue };
        let (entries, mut found) = read(name, &bytes);
        problems.append(&mut found);
        to_mask.extend(masked(&bytes).map(|masked| (name, masked)));
        let entries = entries.into_iter().map(|entry| restored(entry, &record.settings));
        settings.get_or_insert_with(Vec::new).extend(entries);
    }
    // Where there is no file now, the record has what it said.
    if let Some(settings) = settings {
        record.settings = settings;
    }
    let mut to_take = Vec::new();
    for name in imager::files() {
        let Some(bytes) = read_file(place, name, &mut problems).filter(|bytes| !card::is_taken(bytes)) else {
            continue;
        };
        // Taking it may have been cut off: what is left of it then means nothing.
        if record.imager_files.iter().any(|known| known == name) {
            to_take.push(name);
            continue;
        }
        let (mut entries, mut found) = imager::read(name, &bytes);
        if entries.is_empty() {
            // Somebody else's file, which stays as it is.
            problems.append(&mut found);
            continue;
        }
        to_take.push(name);
        record.imager.append(&mut entries);
        record.imager_problems.append(&mut found);
        record.imager_files.push(name.to_owned());
    }
    problems.extend(record.imager_problems.iter().cloned());
    Sources { record, problems, to_take, to_mask }
}

/// Returns the entry with its secret as the record has it, if the card has only stars in its place.
fn restored(entry: Entry, recorded: &[Entry]) -> Entry {
    let was = recorded.iter().find(|was| was.key == entry.key && super::settings::is_secret(&was.key));
    match was {
        Some(was) if entry.is_masked() || entry.is_remnant_of(&was.value) => {
            Entry { value: was.value.clone(), ..entry }
        }
        _ => entry,
    }
}

/// Reads a file of the card. A card that cannot be read is a problem, not an end.
fn read_file(place: &Place, name: &str, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    match card::read(place, name) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(Problem::at(super::settings::Origin::file(name), chain(&error)));
            None
        }
    }
}
