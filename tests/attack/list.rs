//! All attacks, by their names.

use super::scene::{Attack, Deed, Scene};
use super::tenant::DIRECTOR;
use super::{archives, connections, passwords};

/// In the order in which they are made.
pub(crate) const ALL: [Attack; 17] = [
    in_node("deep-directory", |scene| format!("deep {}", scene.form.choose(19_000, 15_000)), &[]),
    Attack { name: "endless-answer", deed: Deed::FalseAgent("endless"), most: &[] },
    Attack { name: "large-answer", deed: Deed::FalseAgent("large"), most: &[] },
    Attack { name: "error-texts", deed: Deed::FalseAgent("errors"), most: &[] },
    in_node(
        "kernel-quotas",
        |_| "kernel".to_owned(),
        &[("inotify", 128), ("pipes", 5000), ("networks", 16), ("keys", 0)],
    ),
    in_node("forged-frames", forged_frames, &[]),
    in_node("full-disk", |_| "disk".to_owned(), &[("megabytes", 1024), ("inodes", 300_000)]),
    in_node("open-files", |_| "files".to_owned(), &[("files", 300_000)]),
    in_node("fork-bomb", |_| "fork".to_owned(), &[]),
    in_node("processor", |_| "spin".to_owned(), &[]),
    in_node("output-flood", |_| "flood".to_owned(), &[]),
    outside("lying-archive", archives::lie),
    outside("slow-strangers", connections::hold_director),
    outside("manager-handshakes", connections::hold_manager),
    outside("large-bodies", connections::send_large_bodies),
    outside("wrong-passwords", passwords::flood),
    outside("bursts", passwords::burst_and_upload),
];

const fn in_node(name: &'static str, order: fn(&Scene<'_>) -> String, most: &'static [(&'static str, u64)]) -> Attack {
    Attack { name, deed: Deed::InNode(order), most }
}

const fn outside(name: &'static str, deed: fn(&Scene<'_>) -> anyhow::Result<super::scene::Found>) -> Attack {
    Attack { name, deed: Deed::Outside(deed), most: &[] }
}

fn forged_frames(scene: &Scene<'_>) -> String {
    let victim = scene.neighbour.agent.as_ref().map_or(DIRECTOR, |(address, _)| *address);
    format!("frames {victim} {DIRECTOR}")
}
