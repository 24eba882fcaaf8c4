//! `conpaas ingress`: what is published opens here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use super::line::{Outcome, RoleLine};
use crate::ingress;
use crate::ingress::{AcmeOptions, IngressOptions};
use crate::server;

/// Serve what is published
#[derive(Debug, Parser)]
#[command(name = "conpaas ingress", disable_help_subcommand = true)]
pub(crate) struct IngressLine {
    /// 'end' ends what an ingress left at work when it was stopped
    #[arg(value_name = "WHAT")]
    what: Option<What>,
    /// Address on which the ports of published services are opened
    #[arg(long, value_name = "ADDRESS", env = "INGRESS_ADDRESS", default_value = "0.0.0.0")]
    address: IpAddr,
    /// Address and port on which names are asked for
    #[arg(long, value_name = "ADDRESS", env = "INGRESS_NAMES", default_value = "0.0.0.0:80")]
    names: SocketAddr,
    /// Address and port on which names that have a certificate are asked for by HTTPS
    #[arg(long, value_name = "ADDRESS", env = "INGRESS_HTTPS", default_value = "0.0.0.0:443")]
    https: SocketAddr,
    /// Get certificates for names that users own from the ACME authority with this directory; agrees to its terms
    #[arg(long, value_name = "URL", env = "INGRESS_ACME")]
    acme: Option<String>,
    /// The mail address that the authority writes to when a certificate is about to end
    #[arg(long, value_name = "MAIL", env = "INGRESS_ACME_CONTACT", requires = "acme")]
    acme_contact: Option<String>,
    /// The certificate of who vouches for the authority's own server, in PEM; by default those of this machine
    #[arg(long, value_name = "FILE", env = "INGRESS_ACME_AUTHORITY", requires = "acme")]
    acme_authority: Option<PathBuf>,
    /// A program that writes answers for the authority into the DNS of the names, so that these need not lead here
    #[arg(long, value_name = "PROGRAM", env = "INGRESS_ACME_DNS_HOOK", requires = "acme")]
    acme_dns_hook: Option<PathBuf>,
    /// Address and port by which it looks after nginx
    #[arg(long, value_name = "ADDRESS", env = "INGRESS_CONTROL", default_value = "127.0.0.1:7999")]
    control: SocketAddr,
    /// Who answers for other names, such as the welcome page
    #[arg(long, value_name = "ADDRESS", env = "INGRESS_OWN_PAGES")]
    own_pages: Option<SocketAddr>,
    /// The address that names such as blog.local lead to; by default the first one of this machine
    #[arg(long, value_name = "ADDRESS", env = "INGRESS_ANNOUNCE")]
    announce: Option<Ipv4Addr>,
    /// What the director made for ingresses: its certs/ingress, or a copy of that
    #[arg(long, value_name = "DIR", env = "CREDENTIALS_DIRECTORY", default_value = "/etc/cpsdirector/certs/ingress")]
    files: PathBuf,
    /// Where configurations and logs are kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/conpaas-ingress")]
    state_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    End,
}

impl RoleLine for IngressLine {
    fn run(self) -> Outcome {
        // A setting that is empty says nothing.
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let filled_path = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
        let acme = filled(self.acme).map(|directory| AcmeOptions {
            directory,
            contact: filled(self.acme_contact),
            authority: filled_path(self.acme_authority),
            hook: filled_path(self.acme_dns_hook),
        });
        let options = IngressOptions {
            address: self.address,
            names: self.names,
            https: self.https,
            acme,
            control: self.control,
            own_pages: self.own_pages,
            announce: self.announce,
            files: self.files,
            state_dir: self.state_dir,
        };
        match self.what {
            None => Ok(ingress::run(options)),
            Some(What::End) => {
                server::complete(ingress::end(options))??;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
