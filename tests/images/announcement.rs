//! What a machine announces to its network (mDNS, DNS-SD).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use mdns_sd::{ServiceDaemon, ServiceEvent};

/// Waits until `service`, such as `_conpaas._tcp`, is announced at `address`; gives host name and port.
pub(crate) fn wait_for(service: &str, address: IpAddr, limit: Duration) -> anyhow::Result<(String, u16)> {
    let listener = ServiceDaemon::new()?;
    let events = listener.browse(&format!("{service}.local."))?;
    let end = Instant::now() + limit;
    let mut others = Vec::new();
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if let Ok(ServiceEvent::ServiceResolved(found)) = events.recv_timeout(left) {
            // A machine with several addresses tells them one after the other.
            others = found.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr).collect::<Vec<_>>();
            if others.contains(&address) {
                let _ended_with_the_process = listener.shutdown();
                return Ok((found.get_hostname().to_owned(), found.get_port()));
            }
        }
    }
    bail!("nobody announced {service} at {address} within {} s, only at {others:?}", limit.as_secs())
}
