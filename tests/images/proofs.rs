//! What is proved, in the order in which it is: what tells most comes first.

use std::path::{Path, PathBuf};

use crate::{pi, power, virtual_machine};

/// One proof.
pub(crate) struct Proof {
    /// Its word on the command line.
    pub(crate) name: &'static str,
    /// What it proves.
    pub(crate) about: &'static str,
    /// Does it in a directory of its own, and gives what was seen.
    pub(crate) run: fn(&Path) -> anyhow::Result<String>,
}

/// Every proof.
pub(crate) const ALL: &[Proof] = &[
    Proof {
        name: "arm64",
        about: "the Pi's card in a 64-bit ARM machine that lives in 1970: first boot, announcement, demo",
        run: pi::arm64_without_clock,
    },
    Proof {
        name: "pi3",
        about: "a Raspberry Pi 3 boots its card, shows the first login, and runs the demo",
        run: pi::raspberry_pi_3,
    },
    Proof { name: "armhf", about: "the 32-bit card boots and runs the demo", run: pi::armhf },
    Proof {
        name: "nutshell-uefi",
        about: "the virtual machine boots by UEFI and runs the demo",
        run: virtual_machine::by_uefi,
    },
    Proof { name: "nutshell-bios", about: "the virtual machine boots by BIOS", run: virtual_machine::by_bios },
    Proof {
        name: "power-cuts",
        about: "twenty power cuts while users write, each with a clean boot after it",
        run: power::twenty_cuts,
    },
    Proof { name: "full-card", about: "a full card gives a clear message and no damage", run: power::full_card },
];

/// The image `name`, as `make images` left it.
pub(crate) fn image(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/images").join(name)
}
