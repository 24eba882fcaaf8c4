//! Where a web node keeps its files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::AgentConfig;
use crate::service::account;
use crate::service::environment::LinkFiles;
use crate::service::error::MethodError;
use crate::supervise::daemon::{ConfigurationFile, Launch, OutputLimits, Scheduling, Style};

/// The account of Debian's web servers.
const ACCOUNT: &str = "www-data";

/// Where a web node keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Generated files, logs and code.
    pub cache: PathBuf,
    /// Code versions, each in a directory of its own, and the link to the one that is served.
    pub www: PathBuf,
    /// What the supervisor of programs keeps.
    pub daemons: PathBuf,
    /// Sockets and numbers of processes.
    pub run: PathBuf,
    /// What programs read of links.
    pub links: LinkFiles,
    /// The account that programs run as; `None` where this process has no other, as in the process cloud.
    pub account: Option<String>,
    /// The node's address.
    pub my_ip: std::net::Ipv4Addr,
}

/// How long requests that are under way have when a program is to end.
pub(super) const GRACE: Duration = Duration::from_secs(30);

impl Place {
    pub(super) fn new(config: &AgentConfig) -> Self {
        let base = &config.base;
        let cache = base.rooted(&base.var_cache);
        let has_own_root = base.root == Path::new("/");
        let account = has_own_root.then(|| ACCOUNT.to_owned());
        Place {
            links: LinkFiles::new(&base.root, account.clone()),
            www: cache.join("www"),
            cache,
            daemons: base.rooted(&base.var_tmp).join("daemons"),
            run: base.rooted(&base.var_run),
            account,
            my_ip: base.my_ip,
        }
    }

    /// The file that says that nginx is to keep no connection.
    pub(super) fn mark(&self) -> PathBuf {
        self.run.join("keep-no-connection")
    }

    /// The link to the code that is served.
    pub(super) fn current(&self) -> PathBuf {
        self.www.join("current")
    }

    /// Where Tomcat works.
    pub(super) fn tomcat(&self) -> PathBuf {
        self.cache.join("tomcat_instance")
    }

    /// Hands a file or a directory over to the account that programs run as. Blocking.
    ///
    /// # Errors
    /// Returns an error if there is no such account.
    pub(super) fn give(&self, path: &Path) -> Result<(), MethodError> {
        let Some(account) = &self.account else { return Ok(()) };
        account::give(path, account)
    }

    /// Returns a file of a program's configuration. It may hold a password: only the account that reads it can.
    pub(super) fn file(&self, path: &str, content: String) -> ConfigurationFile {
        ConfigurationFile { path: path.into(), content, mode: 0o640, owner: self.account.clone() }
    }

    /// Returns how a program of this node is started.
    pub(super) fn launch(
        &self,
        program: PathBuf,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Launch {
        Launch {
            program,
            arguments,
            environment,
            user: self.account.clone(),
            directory: PathBuf::from("/"),
            style: Style::Foreground,
            scheduling: Scheduling::Usual,
            output: OutputLimits::default(),
        }
    }
}
