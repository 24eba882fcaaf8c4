//! `conpaas renew`, the director's part: its own certificate, long before it
//! ends, and a word about the authority, a year before that ends.

use std::path::Path;

use chrono::DateTime;

use super::frontend_files;
use super::ingress_files;
use crate::clock::{self, Clock};
use crate::config::DirectorConfig;
use crate::model::Finding;
use crate::pki::{Authority, Credentials, Lifetime};
use crate::sys::chain;

const DAY: i64 = 24 * 3600;
/// From when on the end of the authority is told.
const YEAR: i64 = 365 * DAY;

/// What is renewed besides what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RenewAuthority {
    /// The authority keeps its certificate.
    No,
    /// The authority gets a new certificate for its old key.
    Yes,
}

/// Renews what the director at `director_cfg` has and what is due: when a
/// third of its life is left. May be repeated. Blocking.
#[must_use]
pub(crate) fn renew(director_cfg: &Path, authority: RenewAuthority) -> Vec<Finding> {
    let config = match DirectorConfig::read(director_cfg) {
        Ok(config) => config,
        Err(error) => return vec![Finding::bad(chain(&error), "mend the file, or run this as root")],
    };
    let clock = Clock::system();
    // What is issued at a wrong time ends at a wrong time.
    if let Err(error) = clock::expect_plausible(&clock, &super::time_record::time_record(&config.state_dir)) {
        return vec![Finding::bad(chain(&error), "set the clock, then run this again")];
    }
    let loaded = Credentials::settle(&config.cert_dir).map_err(|error| chain(&error)).and_then(|()| {
        let load = match authority {
            RenewAuthority::Yes => Authority::renew,
            RenewAuthority::No => Authority::load,
        };
        load(&config.cert_dir).map_err(|error| chain(&error))
    });
    match loaded {
        Err(reason) => vec![Finding::bad(reason, "run 'conpaas director init --hostname <name>'")],
        Ok(loaded) => {
            let mut findings = vec![own(&loaded, &config.cert_dir, clock.unix_seconds())];
            if authority == RenewAuthority::Yes {
                let remedy = "restart the director; users fetch it by 'conpaas user get_certificate'";
                findings.push(Finding::warning("renewed the authority's certificate", remedy));
            }
            findings.push(authority_end(&loaded, clock.unix_seconds()));
            findings.extend(of_frontend(&config, &loaded, clock.unix_seconds()));
            findings.extend(of_ingress(&config, &loaded, clock.unix_seconds()));
            findings
        }
    }
}

/// What was renewed of the web frontend's.
fn of_frontend(config: &DirectorConfig, authority: &Authority, now: i64) -> Vec<Finding> {
    match frontend_files::ensure(config, authority, now) {
        Ok(lines) => lines.into_iter().map(Finding::good).collect(),
        Err(error) => vec![Finding::bad(
            format!("cannot renew the certificates of the web frontend: {}", chain(&error)),
            "make room, or run this as root",
        )],
    }
}

/// What was renewed of the ingress's.
fn of_ingress(config: &DirectorConfig, authority: &Authority, now: i64) -> Vec<Finding> {
    match ingress_files::ensure(config, authority, now) {
        Ok(lines) => lines.into_iter().map(Finding::good).collect(),
        Err(error) => vec![Finding::bad(
            format!("cannot renew the certificate of the ingress: {}", chain(&error)),
            "make room, or run this as root",
        )],
    }
}

/// When the authority ends, and what to do about it.
pub(crate) fn authority_end(authority: &Authority, now: i64) -> Finding {
    match authority.not_after() {
        Err(error) => Finding::bad(chain(&error), "bring ca_cert.pem and ca_key.pem back from a copy"),
        Ok(end) if end - now < YEAR => {
            let verb = if end < now { "ended" } else { "ends" };
            let text =
                format!("the certificate authority {verb} on {}: clients may refuse all certificates then", day(end));
            Finding::warning(text, "run 'conpaas renew --authority', then restart the director")
        }
        Ok(end) => Finding::good(format!("the certificate authority is good until {}", day(end))),
    }
}

fn own(authority: &Authority, directory: &Path, now: i64) -> Finding {
    let in_use = Credentials::load(directory).and_then(|credentials| Ok((credentials.identity()?, credentials)));
    let (identity, credentials) = match in_use {
        Ok(in_use) => in_use,
        Err(error) => return Finding::bad(chain(&error), "run 'conpaas director init --hostname <name>'"),
    };
    if !is_due(identity.not_after, now) {
        return Finding::good(format!("the director's certificate is good until {}", day(identity.not_after)));
    }
    let renewed = authority.issue_again(&credentials, Lifetime::DIRECTOR).map_err(|error| chain(&error));
    let placed = renewed.and_then(|renewed| {
        renewed.replace(directory).map_err(|error| chain(&error))?;
        renewed.identity().map_err(|error| chain(&error))
    });
    match placed {
        Ok(identity) => {
            Finding::good(format!("renewed the director's certificate: good until {}", day(identity.not_after)))
        }
        Err(reason) => Finding::bad(
            format!(
                "cannot renew the director's certificate, which is good until {}: {reason}",
                day(identity.not_after)
            ),
            "make room, or run this as root",
        ),
    }
}

fn is_due(not_after: i64, now: i64) -> bool {
    not_after - now < i64::try_from(Lifetime::DIRECTOR.0.as_secs() / 3).unwrap_or(i64::MAX)
}

fn day(time: i64) -> String {
    DateTime::from_timestamp(time, 0).map_or_else(|| time.to_string(), |time| time.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_due_when_a_third_of_its_life_is_left() {
        let third = i64::try_from(Lifetime::DIRECTOR.0.as_secs() / 3).expect("years");
        for (left, due) in [(third + 1, false), (third, false), (third - 1, true), (0, true), (-DAY, true)] {
            assert_eq!(is_due(1_800_000_000 + left, 1_800_000_000), due, "{left} s left");
        }
    }

    #[test]
    fn days_are_told_without_the_time() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(1_800_000_000), "2027-01-15");
    }
}
