//! How volumes are kept: `list_policies`, `set_policy`.

use clap::{Subcommand, ValueEnum};

use super::volumes::NAME;
use crate::api::xtreemfs::{PolicyNames, PolicyOutput};
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::rpc::RpcCall;

/// The sub-commands.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum PolicyCommand {
    /// List the policies of a type
    ListPolicies {
        #[command(flatten)]
        names: ServiceNames,
        /// Type of the policies
        policy_type: PolicyType,
    },
    /// Set a policy of a volume
    SetPolicy {
        /// How many servers have each file; for the replication policy
        #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
        factor: Option<i64>,
        /// Number of servers that a file is spread over; for the striping policy
        #[arg(long, value_name = "WIDTH", allow_negative_numbers = true)]
        width: Option<i64>,
        /// Size of a stripe in kB; for the striping policy
        #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
        size: Option<i64>,
        /// Labels of the servers that have the volume, such as 'S' or 'S,H' for its copies; for the osd_sel policy
        #[arg(long, value_name = "LABELS")]
        labels: Option<String>,
        #[command(flatten)]
        names: ServiceNames,
        /// Type of the policy
        policy_type: PolicyType,
        /// The policy
        policy: String,
        /// Name of the volume
        volume_name: String,
    },
}

/// A type of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum PolicyType {
    OsdSel,
    Replication,
    Striping,
    ReplicaSel,
}

impl PolicyType {
    fn word(self) -> &'static str {
        match self {
            PolicyType::OsdSel => "osd_sel",
            PolicyType::Replication => "replication",
            PolicyType::Striping => "striping",
            PolicyType::ReplicaSel => "replica_sel",
        }
    }
}

impl PolicyCommand {
    /// Runs the sub-command.
    ///
    /// # Errors
    /// There is no such service or volume, an option is missing, or the manager refuses.
    pub(crate) async fn run(self, run: &Invocation) -> Result<Reply, Failure> {
        match self {
            PolicyCommand::ListPolicies { names, policy_type } => {
                let found = names.find(&run.session, Some(NAME)).await?;
                let method = format!("list_{}_policies", policy_type.word());
                let list: PolicyNames = run.session.service(&found, &method).await?;
                Ok(Reply::line(list.policies.as_str(), &list))
            }
            PolicyCommand::SetPolicy { factor, width, size, labels, names, policy_type, policy, volume_name } => {
                let numbers = numbers(policy_type, factor, width, size)?;
                let found = names.find(&run.session, Some(NAME)).await?;
                let call = RpcCall::post(found.service.0, &format!("set_{}_policy", policy_type.word()));
                let call = call.param("volumeName", volume_name).param("policy", policy);
                let call = numbers.into_iter().fold(call, |call, (name, number)| call.param(name, number));
                let labels = labels.filter(|_| policy_type == PolicyType::OsdSel);
                let call = labels.map_or(call.clone(), |labels| call.param("labels", labels));
                let output: PolicyOutput = run.session.manager(found.application, call).await?;
                Ok(Reply::line(output.stdout.trim_end(), &output))
            }
        }
    }
}

/// Returns the numbers that a policy of this type takes.
fn numbers(
    policy_type: PolicyType,
    factor: Option<i64>,
    width: Option<i64>,
    size: Option<i64>,
) -> Result<Vec<(&'static str, i64)>, Failure> {
    let expect = |option: &str, value: Option<i64>| {
        let text = format!("The '{option}' parameter is mandatory for the {} policy type.", policy_type.word());
        value.ok_or_else(|| Failure::said(text))
    };
    match policy_type {
        PolicyType::Replication => Ok(vec![("factor", expect("factor", factor)?)]),
        PolicyType::Striping => Ok(vec![("width", expect("width", width)?), ("stripe-size", expect("size", size)?)]),
        PolicyType::OsdSel | PolicyType::ReplicaSel => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_a_policy_needs_is_asked_for() {
        let said = |policy_type| numbers(policy_type, None, Some(1), None).unwrap_err().text;
        let factor = "The 'factor' parameter is mandatory for the replication policy type.";
        assert_eq!(said(PolicyType::Replication), factor);
        let size = "The 'size' parameter is mandatory for the striping policy type.";
        assert_eq!(said(PolicyType::Striping), size);
        assert_eq!(numbers(PolicyType::OsdSel, None, None, None).unwrap(), []);
    }
}
