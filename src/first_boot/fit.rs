//! Settings checked against the machine itself: whether a name is free,
//! whether there is such a time zone.

use super::place::Place;
use super::settings::{Problem, Settings};
use super::step::account::belongs_to_system;
use super::step::time::{ZONES, find_zone};

/// The account when the wanted name cannot be had.
const USUAL_ACCOUNT: &str = "pi";
const USUAL_ZONE: &str = "UTC";

/// Replaces values that this machine cannot have by defaults. Blocking.
pub(crate) fn fit(place: &Place, settings: &mut Settings, problems: &mut Vec<Problem>) {
    if belongs_to_system(place, &settings.account.name) {
        let name = &settings.account.name;
        let text = format!("'{name}' belongs to the system: the account is {USUAL_ACCOUNT}");
        problems.push(Problem::of_key("user", text));
        settings.account.name = USUAL_ACCOUNT.to_owned();
    }
    // Without the package of time zones there is only UTC, which needs no file.
    if let Some(zone) = find_zone(&place.path(ZONES), &settings.timezone) {
        settings.timezone = zone;
    }
    let zone = &settings.timezone;
    if zone != USUAL_ZONE && !place.path(ZONES).join(zone).is_file() {
        let text = format!("there is no '{zone}' below {ZONES}: it is {USUAL_ZONE}");
        problems.push(Problem::of_key("timezone", text));
        settings.timezone = USUAL_ZONE.to_owned();
    }
}
