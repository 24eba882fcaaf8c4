//! What is proved, in the order in which it is: what tells most comes first.

use std::path::{Path, PathBuf};

use crate::network::Neighbour;
use crate::{compute, pi, power, virtual_machine};

/// One proof.
pub(crate) struct Proof {
    /// Its word on the command line.
    pub(crate) name: &'static str,
    /// What it proves.
    pub(crate) about: &'static str,
    /// Whom it takes.
    pub(crate) neighbour: Neighbour,
    /// Does it in a directory of its own, and gives what was seen.
    pub(crate) run: fn(&Path) -> anyhow::Result<String>,
}

/// Every proof.
pub(crate) const ALL: &[Proof] = &[
    Proof {
        name: "arm64",
        about: "the Pi's card in a 64-bit ARM machine that lives in 1970: first boot, announcement, demo",
        neighbour: Neighbour::Client,
        run: pi::arm64_without_clock,
    },
    Proof {
        name: "pi3",
        about: "a Raspberry Pi 3 boots its card, shows the first login, and runs the demo",
        neighbour: Neighbour::Client,
        run: pi::raspberry_pi_3,
    },
    Proof {
        name: "armhf",
        about: "the 32-bit card boots and runs the demo",
        neighbour: Neighbour::Client,
        run: pi::armhf,
    },
    Proof {
        name: "nutshell-uefi",
        about: "the virtual machine boots by UEFI and runs the demo",
        neighbour: Neighbour::Client,
        run: virtual_machine::by_uefi,
    },
    Proof {
        name: "nutshell-bios",
        about: "the virtual machine boots by BIOS",
        neighbour: Neighbour::Client,
        run: virtual_machine::by_bios,
    },
    Proof {
        name: "power-cuts",
        about: "twenty power cuts while users write, each with a clean boot after it",
        neighbour: Neighbour::Client,
        run: power::twenty_cuts,
    },
    Proof {
        name: "full-card",
        about: "a full card gives a clear message and no damage",
        neighbour: Neighbour::Client,
        run: power::full_card,
    },
    Proof {
        name: "compute",
        about: "a Pi joins the OpenStack that its card names, with its containers, volumes and network",
        neighbour: Neighbour::Backend,
        run: compute::joins_a_backend,
    },
];

/// The image `name`, as `make images` left it.
pub(crate) fn image(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/images").join(name)
}
