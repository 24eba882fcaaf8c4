//! Stand-ins for a director and a manager: they speak the real protocol over
//! real TLS, but give answers that a test wrote down.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use conpaas::rpc::{
    ClientAuthentication, Form, Handler, Limits, Request, Response, install_crypto, read_call, reply_error,
    reply_result, serve, server_config,
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the stand-ins answer, and what they were asked.
#[derive(Default)]
pub(crate) struct Script {
    answers: HashMap<String, VecDeque<String>>,
    calls: Vec<String>,
}

impl Script {
    /// Sets the successive answers of a method; the last stays. Keys are `director <method>` and `manager <sid> <method>`.
    pub(crate) fn set(&mut self, key: &str, answers: &[&str]) {
        self.answers.insert(key.to_owned(), answers.iter().map(|answer| (*answer).to_owned()).collect());
    }

    /// The calls since the last time.
    pub(crate) fn take_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.calls)
    }

    fn answer(&mut self, key: &str, call: String) -> Option<String> {
        self.calls.push(call);
        let answers = self.answers.get_mut(key)?;
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    }
}

/// A listening stand-in; it ends with this value.
pub(crate) struct Standin {
    pub(crate) port: u16,
    stop: CancellationToken,
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A director of `authority` on 127.0.0.1; `/getcerts` gives real certificates of user 1 to whoever says `secret`.
pub(crate) async fn scripted_director(
    directory: &Path,
    authority: Arc<Authority>,
    script: Arc<Mutex<Script>>,
) -> Standin {
    let credentials = authority.issue(&Subject::director("localhost"), &[], Lifetime::NODE).unwrap();
    let handler: Handler = Arc::new(move |request| {
        let (authority, script) = (Arc::clone(&authority), Arc::clone(&script));
        Box::pin(async move { answer_director(request, &authority, &script).await })
    });
    listen(directory, "127.0.0.1:0", &credentials, ClientAuthentication::Optional, handler).await
}

/// A manager of user 1's application 2 on every loopback address.
pub(crate) async fn scripted_manager(directory: &Path, authority: &Authority, script: Arc<Mutex<Script>>) -> Standin {
    let subject = Subject::manager(UserId(1), ApplicationId(2));
    let credentials = authority.issue(&subject, &[], Lifetime::NODE).unwrap();
    let handler: Handler = Arc::new(move |request| {
        let script = Arc::clone(&script);
        Box::pin(async move { answer_manager(request, &script).await })
    });
    listen(directory, "0.0.0.0:0", &credentials, ClientAuthentication::Required, handler).await
}

async fn listen(
    directory: &Path,
    address: &str,
    credentials: &Credentials,
    authentication: ClientAuthentication,
    handler: Handler,
) -> Standin {
    install_crypto();
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = Arc::new(RwLock::new(server_config(credentials, authentication).unwrap()));
    let stop = CancellationToken::new();
    let limits = Limits::new(directory.to_owned());
    tokio::spawn(serve(listener, tls, limits, handler, TaskTracker::new(), stop.clone()));
    Standin { port, stop }
}

async fn answer_director(mut request: Request, authority: &Authority, script: &Mutex<Script>) -> Response {
    let method = request.path.trim_start_matches('/').to_owned();
    let form = Form::read(&mut request).await.unwrap();
    if method == "getcerts" {
        return if form.get("password") == Some("secret") {
            Response::attachment("application/zip", "certs.zip", certificates(authority))
        } else {
            Response::application_error("User authentication failed")
        };
    }
    if request.caller.identity.is_none() && method != "new_user" {
        return Response::refusal(401, "no certificate");
    }
    let fields =
        form.fields.iter().filter(|(name, _)| !["username", "service_id", "manifest"].contains(&name.as_str()));
    let mut call = format!("director {method}");
    for (name, value) in fields {
        call += &format!(" {name}={value}");
    }
    if method == "remove" {
        call += &format!(" service_id={}", form.get("service_id").unwrap_or_default());
    }
    match script.lock().unwrap().answer(&format!("director {method}"), call) {
        Some(text) => Response::text(text),
        None => Response::status_page(404, "not in the script"),
    }
}

async fn answer_manager(mut request: Request, script: &Mutex<Script>) -> Response {
    let call = match read_call(&mut request).await {
        Ok(call) => call,
        Err(error) => return error.response(),
    };
    let key = format!("manager {} {}", call.service_id, call.method);
    let mut shown = key.clone();
    if call.files.is_empty() {
        let sorted: std::collections::BTreeMap<&String, &Value> = call.values().iter().collect();
        shown += &format!(" {}", serde_json::to_string(&sorted).unwrap());
    } else {
        for (name, file) in &call.files {
            shown += &format!(" file:{name}={}", file.filename);
        }
        for (name, value) in call.values() {
            shown += &format!(" {name}={}", value.as_str().unwrap_or_default());
        }
    }
    let Some(text) = script.lock().unwrap().answer(&key, shown) else {
        return Response::refusal(404, "Method not found");
    };
    if text == "break" {
        panic!("the stand-in breaks this connection, as the script says");
    }
    let value: Value = serde_json::from_str(&text).unwrap();
    if let Some(content) = value.get("download").and_then(Value::as_str) {
        return Response::attachment("application/octet-stream", "code", content.as_bytes().to_vec());
    }
    match value.get("error").and_then(Value::as_str) {
        Some(error) => reply_error(error, &call.id),
        None => reply_result(&value, &call.id),
    }
}

fn certificates(authority: &Authority) -> Vec<u8> {
    use std::io::Write;
    let user = authority.issue(&Subject::user(UserId(1), "test", "t@x.y"), &[], Lifetime::USER).unwrap();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let [certificate, key, ca] = Credentials::FILES;
    for (name, text) in [(ca, &user.authority_pem), (key, &user.key_pem), (certificate, &user.certificate_pem)] {
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
