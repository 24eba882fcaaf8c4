//! Bodies of requests: nothing, JSON, or a form with files that are sent piece by piece.

use std::io::SeekFrom;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::client_error::ClientError;

/// A form to be sent: texts, then files by path.
#[derive(Debug, Clone, Default)]
pub struct FormBody {
    fields: Vec<(String, String)>,
    files: Vec<FilePart>,
    sent: Option<Arc<AtomicU64>>,
}

/// A file of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilePart {
    pub name: String,
    pub path: PathBuf,
    pub filename: String,
    /// Which of its bytes are sent; all of them without.
    pub range: Option<Range<u64>>,
}

impl FormBody {
    /// Adds a text.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a file, sent piece by piece, under its own name as file name.
    #[must_use]
    pub fn file(self, name: &str, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let filename = path.to_string_lossy().into_owned();
        self.file_named(name, path, &filename)
    }

    /// Counts the bytes of files as they are sent.
    #[must_use]
    pub(crate) fn counting(mut self, sent: Arc<AtomicU64>) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Adds a file under another file name.
    #[must_use]
    pub fn file_named(mut self, name: &str, path: impl Into<PathBuf>, filename: &str) -> Self {
        let (name, path, filename) = (name.to_owned(), path.into(), filename.to_owned());
        self.files.push(FilePart { name, path, filename, range: None });
        self
    }

    /// Adds a file as it was said of a call.
    pub(super) fn file_part(mut self, part: FilePart) -> Self {
        self.files.push(part);
        self
    }
}

/// A body that is ready to be sent.
pub(super) struct Body {
    pub content_type: String,
    pub stream: BoxBody<Bytes, std::io::Error>,
    pub length: u64,
}

impl Body {
    /// Returns no body; upstream's servers want a type all the same.
    pub(super) fn empty() -> Self {
        Body::json(String::new())
    }

    /// Returns a body of JSON.
    pub(super) fn json(text: String) -> Self {
        let length = text.len() as u64;
        let stream = Full::from(Bytes::from(text)).map_err(|never| match never {}).boxed();
        Body { content_type: "application/json".to_owned(), stream, length }
    }

    /// Opens the files of a form.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) async fn multipart(form: &FormBody) -> Result<Self, ClientError> {
        let boundary = format!("----conpaas-{}", crate::sys::random::alphanumeric(24));
        let mut parts: Vec<Part> = Vec::new();
        let mut length = 0;
        let mut text = String::new();
        for (name, value) in &form.fields {
            let name = quoted(name);
            text += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        for FilePart { name, path, filename, range } in &form.files {
            let fail = |source| ClientError::File { verb: "read", path: path.clone(), source };
            let mut file = tokio::fs::File::open(path).await.map_err(fail)?;
            let mut size = file.metadata().await.map_err(fail)?.len();
            if let Some(range) = range {
                let start = file.seek(SeekFrom::Start(range.start.min(size))).await.map_err(fail)?;
                size = range.end.min(size).saturating_sub(start);
            }
            text += &format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n",
                quoted(name),
                quoted(filename)
            );
            length += text.len() as u64 + size;
            parts.push(Part::Text(std::mem::take(&mut text).into()));
            parts.push(Part::File(file, size, form.sent.clone()));
            text += "\r\n";
        }
        text += &format!("--{boundary}--\r\n");
        length += text.len() as u64;
        parts.push(Part::Text(text.into()));
        let body = StreamBody::new(stream::iter(parts).flat_map(Part::into_stream).map_ok(Frame::data));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        Ok(Body { content_type, stream: BodyExt::boxed(SyncBody::new(body)), length })
    }
}

fn quoted(text: &str) -> String {
    text.replace(['"', '\r', '\n'], "_")
}

enum Part {
    Text(Bytes),
    File(tokio::fs::File, u64, Option<Arc<AtomicU64>>),
}

impl Part {
    fn into_stream(self) -> stream::BoxStream<'static, Result<Bytes, std::io::Error>> {
        match self {
            Part::Text(bytes) => stream::once(async { Ok(bytes) }).boxed(),
            Part::File(file, size, sent) => {
                let count = move |bytes: &Bytes| {
                    sent.iter().for_each(|sent| {
                        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    });
                };
                ReaderStream::with_capacity(file.take(size), 64 * 1024).inspect_ok(count).boxed()
            }
        }
    }
}

/// Lets a body that is only `Send` stand where `Sync` is asked: it is never shared.
struct SyncBody<B>(std::sync::Mutex<B>);

impl<B> SyncBody<B> {
    fn new(body: B) -> Self {
        SyncBody(std::sync::Mutex::new(body))
    }
}

impl<B: hyper::body::Body + Unpin> hyper::body::Body for SyncBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.get_mut().0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::pin::Pin::new(body).poll_frame(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(form: &FormBody) -> (String, u64) {
        let body = Body::multipart(form).await.unwrap();
        let boundary = body.content_type.split("boundary=").nth(1).unwrap().to_owned();
        let bytes = body.stream.collect().await.unwrap().to_bytes();
        (String::from_utf8(bytes.to_vec()).unwrap().replace(&boundary, "B"), body.length)
    }

    #[tokio::test]
    async fn a_form_says_its_length_and_no_name_ends_its_header() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code.tar");
        std::fs::write(&path, "content").unwrap();
        let form = FormBody::default().field("a\"\r\nb", "1").file_named("code", &path, "x\ny");
        let (shown, length) = text(&form).await;
        let wanted = "--B\r\nContent-Disposition: form-data; name=\"a___b\"\r\n\r\n1\r\n--B\r\nContent-Disposition: \
                      form-data; name=\"code\"; filename=\"x_y\"\r\nContent-Type: application/octet-stream\r\n\r\n\
                      content\r\n--B--\r\n";
        assert_eq!(shown, wanted);
        let n_boundaries = 3;
        let boundary_bytes = "----conpaas-".len() + 24;
        assert_eq!(length, (wanted.len() + n_boundaries * (boundary_bytes - 1)) as u64);
    }

    #[tokio::test]
    async fn a_missing_file_is_named_before_anything_is_sent() {
        let form = FormBody::default().file("code", "/nonexistent/code.tar");
        let error = Body::multipart(&form).await.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("cannot read /nonexistent/code.tar"));
    }

    #[test]
    fn what_is_added_is_sent_in_that_order() {
        let form = FormBody::default().field("b", "1").field("a", "2").file("code", "/tmp/x.tar");
        assert_eq!(form.fields, [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
        let (path, filename) = (PathBuf::from("/tmp/x.tar"), "/tmp/x.tar".to_owned());
        assert_eq!(form.files, [FilePart { name: "code".to_owned(), path, filename, range: None }]);
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_sent_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.sql");
        std::fs::write(&path, "0123456789").unwrap();
        for (range, wanted) in [(2..5, "234"), (8..40, "89"), (30..40, "")] {
            let (name, path, filename) = ("dump".to_owned(), path.clone(), "d".to_owned());
            let form = FormBody::default().file_part(FilePart { name, path, filename, range: Some(range) });
            let (shown, _) = text(&form).await;
            assert!(shown.contains(&format!("octet-stream\r\n\r\n{wanted}\r\n--B--")), "{shown}");
        }
    }
}
