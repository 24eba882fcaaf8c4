//! What a machine announces to its network (mDNS, DNS-SD).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use mdns_sd::{ServiceDaemon, ServiceEvent};

/// Waits for the announcement of `service`, such as `_conpaas._tcp`; gives host name, port and addresses.
pub(crate) fn wait_for(service: &str, limit: Duration) -> anyhow::Result<(String, u16, Vec<IpAddr>)> {
    let listener = ServiceDaemon::new()?;
    let events = listener.browse(&format!("{service}.local."))?;
    let end = Instant::now() + limit;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if let Ok(ServiceEvent::ServiceResolved(found)) = events.recv_timeout(left) {
            let addresses = found.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr).collect();
            let answer = (found.get_hostname().to_owned(), found.get_port(), addresses);
            let _ended_with_the_process = listener.shutdown();
            return Ok(answer);
        }
    }
    bail!("nobody announced {service} within {} s", limit.as_secs())
}
