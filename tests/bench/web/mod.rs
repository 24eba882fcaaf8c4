//! A site in PHP: how soon it is on the air, how many requests it answers, and what its nodes take.

mod bare;
mod load;
mod node;
mod report;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use self::load::Target;
use self::node::Node;
pub(crate) use self::report::lines;
use super::product::APPLICATION;
use super::{talk, timed};
use crate::support::memory;
use crate::support::product::{Product, RootFileSystem, cloud_directory};

const PAGE: &str = "<?php echo \"hello\\n\";\n";
const STYLE_BYTES: usize = 4096;
const MAX_DEPLOYMENTS: usize = 3;
const ENABLED: usize = 6;
const TURNS: usize = 5;
const TURN: Duration = Duration::from_millis(1500);
const WARM_UP: Duration = Duration::from_millis(500);
const SITE_PORT: u16 = 80;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// From nothing but a running application to the first page.
    first_page: Vec<Duration>,
    enable_code: Vec<Duration>,
    /// From the one node that does everything to four backends.
    four_backends: Duration,
    /// Requests in a second.
    plain: Rates,
    php: Rates,
    /// The memory of nodes, in megabytes.
    idle_node: f64,
    /// The node that does the rest, and two backends.
    scaled_nodes: Vec<f64>,
    /// These with the manager's node.
    all_nodes: f64,
    director: f64,
}

/// What the site and what nginx and php-fpm by themselves answer in a second, one entry a turn.
#[derive(Debug, Default)]
struct Rates {
    site: Vec<f64>,
    bare: Vec<f64>,
}

/// A site that is on the air.
struct Site<'a> {
    product: &'a Product,
    cloud: PathBuf,
    sid: String,
}

/// Measures a site; everything of it is gone afterwards.
pub(crate) fn measure(state: &Path, rounds: usize) -> anyhow::Result<Figures> {
    talk(format_args!("starting a director for a site"));
    let product = Product::up(state, RootFileSystem::ENGINES)?;
    product.type_command(&["application", "create", APPLICATION])?;
    product.type_command(&["application", "start", APPLICATION])?;
    let code = write_code(&state.join("site"))?;
    let mut figures = Figures::default();
    let mut site = Site { product: &product, cloud: cloud_directory(state), sid: String::new() };
    let rounds = rounds.min(MAX_DEPLOYMENTS);
    for round in 1..=rounds {
        talk(format_args!("round {round} of {rounds}: first page of a new site"));
        if round > 1 {
            product.stop_application()?;
            product.type_command(&["application", "start", APPLICATION])?;
        }
        figures.first_page.push(timed(|| site.deploy(&code))?);
    }
    figures.idle_node = site.only_node()?.megabytes()?;
    talk(format_args!("enable_code"));
    figures.enable_code = site.enable_code(&code)?;
    site.compare(&mut figures)?;
    talk(format_args!("backends"));
    site.scale(&mut figures)?;
    product.down()?;
    Ok(figures)
}

/// Writes the smallest site there is.
fn write_code(directory: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join("index.php"), PAGE)?;
    fs::write(directory.join("style.css"), style())?;
    Ok(directory.to_owned())
}

fn style() -> String {
    "p { margin: 0 }\n".repeat(STYLE_BYTES / 16)
}

impl Site<'_> {
    fn type_command(&self, command: &str, words: &[&str]) -> anyhow::Result<String> {
        self.product.type_command(&[&["php", command], words, &[APPLICATION, &self.sid]].concat())
    }

    fn deploy(&mut self, code: &Path) -> anyhow::Result<()> {
        let text = self.product.type_command(&["deploy", &code.to_string_lossy(), "--app", APPLICATION, "--json"])?;
        let on_air: Value = serde_json::from_str(&text).with_context(|| format!("`deploy` answered {text}"))?;
        ensure!(on_air["status"] == 200, "the page answers {on_air}");
        self.sid = on_air["sid"].to_string();
        Ok(())
    }

    /// Addresses of nodes and what they are.
    fn nodes(&self) -> anyhow::Result<Vec<(Ipv4Addr, Node)>> {
        let rows = self.product.rows(&["php", "list_nodes", APPLICATION, &self.sid])?;
        let mut ids = Vec::new();
        for row in &rows {
            let text = |name: &str| row[name].as_str().with_context(|| format!("a node without {name}: {row}"));
            let node = (text("ip")?.parse()?, text("agent_id")?.to_owned());
            // A node has a row for each of its roles.
            if !ids.contains(&node) {
                ids.push(node);
            }
        }
        ids.into_iter().map(|(address, id)| Ok((address, Node::find(&self.cloud, &id)?))).collect()
    }

    fn only_node(&self) -> anyhow::Result<Node> {
        let (_, node) = self.nodes()?.into_iter().next().context("the site has no node")?;
        Ok(node)
    }

    /// Enables two versions in turn.
    fn enable_code(&self, code: &Path) -> anyhow::Result<Vec<Duration>> {
        let mut versions = Vec::new();
        for _ in 0..2 {
            let path = code.to_string_lossy();
            let said = self.product.type_command(&["php", "upload_code", APPLICATION, &self.sid, &path])?;
            let id = said.split('\'').find(|word| word.starts_with("code-"));
            versions.push(id.with_context(|| format!("`upload_code` answered {said}"))?.to_owned());
        }
        let enable =
            |id: &String| timed(|| self.product.type_command(&["php", "enable_code", APPLICATION, &self.sid, id]));
        versions.iter().cycle().take(ENABLED).map(enable).collect()
    }

    /// Compares the one node that does everything with nginx and php-fpm by themselves in the same container.
    fn compare(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let (address, node) = self.nodes()?.into_iter().next().context("the site has no node")?;
        bare::start(&node, PAGE, &style()).context("cannot serve without the product")?;
        for (path, rates) in [("/style.css", &mut figures.plain), ("/index.php", &mut figures.php)] {
            talk(format_args!("requests for {path}"));
            let target = |port: u16| Target { address: (address, port).into(), path };
            target(SITE_PORT).rate(WARM_UP)?;
            target(bare::PORT).rate(WARM_UP)?;
            for _ in 0..TURNS {
                rates.bare.push(target(bare::PORT).rate(TURN)?);
                rates.site.push(target(SITE_PORT).rate(TURN)?);
            }
        }
        Ok(())
    }

    /// Has two backends, measures what they take after requests, and then has four of them.
    fn scale(&self, figures: &mut Figures) -> anyhow::Result<()> {
        self.type_command("add_nodes", &["--backend", "2"])?;
        let nodes = self.nodes()?;
        let (first, _) = nodes.first().context("the site has no node")?;
        Target { address: (*first, SITE_PORT).into(), path: "/index.php" }.rate(TURN)?;
        figures.scaled_nodes = nodes.iter().map(|(_, node)| node.megabytes()).collect::<Result<_, _>>()?;
        figures.all_nodes = node::megabytes_of_all(&self.cloud)?;
        figures.director = memory::of(self.product.director_pid()?)?.pss as f64 / f64::from(1 << 20);
        self.type_command("remove_nodes", &["--backend", "2"])?;
        figures.four_backends = timed(|| self.type_command("add_nodes", &["--backend", "4"]))?;
        Ok(())
    }
}
