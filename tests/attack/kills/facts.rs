//! What the director and managers have acknowledged, and what they say that there is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::Value;

use crate::attack::tenant::Tenant;

/// States in which nothing is being done.
const AT_REST: [&str; 4] = ["INIT", "RUNNING", "STOPPED", "ERROR"];

/// Facts by their names: `app` has its state, `app/sid` the service's, `app/sid/nodes` how many there are,
/// `app/sid/code/NAME` whether it is current, `app/volume/NAME` its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts(pub(crate) BTreeMap<String, String>);

impl Facts {
    /// Asks for all of one application; `None` while something is being done, or nobody answers.
    pub(crate) fn ask(tenant: &Tenant<'_>, application: &str) -> Option<Facts> {
        Facts::try_ask(tenant, application).ok().flatten()
    }

    fn try_ask(tenant: &Tenant<'_>, application: &str) -> anyhow::Result<Option<Facts>> {
        let mut facts = Facts::default();
        let rows = tenant.rows(&["application", "list"])?;
        let Some(row) = rows.iter().find(|row| row["name"] == application) else { return Ok(Some(facts)) };
        let state = text(row, "status")?;
        if !AT_REST.contains(&state.as_str()) {
            return Ok(None);
        }
        facts.set(application, &state);
        if state == "RUNNING" && !facts.ask_services(tenant, application)? {
            return Ok(None);
        }
        Ok(Some(facts))
    }

    fn ask_services(&mut self, tenant: &Tenant<'_>, application: &str) -> anyhow::Result<bool> {
        for row in tenant.rows(&["generic", "list", "-a", application])? {
            let sid = row["sid"].to_string();
            let said = tenant.type_command(&["generic", "get_state", application, &sid, "--json"])?;
            let state = text(&serde_json::from_str(&said)?, "state")?;
            if !AT_REST.contains(&state.as_str()) {
                return Ok(false);
            }
            let service = format!("{application}/{sid}");
            self.set(&service, &state);
            let nodes = tenant.rows(&["generic", "list_nodes", application, &sid])?;
            self.set(&format!("{service}/nodes"), &nodes.len().to_string());
            for code in tenant.rows(&["generic", "list_codes", application, &sid])? {
                let current = if code["current"] == true { "current" } else { "there" };
                self.set(&format!("{service}/code/{}", text(&code, "codeVersionId")?), current);
            }
            for volume in tenant.rows(&["generic", "list_volumes", application, &sid])? {
                let name = format!("{service}/volume/{}", text(&volume, "vol_name")?);
                self.set(&name, &volume["vol_size"].to_string());
            }
        }
        Ok(true)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Forgets a thing with all that belongs to it.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|other, _| !belongs(other, name));
    }

    /// The last parts of the names below `prefix`.
    pub(crate) fn below(&self, prefix: &str) -> Vec<String> {
        let names = self.0.keys().filter_map(|name| name.strip_prefix(prefix));
        names.filter(|rest| !rest.is_empty() && !rest.contains('/')).map(str::to_owned).collect()
    }

    /// What is not as it was acknowledged, but for what belongs to a thing of which nobody is sure.
    pub(crate) fn differences(&self, seen: &Facts, unsure: &BTreeSet<String>) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(seen.0.keys()).collect();
        let sure = names.into_iter().filter(|name| !unsure.iter().any(|thing| belongs(name, thing)));
        let differ = sure.filter(|name| self.get(name) != seen.get(name));
        differ.map(|name| format!("{name}: acknowledged {:?}, there is {:?}", self.get(name), seen.get(name))).collect()
    }
}

fn belongs(name: &str, thing: &str) -> bool {
    name.strip_prefix(thing).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn text(row: &Value, name: &str) -> anyhow::Result<String> {
    row[name].as_str().map(str::to_owned).with_context(|| format!("{row} has no {name}"))
}
