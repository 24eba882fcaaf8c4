//! `publish`: a service that others reach.

use std::path::PathBuf;

use async_trait::async_trait;
use clap::{Args, ValueEnum};

use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::cli::output::prompt;
use crate::client::error::Failure;
use crate::client::lookup;

/// What is published, and how. What is left out stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Name or identifier of an application
    app_name_or_id: String,
    /// Name or identifier of a service
    serv_name_or_id: String,
    /// A name: 'blog' for blog.local in your network, or one that you own
    #[arg(long)]
    name: Option<String>,
    /// The port of the machine; by default the first free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The port of the service's nodes; by default the one of its kind
    #[arg(long, value_name = "PORT")]
    to: Option<u16>,
    /// Pass bytes on, as for a database, instead of requests of HTTP
    #[arg(long)]
    tcp: bool,
    /// Let in only who knows this name and a password, which is asked for
    #[arg(long, value_name = "USER", conflicts_with = "no_auth")]
    auth: Option<String>,
    /// Read that password from the first line of this file
    #[arg(long, value_name = "FILE", requires = "auth")]
    auth_password_file: Option<PathBuf>,
    /// Let everybody in again
    #[arg(long)]
    no_auth: bool,
    /// Tell visitors that the site is being worked on, or let them see it again
    #[arg(long, value_name = "SWITCH")]
    maintenance: Option<Switch>,
    /// Send who asks for the name by HTTP to HTTPS, once the name has a certificate, or not any more
    #[arg(long, value_name = "SWITCH")]
    force_https: Option<Switch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Switch {
    /// Returns it as the director takes it.
    fn said(self) -> String {
        (self == Switch::On).to_string()
    }
}

#[async_trait(?Send)]
impl Action for Publish {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let found = lookup::service(&run.session, None, &self.app_name_or_id, &self.serv_name_or_id).await?;
        let wish = self.wish(run)?;
        let wish: Vec<(&str, &str)> = wish.iter().map(|(field, value)| (*field, value.as_str())).collect();
        let view = run.session.publish(&found, &wish).await?;
        Ok(Reply::lines(&view.urls, &view))
    }
}

impl Publish {
    /// Returns what the director is asked for.
    fn wish(&self, run: &Invocation) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut wish = Vec::new();
        let mut add = |field, value: Option<String>| wish.extend(value.map(|value| (field, value)));
        add("name", self.name.clone());
        add("port", self.port.map(|port| port.to_string()));
        add("target", self.to.map(|port| port.to_string()));
        add("protocol", self.tcp.then(|| "tcp".to_owned()));
        add("no_auth", self.no_auth.then(|| "true".to_owned()));
        add("maintenance", self.maintenance.map(Switch::said));
        add("force_https", self.force_https.map(Switch::said));
        if let Some(user) = &self.auth {
            add("auth_user", Some(user.clone()));
            add("auth_password", Some(self.password(run)?));
        }
        Ok(wish)
    }

    fn password(&self, run: &Invocation) -> Result<String, Failure> {
        let Some(path) = &self.auth_password_file else { return prompt::ask_twice(run.printer) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::said(format!("cannot read '{}': {error}", path.display())))?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}
