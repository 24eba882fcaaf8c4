//! `conpaas image build`: from what was asked for to the files that are made.
//! The only place where the parts of this room are put together.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use super::disk::{convert, genimage};
use super::options::{self, BuildOptions, Compression};
use super::publish::artefact::{Artefact, Built, Offer, Record};
use super::publish::listing;
use super::recipe::cache_key::CacheKey;
use super::recipe::output::{Format, Imager, Layout, Machine, Output};
use super::recipe::plan::Plan;
use super::report::Report;
use super::requirements;
use super::root::directory;
use super::root::job::Job;
use super::root::stages::{self, RootArchives};
use super::workspace::Workspace;
use crate::sys::blocking;

/// The name of one image, and how its making ended.
pub(crate) type Outcome = (String, Result<Built>);

/// Makes images, and returns how each of them ended.
///
/// # Errors
/// The request makes no sense; nothing was begun.
pub(crate) async fn build(
    options: &BuildOptions,
    report: &dyn Report,
    stop: &CancellationToken,
) -> Result<Vec<Outcome>> {
    let plans = options::plan(options).await?;
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

struct Builder<'a> {
    options: &'a BuildOptions,
    output: PathBuf,
    to: Option<PathBuf>,
    report: &'a dyn Report,
    stop: &'a CancellationToken,
}

impl<'a> Builder<'a> {
    async fn image(&self, plan: &'a Plan) -> Result<Built> {
        requirements::check(&plan.recipe, self.options.compression, &self.output)?;
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

    /// Makes the raw disk first, then its other forms.
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

    /// Makes the archives of a plan's root; while the job is there, no other build removes them.
    async fn root(&self, plan: &'a Plan) -> Result<(Job<'a>, RootArchives)> {
        let on_wait = || self.report.begin(&plan.name, "waiting for another build");
        let work = self.output.join("work").join(&plan.name);
        let place = Workspace::open(&work, on_wait, self.stop).await?;
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
}

/// A file to be made.
struct File {
    name: String,
    key: CacheKey,
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
