//! `load_dump`: a dump in one upload, or a large one in many.

use std::path::Path;

use serde::de::IgnoredAny;

use super::NAME;
use crate::api::mysql::LoadingNode;
use crate::cli::command::service_names::ServiceNames;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::upload;
use crate::rpc::RpcCall;
use crate::sys::random;

const FIELD: &str = "mysqldump_file";
/// Manager and node keep one piece on their disks at a time. A smaller dump is one upload, which older managers take, too.
const PIECE_BYTES: u64 = 64 << 20;

/// Loads a dump of any size.
///
/// # Errors
/// The file cannot be read, or the manager refuses.
pub(super) async fn load(run: &Invocation, names: &ServiceNames, filename: &Path) -> Result<Reply, Failure> {
    let found = names.find(&run.session, Some(NAME)).await?;
    let (application, sid) = (found.application, found.service.0);
    let progress = run.printer.begin_upload(filename);
    let whole = RpcCall::upload(sid, "load_dump").counting(progress.sent());
    // Also where it goes in pieces: it tells that the file is there.
    let whole = upload::with_file(whole, FIELD, filename)?;
    let size = filename.metadata().map_or(0, |metadata| metadata.len());
    if size <= PIECE_BYTES {
        progress.while_sending(run.session.manager::<IgnoredAny>(application, whole)).await?;
    } else {
        let pieces = async {
            let (load, mut node, mut offset) = (random::alphanumeric(20), None, 0);
            while offset < size {
                let end = (offset + PIECE_BYTES).min(size);
                let call = RpcCall::upload(sid, "load_dump_piece").counting(progress.sent());
                let call = call.param("load", load.as_str()).param("offset", offset).param("last", end == size);
                let call = match node {
                    Some(node) => call.param("node", node),
                    None => call,
                };
                let call = call.part_of_file(FIELD, filename, "dump.sql", offset..end);
                let taken: LoadingNode = run.session.manager(application, call).await?;
                (node, offset) = (Some(taken.node), end);
            }
            Ok::<_, Failure>(())
        };
        progress.while_sending(pieces).await?;
    }
    Ok(Reply::done(format!("MySQL dump '{}' loaded successfully.", filename.display())))
}
