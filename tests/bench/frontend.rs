//! What the pages of the web frontend cost: how small they are, how soon they come, what open ones take.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use conpaas::pki::{Lifetime, Subject};
use tokio::runtime::Runtime;

use super::figures::median_ms;
use super::line::{Aim, Line};
use super::talk;
use crate::support::director::World;
use crate::support::frontend::{Browser, Events, Frontend};
use crate::support::memory;

const N_APPLICATIONS: usize = 100;
/// Pages that are open at once, and how many of them are one user's.
const N_OPEN: usize = 100;
const N_OF_USER: usize = 10;
/// How long open pages are watched.
const WATCHED: Duration = Duration::from_secs(20);

/// What was measured.
pub(super) struct Figures {
    idle: memory::Memory,
    packed_bytes: usize,
    plain_bytes: usize,
    page: Vec<Duration>,
    director: Vec<Duration>,
    open: memory::Memory,
    before_open: memory::Memory,
    /// The share of one processor's time.
    busy: f64,
}

/// Measures a director with nodes as processes, and its frontend.
pub(super) fn measure(rounds: usize) -> anyhow::Result<Figures> {
    talk(format_args!("a frontend with {N_APPLICATIONS} applications"));
    let world = World::start();
    let users: Vec<String> = (0..N_OPEN / N_OF_USER).map(|at| format!("user{at}")).collect();
    users.iter().for_each(|name| world.add_user(name));
    let frontend = Frontend::start(&world);
    let pid = memory::only_child("frontend")?;
    let idle = memory::of(pid)?;
    let mut browsers: Vec<Browser> = users.iter().map(|_| frontend.browser()).collect();
    browsers.iter_mut().zip(&users).for_each(|(browser, name)| browser.sign_in(name));
    let first = &mut browsers[0];
    for at in 1..N_APPLICATIONS {
        first.post("/applications", &[("name", &format!("application {at}"))]);
    }
    let plain_bytes = first.get("/").body.len();
    let packed_bytes = first.ask("GET", "/", &[("accept-encoding", "gzip")], b"").body.len();

    let runtime = Runtime::new()?;
    let subject = Subject::user(conpaas::model::UserId(1), &users[0], "user0@example.org");
    let credentials = world.certificate(&subject, Lifetime::USER);
    let (mut page, mut director) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does disturbs both alike.
    for _ in 0..rounds * 5 {
        let began = Instant::now();
        let answer = first.ask("GET", "/", &[("accept-encoding", "gzip")], b"");
        page.push(began.elapsed());
        anyhow::ensure!(answer.status == 200, "the page answers {}", answer.status);
        let began = Instant::now();
        let answer = runtime.block_on(world.get(Some(&credentials), "/listapp"));
        director.push(began.elapsed());
        anyhow::ensure!(answer.status == 200, "the director answers {}", answer.status);
    }
    talk(format_args!("{N_OPEN} open pages"));
    let before_open = memory::of(pid)?;
    let open = browsers.iter_mut().flat_map(|browser| (0..N_OF_USER).map(|_| browser.open("/")).collect::<Vec<_>>());
    let mut open: Vec<Events> = open.collect();
    open.iter_mut().for_each(|events| drop(events.until("id=\"head\"")));
    let (began, used) = (Instant::now(), processor_time(pid)?);
    // Nothing is waited for: time that passes is what is measured.
    std::thread::sleep(WATCHED);
    let busy = (processor_time(pid)? - used).as_secs_f64() / began.elapsed().as_secs_f64();
    let opened = memory::of(pid)?;
    Ok(Figures { idle, packed_bytes, plain_bytes, page, director, open: opened, before_open, busy })
}

/// Returns what was measured, in lines.
pub(super) fn lines(figures: &Figures) -> Vec<Line> {
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let idle = megabytes(figures.idle.rss);
    let kilobytes = figures.packed_bytes as f64 / 1000.0;
    let (page, director) = (median_ms(&figures.page), median_ms(&figures.director));
    let grown = megabytes(figures.open.rss.saturating_sub(figures.before_open.rss));
    let percent = figures.busy * 100.0;
    let number = |name, measured, number, aim| Line::number(name, measured, number, Some(Aim::AtMost(aim)));
    let size = format!("{kilobytes:.1} kB of {:.1} kB", figures.plain_bytes as f64 / 1000.0);
    vec![
        number("frontend, idle", format!("RSS {idle:.1} MB"), idle, 12.0),
        number("page of 100 applications, packed", size, kilobytes, 10.0),
        Line::short_time("  with its handshake", page),
        Line::short_time("  /listapp with its handshake", director),
        number("  beyond the director's answer", format!("{:.2} ms", page - director), page - director, 5.0),
        number("100 open pages", format!("{grown:.1} MB more"), grown, 3.0),
        number("  of one processor", format!("{percent:.1} %"), percent, 5.0),
    ]
}

/// Returns the processor time that a process has used.
fn processor_time(pid: i32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
    // Behind the name, which may hold anything; the clock has ticked so often in user and in kernel mode.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    let all = ticks(11).zip(ticks(12)).map(|(user, kernel)| user + kernel);
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
    let all = all.with_context(|| format!("{path} has no times"))?;
    Ok(Duration::from_secs_f64(f64::from(all) / per_second as f64))
}
