//! Certificates: `get_client_cert`, `get_user_cert`.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};

use super::volumes::NAME;
use crate::api::xtreemfs::ClientCertificate;
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::rpc::RpcCall;
use crate::sys::{self, file};

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum CertificateCommand {
    /// Get a certificate for a client
    GetClientCert {
        #[command(flatten)]
        names: ServiceNames,
        #[command(flatten)]
        wanted: WantedFile,
    },
    /// Get a certificate for a user
    GetUserCert {
        #[command(flatten)]
        names: ServiceNames,
        /// Name of the user
        user: String,
        /// Name of the user's group
        group: String,
        #[command(flatten)]
        wanted: WantedFile,
    },
}

/// What is wanted of a certificate.
#[derive(Debug, Args)]
pub(crate) struct WantedFile {
    /// Passphrase that opens the file
    passphrase: String,
    /// Whether it is that of an administrator: yes or no
    adminflag: String,
    /// File that is written
    filename: PathBuf,
}

impl CertificateCommand {
    /// Runs the sub-command.
    ///
    /// # Errors
    /// There is no such service, its manager refuses, or the file cannot be written.
    pub(crate) async fn run(self, run: &Invocation) -> Result<Reply, Failure> {
        let session = &run.session;
        match self {
            CertificateCommand::GetClientCert { names, wanted } => {
                let found = names.find(session, Some(NAME)).await?;
                let call = RpcCall::post(found.service.0, "get_client_cert");
                let certificate: ClientCertificate = session.manager(found.application, wanted.tell(call)).await?;
                told("Client", &wanted.filename, &certificate)
            }
            CertificateCommand::GetUserCert { names, user, group, wanted } => {
                let found = names.find(session, Some(NAME)).await?;
                let call = RpcCall::post(found.service.0, "get_user_cert").param("user", user).param("group", group);
                let certificate: ClientCertificate = session.manager(found.application, wanted.tell(call)).await?;
                told("User", &wanted.filename, &certificate)
            }
        }
    }
}

impl WantedFile {
    fn tell(&self, call: RpcCall) -> RpcCall {
        call.param("passphrase", self.passphrase.as_str()).param("adminflag", self.adminflag.as_str())
    }
}

fn told(whose: &str, path: &Path, certificate: &ClientCertificate) -> Result<Reply, Failure> {
    let bytes = STANDARD.decode(&certificate.cert);
    let bytes = bytes.map_err(|_| Failure::said("the manager's answer is no certificate".to_owned()))?;
    file::write_atomic(path, &bytes, 0o600).map_err(|error| Failure::said(sys::chain(&error)))?;
    let done = format!("{whose} certificate '{}' has been successfully created.", path.display());
    let lines: Vec<String> = std::iter::once(done).chain(certificate.mount.iter().cloned()).collect();
    Ok(Reply::lines(&lines, certificate))
}
