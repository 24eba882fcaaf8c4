//! Random `kill -9` of the director, of managers, agents and their helpers
//! while users act: nothing that was acknowledged is lost, nothing is left
//! that nobody knows, and nothing is charged twice.

mod actions;
mod audit;
mod facts;
mod killer;
mod random;
mod user;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::ensure;

use self::audit::Audit;
use self::random::Random;
use self::user::Story;
use super::host::Host;
use super::talk;
use super::tenant::{Tenant, pack};
use crate::support::control_groups::groups;
use crate::support::enter::mark;
use crate::support::product::{Product, cloud_directory};
use crate::support::wait::try_until_within;

/// As an attack is named.
pub(crate) const NAME: &str = "kills";
const APPLICATIONS: [&str; 3] = ["first", "second", "third"];
/// How long machine and records may take to agree, after the last kill.
const REST: Duration = Duration::from_secs(120);

/// Kills `n` times. The choices follow from `seed`, the moments from the machine as well.
pub(crate) fn play(product: &Product, state: &Path, n: usize, seed: u64) -> anyhow::Result<()> {
    talk(format_args!("{n} kills, seed {seed}"));
    let tenant = Tenant::new(product, "carol")?;
    let code = pack_code(state)?;
    let before = Host::look(state)?;
    let audit = Audit::begin(&product.directory)?;
    let began = Instant::now();
    let (are_killed, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (killed, stories) = std::thread::scope(|scope| {
        scope.spawn(|| keep_director(product, &is_over));
        let users = APPLICATIONS.map(|name| {
            let random = Random::new(seed.wrapping_add(name.len() as u64));
            let (tenant, code, are_killed) = (&tenant, &code, &are_killed);
            scope.spawn(move || user::act_until(tenant, name, code, random, are_killed))
        });
        let killed = killer::kill_at_random(product, n, &mut Random::new(seed));
        are_killed.store(true, Ordering::SeqCst);
        let stories = users.map(ScopedJoinHandle::join);
        is_over.store(true, Ordering::SeqCst);
        (killed, stories)
    });
    let mut all = Story::default();
    for story in stories {
        let story = story.map_err(|_| anyhow::anyhow!("a user has panicked"))?;
        all.broken.extend(story.broken);
        all.reasons.extend(story.reasons);
        for (kind, (n_done, n_failed)) in story.actions {
            let count = all.actions.entry(kind).or_default();
            *count = (count.0 + n_done, count.1 + n_failed);
        }
    }
    print(&killed, &all, seed, began.elapsed());
    let mut broken = all.broken;
    talk(format_args!("all have died: comparing"));
    broken.extend(compare(&audit, state)?);
    let (charged, wrong) = audit.examine()?;
    println!("{:<18}   {charged} credits were charged", "");
    broken.extend(wrong);
    broken.extend(end(&tenant, state, &before));
    for text in &broken {
        println!("{:<18}   BROKEN: {text}", "");
    }
    ensure!(broken.is_empty(), "BROKEN: {NAME} with seed {seed}");
    println!("{NAME:<18}   held");
    Ok(())
}

fn pack_code(state: &Path) -> anyhow::Result<std::path::PathBuf> {
    let (directory, archive) = (state.join("code"), state.join("code.tar"));
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("run.sh"), "#!/bin/bash\nexec /usr/bin/sleep 4\n")?;
    pack(&directory, &archive)?;
    Ok(archive)
}

/// Starts the director again whenever it has died, as a service manager does.
fn keep_director(product: &Product, is_over: &AtomicBool) {
    while !is_over.load(Ordering::SeqCst) {
        if !product.director_pid().is_ok_and(killer::is_there) {
            // It may be killed again before it is ready.
            let _again_next_time = product.ensure_up();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn print(killed: &BTreeMap<&str, usize>, all: &Story, seed: u64, time: Duration) {
    let killed: Vec<String> = killed.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    println!("{NAME:<18}   seed {seed}, {} s; killed: {}", time.as_secs(), killed.join(", "));
    for (kind, (n_done, n_failed)) in &all.actions {
        println!("{:<18}   {kind}: {n_done} acknowledged, {n_failed} failed", "");
    }
    for reason in &all.reasons {
        talk(format_args!("failed: {reason}"));
    }
}

/// Rows, directories, containers, control groups, mounts and cables, once they agree; what differs if they never do.
fn compare(audit: &Audit, state: &Path) -> anyhow::Result<Vec<String>> {
    let mut differ = Vec::new();
    let _looked_at_below = try_until_within(REST, || {
        differ = differences(audit, state).unwrap_or_else(|error| vec![format!("{error:#}")]);
        differ.is_empty().then_some(())
    });
    Ok(differ)
}

fn differences(audit: &Audit, state: &Path) -> anyhow::Result<Vec<String>> {
    let cloud = cloud_directory(state);
    let names = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let mut differ = Vec::new();
    let mut n_rows = 0;
    for (table, directory) in [("node", "nodes"), ("volume", "volumes")] {
        let (rows, n_moving) = audit.tags(table)?;
        let directories = names(&cloud.join(directory));
        if rows != directories {
            differ.push(format!("rows of {table}: {rows:?}, directories: {directories:?}"));
        }
        if n_moving > 0 {
            differ.push(format!("{n_moving} rows of {table} are neither there nor gone"));
        }
        if table == "node" {
            n_rows = rows.len();
        }
    }
    let memory = groups(Path::new("/sys/fs/cgroup"), &format!("lxc.payload.{}", mark(&cloud)));
    let mut containers: Vec<String> =
        memory.iter().filter_map(|group| Some(group.file_name()?.to_string_lossy().into_owned())).collect();
    containers.sort();
    containers.dedup();
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let root = |line: &&str| {
        line.split(' ').nth(4).is_some_and(|at| at.starts_with(&*cloud.to_string_lossy()) && at.ends_with("/root"))
    };
    let cables = names(Path::new("/sys/class/net")).into_iter().filter(|name| name.starts_with("cp")).count();
    for (what, n) in [
        ("containers by their control groups", containers.len()),
        ("mounted roots", table.lines().filter(root).count()),
        ("monitors", killer::found(|line| line.starts_with("[lxc monitor] ")).len()),
        ("cables", cables),
    ] {
        if n != n_rows {
            differ.push(format!("{what}: {n}, rows of nodes: {n_rows}"));
        }
    }
    Ok(differ)
}

/// Deletes everything; says what is left of it.
fn end(tenant: &Tenant<'_>, state: &Path, before: &Host) -> Vec<String> {
    let mut broken = Vec::new();
    for name in APPLICATIONS {
        if tenant.type_command(&["application", "stop", "--yes", name]).is_ok()
            || tenant.rows(&["application", "list"]).is_ok_and(|rows| rows.iter().any(|row| row["name"] == name))
        {
            let deleted = tenant.type_command(&["application", "delete", "--yes", name]);
            broken.extend(deleted.err().map(|error| format!("{name} cannot be deleted: {error:#}")));
        }
    }
    let left = || Host::look(state).map_or_else(|error| vec![format!("{error:#}")], |host| host.left_since(before));
    let mut last = left();
    let _said_below = try_until_within(REST, || {
        last = left();
        last.is_empty().then_some(())
    });
    broken.extend(last.iter().map(|text| format!("left at the end: {text}")));
    broken
}
