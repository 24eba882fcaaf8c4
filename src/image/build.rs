//! `conpaas image build`: from what was asked for to the files that are made.
//! The only place where the parts of this room are put together.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use super::disk::{convert, genimage};
use super::publish::artefact::{Artefact, Built, Offer, Record};
use super::publish::listing;
use super::recipe::architecture::Architecture;
use super::recipe::cache_key::Key;
use super::recipe::deb;
use super::recipe::deb::Deb;
use super::recipe::definition::{Format, Imager, Layout, Machine, Output, Recipe};
use super::recipe::directory::Recipes;
use super::recipe::plan::{Plan, Selection};
use super::root::directory;
use super::root::job::Job;
use super::root::stages;
use super::root::stages::RootArchives;
use super::workspace::Workplace;
use crate::sys::{blocking, file, program};

/// What people see while images are made.
pub(crate) trait Report: Send + Sync {
    /// A stage of an image begins; the one before it is done.
    fn begin(&self, image: &str, stage: &str);
    /// The stage goes on: the last line of what a program says.
    fn line(&self, line: &str);
    /// Something that people have to know, although the build goes on.
    fn warn(&self, image: &str, text: &str);
    /// An image is made, or was found as it had been made.
    fn done(&self, built: &Built);
}

/// Whether downloads are made of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// With xz.
    Xz,
    /// None are.
    None,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct BuildOptions {
    /// Names of recipes.
    pub recipes: Vec<String>,
    /// For which machines; none named means this machine, or else the first that a recipe offers.
    pub architectures: Vec<Architecture>,
    /// Where recipes are, if not at the usual place.
    pub recipe_directory: Option<PathBuf>,
    /// Where results and stages go.
    pub output: PathBuf,
    /// The exact place of the one directory that is made.
    pub to: Option<PathBuf>,
    /// Packages of our own, besides those in `target/dist`.
    pub packages: Vec<PathBuf>,
    /// The kinds of service that containers can run; none named means those that this program knows.
    pub kinds: Option<Vec<String>>,
    /// A directory or a script for the containers' root.
    pub preinstall: Option<PathBuf>,
    /// Whether downloads are made.
    pub compression: Compression,
    /// Where the files will be for those who download them; none means where they are made.
    pub url: Option<String>,
    /// Whether stages of earlier builds are made anew.
    pub is_fresh: bool,
    /// Whether other images are made when one cannot be.
    pub keeps_going: bool,
}

/// What became of one image.
pub(crate) type Outcome = (String, Result<Built>);

/// Without `SOURCE_DATE_EPOCH`, no file of an image is younger than this (the first second of 2024).
const EPOCH: u64 = 1_704_067_200;
/// Where `make dist` puts our packages.
const DIST: &str = "target/dist";

/// Makes images, and tells what became of each.
///
/// # Errors
/// What was asked for makes no sense, so that nothing was begun.
pub(crate) async fn build(
    options: &BuildOptions,
    report: &dyn Report,
    stop: &CancellationToken,
) -> Result<Vec<Outcome>> {
    let plans = plan(options).await?;
    if !nix::unistd::geteuid().is_root() {
        bail!("images have files of many owners, so making them needs root: run it with sudo");
    }
    // Tools start in other directories than this process.
    let output = std::path::absolute(&options.output).context("--output names no directory")?;
    let to = options.to.as_ref().map(std::path::absolute).transpose().context("--to names no directory")?;
    let builder = Builder { options, output, to, report, stop };
    let mut outcomes = Vec::new();
    for plan in &plans {
        let outcome = builder.image(plan).await.with_context(|| plan.name.clone());
        let is_over = outcome.is_err() && !options.keeps_going || stop.is_cancelled();
        outcomes.push((plan.name.clone(), outcome));
        if is_over {
            break;
        }
    }
    if outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
        let url = options.url.clone().unwrap_or_else(|| format!("file://{}", builder.output.display()));
        listing::write(&builder.output, &url)?;
    }
    Ok(outcomes)
}

async fn plan(options: &BuildOptions) -> Result<Vec<Plan>> {
    let recipes = Recipes::open(options.recipe_directory.as_deref())?;
    let mut debs: Vec<Deb> = Vec::new();
    for path in &options.packages {
        debs.push(Deb::read(path).await?);
    }
    // Those that were named come first.
    debs.extend(deb::read_all(Path::new(DIST)).await?);
    let preinstall = match &options.preinstall {
        Some(path) => Some(path.canonicalize().with_context(|| format!("cannot pre-install {}", path.display()))?),
        None => None,
    };
    let epoch = epoch()?;
    let mut plans = Vec::new();
    for name in &options.recipes {
        let recipe = recipes.read(name)?;
        for architecture in architectures(&recipe, &options.architectures)? {
            let (kinds, preinstall, debs) = (options.kinds.clone(), preinstall.clone(), debs.clone());
            plans.push(Plan::make(&recipes, name, &Selection { architecture, kinds, preinstall, debs, epoch })?);
        }
    }
    if options.to.is_some() && (plans.len() != 1 || plans[0].recipe.output != Output::Directory) {
        bail!("--to names the place of one directory: name one recipe that makes one, for one architecture");
    }
    Ok(plans)
}

fn architectures(recipe: &Recipe, wanted: &[Architecture]) -> Result<Vec<Architecture>> {
    let offered = &recipe.architectures;
    if wanted.is_empty() {
        return Ok(vec![recipe.usual_architecture()]);
    }
    let both: Vec<Architecture> = wanted.iter().copied().filter(|wanted| offered.contains(wanted)).collect();
    if both.is_empty() {
        let names = |architectures: &[Architecture]| {
            architectures.iter().map(|architecture| architecture.name()).collect::<Vec<_>>().join(", ")
        };
        let (recipe, wanted, offered) = (recipe.name.clone(), names(wanted), names(offered));
        return Err(super::recipe::definition::RecipeError::Architecture { recipe, wanted, offered }.into());
    }
    Ok(both)
}

fn epoch() -> Result<u64> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(EPOCH) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let epoch = text.to_str().and_then(|text| text.parse().ok());
    epoch.filter(|epoch| *epoch <= now).context("SOURCE_DATE_EPOCH must be seconds since 1970, and not in the future")
}

struct Builder<'a> {
    options: &'a BuildOptions,
    output: PathBuf,
    to: Option<PathBuf>,
    report: &'a dyn Report,
    stop: &'a CancellationToken,
}

impl<'a> Builder<'a> {
    async fn image(&self, plan: &'a Plan) -> Result<Built> {
        self.check(plan)?;
        let (job, archives) = self.root(plan).await?;
        let made = self.make(&job, &archives).await;
        let built = made.with_context(|| format!("see {}", job.place.log_path().display()))?;
        self.report.done(&built);
        Ok(built)
    }

    async fn make(&self, job: &Job<'_>, archives: &RootArchives) -> Result<Built> {
        let recipe = &job.plan.recipe;
        let mut built = Built {
            name: job.plan.name.clone(),
            directory: None,
            content_bytes: std::fs::metadata(&archives.root)?.len(),
            artefacts: Vec::new(),
            budget_mb: recipe.compressed_budget_mb,
            seed_mb: recipe.seed_mb,
        };
        match &recipe.output {
            Output::Directory => {
                let target = self.to.clone().unwrap_or_else(|| self.output.join(&job.plan.name));
                directory::place(job, &archives.root, &target).await?;
                built.directory = Some(target);
                if self.options.compression == Compression::Xz {
                    let file = File { name: format!("{}.tar.xz", job.plan.name), key: job.plan.root_key.then("xz") };
                    let make = async |target: &Path| convert::compress(job, &archives.root, target).await;
                    built.artefacts.push(self.artefact(job, &file, make).await?);
                }
            }
            Output::Sd(layout, imager) => {
                built.artefacts = self.disk(job, archives, layout, &Machine::default()).await?;
                let offer = imager.as_ref().map(|imager| offer(job.plan, imager, &built.artefacts[0].file));
                Record::read(job.place.path()).set_offer(offer)?;
            }
            Output::Disk(layout, machine) => built.artefacts = self.disk(job, archives, layout, machine).await?,
        }
        Ok(built)
    }

    /// The raw disk first, then its other forms.
    async fn disk(
        &self,
        job: &Job<'_>,
        archives: &RootArchives,
        layout: &Layout,
        machine: &Machine,
    ) -> Result<Vec<Artefact>> {
        let key = job.plan.disk_key(layout);
        let raw = File { name: format!("{}.img", job.plan.name), key: key.clone() };
        let make = async |target: &Path| genimage::make(job, archives, layout, target).await;
        let mut artefacts = vec![self.artefact(job, &raw, make).await?];
        let image = self.output.join(&raw.name);
        for format in layout.formats.iter().copied().filter(|format| *format != Format::Raw) {
            let name = format!("{}.{}", job.plan.name, format.extension());
            let file = File { name, key: key.then(&format!("{format:?} {machine:?}")) };
            let make = async |target: &Path| convert::convert(job, &image, format, machine, target).await;
            artefacts.push(self.artefact(job, &file, make).await?);
        }
        if self.options.compression == Compression::Xz {
            let file = File { name: format!("{}.xz", raw.name), key: key.then("xz") };
            let make = async |target: &Path| convert::compress(job, &image, target).await;
            artefacts.push(self.artefact(job, &file, make).await?);
        }
        Ok(artefacts)
    }

    /// The file, found as it had been made, or made.
    async fn artefact(
        &self,
        job: &Job<'_>,
        file: &File,
        make: impl AsyncFnOnce(&Path) -> Result<()>,
    ) -> Result<Artefact> {
        let mut record = Record::read(job.place.path());
        if let Some(artefact) = record.find(&self.output, &file.name, &file.key) {
            return Ok(artefact);
        }
        make(&self.output.join(&file.name)).await?;
        let (output, name, key) = (self.output.clone(), file.name.clone(), file.key.clone());
        blocking(move || record.add(&output, &name, &key)).await
    }

    /// The archives of a plan's root; while the job is there, no other build removes them.
    async fn root(&self, plan: &'a Plan) -> Result<(Job<'a>, RootArchives)> {
        let on_wait = || self.report.begin(&plan.name, "waiting for another build");
        let work = self.output.join("work").join(&plan.name);
        let place = Workplace::open(&work, on_wait, self.stop).await?;
        place.begin_log()?;
        let job = Job { plan, place, report: self.report, stop: self.stop };
        if self.options.is_fresh {
            stages::forget(&job)?;
        }
        let mut inner_jobs = Vec::new();
        let mut embedded = Vec::new();
        if !stages::is_there(&job) {
            for (inner, to) in &plan.embeds {
                let (inner_job, archives) = Box::pin(self.root(inner)).await?;
                inner_jobs.push(inner_job);
                embedded.push((archives.root, to.clone()));
            }
        }
        let log = job.place.log_path();
        let archives = stages::make(&job, &embedded).await.with_context(|| format!("see {}", log.display()))?;
        Ok((job, archives))
    }

    /// What can be known before anything is begun.
    fn check(&self, plan: &Plan) -> Result<()> {
        let mut missing: Vec<&str> = Vec::new();
        for (tool, package, is_needed) in tools(&plan.recipe.output, self.options.compression) {
            if is_needed && program::find(tool).is_none() && !missing.contains(&package) {
                missing.push(package);
            }
        }
        if !missing.is_empty() {
            bail!("programs are missing that make images: apt-get install {}", missing.join(" "));
        }
        file::ensure_directory(&self.output)?;
        let free_mb = file::free_bytes(&self.output)? >> 20;
        if free_mb < plan.recipe.space_mb {
            bail!(
                "it takes about {} MB to make, and {} has only {free_mb} MB free: make room, or name another place with --output DIR",
                plan.recipe.space_mb,
                self.output.display()
            );
        }
        Ok(())
    }
}

/// A file to be made.
struct File {
    name: String,
    key: Key,
}

fn offer(plan: &Plan, imager: &Imager, image: &str) -> Offer {
    Offer {
        name: imager.name.clone(),
        about: plan.recipe.about.clone(),
        icon: imager.icon.clone(),
        website: imager.website.clone(),
        architecture: plan.architecture,
        epoch: plan.epoch,
        image: image.to_owned(),
    }
}

/// Program, the package that brings it, and whether it is needed.
fn tools(output: &Output, compression: Compression) -> [(&'static str, &'static str, bool); 11] {
    let (is_card, is_disk, has_forms) = match output {
        Output::Directory => (false, false, false),
        Output::Sd(..) => (true, false, false),
        Output::Disk(layout, _) => (false, true, layout.formats != [Format::Raw]),
    };
    [
        ("mmdebstrap", "mmdebstrap", true),
        ("tar", "tar", true),
        ("unshare", "util-linux", true),
        ("dpkg-deb", "dpkg", true),
        ("mkfs.ext4", "e2fsprogs", is_card || is_disk),
        ("mkfs.vfat", "dosfstools", is_card || is_disk),
        ("mcopy", "mtools", is_card || is_disk),
        ("genimage", "genimage", is_card || is_disk),
        ("grub-mkimage", "grub-common", is_disk),
        ("qemu-img", "qemu-utils", has_forms),
        ("xz", "xz-utils", compression == Compression::Xz),
    ]
}
