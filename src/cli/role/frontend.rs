//! `conpaas frontend`: pages for browsers.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use super::line::{Outcome, RoleLine};
use crate::frontend;
use crate::frontend::FrontendOptions;

/// Serve pages for browsers
#[derive(Debug, Parser)]
#[command(name = "conpaas frontend", disable_help_subcommand = true)]
pub(crate) struct FrontendLine {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", env = "WEB_LISTEN", default_value = "0.0.0.0:443")]
    listen: SocketAddr,
    /// What the director made for frontends: its certs/frontend, or a copy of that
    #[arg(long, value_name = "DIR", env = "CREDENTIALS_DIRECTORY", default_value = "/etc/cpsdirector/certs/frontend")]
    files: PathBuf,
    /// Where sessions are kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/conpaas-frontend")]
    state_dir: PathBuf,
    /// A certificate of your own for the pages (PEM, with its chain); followed when it is renewed
    #[arg(long, value_name = "FILE", env = "WEB_CERTIFICATE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", env = "WEB_KEY", requires = "certificate")]
    key: Option<PathBuf>,
}

impl RoleLine for FrontendLine {
    fn run(self) -> Outcome {
        Ok(frontend::run(FrontendOptions {
            listen: self.listen,
            files: self.files,
            state_dir: self.state_dir,
            certificate: self.certificate.zip(self.key),
        }))
    }
}
