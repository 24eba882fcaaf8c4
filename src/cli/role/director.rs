//! `conpaas director`, `conpaas director init`, `conpaas director check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::director_user::DirectorUserLine;
use super::line::{Outcome, RoleLine};
use super::orphans;
use crate::cli::output::findings;
use crate::cli::output::printer::{write_error, write_out};
use crate::config::locate_director_cfg;
use crate::director::{self, Fate, RunOptions, SetupOptions};
use crate::rpc::install_crypto;
use crate::server;

/// Run the director, make one, or look for what is wrong with it
#[derive(Debug, Parser)]
#[command(name = "conpaas director", disable_help_subcommand = true)]
pub(crate) struct DirectorLine {
    #[command(flatten)]
    place: Place,
    /// Set a wrong clock right before starting
    #[arg(long)]
    step_clock: bool,
    /// Start, and keep all nodes and volumes that no record names
    #[arg(long, conflicts_with = "discard")]
    adopt: bool,
    /// Start, and remove all nodes and volumes that no record names
    #[arg(long)]
    discard: bool,
    #[command(subcommand)]
    command: Option<DirectorRoleCommand>,
}

#[derive(Debug, Args)]
struct Place {
    /// director.cfg [default: $DIRECTOR_CFG, or /etc/cpsdirector/director.cfg]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum DirectorRoleCommand {
    /// Make configuration, certificate authority, certificate and database; keeps what is there
    Init {
        /// Name or address by which users and nodes reach this machine
        #[arg(long, value_name = "HOST")]
        hostname: String,
        /// A further name or address that the certificate shall be good for; may be repeated
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
        /// Set an option of director.cfg, such as iaas.DRIVER=process; may be repeated
        #[arg(long, value_name = "SECTION.KEY=VALUE", value_parser = parse_option)]
        set: Vec<(String, String, String)>,
    },
    /// Find misconfiguration and say the remedy; ends with 1 when something will not work
    Check {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
        /// First make what a remote cloud lacks: security group, key pair, image
        #[arg(long)]
        fix: bool,
        /// The image of nodes (raw or qcow2), to be uploaded where the cloud has none
        #[arg(long, value_name = "FILE", requires = "fix")]
        image: Option<PathBuf>,
    },
    /// List the nodes and volumes that clouds have and no record names
    Orphans {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
    },
    /// Keep nodes and volumes that no record names, and take the database for this director's
    Adopt {
        /// Their tags, as 'orphans' lists them [default: all]
        #[arg(value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Remove nodes and volumes that no record names, with all data in them
    Discard {
        /// Their tags, as 'orphans' lists them [default: all]
        #[arg(value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Write database, certificates and configuration into one file; the director may run
    Backup {
        /// The file to write; it must not be there
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put back what 'backup' wrote; the director must not run
    Restore {
        /// The file that 'backup' wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Users on this machine: passwords, names, removal
    User(DirectorUserLine),
    /// End all nodes and keep their data, until `start-nodes` or the next start of the director
    StopNodes,
    /// Let a director that runs start the nodes again that `stop-nodes` ended
    StartNodes,
}

/// Whether these words are the role's, and not the client group's.
pub(crate) fn takes(words: &[String]) -> bool {
    match words.first().map(String::as_str) {
        None | Some("init" | "check" | "stop-nodes" | "start-nodes" | "user") => true,
        Some("orphans" | "adopt" | "discard" | "backup" | "restore") => true,
        Some("--config" | "--step-clock" | "--adopt" | "--discard") => true,
        Some(word) => word.starts_with("--config="),
    }
}

impl RoleLine for DirectorLine {
    fn run(self) -> Outcome {
        let config = self.place.config;
        match self.command {
            None => {
                let orphans = match (self.adopt, self.discard) {
                    (true, _) => Some(Fate::Kept),
                    (_, true) => Some(Fate::Discarded),
                    _ => None,
                };
                Ok(director::run(&RunOptions { config, step_clock: self.step_clock, orphans }))
            }
            Some(DirectorRoleCommand::Init { hostname, names, set }) => {
                init(&SetupOptions { config: locate_director_cfg(config.as_deref()), hostname, names, set })
            }
            Some(DirectorRoleCommand::Check { json, fix, image }) => {
                check(config.as_deref(), json, fix.then_some(image.as_deref()))
            }
            Some(DirectorRoleCommand::Orphans { json }) => orphans::list(&locate_director_cfg(config.as_deref()), json),
            Some(DirectorRoleCommand::Adopt { tags }) => {
                orphans::decide(&locate_director_cfg(config.as_deref()), Fate::Kept, &tags)
            }
            Some(DirectorRoleCommand::Discard { tags }) => {
                orphans::decide(&locate_director_cfg(config.as_deref()), Fate::Discarded, &tags)
            }
            Some(DirectorRoleCommand::Backup { file }) => backup(&locate_director_cfg(config.as_deref()), &file),
            Some(DirectorRoleCommand::Restore { file }) => restore(&locate_director_cfg(config.as_deref()), &file),
            Some(DirectorRoleCommand::User(line)) => line.run(config.as_deref()),
            Some(DirectorRoleCommand::StopNodes) => stop_nodes(config.as_deref()),
            Some(DirectorRoleCommand::StartNodes) => start_nodes(config.as_deref()),
        }
    }
}

fn init(options: &SetupOptions) -> Outcome {
    install_crypto();
    let report = director::setup(options)?;
    for line in report.lines {
        write_out(&format!("{line}\n"));
    }
    let fingerprint = report.fingerprint;
    write_out(&format!("The authority's fingerprint (SHA-256), for users to compare:\n  {fingerprint}\n"));
    write_out("Next: 'conpaas director check', then 'conpaas director', then 'conpaas user create NAME'\n");
    Ok(ExitCode::SUCCESS)
}

fn backup(config: &Path, file: &Path) -> Outcome {
    install_crypto();
    director::backup(config, file)?;
    write_out(&format!("wrote {}: it holds the authority's key, keep it safe\n", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn restore(config: &Path, file: &Path) -> Outcome {
    install_crypto();
    for line in director::restore(config, file)? {
        write_out(&format!("{line}\n"));
    }
    write_out("Next: start the director; 'conpaas director orphans' lists what was made after the backup\n");
    Ok(ExitCode::SUCCESS)
}

fn stop_nodes(config: Option<&Path>) -> Outcome {
    let report = server::complete(director::stop_nodes(&locate_director_cfg(config)))?;
    for line in &report.stopped {
        write_out(&format!("{line}\n"));
    }
    for failure in &report.failures {
        write_error(&format!("ERROR: {failure}"));
    }
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn start_nodes(config: Option<&Path>) -> Outcome {
    let were_stopped = director::start_nodes(&locate_director_cfg(config))?;
    write_out(if were_stopped {
        "a director that runs starts the nodes again within its RECONCILE_INTERVAL\n"
    } else {
        "the nodes were not stopped\n"
    });
    Ok(ExitCode::SUCCESS)
}

/// `mend` is there to mend first, with the image to upload.
fn check(config: Option<&Path>, is_json: bool, mend: Option<Option<&Path>>) -> Outcome {
    install_crypto();
    let config = locate_director_cfg(config);
    let work = async {
        let mut findings = match mend {
            Some(image) => director::repair(&config, image).await,
            None => Vec::new(),
        };
        findings.extend(director::check(&config).await);
        findings
    };
    Ok(findings::report(&server::complete(work)?, is_json))
}

fn parse_option(text: &str) -> Result<(String, String, String), String> {
    let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
    match parts {
        Some(((section, key), value)) => Ok((section.to_owned(), key.to_owned(), value.to_owned())),
        None => Err("write it as SECTION.KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_the_configuration_names_its_section() {
        let parsed = |text: &str| parse_option(text).map(|(section, key, value)| [section, key, value].join("|"));
        assert_eq!(parsed("iaas.DRIVER=process").unwrap(), "iaas|DRIVER|process");
        assert_eq!(parsed("director.LISTEN=0.0.0.0:1=2").unwrap(), "director|LISTEN|0.0.0.0:1=2");
        for text in ["DRIVER=lxc", "iaas.DRIVER", ""] {
            assert_eq!(parsed(text).unwrap_err(), "write it as SECTION.KEY=VALUE", "{text}");
        }
    }
}
