//! Forms: the query, an urlencoded body and a multipart body are one thing,
//! as upstream's `request.values`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream;
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::request::{BodyError, Request};

/// All texts of a form together: they are kept in memory.
const MAX_TEXT_BYTES: u64 = 4 * 1024 * 1024;
const MAX_FIELDS: usize = 256;
/// Bytes that may come without completing the head of a part: the parser keeps it in memory.
const MAX_PENDING_BYTES: u64 = 256 * 1024;

/// A file that came with a form. It lies in a temporary place and is removed
/// with this value.
#[derive(Debug)]
pub struct Upload {
    /// The name that the client gave it; hostile, never a path.
    pub filename: String,
    /// Its size in bytes.
    pub size: u64,
    path: TempPath,
}

impl Upload {
    /// Returns the path at which it lies until this value is dropped.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it whole, if it is not larger than `max_bytes`.
    ///
    /// # Errors
    /// It is larger, or cannot be read.
    pub async fn read(&self, max_bytes: u64) -> Result<Vec<u8>, BodyError> {
        if self.size > max_bytes {
            return Err(BodyError::TooLarge(max_bytes));
        }
        tokio::fs::read(&self.path).await.map_err(BodyError::Storage)
    }
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct Form {
    /// Texts by name; of several with one name the last one of the query, then the first of the body, wins.
    pub fields: BTreeMap<String, String>,
    /// Files by name.
    pub files: BTreeMap<String, Upload>,
}

impl Form {
    /// Returns the text of a field; `None` when it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Returns the text of a field; `None` when it is absent or empty, which upstream mostly treats alike.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|text| !text.is_empty())
    }

    /// Reads query and body of a request, whatever the body's type is: a
    /// body that is no form has no parameters.
    ///
    /// # Errors
    /// The body is too large, too slow or malformed.
    pub async fn read(request: &mut Request) -> Result<Form, BodyError> {
        let mut form = Form::default();
        form.add_pairs(request.query.clone().as_bytes());
        let content_type = request.content_type.clone().unwrap_or_default();
        if content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
            form.read_multipart(request, &content_type).await?;
        } else if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            let body = request.read_body(MAX_TEXT_BYTES).await?;
            form.add_pairs(&body);
        }
        Ok(form)
    }

    fn add_pairs(&mut self, bytes: &[u8]) {
        for (name, value) in form_urlencoded::parse(bytes).take(MAX_FIELDS) {
            self.fields.insert(name.into_owned(), value.into_owned());
        }
    }

    async fn read_multipart(&mut self, request: &mut Request, content_type: &str) -> Result<(), BodyError> {
        let boundary = multer::parse_boundary(content_type).map_err(|error| malformed(&error))?;
        let max_bytes = request.max_body_bytes();
        let directory = request.limits.upload_directory.clone();
        let deadline = tokio::time::Instant::now() + request.limits.body_timeout;
        let pending = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&pending);
        let pieces = stream::unfold(Some(request), move |request| {
            let pending = Arc::clone(&counted);
            async move {
                let request = request?;
                // The parser takes whatever is there before it looks at it; this makes it look.
                tokio::task::yield_now().await;
                if pending.load(Ordering::Relaxed) > MAX_PENDING_BYTES {
                    let error = BodyError::Malformed("the head of a part does not end".to_owned());
                    return Some((Err(std::io::Error::other(error)), None));
                }
                match request.next_piece(deadline).await {
                    Ok(Some(piece)) => {
                        pending.fetch_add(piece.len() as u64, Ordering::Relaxed);
                        Some((Ok(piece), Some(request)))
                    }
                    Ok(None) => None,
                    Err(error) => Some((Err(std::io::Error::other(error)), None)),
                }
            }
        });
        let limits = multer::SizeLimit::new().whole_stream(max_bytes);
        let constraints = multer::Constraints::new().size_limit(limits);
        let mut multipart = multer::Multipart::with_constraints(pieces, boundary, constraints);
        let mut n_fields = 0;
        let mut limits = FieldLimits { max_bytes, text_bytes: MAX_TEXT_BYTES, pending };
        while let Some(field) = multipart.next_field().await.map_err(|error| body_error(error, max_bytes))? {
            limits.pending.store(0, Ordering::Relaxed);
            n_fields += 1;
            if n_fields > MAX_FIELDS {
                return Err(BodyError::Malformed(format!("more than {MAX_FIELDS} fields")));
            }
            self.read_field(field, directory.as_deref(), &mut limits).await?;
        }
        Ok(())
    }

    async fn read_field(
        &mut self,
        mut field: multer::Field<'_>,
        directory: Option<&Path>,
        limits: &mut FieldLimits,
    ) -> Result<(), BodyError> {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(filename) = field.file_name().map(str::to_owned) else {
            let mut text = Vec::new();
            while let Some(piece) = limits.next(&mut field).await? {
                limits.text_bytes = limits.text_bytes.saturating_sub(piece.len() as u64);
                if limits.text_bytes == 0 {
                    return Err(BodyError::TooLarge(MAX_TEXT_BYTES));
                }
                text.extend_from_slice(&piece);
            }
            let text = String::from_utf8(text).map_err(|_| BodyError::Malformed(format!("'{name}' is not UTF-8")))?;
            self.fields.entry(name).or_insert(text);
            return Ok(());
        };
        let directory = directory.ok_or(BodyError::NoFiles)?;
        let (file, path) =
            tempfile::Builder::new().prefix("upload-").tempfile_in(directory).map_err(BodyError::Storage)?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut size = 0;
        while let Some(piece) = limits.next(&mut field).await? {
            size += piece.len() as u64;
            file.write_all(&piece).await.map_err(BodyError::Storage)?;
        }
        file.flush().await.map_err(BodyError::Storage)?;
        self.files.entry(name).or_insert(Upload { filename, size, path });
        Ok(())
    }
}

/// The room that the parts of one form have left.
struct FieldLimits {
    max_bytes: u64,
    text_bytes: u64,
    /// Bytes that the parser was given since it last gave something back.
    pending: Arc<AtomicU64>,
}

impl FieldLimits {
    async fn next(&self, field: &mut multer::Field<'_>) -> Result<Option<bytes::Bytes>, BodyError> {
        let piece = field.chunk().await.map_err(|error| body_error(error, self.max_bytes))?;
        self.pending.store(0, Ordering::Relaxed);
        Ok(piece)
    }
}

fn malformed(error: &multer::Error) -> BodyError {
    BodyError::Malformed(error.to_string())
}

fn body_error(error: multer::Error, max_bytes: u64) -> BodyError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => BodyError::TooLarge(max_bytes),
        multer::Error::StreamReadFailed(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => match error.downcast::<BodyError>() {
                Ok(inner) => inner,
                Err(error) => BodyError::Malformed(error.to_string()),
            },
            Err(error) => BodyError::Malformed(error.to_string()),
        },
        other => malformed(&other),
    }
}
