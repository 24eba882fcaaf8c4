//! Users of the director, and an application of one of them.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::Credentials;
use conpaas::rpc::Endpoint;
use serde_json::Value;

use crate::support::product::{Product, program};

/// The director, as nodes and users see it.
pub(crate) const DIRECTOR: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);
/// Enough for every node of every attack.
const CREDIT: &str = "100000";

/// Where the director listens.
pub(crate) fn director() -> Endpoint {
    Endpoint { host: DIRECTOR.to_string(), port: 5555 }
}

/// A user with a password and a certificate.
pub(crate) struct Tenant<'a> {
    pub(crate) product: &'a Product,
    pub(crate) name: &'static str,
    pub(crate) password: String,
    pub(crate) credentials: Credentials,
    home: PathBuf,
}

impl<'a> Tenant<'a> {
    /// Makes the user.
    pub(crate) fn new(product: &'a Product, name: &'static str) -> anyhow::Result<Tenant<'a>> {
        let (email, password) = (format!("{name}@example.org"), format!("{name}-secret"));
        let create = ["user", "create", name, "--email", &email, "--password", &password, "--credit", CREDIT];
        let output = Command::new(program())
            .args(create)
            .env("DIRECTOR_CFG", product.directory.join("director.cfg"))
            .env("HOME", &product.directory)
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let home = product.directory.join("homes").join(name);
        let kept = home.join(".conpaas");
        fs::create_dir_all(&kept)?;
        let url = format!("https://{DIRECTOR}:5555");
        let config = format!("[cps-tools]\ndirector_url = {url}\nusername = {name}\npassword = {password}\n");
        fs::write(kept.join("cps-tools.conf"), config)?;
        product.type_in(&home, &["user", "get_certificate"])?;
        let credentials = Credentials::load(&kept)?;
        Ok(Tenant { product, name, password, credentials, home })
    }

    /// Runs `conpaas <words>` as this user.
    pub(crate) fn type_command(&self, words: &[&str]) -> anyhow::Result<String> {
        self.product.type_in(&self.home, words)
    }

    /// The same, not waited for.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(words).env("HOME", &self.home);
        command
    }

    /// What `conpaas <words> --json` answers.
    pub(crate) fn rows(&self, words: &[&str]) -> anyhow::Result<Vec<Value>> {
        let answer = self.type_command(&[words, &["--json"]].concat())?;
        serde_json::from_str(&answer).with_context(|| format!("`{}` answered {answer}", words.join(" ")))
    }

    pub(crate) fn id(&self) -> anyhow::Result<UserId> {
        self.credentials.identity()?.uid().context("the certificate names no user")
    }

    /// Creates and starts an application with a service that is not started.
    pub(crate) fn start_application(&self, name: &str) -> anyhow::Result<Application<'_>> {
        self.type_command(&["application", "create", name])?;
        self.type_command(&["application", "start", name])?;
        self.type_command(&["generic", "add", name])?;
        let rows = self.rows(&["application", "list"])?;
        let row = rows.iter().find(|row| row["name"] == name).context("the application is not listed")?;
        let manager = row["manager"].as_str().context("it has no manager")?.parse()?;
        let manager_vmid = row["vmid"].as_str().context("its manager has no id")?.to_owned();
        let aid = ApplicationId(row["aid"].as_i64().context("it has no id")?);
        Ok(Application { owner: self, name: name.to_owned(), aid, manager, manager_vmid, agent: None })
    }
}

/// An application with one service, of one node.
pub(crate) struct Application<'a> {
    pub(crate) owner: &'a Tenant<'a>,
    pub(crate) name: String,
    pub(crate) aid: ApplicationId,
    pub(crate) manager: Ipv4Addr,
    pub(crate) manager_vmid: String,
    /// Address and id of the node, once the service runs.
    pub(crate) agent: Option<(Ipv4Addr, String)>,
}

impl Application<'_> {
    /// Starts the service with the code in `archive`.
    pub(crate) fn start_service(&mut self, archive: &Path) -> anyhow::Result<()> {
        let (owner, name) = (self.owner, self.name.as_str());
        owner.type_command(&["generic", "start", name, "1"])?;
        let code = self.upload(archive)?;
        owner.type_command(&["generic", "enable_code", name, "1", &code])?;
        let nodes = owner.rows(&["generic", "list_nodes", name, "1"])?;
        let node = nodes.first().context("the service has no node")?;
        let id = node["agent_id"].as_str().context("a node has an id")?.to_owned();
        self.agent = Some((node["ip"].as_str().context("a node has an address")?.parse()?, id));
        Ok(())
    }

    /// Uploads code and returns the name of its version.
    pub(crate) fn upload(&self, archive: &Path) -> anyhow::Result<String> {
        let said = self.owner.type_command(&["generic", "upload_code", &self.name, "1", &archive.to_string_lossy()])?;
        let code = said.split('\'').nth(1).with_context(|| format!("an upload says {said}"))?;
        Ok(code.to_owned())
    }

    /// Runs `run.sh` with `parameters`, as soon as no script is in its way.
    pub(crate) fn run(&self, parameters: &str) -> anyhow::Result<()> {
        let run = ["generic", "run", &self.name, "1", "--parameters", parameters];
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            match self.owner.type_command(&run) {
                Err(error) if error.to_string().contains("Scripts are still running") => {
                    ensure!(std::time::Instant::now() < limit, "a script does not end: {error:#}");
                }
                outcome => return outcome.map(drop),
            }
        }
    }

    /// What its node's scripts have printed.
    pub(crate) fn printed(&self) -> anyhow::Result<String> {
        let (_, node) = self.agent.as_ref().context("the service was not started")?;
        self.owner.type_command(&["generic", "get_agent_log", &self.name, "1", node, "-f", "agent.out"])
    }

    /// Stops it and deletes it.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        self.owner.type_command(&["application", "stop", "--yes", &self.name])?;
        self.owner.type_command(&["application", "delete", "--yes", &self.name]).map(drop)
    }

    /// Where its manager listens.
    pub(crate) fn manager_endpoint(&self) -> Endpoint {
        Endpoint { host: self.manager.to_string(), port: 443 }
    }
}

/// Packs the files of a directory as code.
pub(crate) fn pack(directory: &Path, archive: &Path) -> anyhow::Result<()> {
    let words = ["-C".as_ref(), directory.as_os_str(), "-cf".as_ref(), archive.as_os_str(), ".".as_ref()];
    ensure!(Command::new("tar").args(words).status()?.success(), "tar cannot pack {}", directory.display());
    Ok(())
}
