//! A machine that QEMU plays: started, read and typed to over its serial
//! line, and ended by pulling the plug.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::card::companion;

/// A running machine. Dropped, its plug is pulled.
pub(crate) struct Machine {
    process: Child,
    serial: UnixStream,
    said: Arc<Said>,
    /// How much of what was said was waited for already.
    seen: usize,
}

/// What the serial line said since the machine started.
#[derive(Default)]
struct Said {
    /// The text, and whether the line is closed.
    text: Mutex<(String, bool)>,
    more: Condvar,
}

impl Said {
    /// Reads the line to its end, into the text and into a file for people to look at. Somebody must always read it:
    /// QEMU gives a whole buffer to each byte, and stops the machine when there are no more.
    fn listen(&self, mut serial: UnixStream, mut log: fs::File) {
        let mut buffer = [0; 4096];
        let mut part = Vec::new();
        while let Ok(n) = serial.read(&mut buffer) {
            if n == 0 {
                break;
            }
            let _best_effort = log.write_all(&buffer[..n]);
            part.extend_from_slice(&buffer[..n]);
            // A character that has not come whole waits for its rest.
            let whole = match std::str::from_utf8(&part) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => part.len(),
            };
            let text: Vec<u8> = part.drain(..whole).collect();
            self.lock().0.push_str(&String::from_utf8_lossy(&text));
            self.more.notify_all();
        }
        self.lock().1 = true;
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, (String, bool)> {
        self.text.lock().expect("nobody who holds it panics")
    }

    /// The end of it.
    fn tail(&self) -> String {
        let said = self.lock();
        let lines: Vec<&str> = said.0.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n    ")
    }
}

impl Machine {
    /// Starts `program` with `arguments`; the option after which the serial
    /// line's device is named differs, so `arguments` name the device `line`.
    pub(crate) fn start(program: &str, arguments: &[String], directory: &Path) -> anyhow::Result<Self> {
        let socket = directory.join("serial");
        let _left_by_an_earlier_boot = fs::remove_file(&socket);
        let log = fs::File::create(directory.join("qemu.log"))?;
        let line = format!("socket,id=line,path={},server=on,wait=off", socket.display());
        let process = companion(program)
            .args(["-chardev", &line, "-display", "none", "-no-reboot", "-monitor", "none"])
            .args(arguments)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("util-linux has setpriv")?;
        let mut process = Unplugged(Some(process));
        let serial = connect(&socket, &mut process).with_context(|| {
            let said = fs::read_to_string(directory.join("qemu.log")).unwrap_or_default();
            format!("{program} does not run (.ci/deps boot installs it): {}", said.trim())
        })?;
        let said: Arc<Said> = Arc::default();
        let (listener, ear) = (said.clone(), serial.try_clone()?);
        let console = fs::File::create(directory.join("console.log"))?;
        std::thread::spawn(move || listener.listen(ear, console));
        let process = process.0.take().context("it was just started")?;
        Ok(Machine { process, serial, said, seen: 0 })
    }

    /// Waits until the serial line has said `text`, and gives what it said until then since the last wait.
    pub(crate) fn wait_for(&mut self, text: &str, limit: Duration) -> anyhow::Result<String> {
        let end = Instant::now() + limit;
        let mut said = self.said.lock();
        loop {
            if let Some(at) = said.0[self.seen..].find(text) {
                let until = self.seen + at + text.len();
                let answer = said.0[self.seen..until].to_owned();
                self.seen = until;
                return Ok(answer);
            }
            let is_over = said.1;
            let left = end.saturating_duration_since(Instant::now());
            if is_over || left.is_zero() {
                drop(said);
                let tail = self.said.tail();
                if is_over {
                    bail!("the machine has ended before it said '{text}'; it said last: {tail}");
                }
                bail!("the machine did not say '{text}' within {} s; it said last: {tail}", limit.as_secs());
            }
            said = self.said.more.wait_timeout(said, left).expect("nobody who holds it panics").0;
        }
    }

    /// Types `line` and the return key.
    pub(crate) fn type_line(&mut self, line: &str) -> anyhow::Result<()> {
        self.serial.write_all(line.as_bytes())?;
        self.serial.write_all(b"\r").context("the serial line is closed")
    }

    /// Answers the prompt for a login, and waits for the shell.
    pub(crate) fn log_in(&mut self, user: &str, password: &str, limit: Duration) -> anyhow::Result<()> {
        self.type_line(user)?;
        self.wait_for("Password:", limit)?;
        self.type_line(password)?;
        self.wait_for("$ ", limit)?;
        self.shell("stty -echo cols 200; PS1=", limit).map(drop)
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
                bail!("the machine did not switch itself off within {} s: {}", limit.as_secs(), self.said.tail());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Pulls the plug: `kill -9`.
    pub(crate) fn pull_the_plug(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped_already = self.process.wait();
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
