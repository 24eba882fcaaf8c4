//! A machine that QEMU plays: started, read and typed to over its serial
//! line, and ended by pulling the plug.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// A running machine. Dropped, its plug is pulled.
pub(crate) struct Machine {
    process: Child,
    serial: UnixStream,
    /// Everything that the serial line said since the machine started.
    said: String,
    /// How much of it was waited for already.
    seen: usize,
    directory: PathBuf,
}

impl Machine {
    /// Starts `program` with `arguments`; the option after which the serial
    /// line's device is named differs, so `arguments` name the device `line`.
    pub(crate) fn start(program: &str, arguments: &[String], directory: &Path) -> anyhow::Result<Self> {
        let socket = directory.join("serial");
        let _left_by_an_earlier_boot = fs::remove_file(&socket);
        let log = fs::File::create(directory.join("qemu.log"))?;
        let line = format!("socket,id=line,path={},server=on,wait=off", socket.display());
        let process = Command::new(program)
            .args(["-chardev", &line, "-display", "none", "-no-reboot", "-monitor", "none"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {program}: .ci/deps boot installs it"))?;
        let mut process = Unplugged(Some(process));
        let serial = connect(&socket, &mut process).with_context(|| {
            let said = fs::read_to_string(directory.join("qemu.log")).unwrap_or_default();
            format!("{program} does not run: {}", said.trim())
        })?;
        serial.set_read_timeout(Some(Duration::from_millis(200)))?;
        let process = process.0.take().context("it was just started")?;
        Ok(Machine { process, serial, said: String::new(), seen: 0, directory: directory.to_owned() })
    }

    /// Waits until the serial line has said `text`, and gives what it said until then since the last wait.
    pub(crate) fn wait_for(&mut self, text: &str, limit: Duration) -> anyhow::Result<String> {
        let end = Instant::now() + limit;
        loop {
            if let Some(at) = self.said[self.seen..].find(text) {
                let until = self.seen + at + text.len();
                let answer = self.said[self.seen..until].to_owned();
                self.seen = until;
                return Ok(answer);
            }
            if Instant::now() > end {
                bail!("the machine did not say '{text}' within {} s; it said last: {}", limit.as_secs(), self.tail());
            }
            self.listen().with_context(|| format!("waiting for '{text}'"))?;
        }
    }

    /// Types `line` and the return key.
    pub(crate) fn type_line(&mut self, line: &str) -> anyhow::Result<()> {
        self.serial.write_all(line.as_bytes())?;
        self.serial.write_all(b"\r").context("the serial line is closed")
    }

    /// Runs `command` in the shell that is logged in, and gives what it printed; fails unless it ends with 0.
    pub(crate) fn shell(&mut self, command: &str, limit: Duration) -> anyhow::Result<String> {
        // The marks are put together by the shell, so that the echo of the typed line is not taken for them.
        self.type_line(&format!("echo be''gin; {command}; echo en''d $?."))?;
        self.wait_for("begin", limit)?;
        let output = self.wait_for("end ", limit)?;
        let code = self.wait_for(".", Duration::from_secs(10))?;
        let output = output.trim_end_matches("end ").replace('\r', "");
        if code != "0." {
            bail!("`{command}` ended with {} and said: {}", code.trim_end_matches('.'), output.trim());
        }
        Ok(output.trim().to_owned())
    }

    /// Waits until the machine has switched itself off.
    pub(crate) fn wait_for_power_off(&mut self, limit: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        while self.process.try_wait()?.is_none() {
            if Instant::now() > end {
                bail!("the machine did not switch itself off within {} s: {}", limit.as_secs(), self.tail());
            }
            let _it_may_have_ended = self.listen();
        }
        Ok(())
    }

    /// Pulls the plug: `kill -9`.
    pub(crate) fn pull_the_plug(mut self) {
        self.end();
    }

    /// The end of what the serial line said.
    pub(crate) fn tail(&self) -> String {
        let lines: Vec<&str> = self.said.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n    ")
    }

    /// Keeps what the serial line said, for people to look at after a failure.
    pub(crate) fn save(&self) {
        let _best_effort = fs::write(self.directory.join("console.log"), &self.said);
    }

    fn listen(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 4096];
        match self.serial.read(&mut buffer) {
            Ok(0) => bail!("the machine has ended: {}", self.tail()),
            Ok(n) => self.said.push_str(&String::from_utf8_lossy(&buffer[..n])),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(error) => return Err(error).context("the serial line is closed"),
        }
        Ok(())
    }

    fn end(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped_already = self.process.wait();
        self.save();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process that must not outlive a failed start.
struct Unplugged(Option<Child>);

impl Drop for Unplugged {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            let _ended_already = process.kill();
            let _reaped_already = process.wait();
        }
    }
}

fn connect(socket: &Path, process: &mut Unplugged) -> anyhow::Result<UnixStream> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > end => return Err(error).context("no serial line within 20 s"),
            Err(_) => {}
        }
        if let Some(process) = &mut process.0
            && let Some(status) = process.try_wait()?
        {
            bail!("it ended at once ({status})");
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
