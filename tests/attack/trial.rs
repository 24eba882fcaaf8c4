//! One attack after another, and what is looked at before, during and after each.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use conpaas::rpc::install_crypto;
use tokio::runtime::Runtime;

use super::host::{Host, process_of, run};
use super::probe::{Notice, Probe, Questions, megabytes};
use super::report::Line;
use super::scene::{Attack, Deed, Form, Found, Scene};
use super::talk;
use super::tenant::{Application, Tenant, pack};
use crate::support::product::{Product, RootFileSystem};
use crate::support::wait::try_until_within;

/// How long what an attack took may take to come back.
const SETTLE: Duration = Duration::from_secs(30);
/// What the director may have more of, in megabytes, while it is attacked, and after it.
const DURING_MB: f64 = 160.0;
const AFTER_MB: f64 = 40.0;

/// A director with a neighbour whose page is served, and with somebody who attacks.
pub(crate) struct Theatre<'a> {
    product: &'a Product,
    state: &'a Path,
    form: Form,
    runtime: Runtime,
    neighbour: Application<'a>,
    attacker: Tenant<'a>,
    questions: Questions,
    archive: PathBuf,
}

/// Starts a director in which users may register and nodes have small disks.
pub(crate) fn start_product(state: &Path, form: Form) -> anyhow::Result<Product> {
    install_crypto();
    talk(format_args!("starting a director"));
    let product = Product::up(state, RootFileSystem::CONTAINERS)?;
    product.down_and_keep()?;
    let path = product.directory.join("director.cfg");
    let disk = form.choose("DISK = 1G", "DISK = 256M");
    let text =
        fs::read_to_string(&path)?.replace("# REGISTRATION =", "REGISTRATION = open").replace("# DISK = 2G", disk);
    fs::write(&path, text)?;
    product.ensure_up()?;
    Ok(product)
}

impl<'a> Theatre<'a> {
    /// Starts the neighbour's application.
    pub(crate) fn new(
        product: &'a Product,
        state: &'a Path,
        form: Form,
        owner: &'a Tenant<'a>,
    ) -> anyhow::Result<Theatre<'a>> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = state.join("page.tar");
        pack(&top.join("examples/hello-web"), &page)?;
        let mut neighbour = owner.start_application("neighbour")?;
        neighbour.start_service(&page)?;
        neighbour.run("")?;
        let questions = Questions::new(&neighbour, product.director_pid()?)?;
        try_until_within(SETTLE, || questions.fetch_page().ok()).context("the neighbour's page is not served")?;
        let code = state.join("attack");
        fs::create_dir_all(&code)?;
        fs::write(code.join("attack.py"), include_str!("attack.py"))?;
        let run = "#!/bin/bash\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\nexec python3 \"${0%/*}/attack.py\" \"$@\"\n";
        fs::write(code.join("run.sh"), run)?;
        let archive = state.join("attack.tar");
        pack(&code, &archive)?;
        let attacker = Tenant::new(product, "mallory")?;
        Ok(Theatre { product, state, form, runtime: Runtime::new()?, neighbour, attacker, questions, archive })
    }

    /// Makes one attack.
    pub(crate) fn play(&self, attack: &Attack) -> anyhow::Result<Line> {
        talk(format_args!("{}", attack.name));
        let host = Host::look(self.state)?;
        let mut application = self.attacker.start_application("attack")?;
        if !matches!(attack.deed, Deed::FalseAgent(_)) {
            application.start_service(&self.archive)?;
        }
        let manager = process_of("manager", &application.manager_vmid);
        let rest = self.form.choose(Duration::from_secs(4), Duration::from_millis(800));
        let before = self.questions.ask_for(rest, manager)?;
        let probe = Probe::start(&self.questions, manager)?;
        let scene = Scene {
            form: self.form,
            runtime: &self.runtime,
            state: self.state,
            time: self.form.choose(Duration::from_secs(12), Duration::from_millis(2500)),
            neighbour: &self.neighbour,
            attacker: &self.attacker,
            application: &application,
        };
        let outcome = act(&scene, attack);
        let attacked = Host::look(self.state)?;
        let during = probe.stop()?;
        let mut found = outcome.with_context(|| format!("the attack {} cannot be made", attack.name))?;
        found.broken.extend(attacked.changed_since(&host).iter().map(|text| format!("while attacked: {text}")));
        found.figures.extend(figure_of_manager(&before, &during));
        let removed = application.remove();
        found.broken.extend(removed.err().map(|error| format!("its application cannot be stopped: {error:#}")));
        let settled = || {
            let host_now = Host::look(self.state).ok()?;
            let is_small = megabytes(self.questions.director_pid) <= before.director_mb + AFTER_MB;
            (is_small && host_now.left_since(&host).is_empty()).then_some(())
        };
        let _looked_at_next = try_until_within(SETTLE, settled);
        found.broken.extend(Host::look(self.state)?.left_since(&host).iter().map(|text| format!("afterwards: {text}")));
        for address in [Some(application.manager), application.agent.as_ref().map(|(address, _)| *address)] {
            let rules = run("nft", &["list", "ruleset"])?;
            let is_ruled = address.is_some_and(|address| rules.contains(&format!("{address} ")));
            found.expect(!is_ruled, format!("the filter still knows {address:?}"));
        }
        let after = self.questions.ask_for(rest, None)?;
        self.judge(&before, &during, &after, &mut found);
        let taken_mb = [host.taken_mb, Host::look(self.state)?.taken_mb];
        Ok(Line { name: attack.name, before, during, after, taken_mb, broken: found.broken, figures: found.figures })
    }

    /// Stops the neighbour's application.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        self.neighbour.remove()?;
        self.product.wait_for_nodes(0)
    }

    fn judge(&self, before: &Notice, during: &Notice, after: &Notice, found: &mut Found) {
        let is_same = self.product.director_pid().is_ok_and(|pid| pid == self.questions.director_pid);
        found.expect(is_same && after.director_mb > 0.0, "the director has ended");
        let grown = during.director_mb - before.director_mb;
        found.expect(grown <= DURING_MB, format!("the director took {grown:.0} MB while attacked"));
        let kept = after.director_mb - before.director_mb;
        found.expect(kept <= AFTER_MB, format!("the director keeps {kept:.0} MB"));
        for (name, latency) in during.requests() {
            let failure = latency.failure.as_deref().unwrap_or_default();
            found.expect(!latency.is_down(), format!("{name}: down while attacked: {failure}"));
            found.expect(!failure.contains("not the neighbour's"), format!("{name}: {failure}"));
            if latency.n_failed > 0 {
                found.figures.push(format!("{name}: {} requests failed, the last: {failure}", latency.n_failed));
            }
        }
        for (name, latency) in after.requests() {
            let failure = latency.failure.as_deref().unwrap_or_default();
            found.expect(latency.n_failed == 0, format!("{name}: {} failed afterwards: {failure}", latency.n_failed));
        }
    }
}

fn act(scene: &Scene<'_>, attack: &Attack) -> anyhow::Result<Found> {
    match attack.deed {
        Deed::Outside(deed) => deed(scene),
        Deed::FalseAgent(kind) => answer_falsely(scene, kind),
        Deed::InNode(order) => run_in_node(scene, attack, &order(scene)),
    }
}

fn run_in_node(scene: &Scene<'_>, attack: &Attack, order: &str) -> anyhow::Result<Found> {
    scene.application.run(order)?;
    // What it cannot hold on to is tried until the time is over; the rest is waited for.
    std::thread::sleep(scene.time);
    let mut found = Found::default();
    start_and_stop_beside(scene, &mut found)?;
    if attack.most.is_empty() {
        return Ok(found);
    }
    let printed = || {
        let text = scene.application.printed().ok()?;
        attack.most.iter().all(|(thing, _)| text.contains(thing)).then_some(text)
    };
    let text = try_until_within(SETTLE, printed).context("it does not say how much it has taken")?;
    for line in text.lines().filter(|line| line.starts_with("took ")) {
        let mut parts = line.split(' ').skip(1);
        let (number, thing) = parts.next().zip(parts.next()).with_context(|| format!("it says {line}"))?;
        let number: u64 = number.parse()?;
        found.figures.push(line.to_owned());
        let most = attack.most.iter().find(|(name, _)| *name == thing).map_or(u64::MAX, |(_, most)| *most);
        found.expect(number <= most, format!("a node took {number} {thing}, at most {most} are right"));
    }
    Ok(found)
}

/// The neighbour starts an application and stops it, until its node is gone.
fn start_and_stop_beside(scene: &Scene<'_>, found: &mut Found) -> anyhow::Result<()> {
    let (owner, began) = (scene.neighbour.owner, Instant::now());
    let beside = owner.start_application("beside")?;
    beside.remove()?;
    let is_gone = || process_of("init", &beside.manager_vmid).is_none().then_some(());
    found.expect(try_until_within(SETTLE, is_gone).is_some(), "the neighbour's other application does not end");
    let time = began.elapsed().as_secs_f64();
    found.figures.push(format!("the neighbour started and stopped another application in {time:.1} s"));
    Ok(())
}

/// Starts the service with a script that is there before the agent, and answers in its place.
fn answer_falsely(scene: &Scene<'_>, kind: &str) -> anyhow::Result<Found> {
    let (owner, name) = (scene.attacker, scene.application.name.as_str());
    let path = scene.state.join("startup.sh");
    let python = include_str!("false_agent.py");
    let script = format!("#!/bin/bash\nexport PATH=/usr/bin:/bin\npython3 - {kind} <<'END'\n{python}\nEND\n");
    fs::write(&path, script)?;
    owner.type_command(&["generic", "set_script", name, "1", &path.to_string_lossy()])?;
    let mut child = owner.command(&["generic", "start", name, "1"]).stdout(std::process::Stdio::null()).spawn()?;
    std::thread::sleep(scene.time);
    let is_over = child.try_wait()?;
    let _it_may_be_over = child.kill();
    child.wait()?;
    let mut found = Found::default();
    found.expect(is_over.is_none_or(|status| !status.success()), "the false agent was taken for one");
    Ok(found)
}

/// What the attack made of the attacker's own manager.
fn figure_of_manager(before: &Notice, during: &Notice) -> Option<String> {
    let (before, highest) = (before.attacking_manager_mb, during.attacking_manager_mb);
    (highest > before + 8.0).then(|| format!("the attacker's manager: {before:.0} MB, at most {highest:.0} MB"))
}
