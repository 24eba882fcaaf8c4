//! The metadata of a node, as a file that can be put back. Data is not in it: that stays on the volumes of the servers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::node::XtreemfsAgent;
use super::place;
use crate::archive::{self, Staged};
use crate::service::account;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys;
use crate::sys::file::{self, FileError};
use crate::sys::pipe::{self, ByteStream};

/// What metadata consists of: a state, and what changed since then.
const FILES: [&str; 2] = ["metadata", "changelog"];

/// `get_snapshot`: a compressed archive, as it comes.
pub(super) async fn get(agent: Arc<XtreemfsAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let wanted = agent.keeper.wanted().await?;
    let directory = wanted.metadata.ok_or_else(|| MethodError::refused("No configuration exists"))?;
    let metadata = place::metadata(&directory);
    let listed = metadata.clone();
    let names = sys::blocking(move || files_of(&listed)).await;
    let words: Vec<String> =
        ["-C", &metadata.display().to_string(), "--ignore-failed-read", "-czf", "-", "--"].map(str::to_owned).into();
    let words: Vec<String> = words.into_iter().chain(names).collect();
    let failed = |error: std::io::Error| MethodError::refused(error.to_string());
    let mut all = pipe::output("tar", &words).map_err(failed)?;
    let first = all.next().await.transpose().map_err(failed)?;
    let stream: ByteStream = stream::iter(first.map(Ok)).chain(all).boxed();
    Ok(Reply::Stream { stream, filename: "snapshot.tar.gz".to_owned() })
}

/// `set_snapshot`: no file of an address that a caller chooses is fetched.
pub(super) async fn set(mut call: Call) -> Result<Reply, MethodError> {
    call.params.string("archive_url")?;
    call.finish()?;
    Err(MethodError::refused("A snapshot is not fetched from a URL: upload it with take_snapshot"))
}

/// `take_snapshot` (ours): the master goes on with the metadata of an archive. What was there is kept beside it.
pub(super) async fn take(agent: Arc<XtreemfsAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let upload = call.file("archive")?;
    call.finish()?;
    let wanted = agent.keeper.wanted().await?;
    let (Some(directory), Some(wish)) = (wanted.metadata, wanted.master) else {
        return Err(MethodError::refused("this node does not have the metadata"));
    };
    let limits = agent.environment.config.base.archive.clone();
    let (path, target, account) =
        (upload.path().to_owned(), directory.join("restored"), agent.keeper.place.home.user());
    let staged = sys::blocking(move || {
        let staged = archive::stage(&path, &target, &limits).map_err(MethodError::invalid)?;
        expect_metadata(staged.content())?;
        give(staged.content(), account.as_deref())?;
        Ok::<Staged, MethodError>(staged)
    })
    .await?;
    agent.keeper.change(|wanted| wanted.master = None).await?;
    let put = sys::blocking(move || put_in_place(staged, &directory)).await;
    agent.keeper.change(|wanted| wanted.master = Some(wish)).await?;
    put?;
    Ok(Reply::nothing())
}

fn files_of(metadata: &Path) -> Vec<String> {
    let entries = fs::read_dir(metadata).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| FILES.iter().any(|file| name.starts_with(file)) && !name.ends_with(".tmp")).collect()
}

fn expect_metadata(directory: &Path) -> Result<(), MethodError> {
    let names = files_of(directory);
    if names.iter().any(|name| name.starts_with("metadata")) {
        return Ok(());
    }
    Err(MethodError::invalid("the archive has no metadata"))
}

fn give(directory: &Path, account: Option<&str>) -> Result<(), MethodError> {
    let Some(account) = account else { return Ok(()) };
    account::give(directory, account)?;
    for name in files_of(directory) {
        account::give(&directory.join(name), account)?;
    }
    Ok(())
}

/// Blocking. A power cut in between leaves one of both in its place, or the earlier one beside it.
fn put_in_place(staged: Staged, directory: &Path) -> Result<(), MethodError> {
    let (now, before) = (place::metadata(directory), directory.join("metadata.before"));
    file::ensure_absent(&before)?;
    fs::rename(&now, &before).map_err(|error| FileError::new("rename", &now, error))?;
    Ok(staged.replace(&now)?)
}
