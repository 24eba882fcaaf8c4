//! The container library, behind a type that cannot be misused.
//!
//! [`Container::start`] forks: it is called only by the hidden sub-command,
//! which has one thread. All else only talks to the container's monitor over
//! its socket, and blocks.
#![expect(unsafe_code, reason = "liblxc is a C library")]

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

/// A container, running or not.
pub(crate) struct Container(NonNull<lxc_sys::lxc_container>);

/// What liblxc refused.
#[derive(Debug, thiserror::Error)]
#[error("liblxc refused to {0}")]
pub(crate) struct Refused(String);

impl Container {
    /// The container `name` whose command socket is named after `lxc_path`. It need not exist.
    pub(crate) fn open(name: &str, lxc_path: &Path) -> Result<Container, Refused> {
        let refused = || Refused(format!("open container {name}"));
        let c_name = CString::new(name).map_err(|_| refused())?;
        let c_path = CString::new(lxc_path.as_os_str().as_encoded_bytes()).map_err(|_| refused())?;
        // SAFETY: both are NUL-terminated and copied by the library.
        let container = unsafe { lxc_sys::lxc_container_new(c_name.as_ptr(), c_path.as_ptr()) };
        NonNull::new(container).map(Container).ok_or_else(refused)
    }

    /// liblxc's word for its state: `RUNNING`, `STOPPED`, `STARTING`, …
    pub(crate) fn state(&self) -> String {
        // SAFETY: the pointer is valid while `self` lives; the text is static.
        unsafe {
            let state = self.0.as_ref().state.map(|state| state(self.0.as_ptr()));
            match state {
                Some(text) if !text.is_null() => CStr::from_ptr(text).to_string_lossy().into_owned(),
                _ => "STOPPED".to_owned(),
            }
        }
    }

    /// The pid of its first process, as seen from here.
    pub(crate) fn init_pid(&self) -> Option<i32> {
        // SAFETY: the pointer is valid while `self` lives.
        let pid = unsafe { self.0.as_ref().init_pid.map(|init_pid| init_pid(self.0.as_ptr())) };
        pid.filter(|pid| *pid > 0)
    }

    /// Sets one item of its configuration.
    pub(crate) fn set(&self, key: &str, value: &str) -> Result<(), Refused> {
        let refused = || Refused(format!("set {key} = {value}"));
        let c_key = CString::new(key).map_err(|_| refused())?;
        let c_value = CString::new(value).map_err(|_| refused())?;
        // SAFETY: both are NUL-terminated and copied by the library.
        let is_set = unsafe {
            self.0.as_ref().set_config_item.is_some_and(|set| set(self.0.as_ptr(), c_key.as_ptr(), c_value.as_ptr()))
        };
        if is_set { Ok(()) } else { Err(refused()) }
    }

    /// Starts it under a monitor of its own, and returns when its first process runs.
    pub(crate) fn start(&self) -> Result<(), Refused> {
        // SAFETY: the pointer is valid while `self` lives; no arguments are passed. The caller has one thread.
        let has_started = unsafe {
            let container = self.0.as_ref();
            container.want_daemonize.is_some_and(|want| want(self.0.as_ptr(), true))
                && container.want_close_all_fds.is_some_and(|want| want(self.0.as_ptr(), true))
                && container.start.is_some_and(|start| start(self.0.as_ptr(), 0, std::ptr::null()))
        };
        if has_started { Ok(()) } else { Err(Refused("start the container".to_owned())) }
    }

    /// Asks its first process to end, waits for that at most `limit` (whole seconds), and says whether it ended.
    pub(crate) fn shut_down(&self, limit: Duration) -> bool {
        // Left to itself the library guesses the signal from those that the first process blocks.
        if self.set("lxc.signal.halt", "SIGTERM").is_err() {
            return false;
        }
        let seconds = i32::try_from(limit.as_secs()).unwrap_or(i32::MAX);
        // SAFETY: the pointer is valid while `self` lives.
        unsafe { self.0.as_ref().shutdown.is_some_and(|shutdown| shutdown(self.0.as_ptr(), seconds)) }
    }

    /// Kills everything in it.
    pub(crate) fn kill(&self) -> bool {
        // SAFETY: the pointer is valid while `self` lives.
        unsafe { self.0.as_ref().stop.is_some_and(|stop| stop(self.0.as_ptr())) }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // SAFETY: made by `lxc_container_new`, given back once.
        unsafe { lxc_sys::lxc_container_put(self.0.as_ptr()) };
    }
}

/// Keeps the library from running `newuidmap`, which asks /etc/subuid even for root. To be called by a program that has
/// one thread and runs no other program.
pub(crate) fn run_no_programs() {
    // SAFETY: no other thread reads the environment.
    unsafe { std::env::remove_var("PATH") };
}

/// The library's version, such as `5.0.2`.
pub(crate) fn version() -> String {
    // SAFETY: gives a static text.
    unsafe { CStr::from_ptr(lxc_sys::lxc_get_version()) }.to_string_lossy().into_owned()
}

/// Whether this build of the library knows a configuration item.
pub(crate) fn knows(item: &str) -> bool {
    // SAFETY: the text is NUL-terminated and only read.
    CString::new(item).is_ok_and(|item| unsafe { lxc_sys::lxc_config_item_is_supported(item.as_ptr()) })
}
