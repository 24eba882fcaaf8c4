//! The metadata service of EC2, and of OpenStack at the same address.

use std::time::Duration;

use super::found::{Found, MAX_BYTES};
use crate::rpc::{WebAnswer, WebClient, WebError, WebLimits, WebRequest};
use crate::sys::chain;

/// Where user-data is: EC2's place, which OpenStack has too, and OpenStack's own.
const PATHS: [&str; 2] = ["/latest/user-data", "/openstack/latest/user_data"];
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(2), whole: Duration::from_secs(5), max_answer_bytes: MAX_BYTES as usize };

/// The user-data at this metadata service; `None` where it has none.
pub(crate) async fn read(base: &str) -> Result<Option<Found>, String> {
    let client = WebClient::new(LIMITS);
    let words = |error: WebError| format!("metadata service: {}", chain(&error));
    let session = match open_session(&client, base).await {
        Err(error @ (WebError::Connect { .. } | WebError::Url { .. })) => return Err(words(error)),
        // A service of version 1 may answer such a request in any way, or not at all.
        Err(_) => None,
        Ok(answer) => Some(answer).filter(|answer| answer.status == 200),
    };
    let header = session.and_then(|answer| String::from_utf8(answer.body.to_vec()).ok());
    for path in PATHS {
        let mut request = WebRequest::get(format!("{base}{path}"));
        request.headers.extend(header.clone().map(|session| ("x-aws-ec2-metadata-token".to_owned(), session)));
        let answer = client.send(&request).await.map_err(words)?;
        match answer.status {
            200 => return Ok(Some(Found { place: format!("{base}{path}"), content: answer.body.to_vec() })),
            404 => {}
            status => return Err(format!("metadata service: {base}{path} answers with status {status}")),
        }
    }
    Ok(None)
}

/// Version 2 wants a session, so that no program in the node that fetches
/// other people's URLs can be led here.
async fn open_session(client: &WebClient, base: &str) -> Result<WebAnswer, WebError> {
    let headers = vec![("x-aws-ec2-metadata-token-ttl-seconds".to_owned(), "300".to_owned())];
    let url = format!("{base}/latest/api/token");
    client.send(&WebRequest { method: "PUT", url, headers, body: Vec::new() }).await
}
