//! Floating addresses.
//!
//! One is asked for with a description that says for which node, so that it
//! is found again. Where the quota allows no more, one that the project has
//! and nobody uses is taken, and only let go of afterwards, as it was found.

use std::time::Duration;

use super::call::{Call, CallError, Service};
use super::ids::ServerId;
use super::project::Project;
use super::requests::{CreateFloatingIp, FloatingIpPort, NewFloatingIp, UpdateFloatingIp};
use super::responses::{FloatingIp, FloatingIpFound, FloatingIps, Port, Ports};
use crate::cloud::CloudError;
use crate::cloud::remote::PACE;
use crate::model::NodeTag;
use crate::task::poll::until;

/// How long nova may take to make a server's port.
const PORT_LIMIT: Duration = Duration::from_secs(300);

impl Project {
    /// The floating address of a node, given to it now if it has none.
    pub(crate) async fn give_address(
        &self,
        server: &ServerId,
        tag: &NodeTag,
        pool: Option<&str>,
        action: &str,
    ) -> Result<FloatingIp, CloudError> {
        let (pool, port) = tokio::try_join!(self.pool_id(pool, action), self.wait_for_port(server, action))?;
        let explain = |error: CallError| self.explain(action, &error);
        if let Some(given) = self.address_of_port(&port.id).await.map_err(explain)? {
            return Ok(given);
        }
        // One that an earlier attempt has asked for.
        let own = self.own_addresses().await.map_err(explain)?;
        if let Some((_, own)) = own.into_iter().find(|(of, _)| of == tag) {
            return self.point(&own, &port).await.map_err(explain);
        }
        let wanted =
            NewFloatingIp { floating_network_id: &pool, port_id: &port.id, description: self.description(tag) };
        let body = CreateFloatingIp { floatingip: wanted };
        let call = Call::post("create_floating_ip", Service::Network, "floatingips", &body);
        match self.session.fetch::<FloatingIpFound>(&call).await {
            Ok(made) => Ok(made.floatingip),
            Err(error) if error.status() == Some(409) => match self.take_free(&pool, &port).await.map_err(explain)? {
                Some(taken) => Ok(taken),
                None => Err(self.explain(action, &error)),
            },
            Err(error) if error.is_doubtful() => {
                let given = self.address_of_port(&port.id).await.map_err(explain)?;
                given.ok_or_else(|| self.explain(action, &error))
            }
            Err(error) => Err(self.explain(action, &error)),
        }
    }

    /// This director's floating addresses in this cloud, each with its node.
    pub(crate) async fn own_addresses(&self) -> Result<Vec<(NodeTag, FloatingIp)>, CallError> {
        let prefix = self.description_prefix();
        let found = self.addresses("floatingips").await?;
        let own = found.into_iter().filter_map(|address| {
            let tag = address.description.strip_prefix(&prefix)?.parse().ok()?;
            Some((tag, address))
        });
        Ok(own.collect())
    }

    /// Returns an address to its pool.
    pub(crate) async fn release(&self, address: &FloatingIp) -> Result<(), CallError> {
        let call = Call::delete("delete_floating_ip", Service::Network, format!("floatingips/{}", address.id));
        match self.session.done(&call).await {
            Err(error) if error.is_not_found() => Ok(()),
            outcome => outcome,
        }
    }

    fn description_prefix(&self) -> String {
        format!("conpaas {} {} ", self.director, self.name)
    }

    fn description(&self, tag: &NodeTag) -> String {
        format!("{}{tag}", self.description_prefix())
    }

    /// Nova makes the port while it builds the server.
    async fn wait_for_port(&self, server: &ServerId, action: &str) -> Result<Port, CloudError> {
        let path = format!("ports?device_id={server}");
        let seen = until(PACE, PORT_LIMIT, || async {
            let found: Ports = self.session.fetch(&Call::get("list_ports", Service::Network, path.as_str())).await?;
            let has_address =
                |port: &Port| port.fixed_ips.iter().any(|fixed| fixed.ip_address.parse::<std::net::Ipv4Addr>().is_ok());
            if let Some(port) = found.ports.into_iter().find(has_address) {
                return Ok(Some(Some(port)));
            }
            // A server that could not be built never gets one; why is told where that is waited for.
            let state = self.server(server).await?.map(|server| server.status);
            Ok(matches!(state.as_deref(), None | Some("ERROR" | "DELETED")).then_some(None))
        });
        match seen.await.map_err(|error| self.explain(action, &error))? {
            Some(Some(port)) => Ok(port),
            Some(None) => Err(self.failed(action, format!("server {server} could not be built"))),
            None => Err(self.failed(action, format!("server {server} has no port after {} s", PORT_LIMIT.as_secs()))),
        }
    }

    async fn address_of_port(&self, port: &str) -> Result<Option<FloatingIp>, CallError> {
        Ok(self.addresses(&format!("floatingips?port_id={port}")).await?.into_iter().next())
    }

    async fn addresses(&self, path: &str) -> Result<Vec<FloatingIp>, CallError> {
        let found: FloatingIps = self.session.fetch(&Call::get("list_floating_ips", Service::Network, path)).await?;
        Ok(found.floatingips)
    }

    /// Leads an address to a port.
    async fn point(&self, address: &FloatingIp, port: &Port) -> Result<FloatingIp, CallError> {
        let body = UpdateFloatingIp { floatingip: FloatingIpPort { port_id: &port.id } };
        let mut call = Call::put("point_floating_ip", Service::Network, format!("floatingips/{}", address.id), &body);
        // Only if nobody has taken it since it was looked at.
        if let Some(revision) = address.revision_number {
            call = call.header("if-match", format!("revision_number={revision}"));
        }
        Ok(self.session.fetch::<FloatingIpFound>(&call).await?.floatingip)
    }

    /// Takes an address of the pool that the project has and nobody uses.
    async fn take_free(&self, pool: &str, port: &Port) -> Result<Option<FloatingIp>, CallError> {
        let _one_at_a_time = self.taking.lock().await;
        let found = self.addresses(&format!("floatingips?floating_network_id={pool}&status=DOWN")).await?;
        for free in found.iter().filter(|address| address.port_id.is_none() && !is_of_a_director(address)) {
            match self.point(free, port).await {
                Ok(taken) => return Ok(Some(taken)),
                // Somebody else was faster, or it is gone.
                Err(error) if matches!(error.status(), Some(404 | 409 | 412)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// One that a director asked for waits for its node.
fn is_of_a_director(address: &FloatingIp) -> bool {
    address.description.starts_with("conpaas ")
}
