//! A copy of an image, as somebody would flash it onto a card.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Where the partition for the firmware begins on the Pi's card.
const BOOT_OFFSET: &str = "4M";

/// A card.
pub(crate) struct Card {
    /// Its file.
    pub(crate) file: PathBuf,
}

impl Card {
    /// Flashes `image` onto a new card of `size`, such as `4G`, in `directory`.
    pub(crate) fn flash(image: &Path, size: &str, directory: &Path) -> anyhow::Result<Self> {
        let file = directory.join("card.img");
        run("cp", &["--sparse=always", text(image), text(&file)])
            .with_context(|| format!("there is no {}: make images", image.display()))?;
        run("truncate", &["-s", size, text(&file)])?;
        Ok(Card { file })
    }

    /// Copies a file of the firmware's partition to `directory`.
    pub(crate) fn read(&self, name: &str, directory: &Path) -> anyhow::Result<PathBuf> {
        let target = directory.join(name);
        run("mcopy", &["-o", "-i", &self.partition(), &format!("::{name}"), text(&target)])?;
        Ok(target)
    }

    /// Whether the firmware's partition has `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        run("mdir", &["-b", "-i", &self.partition(), &format!("::{name}")]).is_ok()
    }

    /// Writes a file to the firmware's partition, as people do before they boot.
    pub(crate) fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let mut process = Command::new("mcopy")
            .args(["-o", "-i", &self.partition(), "-", &format!("::{name}")])
            .stdin(Stdio::piped())
            .spawn()
            .context("mtools has mcopy")?;
        process.stdin.take().context("it was asked for")?.write_all(content.as_bytes())?;
        if !process.wait()?.success() {
            bail!("cannot write {name} to the card");
        }
        Ok(())
    }

    fn partition(&self) -> String {
        format!("{}@@{BOOT_OFFSET}", self.file.display())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Runs a program to its end; a failure carries what it said.
pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}: .ci/deps images boot installs it"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", arguments.join(" "), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program that ends when this one does, however that ends. To be started by the main thread, which lives longest.
pub(crate) fn companion(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]).stdin(Stdio::null());
    command
}

/// A directory for one proof; kept after a failure, with what the machine said.
pub(crate) fn directory(name: &str) -> anyhow::Result<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    Ok(directory)
}
