//! What visitors see: the first page of a site, before a change and after it.

use std::time::Duration;

use tokio::time::Instant;

use super::Care;
use crate::rpc::{WebClient, WebLimits, WebRequest};
use crate::service::context::ServiceContext;
use crate::service::role::Roles;
use crate::store::StoreError;
use crate::sys;

/// A first page may take long; one that takes longer is no page.
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(3), whole: Duration::from_secs(30), max_answer_bytes: 16 * 1024 * 1024 };
/// A program that has just begun may fail for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(300);

/// How a site answers at its front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// By a page, or a status that is no failure of the program.
    Well,
    /// By a failure, told for users.
    Failing(String),
}

/// The front doors of a service: the first page of each proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrontDoor {
    urls: Vec<String>,
}

impl FrontDoor {
    /// Finds those of a service as its nodes are now.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn of(service: &ServiceContext, care: &Care, roles: &Roles) -> Result<Self, StoreError> {
        let (role, port) = care.front_door;
        let nodes = service.nodes().await?;
        let at_door = nodes.iter().filter(|node| roles.read(&node.role).plays(role));
        Ok(FrontDoor { urls: at_door.map(|node| format!("http://{}:{port}/", node.view.ip)).collect() })
    }

    /// Looks once.
    pub(crate) async fn look(&self) -> Health {
        for url in &self.urls {
            let outcome = WebClient::new(LIMITS).send(&WebRequest::get(url)).await;
            let told = match outcome {
                Ok(answer) if answer.status < 500 => continue,
                Ok(answer) => format!("the first page {url} answers {}", answer.status),
                Err(error) => format!("the first page {url} does not answer: {}", sys::chain(&error)),
            };
            return Health::Failing(told);
        }
        Health::Well
    }

    /// Looks until all is well, or has not been for some seconds.
    pub(crate) async fn settle(&self) -> Health {
        let end = Instant::now() + PATIENCE;
        loop {
            let health = self.look().await;
            if health == Health::Well || Instant::now() >= end {
                return health;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Answers each connection with the next of these statuses, and then with the last one.
    async fn site(statuses: &'static [&'static str]) -> FrontDoor {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for n in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let status = statuses[n.min(statuses.len() - 1)];
                let _request = stream.read(&mut [0; 1024]).await;
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _visitor_may_be_gone = stream.write_all(answer.as_bytes()).await;
            }
        });
        FrontDoor { urls: vec![url] }
    }

    #[tokio::test]
    async fn a_page_that_fails_is_told_and_a_missing_one_is_none_of_our_business() {
        for status in ["200 OK", "302 Found", "403 Forbidden", "404 Not Found"] {
            assert_eq!(site(vec![status].leak()).await.look().await, Health::Well, "{status}");
        }
        let Health::Failing(told) = site(&["500 Oops"]).await.look().await else { panic!("it fails") };
        assert!(told.starts_with("the first page http://127.0.0.1:") && told.ends_with("/ answers 500"), "{told}");
        assert_eq!(FrontDoor { urls: Vec::new() }.look().await, Health::Well);
    }

    #[tokio::test]
    async fn a_program_that_begins_may_fail_for_a_moment() {
        assert_eq!(site(&["502 Not yet", "200 OK"]).await.settle().await, Health::Well);
        assert!(matches!(site(&["500 Oops"]).await.settle().await, Health::Failing(_)));
    }
}
