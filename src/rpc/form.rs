//! Forms: the query, an urlencoded body and a multipart body are one thing,
//! as upstream's `request.values`.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::stream;
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::server::{BodyError, Request};

const MAX_FIELD_BYTES: u64 = 4 * 1024 * 1024;
const MAX_FIELDS: usize = 256;

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
    /// Where it lies until this value is dropped.
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
    /// The text of a field; `None` when it is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The text of a field; `None` when it is absent or empty, which upstream mostly treats alike.
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
            let outcome = form.read_multipart(request, &content_type).await;
            if let Err(BodyError::TooLarge(_)) = outcome {
                request.discard().await;
            }
            outcome?;
        } else if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            let body = request.read_body(MAX_FIELD_BYTES).await?;
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
        let pieces = stream::unfold(Some(request), move |request| async move {
            let request = request?;
            match request.next_piece(deadline).await {
                Ok(Some(piece)) => Some((Ok(piece), Some(request))),
                Ok(None) => None,
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            }
        });
        let limits = multer::SizeLimit::new().whole_stream(max_bytes);
        let constraints = multer::Constraints::new().size_limit(limits);
        let mut multipart = multer::Multipart::with_constraints(pieces, boundary, constraints);
        let mut n_fields = 0;
        while let Some(field) = multipart.next_field().await.map_err(|error| body_error(error, max_bytes))? {
            n_fields += 1;
            if n_fields > MAX_FIELDS {
                return Err(BodyError::Malformed(format!("more than {MAX_FIELDS} fields")));
            }
            self.read_field(field, &directory, max_bytes).await?;
        }
        Ok(())
    }

    async fn read_field(
        &mut self,
        mut field: multer::Field<'_>,
        directory: &Path,
        max_bytes: u64,
    ) -> Result<(), BodyError> {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(filename) = field.file_name().map(str::to_owned) else {
            let mut text = Vec::new();
            while let Some(piece) = field.chunk().await.map_err(|error| body_error(error, max_bytes))? {
                if (text.len() + piece.len()) as u64 > MAX_FIELD_BYTES {
                    return Err(BodyError::TooLarge(MAX_FIELD_BYTES));
                }
                text.extend_from_slice(&piece);
            }
            let text = String::from_utf8(text).map_err(|_| BodyError::Malformed(format!("'{name}' is not UTF-8")))?;
            self.fields.entry(name).or_insert(text);
            return Ok(());
        };
        let (file, path) =
            tempfile::Builder::new().prefix("upload-").tempfile_in(directory).map_err(BodyError::Storage)?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut size = 0;
        while let Some(piece) = field.chunk().await.map_err(|error| body_error(error, max_bytes))? {
            size += piece.len() as u64;
            file.write_all(&piece).await.map_err(BodyError::Storage)?;
        }
        file.flush().await.map_err(BodyError::Storage)?;
        self.files.entry(name).or_insert(Upload { filename, size, path });
        Ok(())
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
