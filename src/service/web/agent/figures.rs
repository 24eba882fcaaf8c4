//! How much a node does, and that its logs do not grow without an end.

use std::sync::{Mutex, PoisonError};

use super::place::Place;
use super::proxy_log::ProxyLog;
use super::wanted::Wanted;
use super::{connections, rotation};
use crate::api::figures::NodeFigures;
use crate::supervise::daemon::DaemonStatus;

/// Returns what a node does at `now`, in seconds since 1970. The manager asks every few seconds, so that no log grows
/// without a look. Blocking.
pub(super) fn of(
    wanted: &Wanted,
    place: &Place,
    proxy_log: &Mutex<ProxyLog>,
    daemons: &[DaemonStatus],
    now: f64,
) -> NodeFigures {
    let of_proxy = || proxy_log.lock().unwrap_or_else(PoisonError::into_inner).figures(now as u64);
    let proxy = wanted.proxy.as_ref().map(|_| of_proxy());
    rotation::rotate(&place.cache, daemons);
    let of_php = wanted.php.as_ref().map(|php| php.port);
    let backend = of_php.or(wanted.tomcat.as_ref().map(|tomcat| tomcat.port));
    NodeFigures { proxy, backend: backend.map(connections::at_port) }
}
