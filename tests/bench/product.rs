//! What the bench does with the product.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::timed;
use crate::support::product::Product;

/// The name of the only application.
pub(crate) const APPLICATION: &str = "bench";

impl Product {
    /// Adds a service; it goes with the application's next stop.
    pub(crate) fn add_service(&self) -> anyhow::Result<()> {
        self.type_command(&["generic", "add", APPLICATION]).map(drop)
    }

    /// The id of the only service.
    pub(crate) fn service(&self) -> anyhow::Result<String> {
        let rows = self.rows(&["generic", "list"])?;
        let [row] = rows.as_slice() else { bail!("{} services instead of one", rows.len()) };
        Ok(row["sid"].to_string())
    }

    /// How long the manager took to start the service, by its own record.
    pub(crate) fn time_of_service_start(&self) -> anyhow::Result<Duration> {
        let entries = self.rows(&["generic", "get_history", APPLICATION, &self.service()?])?;
        let time_of = |state: &str| entries.iter().find(|entry| entry["state"] == state)?["time"].as_f64();
        let times = time_of("PROLOGUE").zip(time_of("RUNNING"));
        let (began, ended) = times.with_context(|| format!("the service's history is {entries:?}"))?;
        Ok(Duration::from_secs_f64((ended - began).max(0.0)))
    }

    /// How long the director took for each start of the application, by its log.
    pub(crate) fn times_of_application_start(&self) -> anyhow::Result<Vec<Duration>> {
        let log = fs::read_to_string(self.directory.join("director.log"))?;
        let lines = log.lines().filter(|line| line.contains("application running"));
        let time = |line: &str| line.split("elapsed_ms=").nth(1)?.split_whitespace().next()?.parse().ok();
        Ok(lines.filter_map(time).map(Duration::from_millis).collect())
    }

    /// Adds nodes, timed, and takes them away again.
    pub(crate) fn add_nodes(&self, n: usize) -> anyhow::Result<Duration> {
        let (count, sid) = (n.to_string(), self.service()?);
        let time = timed(|| self.type_command(&["generic", "add_nodes", "--count", &count, APPLICATION, &sid]))?;
        let nodes = self.rows(&["generic", "list_nodes", APPLICATION, &sid])?;
        ensure!(nodes.len() == n + 1, "{} nodes instead of {}", nodes.len(), n + 1);
        self.type_command(&["generic", "remove_nodes", "--count", &count, APPLICATION, &sid])?;
        self.wait_for_nodes(2)?;
        Ok(time)
    }

    /// Stops the application and waits until its nodes are gone.
    pub(crate) fn stop_application(&self) -> anyhow::Result<()> {
        self.type_command(&["application", "stop", "--yes", APPLICATION])?;
        self.wait_for_nodes(0)
    }
}
