//! `conpaas image list`, `conpaas image build`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Serialize, Serializer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::image_progress::Progress;
use super::line::{Outcome as RoleOutcome, RoleLine};
use crate::cli::output::printer::{Printer, Reply, harmless, write_error, write_out};
use crate::cli::output::table::{table, value_of};
use crate::image::{Architecture, BuildOptions, Built, Compression, RecipeDirectory, build, overview};
use crate::server;

/// Make images for containers and machines
#[derive(Debug, Parser)]
#[command(name = "conpaas image", disable_help_subcommand = true)]
pub(crate) struct ImageLine {
    /// Print one JSON value at the end
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    /// Show the recipes
    List {
        /// Where recipes are [default: images, or /usr/share/conpaas/images]
        #[arg(long, value_name = "DIR")]
        recipes: Option<PathBuf>,
    },
    /// Show what a recipe installs and does
    Show {
        /// The recipe
        #[arg(value_name = "RECIPE")]
        name: String,
        /// For which machine [default: this one, else the first that the recipe offers]
        #[arg(long, value_name = "ARCH")]
        arch: Option<Architecture>,
        /// The kinds of service that containers can run [default: all that this program has]
        #[arg(long, value_name = "KIND", value_delimiter = ',')]
        service: Option<Vec<String>>,
        /// Where recipes are [default: images, or /usr/share/conpaas/images]
        #[arg(long, value_name = "DIR")]
        recipes: Option<PathBuf>,
    },
    /// Make images (root)
    Build(Build),
}

#[derive(Debug, Args)]
struct Build {
    /// What to make; `conpaas image list` shows what there is
    #[arg(required = true, value_name = "RECIPE")]
    names: Vec<String>,
    /// For which machines: amd64, arm64, armhf [default: this one, else the first that the recipe offers]
    #[arg(long, value_name = "ARCH", value_delimiter = ',')]
    arch: Vec<Architecture>,
    /// Where results go; stages of the work are kept there too, in work/
    #[arg(long, value_name = "DIR", default_value = "target/images")]
    output: PathBuf,
    /// The exact place for the one directory that is made
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Where recipes are [default: images, or /usr/share/conpaas/images]
    #[arg(long, value_name = "DIR")]
    recipes: Option<PathBuf>,
    /// A Debian package of ours that a recipe installs; may be repeated [default: what is in target/dist]
    #[arg(long, value_name = "FILE")]
    package: Vec<PathBuf>,
    /// The kinds of service that containers can run [default: all that this program has]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    service: Option<Vec<String>>,
    /// Put this directory into the containers as /opt/preinstalled, or run this script in their root
    #[arg(long, value_name = "DIR|SCRIPT")]
    preinstall: Option<PathBuf>,
    /// Make compressed files for download too
    #[arg(long, value_enum, default_value_t = CompressChoice::None)]
    compress: CompressChoice,
    /// Where the files will be for those who download them, for os_list.json [default: where they are made]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Make everything anew, with the packages of today
    #[arg(long)]
    fresh: bool,
    /// Go on with other images when one fails
    #[arg(long)]
    keep_going: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompressChoice {
    Xz,
    None,
}

/// What shells say of a program that Ctrl-C ended.
const STOPPED: u8 = 130;

impl RoleLine for ImageLine {
    fn run(self) -> RoleOutcome {
        let printer = Printer { is_json: self.json, is_debug: false };
        let reply = match self.command {
            ImageCommand::List { recipes } => list(recipes.as_deref())?,
            ImageCommand::Show { name, arch, service, recipes } => show(recipes.as_deref(), &name, arch, service)?,
            ImageCommand::Build(options) => return Ok(make(options, printer)?),
        };
        Ok(ExitCode::from(printer.reply(&reply)))
    }
}

/// A row of `list`.
#[derive(Serialize)]
struct RecipeRow {
    recipe: String,
    makes: &'static str,
    r#for: String,
    about: String,
}

/// What `show` tells, as `--json` prints it.
#[derive(Serialize)]
struct RecipeView<'a> {
    recipe: &'a str,
    architecture: &'static str,
    about: &'a str,
    packages: &'a [String],
    steps: &'a [PathBuf],
    contains: &'a [String],
}

fn list(recipes: Option<&Path>) -> anyhow::Result<Reply> {
    let recipes = RecipeDirectory::open(recipes)?.list()?;
    let rows: Vec<RecipeRow> = recipes
        .into_iter()
        .map(|recipe| RecipeRow {
            recipe: recipe.name,
            makes: recipe.output.word(),
            r#for: recipe.architectures.iter().map(|architecture| architecture.name()).collect::<Vec<_>>().join(" "),
            about: recipe.about,
        })
        .collect();
    Ok(Reply::table(&["recipe", "makes", "for", "about"], &rows, ""))
}

fn show(
    recipes: Option<&Path>,
    name: &str,
    architecture: Option<Architecture>,
    kinds: Option<Vec<String>>,
) -> anyhow::Result<Reply> {
    let recipes = RecipeDirectory::open(recipes)?;
    let recipe = recipes.read(name)?;
    let architecture = architecture.unwrap_or_else(|| recipe.usual_architecture());
    let overview = overview(&recipes, name, architecture, kinds)?;
    let mut text = format!("{name} for {architecture}: {}\n\npackages, and what they need:\n", recipe.about);
    for package in &overview.packages {
        text.push_str(&format!("    {package}\n"));
    }
    text.push_str("\nsteps:\n");
    for step in &overview.steps {
        text.push_str(&format!("    {}\n", step.display()));
    }
    for embed in &overview.embeds {
        text.push_str(&format!("\ncontains: {embed}\n"));
    }
    let view = RecipeView {
        recipe: name,
        architecture: architecture.name(),
        about: &recipe.about,
        packages: &overview.packages,
        steps: &overview.steps,
        contains: &overview.embeds,
    };
    Ok(Reply::line(text.trim_end_matches('\n'), &view))
}

fn make(line: Build, printer: Printer) -> anyhow::Result<ExitCode> {
    let options = BuildOptions {
        recipes: line.names,
        architectures: line.arch,
        recipe_directory: line.recipes,
        output: line.output,
        to: line.to,
        packages: line.package,
        kinds: line.service,
        preinstall: line.preinstall,
        compression: match line.compress {
            CompressChoice::Xz => Compression::Xz,
            CompressChoice::None => Compression::None,
        },
        url: line.url,
        is_fresh: line.fresh,
        keeps_going: line.keep_going,
    };
    let stop = CancellationToken::new();
    let progress = if printer.is_json { Progress::silent() } else { Progress::new() };
    // One thread: the programs that are started end with the thread that started them.
    let outcomes = server::complete(async {
        tokio::select! {
            biased;
            outcomes = build(&options, &progress, &stop) => outcomes,
            never = ask_to_stop(&stop) => match never {},
        }
    })?;
    progress.end();
    if stop.is_cancelled() {
        let text = "stopped; the same command goes on where this one was";
        if printer.is_json {
            printer.error(text);
        } else {
            write_error(text);
        }
        return Ok(ExitCode::from(STOPPED));
    }
    let outcomes = outcomes?;
    let mut code = ExitCode::SUCCESS;
    for (_, outcome) in &outcomes {
        if let Err(error) = outcome {
            printer.error(&harmless(&format!("{error:#}")));
            code = ExitCode::FAILURE;
        }
    }
    let built: Vec<&Built> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).collect();
    if printer.is_json {
        let views: Vec<BuiltView<'_>> = built.iter().map(|built| built_view(built)).collect();
        write_out(&format!("{}\n", value_of(&views)));
    } else {
        print_sizes(&built);
    }
    Ok(code)
}

/// Asks for an end when the user or the system does; never ends itself.
async fn ask_to_stop(stop: &CancellationToken) -> std::convert::Infallible {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    let any = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    if signals_arrive(any).await {
        stop.cancel();
    }
    std::future::pending().await
}

async fn signals_arrive<F: Future<Output = Option<()>> + Unpin>(any: impl Iterator<Item = F>) -> bool {
    let any: Vec<F> = any.collect();
    if any.is_empty() {
        return false;
    }
    futures_util::future::select_all(any).await;
    true
}

/// Sizes of what was made, in MB, beside what they may have and what the seed's had.
fn print_sizes(built: &[&Built]) {
    let rows: Vec<SizeRow<'_>> = built.iter().map(|built| size_row(built)).collect();
    if !rows.is_empty() {
        write_out(&format!("{}\n", table(&["image", "content", "disk", "download", "budget", "seed"], &rows)));
    }
    for built in built {
        let download_mb = built.download().map(|download| megabytes(download.bytes));
        if let (Some(download_mb), Some(budget_mb)) = (download_mb, built.budget_mb)
            && download_mb > budget_mb as f64
        {
            let name = &built.name;
            write_error(&format!("WARNING - {name} is over its budget: {download_mb} MB instead of {budget_mb} MB"));
        }
    }
}

/// An image that was made, as `--json` prints it.
#[derive(Serialize)]
struct BuiltView<'a> {
    image: &'a str,
    directory: Option<&'a Path>,
    content_bytes: u64,
    budget_mb: Option<u64>,
    files: Vec<FileView<'a>>,
}

/// A file that was made, as `--json` prints it.
#[derive(Serialize)]
struct FileView<'a> {
    file: &'a str,
    bytes: u64,
    sha256: &'a str,
}

fn built_view(built: &Built) -> BuiltView<'_> {
    let files = built.artefacts.iter();
    BuiltView {
        image: &built.name,
        directory: built.directory.as_deref(),
        content_bytes: built.content_bytes,
        budget_mb: built.budget_mb,
        files: files.map(|made| FileView { file: &made.file, bytes: made.bytes, sha256: &made.sha256 }).collect(),
    }
}

/// A row of what was made; sizes in MB, a dash for what there is none of.
#[derive(Serialize)]
struct SizeRow<'a> {
    image: &'a str,
    content: f64,
    #[serde(serialize_with = "number_or_dash")]
    disk: Option<f64>,
    #[serde(serialize_with = "number_or_dash")]
    download: Option<f64>,
    #[serde(serialize_with = "number_or_dash")]
    budget: Option<f64>,
    #[serde(serialize_with = "number_or_dash")]
    seed: Option<f64>,
}

fn number_or_dash<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.serialize_f64(*number),
        None => serializer.serialize_str("-"),
    }
}

fn size_row(built: &Built) -> SizeRow<'_> {
    let disk = built.artefacts.iter().find(|artefact| artefact.file.ends_with(".img"));
    SizeRow {
        image: &built.name,
        content: megabytes(built.content_bytes),
        disk: disk.map(|disk| megabytes(disk.bytes)),
        download: built.download().map(|download| megabytes(download.bytes)),
        budget: built.budget_mb.map(|budget| budget as f64),
        seed: built.seed_mb.map(|seed| seed as f64),
    }
}

/// Millions of bytes, with one digit after the point.
fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_told_to_programs_in_bytes() {
        let built = Built {
            name: "services-amd64".to_owned(),
            directory: Some("/images/services".into()),
            content_bytes: 123_456_789,
            artefacts: Vec::new(),
            budget_mb: Some(60),
            seed_mb: None,
        };
        let wanted = r#"{"image":"services-amd64","directory":"/images/services","content_bytes":123456789,"budget_mb":60,"files":[]}"#;
        assert_eq!(value_of(&built_view(&built)), serde_json::from_str::<serde_json::Value>(wanted).unwrap());
    }

    #[test]
    fn sizes_have_one_digit_and_what_is_missing_is_a_dash() {
        let row = SizeRow {
            image: "services",
            content: megabytes(123_456_789),
            disk: None,
            download: Some(megabytes(1_000_000)),
            budget: Some(60.0),
            seed: None,
        };
        assert_eq!(
            table(&["image", "content", "disk", "download", "budget", "seed"], &[row]),
            "image    content disk download budget seed\n\
             ------------------------------------------\n\
             services   123.5 -         1.0   60.0 -   "
        );
    }
}
