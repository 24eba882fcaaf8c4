//! How many requests the program of a backend has before it: the kernel knows, whatever program it is.

use std::path::Path;

use crate::api::figures::BackendFigures;

/// Connections of this node's network; the first line names the columns.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// Sockets of this node without a network.
const LOCAL_TABLE: &str = "/proc/net/unix";
/// A connection that nobody has taken yet, and one that somebody has.
const CONNECTING: &str = "02";
const CONNECTED: &str = "03";
const ESTABLISHED: &str = "01";
const LISTENING: &str = "0A";

/// Returns what waits at a port of this node. Blocking.
pub(super) fn at_port(port: u16) -> BackendFigures {
    let mut figures = BackendFigures::default();
    for table in TABLES {
        count(&std::fs::read_to_string(table).unwrap_or_default(), port, &mut figures);
    }
    figures
}

/// The same of a socket without a network. Blocking.
pub(super) fn at_socket(path: &Path) -> BackendFigures {
    let mut figures = BackendFigures::default();
    count_local(&std::fs::read_to_string(LOCAL_TABLE).unwrap_or_default(), path, &mut figures);
    figures
}

fn count_local(table: &str, path: &Path, figures: &mut BackendFigures) {
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.get(7).map(Path::new) != Some(path) {
            continue;
        }
        match fields.get(5) {
            Some(&CONNECTED) => figures.n_connections += 1,
            Some(&CONNECTING) => figures.n_waiting += 1,
            _ => {}
        }
    }
}

fn count(table: &str, port: u16, figures: &mut BackendFigures) {
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (Some(local), Some(state), Some(queues)) = (fields.get(1), fields.get(3), fields.get(4)) else { continue };
        if port_of(local) != Some(port) {
            continue;
        }
        match *state {
            ESTABLISHED => figures.n_connections += 1,
            // Of a socket that listens the second queue is that of connections nobody has taken.
            LISTENING => figures.n_waiting += waiting(queues).unwrap_or_default(),
            _ => {}
        }
    }
}

fn port_of(address: &str) -> Option<u16> {
    u16::from_str_radix(address.rsplit(':').next()?, 16).ok()
}

fn waiting(queues: &str) -> Option<u64> {
    u64::from_str_radix(queues.split(':').nth(1)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_the_port_are_counted_and_those_that_wait() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
                     0: 0200000A:2328 00000000:0000 0A 00000000:00000003 00:00000000 00000000    33\n\
                     1: 0200000A:2328 0300000A:B0A2 01 00000000:00000000 00:00000000 00000000    33\n\
                     2: 0200000A:2328 0300000A:B0A4 06 00000000:00000000 00:00000000 00000000    33\n\
                     3: 0200000A:0050 0300000A:B0A4 01 00000000:00000000 00:00000000 00000000    33\n\
                     strange\n";
        let mut figures = BackendFigures::default();
        count(table, 9000, &mut figures);
        assert_eq!(figures, BackendFigures { n_connections: 1, n_waiting: 3 });
    }

    #[test]
    fn a_socket_of_this_machine_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _waits = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(at_port(port).n_waiting, 1);
    }

    #[test]
    fn a_socket_without_a_network_is_found_with_what_waits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fpm.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let visit = || std::os::unix::net::UnixStream::connect(&path).unwrap();
        let (_taken, _waits) = (visit(), visit());
        let _connection = listener.accept().unwrap();
        assert_eq!(at_socket(&path), BackendFigures { n_connections: 1, n_waiting: 1 });
        assert_eq!(at_socket(&directory.path().join("other.sock")), BackendFigures::default());
    }
}
