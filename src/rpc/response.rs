//! Answers, and the one place where they become status codes.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::json::{python_json, python_json_pretty};
use super::packing::{self, Packing};
use super::text_stream::enveloped;
use crate::api::python::dict_order;
use crate::sys::pipe::ByteStream;

/// As upstream's framework begins its pages.
const DOCTYPE: &str = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">";

/// What pages with a script of ours may do.
const SCRIPTED: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                        form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, std::io::Error>;

#[derive(Serialize)]
struct ApplicationError<'a> {
    error: &'a str,
}

/// An answer, ready to be sent.
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: ResponseBody,
}

impl Response {
    /// Returns JSON as Flask's `jsonify` writes it (column "J" of the reference).
    #[must_use]
    pub fn json_pretty(value: &impl Serialize) -> Self {
        Response::ok("application/json", python_json_pretty(value)).open_to_browsers()
    }

    /// Returns JSON on one line, labelled as text/html as upstream does (column "S").
    #[must_use]
    pub fn json_line(value: &impl Serialize) -> Self {
        Response::text(python_json(value))
    }

    /// Returns what [`Response::json_line`] sends of a value, which may be sent again.
    pub(crate) fn line_of(value: &impl Serialize) -> Bytes {
        python_json(value).into()
    }

    /// Returns what [`Response::line_of`] returned, as [`Response::json_line`] does.
    pub(crate) fn line(text: Bytes) -> Self {
        Response::ok("text/html; charset=utf-8", text).open_to_browsers()
    }

    /// Returns plain text labelled as text/html as upstream does (column "T").
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Response::ok("text/html; charset=utf-8", text.into().into_bytes()).open_to_browsers()
    }

    /// Returns an error of the application: status 200 with `{"error": text}`, which clients print verbatim.
    #[must_use]
    pub fn application_error(text: &str) -> Self {
        Response::json_pretty(&ApplicationError { error: text })
    }

    /// Returns bytes to be saved under `filename`.
    #[must_use]
    pub fn attachment(content_type: &'static str, filename: &str, bytes: Vec<u8>) -> Self {
        let mut response = Response::ok(content_type, bytes);
        response.set_disposition("attachment", filename);
        response
    }

    /// Returns a file to be saved under `filename`, sent piece by piece; `disposition`
    /// is upstream's spelling of the word.
    ///
    /// # Errors
    /// The file is missing or unreadable.
    pub async fn file(path: &Path, disposition: &'static str, filename: &str) -> std::io::Result<Self> {
        let file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await?.len();
        let stream = ReaderStream::with_capacity(file, 64 * 1024).map_ok(Frame::data);
        let mut response = Response::with_body(StatusCode::OK, BodyExt::boxed_unsync(StreamBody::new(stream)));
        response.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        response.set_disposition(disposition, filename);
        Ok(response)
    }

    /// Returns what a stream brings, to be saved under `filename`; one that fails breaks the answer off.
    #[must_use]
    pub(crate) fn stream(stream: ByteStream, disposition: &'static str, filename: &str) -> Self {
        let mut response = Response::of_stream(stream, "application/octet-stream");
        response.set_disposition(disposition, filename);
        response
    }

    /// Returns a reply whose result is the text that a stream brings.
    #[must_use]
    pub(crate) fn text_result(stream: ByteStream, id: &Value) -> Self {
        Response::of_stream(enveloped(stream, id), "application/json")
    }

    fn of_stream(stream: ByteStream, content_type: &'static str) -> Self {
        let body = StreamBody::new(stream.map_ok(Frame::data));
        let mut response = Response::with_body(StatusCode::OK, BodyExt::boxed_unsync(body));
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// Returns a refusal below the application: a status and one line that says why.
    #[must_use]
    pub fn refusal(status: u16, reason: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::ok("text/html; charset=utf-8", reason.as_bytes().to_vec());
        response.status = status;
        response
    }

    /// Returns a refusal as plain text, which programs show as it is and browsers do not take for a page.
    #[must_use]
    pub fn plain_refusal(status: u16, reason: &str) -> Self {
        let mut response = Response::refusal(status, reason);
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }

    /// Returns a page for people with a status, as upstream's framework writes it.
    #[must_use]
    pub fn status_page(status: u16, reason: &str) -> Self {
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = code.canonical_reason().unwrap_or("Error");
        let status = code.as_u16();
        let reason = reason.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let page = format!("{DOCTYPE}\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{reason}</p>\n");
        Response::refusal(status, &page)
    }

    /// Returns a page that refuses a verb and names those that the path has.
    #[must_use]
    pub fn verb_page(verbs: &[&str]) -> Self {
        Response::status_page(405, "The method is not allowed for the requested URL.").allowing(verbs)
    }

    /// Returns nothing but the verbs that a path has, which answers `OPTIONS`.
    #[must_use]
    pub fn verbs(verbs: &[&str]) -> Self {
        Response::refusal(200, "").allowing(verbs)
    }

    /// `OPTIONS` is always among them; they stand as in a set of Python 2.
    fn allowing(mut self, verbs: &[&str]) -> Self {
        let mut verbs: Vec<String> = verbs.iter().chain(&["OPTIONS"]).map(|verb| (*verb).to_owned()).collect();
        verbs.sort_unstable();
        verbs.dedup();
        if let Ok(value) = HeaderValue::from_str(&dict_order(verbs, |verb| verb).join(", ")) {
            self.headers.insert(ALLOW, value);
        }
        self
    }

    /// Returns a page with a status, as the server of upstream's managers and agents writes it.
    #[must_use]
    pub fn server_page(status: u16, explanation: &str) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("Error");
        Response::refusal(
            status,
            &format!(
                "<head>\n<title>Error response</title>\n</head>\n<body>\n<h1>Error response</h1>\n<p>Error code \
                 {status}.\n<p>Message: {title}.\n<p>Error code explanation: {status} = {explanation}.\n</body>\n"
            ),
        )
    }

    /// Returns a page of ours for people's browsers: nothing in it comes from
    /// elsewhere, runs, or is kept. Its style may be another page of ours.
    #[must_use]
    pub fn browser_page(status: u16, html: String) -> Self {
        let mut response = Response::refusal(status, "");
        response.body = Full::from(html.into_bytes()).map_err(|error: Infallible| match error {}).boxed_unsync();
        response.keep_to_itself("no-store");
        response
    }

    /// Returns a piece of such pages, the same for everybody.
    #[must_use]
    pub fn browser_asset(content_type: &'static str, text: &'static str) -> Self {
        let mut response = Response::ok(content_type, text.as_bytes().to_vec());
        response.keep_to_itself("max-age=3600");
        response
    }

    /// Returns a page with a script of ours: nothing in it comes from elsewhere or is kept.
    pub(crate) fn scripted_page(status: u16, html: String, packing: Packing) -> Self {
        let mut response = Response::browser_page(status, String::new());
        response.set(CONTENT_SECURITY_POLICY, SCRIPTED);
        response.packed(html.into_bytes(), packing)
    }

    /// Returns a piece of pages whose address changes with it: a browser keeps it for good.
    pub(crate) fn lasting_asset(content_type: &'static str, bytes: &'static [u8], packing: Packing) -> Self {
        let mut response = Response::ok(content_type, Bytes::new());
        response.keep_to_itself("max-age=31536000, immutable");
        response.packed(bytes.to_vec(), packing)
    }

    /// Has this body, as small as the browser takes it.
    fn packed(mut self, bytes: Vec<u8>, packing: Packing) -> Self {
        self.set(VARY, "accept-encoding");
        let body = match packing {
            Packing::Gzip => {
                self.set(CONTENT_ENCODING, "gzip");
                packing::gzip(&bytes)
            }
            Packing::Plain => bytes,
        };
        self.body = Full::from(body).map_err(|error: Infallible| match error {}).boxed_unsync();
        self
    }

    /// Returns events for a page that is open, as they come.
    pub(crate) fn events(stream: ByteStream) -> Self {
        let mut response = Response::of_stream(stream, "text/event-stream");
        response.keep_to_itself("no-store");
        response
    }

    /// Leads a browser to another page of ours.
    pub(crate) fn see_other(path: &str) -> Self {
        let mut response = Response::browser_page(303, String::new());
        response.set(LOCATION, path);
        response
    }

    /// Returns a word for a script of ours.
    pub(crate) fn word(text: String) -> Self {
        let mut response = Response::ok("text/plain; charset=utf-8", text.into_bytes());
        response.keep_to_itself("no-store");
        response
    }

    /// Has a browser go on to another site by itself.
    pub(crate) fn leading_to(mut self, url: &str) -> Self {
        self.set(HeaderName::from_static("refresh"), &format!("0; url={url}"));
        self
    }

    /// Tells a script of ours to which page to go; the answer itself is empty.
    pub(crate) fn go_on(path: &str) -> Self {
        let mut response = Response::browser_page(200, String::new());
        response.set(HeaderName::from_static("x-go"), path);
        response
    }

    /// Says that no other site may use it and that nothing keeps it: it is for one person.
    #[must_use]
    pub(crate) fn for_one_person(mut self) -> Self {
        self.keep_to_itself("no-store");
        self
    }

    /// Adds a cookie for the browser; a text that no header may have adds none.
    #[must_use]
    pub(crate) fn with_cookie(mut self, cookie: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            self.headers.append(SET_COOKIE, value);
        }
        self
    }

    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn into_hyper(self) -> hyper::Response<ResponseBody> {
        let mut response = hyper::Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    pub(crate) fn json_envelope(value: &impl Serialize) -> Self {
        Response::ok("application/json", python_json(value))
    }

    fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let never = |error: Infallible| match error {};
        let mut response = Response::with_body(StatusCode::OK, Full::new(body.into()).map_err(never).boxed_unsync());
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// Upstream labels JSON with users' texts in it as HTML; a browser that
    /// shows such an answer must not run what is in it.
    fn with_body(status: StatusCode, body: ResponseBody) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Response { status, headers, body }
    }

    fn keep_to_itself(&mut self, cache: &'static str) {
        let policy =
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, policy),
            (CACHE_CONTROL, cache),
            (X_FRAME_OPTIONS, "DENY"),
            // `no-referrer` would also take the Origin from a form that a page of ours sends.
            (REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            self.headers.insert(name, HeaderValue::from_static(value));
        }
    }

    fn set(&mut self, name: HeaderName, text: &str) {
        if let Ok(value) = HeaderValue::from_str(text) {
            self.headers.insert(name, value);
        }
    }

    fn open_to_browsers(mut self) -> Self {
        self.headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        self
    }

    fn set_disposition(&mut self, disposition: &str, filename: &str) {
        let safe: String =
            filename.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/')).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("{disposition}; filename=\"{safe}\"")) {
            self.headers.insert(CONTENT_DISPOSITION, value);
        }
    }
}
