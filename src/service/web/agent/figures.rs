//! How much a node does, and that its logs do not grow without an end.

use std::sync::{Mutex, PoisonError};

use super::place::Place;
use super::wanted::Wanted;
use super::{connections, daemons, rotation};
use crate::api::figures::NodeFigures;
use crate::api::web::Php;
use crate::service::web::proxy_log::ProxyLog;
use crate::supervise::daemon::DaemonStatus;

/// Returns what a node does at `now`, in seconds since 1970. The manager asks every few seconds, so that no log grows
/// without a look. Blocking.
pub(super) fn of(
    wanted: &Wanted,
    place: &Place,
    proxy_log: &Mutex<ProxyLog>,
    statuses: &[DaemonStatus],
    now: f64,
) -> NodeFigures {
    let of_proxy = || proxy_log.lock().unwrap_or_else(PoisonError::into_inner).figures(now as u64);
    let proxy = wanted.proxy.as_ref().map(|_| of_proxy());
    rotation::rotate(&place.cache, statuses);
    let of_php = |php: &Php| match daemons::local_socket(php, place) {
        Some(socket) => connections::at_socket(&socket),
        None => connections::at_port(php.port),
    };
    let of_tomcat = || wanted.tomcat.as_ref().map(|tomcat| connections::at_port(tomcat.port));
    NodeFigures { proxy, backend: wanted.php.as_ref().map(of_php).or_else(of_tomcat) }
}
