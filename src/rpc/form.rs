//! Forms: the query, an urlencoded body and a multipart body are one thing,
//! as upstream's `request.values`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::crowd::{Budget, Grant, Party};
use super::request::{BodyError, Request};
use crate::sys::file;

/// All texts of a form together: they are kept in memory.
const MAX_TEXT_BYTES: u64 = 4 * 1024 * 1024;
/// A smaller file finds room anywhere: a full disk must not keep a certificate from being renewed.
const SMALL_FILE_BYTES: u64 = 64 * 1024;
/// How often the room on the disk is looked at while a file grows.
const LOOK_BYTES: u64 = 4 * 1024 * 1024;
/// What an upload leaves free.
const SPARED_BYTES: u64 = 32 * 1024 * 1024;
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
    /// Its share of the disk, until it is gone.
    _room: Grant,
}

/// What a form may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormBounds {
    /// All of it, in bytes.
    pub(crate) max_bytes: u64,
    /// Whether files are kept. Else they are passed over, as upstream does where it asks for none.
    pub(crate) takes_files: bool,
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
    /// body that is no form has no parameters. Files are kept as far as the listener takes them.
    ///
    /// # Errors
    /// The body is too large, too slow or malformed.
    pub async fn read(request: &mut Request) -> Result<Form, BodyError> {
        let max_bytes = request.max_body_bytes();
        Form::read_within(request, FormBounds { max_bytes, takes_files: true }).await
    }

    /// Reads query and body of a request within bounds.
    ///
    /// # Errors
    /// As [`Form::read`]; a body that says itself that it is too large is not read at all.
    pub(crate) async fn read_within(request: &mut Request, bounds: FormBounds) -> Result<Form, BodyError> {
        let bounds = FormBounds { max_bytes: bounds.max_bytes.min(request.max_body_bytes()), ..bounds };
        let mut form = Form::default();
        form.add_pairs(request.query.clone().as_bytes());
        let content_type = request.content_type.clone().unwrap_or_default();
        if content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
            form.read_multipart(request, &content_type, bounds).await?;
        } else if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            let body = request.read_body(bounds.max_bytes.min(MAX_TEXT_BYTES)).await?;
            form.add_pairs(&body);
        }
        request.received();
        Ok(form)
    }

    fn add_pairs(&mut self, bytes: &[u8]) {
        for (name, value) in form_urlencoded::parse(bytes).take(MAX_FIELDS) {
            self.fields.insert(name.into_owned(), value.into_owned());
        }
    }

    async fn read_multipart(
        &mut self,
        request: &mut Request,
        content_type: &str,
        bounds: FormBounds,
    ) -> Result<(), BodyError> {
        let boundary = multer::parse_boundary(content_type).map_err(|error| malformed(&error))?;
        request.refuse_larger(bounds.max_bytes)?;
        let files = Files {
            is_wanted: bounds.takes_files,
            directory: request.limits.upload_directory.clone(),
            budget: Arc::clone(&request.connection.uploads),
            party: request.connection.seat.party(),
        };
        let mut memory = request.take_memory();
        let mut limits =
            FieldLimits { max_bytes: bounds.max_bytes, text_bytes: MAX_TEXT_BYTES, pending: Arc::default() };
        let pieces = pieces(request, bounds, Arc::clone(&limits.pending));
        let size = multer::SizeLimit::new().whole_stream(bounds.max_bytes);
        let constraints = multer::Constraints::new().size_limit(size);
        let mut multipart = multer::Multipart::with_constraints(pieces, boundary, constraints);
        let mut n_fields = 0;
        while let Some(field) = multipart.next_field().await.map_err(|error| body_error(error, bounds.max_bytes))? {
            limits.pending.store(0, Ordering::Relaxed);
            n_fields += 1;
            if n_fields > MAX_FIELDS {
                return Err(BodyError::Malformed(format!("more than {MAX_FIELDS} fields")));
            }
            match field.file_name().map(str::to_owned) {
                None => self.read_text(field, &mut limits, &mut memory).await?,
                Some(filename) => self.read_file(field, filename, &files, &limits).await?,
            }
        }
        drop(multipart);
        request.keep_memory(memory);
        Ok(())
    }

    async fn read_text(
        &mut self,
        mut field: multer::Field<'_>,
        limits: &mut FieldLimits,
        memory: &mut Grant,
    ) -> Result<(), BodyError> {
        let name = field.name().unwrap_or_default().to_owned();
        let mut text = Vec::new();
        while let Some(piece) = limits.next(&mut field).await? {
            limits.text_bytes = limits.text_bytes.saturating_sub(piece.len() as u64);
            if limits.text_bytes == 0 {
                return Err(BodyError::TooLarge(MAX_TEXT_BYTES));
            }
            memory.extend(piece.len() as u64)?;
            text.extend_from_slice(&piece);
        }
        let text = String::from_utf8(text).map_err(|_| BodyError::Malformed(format!("'{name}' is not UTF-8")))?;
        self.fields.entry(name).or_insert(text);
        Ok(())
    }

    async fn read_file(
        &mut self,
        mut field: multer::Field<'_>,
        filename: String,
        files: &Files,
        limits: &FieldLimits,
    ) -> Result<(), BodyError> {
        if !files.is_wanted {
            while limits.next(&mut field).await?.is_some() {}
            return Ok(());
        }
        let name = field.name().unwrap_or_default().to_owned();
        let directory = files.directory.as_deref();
        let directory = directory.ok_or(BodyError::NoFiles)?;
        let (file, path) =
            tempfile::Builder::new().prefix("upload-").tempfile_in(directory).map_err(BodyError::Storage)?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let (mut size, mut looked_at, mut room) = (0, SMALL_FILE_BYTES, files.budget.grant(files.party));
        while let Some(piece) = limits.next(&mut field).await? {
            size += piece.len() as u64;
            room.extend(piece.len() as u64)?;
            if size > looked_at {
                spare_room(directory)?;
                looked_at += LOOK_BYTES;
            }
            file.write_all(&piece).await.map_err(BodyError::Storage)?;
        }
        file.flush().await.map_err(BodyError::Storage)?;
        self.files.entry(name).or_insert(Upload { filename, size, path, _room: room });
        Ok(())
    }
}

/// Where files of a form go, and whose they are.
struct Files {
    is_wanted: bool,
    directory: Option<PathBuf>,
    budget: Arc<Budget>,
    party: Party,
}

/// Returns the body of a request piece by piece; `pending` counts what the parser has not looked at.
fn pieces(
    request: &mut Request,
    bounds: FormBounds,
    pending: Arc<AtomicU64>,
) -> impl Stream<Item = std::io::Result<Bytes>> + '_ {
    let time = if bounds.takes_files { request.time_with_file() } else { request.time_without_file() };
    stream::unfold(Some((request, time)), move |state| {
        let pending = Arc::clone(&pending);
        async move {
            let (request, mut time) = state?;
            // The parser takes whatever is there before it looks at it; this makes it look.
            tokio::task::yield_now().await;
            if pending.load(Ordering::Relaxed) > MAX_PENDING_BYTES {
                let error = BodyError::Malformed("the head of a part does not end".to_owned());
                return Some((Err(std::io::Error::other(error)), None));
            }
            match request.next_piece(&mut time).await {
                Ok(Some(piece)) => {
                    pending.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    Some((Ok(piece), Some((request, time))))
                }
                Ok(None) => None,
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            }
        }
    })
}

/// Refuses to fill a disk to its end: others need room on it, too.
fn spare_room(directory: &Path) -> Result<(), BodyError> {
    let free = file::free_bytes(directory).map_err(|error| BodyError::Storage(std::io::Error::other(error)))?;
    if free > SPARED_BYTES {
        return Ok(());
    }
    let full = std::io::Error::new(std::io::ErrorKind::StorageFull, "there is too little room left on the disk");
    Err(BodyError::Storage(full))
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
