//! Instances.

use std::net::Ipv4Addr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::account::{Account, own_tag};
use super::error_text;
use super::ids::InstanceId;
use super::query::{Params, QueryError};
use super::responses::{
    DescribeInstances, DescribeOfferings, DescribeSecurityGroups, DescribeSubnets, Done, Instance, Reservation,
};
use crate::cloud::remote::{OF_NODE, OF_ROLE, PACE};
use crate::cloud::{CloudError, CloudNode, NodeSpec};
use crate::model::NodeRole;
use crate::model::NodeTag;
use crate::task::poll::until;

/// Instances that are there: those that end are not.
const THERE: [&str; 4] = ["pending", "running", "stopping", "stopped"];
/// How long EC2 may take to start or stop an instance.
const START_LIMIT: Duration = Duration::from_secs(300);
/// How long it may take to show what it has just made.
const SHOW_LIMIT: Duration = Duration::from_secs(60);
/// No account has so many pages of instances or types.
const MAX_PAGES: usize = 100;

impl Account {
    pub(crate) async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let action = format!("make node {} ({})", spec.tag, spec.name);
        let found = self.instances(&spec.tag).await.map_err(|error| self.explain(&action, &error))?;
        let id = match found.into_iter().next() {
            None => self.run(spec, &action).await?,
            Some(instance) => {
                self.start_again(&instance).await.map_err(|error| self.explain(&action, &error))?;
                instance.instance_id
            }
        };
        let instance = self.wait_until_placed(&id, &action).await?;
        view(&instance).ok_or_else(|| self.failed(&action, format!("instance {id} has lost its tags or addresses")))
    }

    pub(crate) async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let action = format!("stop node {tag}");
        let explain = |error: QueryError| self.explain(&action, &error);
        for instance in self.instances(tag).await.map_err(explain)? {
            let id = &instance.instance_id;
            if is_running(&instance) {
                let params = Params::new().set("InstanceId.1", id);
                let _state_is_looked_at: Done = self.query.call("StopInstances", &params).await.map_err(explain)?;
            }
            let stopped = until(PACE, START_LIMIT, || async {
                let now = self.describe_one(id).await?;
                // One that ended meanwhile does not run either.
                let runs = ["pending", "running", "stopping"];
                Ok(now.is_none_or(|now| !runs.contains(&now.instance_state.name.as_str())).then_some(()))
            });
            if stopped.await.map_err(explain)?.is_none() {
                let limit = START_LIMIT.as_secs();
                return Err(self.failed(&action, format!("instance {id} is not stopped after {limit} s")));
            }
        }
        Ok(())
    }

    pub(crate) async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let action = format!("remove node {tag}");
        let found = self.instances(tag).await.map_err(|error| self.explain(&action, &error))?;
        if found.is_empty() {
            return Ok(());
        }
        // Volumes that were attached later stay: only what an instance began with ends with it.
        let params = (1..)
            .zip(&found)
            .fold(Params::new(), |params, (n, instance)| params.set(&format!("InstanceId.{n}"), &instance.instance_id));
        match self.query.call::<Done>("TerminateInstances", &params).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(self.explain(&action, &error)),
        }
    }

    pub(crate) async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        let params = self.own().filter("tag-key", &[OF_NODE]).filter("instance-state-name", &THERE);
        let instances = self.describe(params).await.map_err(|error| self.explain("list nodes", &error))?;
        let nodes = instances.iter().filter_map(|instance| {
            let tag = own_tag(&instance.tag_set, OF_NODE)?;
            // One that has no address yet is there all the same.
            Some(view(instance).unwrap_or_else(|| CloudNode {
                tag,
                vmid: instance.instance_id.to_string(),
                ip: Ipv4Addr::UNSPECIFIED,
                private_ip: Ipv4Addr::UNSPECIFIED,
                port: 0,
                is_running: is_running(instance),
            }))
        });
        Ok(nodes.collect())
    }

    /// The instances of a node, the oldest first: there should be one at most.
    pub(crate) async fn instances(&self, tag: &NodeTag) -> Result<Vec<Instance>, QueryError> {
        let params = self.own().filter(&format!("tag:{OF_NODE}"), &[tag.as_str()]);
        let mut found = self.describe(params.filter("instance-state-name", &THERE)).await?;
        found.sort_by(|a, b| (&a.launch_time, &a.instance_id).cmp(&(&b.launch_time, &b.instance_id)));
        Ok(found)
    }

    /// The security group, in the subnet's network if there is one.
    pub(crate) async fn group(&self) -> Result<DescribeSecurityGroups, QueryError> {
        let name = self.config.security_group.as_str();
        if name.starts_with("sg-") {
            return self.query.call("DescribeSecurityGroups", &Params::new().set("GroupId.1", name)).await;
        }
        let mut params = Params::new().filter("group-name", &[name]);
        if let Some(subnet) = &self.config.subnet_id {
            let found: DescribeSubnets =
                self.query.call("DescribeSubnets", &Params::new().set("SubnetId.1", subnet)).await?;
            let network = found.subnet_set.items.into_iter().map(|subnet| subnet.vpc_id).find(|vpc| !vpc.is_empty());
            if let Some(network) = network {
                params = params.filter("vpc-id", &[&network]);
            }
        }
        self.query.call("DescribeSecurityGroups", &params).await
    }

    /// The types of instances that the region offers, in order.
    async fn sizes(&self) -> Result<Vec<String>, QueryError> {
        let mut names = Vec::new();
        let mut params = Params::new();
        for _ in 0..MAX_PAGES {
            let page: DescribeOfferings = self.query.call("DescribeInstanceTypeOfferings", &params).await?;
            names.extend(page.instance_type_offering_set.items.into_iter().map(|offering| offering.instance_type));
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => params = Params::new().set("NextToken", token),
                None => break,
            }
        }
        names.sort();
        Ok(names)
    }

    /// Asks for a new instance and gives its id.
    async fn run(&self, spec: &NodeSpec, action: &str) -> Result<InstanceId, CloudError> {
        let (group_key, group) = self.group_key(action).await?;
        let size = spec.instance_type.as_deref().unwrap_or(&self.config.size_id);
        let of_node = [(OF_NODE, spec.tag.as_str()), (OF_ROLE, spec.role.as_str())];
        let mut params = Params::new()
            .set("ImageId", &self.config.image_id)
            .set("InstanceType", size)
            .set("MinCount", "1")
            .set("MaxCount", "1")
            .set("KeyName", &self.config.key_name)
            .set(group_key, group)
            .set("ClientToken", self.client_token(&spec.tag))
            .set("UserData", STANDARD.encode(spec.context.invitation().await?))
            .tags("instance", &self.tags(&spec.name, &of_node))
            .tags("volume", &self.tags(&spec.name, &[]));
        if let Some(subnet) = &self.config.subnet_id {
            params = params.set("SubnetId", subnet);
        }
        match self.query.call::<Reservation>("RunInstances", &params).await {
            Ok(made) => match made.instances_set.items.into_iter().next() {
                Some(instance) => Ok(instance.instance_id),
                None => Err(self.failed(action, "RunInstances was answered without an instance")),
            },
            // An earlier call, of which the director never heard the end, made it with another
            // invitation. That one is still good: the node needs no more than the first.
            Err(error) if error.code() == "IdempotentParameterMismatch" => self.made_before(spec, action).await,
            Err(error) if error_text::is_about_size(&error) => {
                let known = self.sizes().await.map_err(|error| self.explain(action, &error))?;
                if known.iter().any(|name| name == size) {
                    return Err(self.explain(action, &error));
                }
                Err(self.failed(action, error_text::no_size(size, &known)))
            }
            Err(error) => Err(self.explain(action, &error)),
        }
    }

    /// How `RunInstances` is told the security group.
    async fn group_key(&self, action: &str) -> Result<(&'static str, String), CloudError> {
        let name = &self.config.security_group;
        if name.starts_with("sg-") {
            return Ok(("SecurityGroupId.1", name.clone()));
        }
        if self.config.subnet_id.is_none() {
            return Ok(("SecurityGroup.1", name.clone()));
        }
        // A name is good in the default network only.
        let found = self.group().await.map_err(|error| self.explain(action, &error))?;
        match found.security_group_info.items.into_iter().next() {
            Some(group) => Ok(("SecurityGroupId.1", group.group_id)),
            None => Err(self.failed(action, error_text::no_group(&self.config))),
        }
    }

    async fn made_before(&self, spec: &NodeSpec, action: &str) -> Result<InstanceId, CloudError> {
        let shown = until(PACE, SHOW_LIMIT, || async { Ok(self.instances(&spec.tag).await?.into_iter().next()) }).await;
        match shown.map_err(|error| self.explain(action, &error))? {
            Some(instance) => Ok(instance.instance_id),
            None => Err(self.failed(action, "the instance that an earlier call made does not appear")),
        }
    }

    async fn start_again(&self, instance: &Instance) -> Result<(), QueryError> {
        let id = &instance.instance_id;
        if is_running(instance) {
            return Ok(());
        }
        if instance.instance_state.name == "stopping" {
            until(PACE, START_LIMIT, || async {
                let now = self.describe_one(id).await?;
                Ok::<_, QueryError>(now.filter(|instance| instance.instance_state.name != "stopping"))
            })
            .await?;
        }
        let _state_is_looked_at: Done =
            self.query.call("StartInstances", &Params::new().set("InstanceId.1", id)).await?;
        Ok(())
    }

    /// Waits until an instance runs and has its addresses.
    async fn wait_until_placed(&self, id: &InstanceId, action: &str) -> Result<Instance, CloudError> {
        let placed = until(PACE, START_LIMIT, || async {
            let instance = self.describe_one(id).await?;
            let is_settled = |instance: &Instance| match instance.instance_state.name.as_str() {
                "pending" | "stopping" => false,
                "running" => !instance.private_ip_address.is_empty(),
                _ => true,
            };
            Ok(instance.filter(is_settled))
        })
        .await;
        match placed.map_err(|error| self.explain(action, &error))? {
            Some(instance) if instance.instance_state.name == "running" => Ok(instance),
            Some(instance) => Err(self.ended(&instance, action)),
            None => {
                let limit = START_LIMIT.as_secs();
                Err(self.failed(action, format!("instance {id} does not run after {limit} s")))
            }
        }
    }

    fn ended(&self, instance: &Instance, action: &str) -> CloudError {
        let (id, state) = (&instance.instance_id, &instance.instance_state.name);
        match &instance.state_reason {
            Some(reason) if error_text::is_exhaustion(&reason.code) => {
                error_text::exhausted(&self.name, action, &reason.code, &reason.message)
            }
            Some(reason) => self.failed(action, format!("instance {id} is {state}: {}", reason.message)),
            None => self.failed(action, format!("instance {id} is {state}")),
        }
    }

    async fn describe_one(&self, id: &InstanceId) -> Result<Option<Instance>, QueryError> {
        match self.describe(Params::new().set("InstanceId.1", id)).await {
            Ok(found) => Ok(found.into_iter().next()),
            // What was just made may not be shown everywhere yet.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, params: Params) -> Result<Vec<Instance>, QueryError> {
        let mut found = Vec::new();
        let mut page = params.clone();
        for _ in 0..MAX_PAGES {
            let answer: DescribeInstances = self.query.call("DescribeInstances", &page).await?;
            found.extend(answer.reservation_set.items.into_iter().flat_map(|group| group.instances_set.items));
            match answer.next_token.filter(|token| !token.is_empty()) {
                Some(token) => page = params.clone().set("NextToken", token),
                None => break,
            }
        }
        Ok(found)
    }
}

fn is_running(instance: &Instance) -> bool {
    ["pending", "running"].contains(&instance.instance_state.name.as_str())
}

/// An instance in the words of the trait, if it has all that these need.
fn view(instance: &Instance) -> Option<CloudNode> {
    let private_ip: Ipv4Addr = instance.private_ip_address.parse().ok()?;
    let role = instance.tag_set.items.iter().find(|tag| tag.key == OF_ROLE)?;
    let port = if role.value == NodeRole::Manager.as_str() { crate::api::MANAGER_PORT } else { crate::api::AGENT_PORT };
    Some(CloudNode {
        tag: own_tag(&instance.tag_set, OF_NODE)?,
        vmid: instance.instance_id.to_string(),
        ip: instance.ip_address.parse().unwrap_or(private_ip),
        private_ip,
        port,
        is_running: is_running(instance),
    })
}
