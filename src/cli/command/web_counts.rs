//! How many nodes of each role a service of web sites has: php and java.

use clap::Args;

use super::every_service::Roles;
use crate::client::manager::Counts;

/// How many nodes of each role.
#[derive(Debug, Args)]
pub(crate) struct WebCounts {
    /// Number of nodes that run the program; 1 when no role is given
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    backend: Option<i64>,
    /// Number of nodes that take requests
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    proxy: Option<i64>,
    /// Number of nodes that serve static files
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    web: Option<i64>,
}

impl Roles for WebCounts {
    fn counts(&self) -> Counts {
        let given = [self.backend, self.proxy, self.web];
        let default = i64::from(given.iter().all(Option::is_none));
        let of = |count: Option<i64>, default| count.unwrap_or(default);
        Counts::from([("backend", of(self.backend, default)), ("proxy", of(self.proxy, 0)), ("web", of(self.web, 0))])
    }
}
