//! `conpaas renew`: the certificates of this machine, long before they end.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use clap::Parser;

use super::line::{Outcome, RoleLine};
use crate::cli::command::certificate;
use crate::cli::invocation::Invocation;
use crate::cli::output::findings;
use crate::cli::output::printer::Printer;
use crate::client::error::Failure;
use crate::clock::Clock;
use crate::config::{ClientConfig, locate_director_cfg};
use crate::director::{self, RenewAuthority};
use crate::model::Finding;
use crate::pki::{Credentials, CredentialsError, Lifetime};
use crate::rpc::install_crypto;
use crate::server;

/// Renew the certificates of this machine that have less than a third of their life left
#[derive(Debug, Parser)]
#[command(
    name = "conpaas renew",
    disable_help_subcommand = true,
    after_help = "The director's certificate is renewed where there is a director, your own in ~/.conpaas where \
                  cps-tools.conf holds your password. Nodes renew theirs themselves. Ends with 1 when something that \
                  is due could not be renewed."
)]
pub(crate) struct RenewLine {
    /// director.cfg [default: $DIRECTOR_CFG, or /etc/cpsdirector/director.cfg]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Give the certificate authority a new certificate too: its key and all that it has issued stay good
    #[arg(long)]
    authority: bool,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

impl RoleLine for RenewLine {
    fn run(self) -> Outcome {
        install_crypto();
        let authority = if self.authority { RenewAuthority::Yes } else { RenewAuthority::No };
        let director_cfg = locate_director_cfg(self.config.as_deref());
        let mut found = Vec::new();
        // One that was named must be there.
        if self.config.is_some() || self.authority || director_cfg.exists() {
            found.extend(of_director(&director_cfg, authority));
        }
        found.extend(of_user(self.json));
        if found.is_empty() {
            found.push(Finding::good("this machine has no certificate to renew"));
        }
        Ok(findings::report(&found, self.json))
    }
}

/// A user of the director's machine may have certificates of his own, and must not read the director's.
fn of_director(director_cfg: &Path, authority: RenewAuthority) -> Vec<Finding> {
    match std::fs::File::open(director_cfg) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && authority == RenewAuthority::No => {
            let text =
                format!("{} is not yours to read: the director's certificate is passed over", director_cfg.display());
            vec![Finding::warning(text, "run this as root for it")]
        }
        _ => director::renew(director_cfg, authority),
    }
}

fn of_user(is_json: bool) -> Option<Finding> {
    let home = PathBuf::from(std::env::var_os("HOME").filter(|home| !home.is_empty())?);
    let settings = match ClientConfig::read(&home, None) {
        Ok(settings) => settings,
        Err(error) => return Some(Finding::bad(crate::sys::chain(&error), "mend the file")),
    };
    let not_after = match end(&settings.state_dir) {
        Ok(not_after) => not_after,
        Err(CredentialsError::File(error)) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return Some(Finding::bad(crate::sys::chain(&error), "run 'conpaas user get_certificate'")),
    };
    let left = not_after - Clock::system().unix_seconds();
    if left >= i64::try_from(Lifetime::USER.0.as_secs() / 3).unwrap_or(i64::MAX) {
        return Some(Finding::good(format!("your certificate is good until {}", day(not_after))));
    }
    let remedy = "run 'conpaas user get_certificate'";
    if settings.password.is_none() {
        let text = format!("your certificate is good until {} only, and no password is configured", day(not_after));
        return Some(if left < 0 { Finding::bad(text, remedy) } else { Finding::warning(text, remedy) });
    }
    let printer = Printer { is_json, is_debug: false };
    Some(match fetch(printer, settings.clone()).and_then(|()| Ok(end(&settings.state_dir)?)) {
        Ok(not_after) => Finding::good(format!("renewed your certificate: good until {}", day(not_after))),
        Err(failure) => Finding::bad(format!("cannot renew your certificate: {}", failure.text), remedy),
    })
}

fn fetch(printer: Printer, settings: ClientConfig) -> Result<(), Failure> {
    let run = Invocation::new(settings, printer, "conpaas");
    let outcome = server::complete(certificate::get(&run, false, None));
    outcome.map_err(|error| Failure::said(format!("cannot start: {error}")))?.map(drop)
}

fn end(directory: &Path) -> Result<i64, CredentialsError> {
    Ok(Credentials::load(directory)?.identity()?.not_after)
}

fn day(time: i64) -> String {
    DateTime::from_timestamp(time, 0).map_or_else(|| time.to_string(), |time| time.format("%Y-%m-%d").to_string())
}
