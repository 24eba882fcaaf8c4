//! Architectures, by the names that Debian gives them.

use std::fmt;
use std::str::FromStr;

/// The machine code that a processor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// PCs.
    Amd64,
    /// 64-bit ARM: Raspberry Pi 3 and later.
    Arm64,
    /// 32-bit ARM with floating point: Raspberry Pi 2 and later.
    Armhf,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Architecture; 3] = [Architecture::Amd64, Architecture::Arm64, Architecture::Armhf];

    /// Returns Debian's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
            Architecture::Armhf => "armhf",
        }
    }

    /// Returns that of the machine on which this program runs, if images can be made for it.
    #[must_use]
    pub fn of_this_machine() -> Option<Architecture> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Architecture::Amd64),
            "aarch64" => Some(Architecture::Arm64),
            "arm" => Some(Architecture::Armhf),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Architecture::ALL.into_iter().find(|architecture| architecture.name() == text);
        found.ok_or_else(|| format!("'{text}' is no architecture of ours: choose amd64, arm64 or armhf"))
    }
}
