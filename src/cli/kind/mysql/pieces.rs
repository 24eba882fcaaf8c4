//! Files of any size: a small one in one upload, a large one in many.

use std::path::Path;

use crate::api::mysql::TakingNode;
use crate::cli::invocation::Invocation;
use crate::cli::output::upload_line::UploadLine;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::upload;
use crate::rpc::RpcCall;
use crate::sys::random;

/// Manager and node keep one piece on their disks at a time. A smaller file is one upload, which older managers take, too.
const PIECE_BYTES: u64 = 64 << 20;

/// How a file is sent.
pub(super) struct Sending<'a> {
    /// The method that takes all of it at once.
    pub whole: &'static str,
    /// The method that takes a piece.
    pub piece: &'static str,
    /// The parameter that holds it.
    pub field: &'static str,
    /// Where it is.
    pub path: &'a Path,
}

impl Sending<'_> {
    /// Sends all but the end of the file, and returns the call that sends this.
    ///
    /// # Errors
    /// The file cannot be read, or the manager refuses.
    pub(super) async fn all_but_last(
        &self,
        run: &Invocation,
        found: &FoundService,
        progress: &UploadLine,
    ) -> Result<RpcCall, Failure> {
        let sid = found.service.0;
        let whole = RpcCall::upload(sid, self.whole).counting(progress.sent());
        // Also where it goes in pieces: it tells that the file is there.
        let whole = upload::with_file(whole, self.field, self.path)?;
        let size = self.path.metadata().map_or(0, |metadata| metadata.len());
        if size <= PIECE_BYTES {
            return Ok(whole);
        }
        let load = random::alphanumeric(20);
        let piece = |node: Option<&str>, offset: u64, end: u64| {
            let call = RpcCall::upload(sid, self.piece).counting(progress.sent());
            let call = call.param("load", load.as_str()).param("offset", offset).param("last", end == size);
            let call = call.part_of_file(self.field, self.path, self.field, offset..end);
            node.map_or(call.clone(), |node| call.param("node", node))
        };
        let (mut node, mut offset) = (None::<String>, 0);
        while offset + PIECE_BYTES < size {
            let end = offset + PIECE_BYTES;
            let call = piece(node.as_deref(), offset, end);
            let taken: TakingNode = run.session.manager(found.application, call).await?;
            (node, offset) = (Some(taken.node), end);
        }
        Ok(piece(node.as_deref(), offset, size))
    }
}
