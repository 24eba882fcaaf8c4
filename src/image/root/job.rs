//! Running what makes an image: tools of this machine and scripts of recipes.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use crate::image::recipe::disk_ids::DiskIds;
use crate::image::recipe::output::Output;
use crate::image::recipe::plan::Plan;
use crate::image::recipe::step::Step;
use crate::image::report::Report;
use crate::image::workspace::Workspace;
use crate::sys::contained::{Contained, Network, run};
use crate::sys::file;

/// A foreign architecture on a slow machine takes hours; a program that hangs must end some day.
const LIMIT: Duration = Duration::from_secs(6 * 3600);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One image that is being made.
pub(crate) struct Job<'a> {
    /// The plan that is carried out.
    pub plan: &'a Plan,
    /// Its stages and its log.
    pub place: Workspace,
    /// Hears how it goes on.
    pub report: &'a dyn Report,
    /// Asks for an end.
    pub stop: &'a CancellationToken,
}

/// A tool of this machine.
pub(crate) struct Tool<'a> {
    program: &'a str,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
    network: Network,
}

impl<'a> Tool<'a> {
    /// Returns a tool without arguments.
    pub(crate) fn new(program: &'a str) -> Self {
        let directory = PathBuf::from("/");
        Tool { program, arguments: Vec::new(), environment: Vec::new(), directory, network: Network::None }
    }

    /// Adds arguments.
    pub(crate) fn with<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.arguments.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Adds an option whose value stands in the same word, such as `--file=PATH`.
    pub(crate) fn option(mut self, option: &str, value: &OsStr) -> Self {
        let mut word = OsString::from(option);
        word.push(value);
        self.arguments.push(word);
        self
    }

    /// Sets a variable.
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Starts in `directory` instead of `/`.
    pub(crate) fn at(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    /// Sees the network of the machine, and its proxies.
    pub(crate) fn on_network(mut self) -> Self {
        self.network = Network::Shared;
        for (name, value) in std::env::vars_os() {
            let is_proxy = name.to_str().is_some_and(|name| name.to_ascii_lowercase().ends_with("_proxy"));
            if is_proxy {
                self.environment.push((name, value));
            }
        }
        self
    }
}

impl Job<'_> {
    /// Tells that a stage begins.
    pub(crate) fn begin(&self, stage: &str) {
        self.report.begin(&self.plan.name, stage);
    }

    /// Runs a tool of this machine.
    ///
    /// # Errors
    /// It is missing or fails.
    pub(crate) async fn tool(&self, tool: Tool<'_>) -> Result<()> {
        let mut environment = self.environment("C");
        environment.extend(tool.environment);
        let contained = Contained {
            program: OsStr::new(tool.program),
            arguments: &tool.arguments,
            environment: &environment,
            directory: &tool.directory,
            root: None,
            network: tool.network,
            limit: LIMIT,
        };
        self.run(&contained).await
    }

    /// Runs a step's script on this machine, with `arguments`.
    pub(crate) async fn script(&self, step: &Step, arguments: &[&Path]) -> Result<()> {
        let mut words: Vec<OsString> = vec!["-eu".into(), step.path.clone().into()];
        words.extend(arguments.iter().map(|argument| argument.as_os_str().to_owned()));
        let mut environment = self.step_environment();
        environment.push(("FILES".into(), step.files().into()));
        let contained = Contained {
            program: OsStr::new("sh"),
            arguments: &words,
            environment: &environment,
            directory: Path::new("/"),
            root: None,
            network: Network::None,
            limit: LIMIT,
        };
        self.run(&contained).await.with_context(|| format!("step {} failed", step.path.display()))
    }

    /// Runs a step's script inside `root`.
    pub(crate) async fn chroot(&self, step: &Step, root: &Path) -> Result<()> {
        let text = file::read_text(&step.path)?;
        let words: [OsString; 3] = ["-euc".into(), text.into(), step.name.clone().into()];
        self.inside(root, &words, Network::None).await.with_context(|| format!("step {} failed", step.path.display()))
    }

    /// Runs a shell inside `root`.
    pub(crate) async fn inside(&self, root: &Path, arguments: &[OsString], network: Network) -> Result<()> {
        let contained = Contained {
            program: OsStr::new("/bin/sh"),
            arguments,
            environment: &self.step_environment(),
            directory: Path::new("/"),
            root: Some(root),
            network,
            limit: LIMIT,
        };
        self.run(&contained).await
    }

    async fn run(&self, contained: &Contained<'_>) -> Result<()> {
        let mut log = self.place.log()?;
        run(contained, &mut log, &mut |line| self.report.line(line), self.stop).await?;
        Ok(())
    }

    fn environment(&self, locale: &str) -> Vec<(OsString, OsString)> {
        let epoch = self.plan.epoch.to_string();
        let pairs =
            [("PATH", PATH), ("HOME", "/root"), ("LC_ALL", locale), ("TZ", "UTC"), ("SOURCE_DATE_EPOCH", &epoch)];
        pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn step_environment(&self) -> Vec<(OsString, OsString)> {
        let recipe = &self.plan.recipe;
        let mut environment = self.environment("C.UTF-8");
        let mut set = |name: &str, value: &str| environment.push((name.into(), value.into()));
        set("ARCH", self.plan.architecture.name());
        set("SUITE", &recipe.suite);
        set("RECIPE", &recipe.name);
        let ids = DiskIds::of(&self.plan.root_key);
        let (layout, partitions) = match &recipe.output {
            Output::Directory => return environment,
            Output::Sd(layout, _) => (layout, [ids.mbr_partition(1), ids.mbr_partition(2)]),
            Output::Disk(layout, _) => (layout, ids.partitions.clone()),
        };
        set("ROOT_UUID", &ids.root);
        set("ROOT_PARTUUID", &partitions[1]);
        set("ROOT_LABEL", &layout.root_label);
        set("BOOT_UUID", &ids.boot_uuid());
        set("BOOT_PARTUUID", &partitions[0]);
        set("BOOT_LABEL", &layout.boot_label);
        environment
    }
}
