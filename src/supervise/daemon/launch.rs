//! What a daemon's keeper is told.

use super::command;
use super::error::DaemonError;
use super::place::DaemonPlace;
use super::spec::{Daemon, Running, Style};
use crate::supervise::keeper::{Care, Lasts, Supervised};
use crate::sys::file;

/// Writes down what is started, and returns how. Blocking.
pub(crate) fn prepare(place: &DaemonPlace, daemon: &Daemon) -> Result<(Supervised, Care), DaemonError> {
    let launch = &daemon.launch;
    let account = command::other_account(&daemon.name, launch.user.as_deref())?;
    file::ensure_absent(&place.record()).map_err(|error| place.failed(error))?;
    place.set_running(&Running::of(daemon))?;
    let configuration = place.configuration();
    let arguments = command::with_configuration(&launch.arguments, &configuration);
    let (program, arguments) = command::scheduled(launch.scheduling, &launch.program, arguments);
    let (program, arguments) = command::as_account(account.as_ref(), &program, arguments);
    let wanted = Supervised {
        record: place.record(),
        arguments: std::iter::once(program.clone().into_os_string()).chain(arguments).collect(),
        program,
        directory: launch.directory.clone(),
        environment: command::environment(launch, &configuration),
        stdout: place.stdout(),
        stderr: place.stderr(),
    };
    let care = Care {
        limits: launch.output,
        lasts: if launch.style == Style::Background { Lasts::Successor } else { Lasts::First },
        owner: account.map(|account| account.uid.as_raw()),
    };
    Ok((wanted, care))
}
