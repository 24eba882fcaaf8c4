//! Backups of all data of a member, as the files that they are: made while it serves, and put in the place of its data.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::backup_store;
use super::node::MysqlAgent;
use super::pieces::Piece;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys::pipe::{self, ByteStream};
use crate::sys::random;

/// $1 is the socket, $2 the directory of the member.
const BACK_UP: &str = "set -e; cd \"$2\"; rm -rf backup; mkdir -m 700 backup; \
    mariadb-backup --no-defaults --backup --stream=mbstream --user=mysql --socket=\"$1\" --datadir=\"$2/data\" \
    --target-dir=\"$2/backup\" | gzip -1; rm -rf backup";
/// $1 is the directory of the member. The backup is made ready in the directory `restoring`.
const UNPACK: &str = "set -e; cd \"$1\"; rm -rf restored-* restoring; mkdir -m 700 restoring; \
    gzip -dc | mbstream -x -C restoring; test -e restoring/ibdata1 || { echo 'it is no backup' >&2; exit 1; }; \
    mariadb-backup --no-defaults --prepare --use-memory=16M --target-dir=\"$1/restoring\"; \
    rm -f restoring/grastate.dat restoring/gvwstate.dat restoring/galera.cache; sync -f restoring";
/// $1 is the number of the restoration, $2 the directory. Only what is whole gets this name, by which a start finds it; an
/// answer that was lost is asked for again.
const NAME: &str = "cd \"$2\"; test -e \"restored-$1\" || mv restoring \"restored-$1\"; sync -f .";
const WORD_LENGTH: usize = 40;

/// `backup`: a compressed file, as it comes.
pub(super) async fn back_up(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let directory = agent.member("Cannot back up").await?.directory.display().to_string();
    let words = agent.place.shell(BACK_UP, &[&agent.place.socket().display().to_string(), &directory]);
    let failed = |error: std::io::Error| MethodError::refused(error.to_string());
    let mut all = pipe::output(&words[0], &words[1..]).map_err(failed)?;
    let first = all.next().await.transpose().map_err(failed)?;
    let stream: ByteStream = stream::iter(first.map(Ok)).chain(all).boxed();
    Ok(Reply::Stream { stream, filename: "mysql.backup".to_owned() })
}

/// `take_backup`: unpacks a backup beside the data. The next start with this number puts it in the place of that.
pub(super) async fn take_backup(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let backup = call.file("backup")?;
    let number = call.params.positive("number")?;
    call.finish()?;
    let directory = agent.member("Cannot restore").await?.directory;
    let whole = Piece::whole(random::alphanumeric(WORD_LENGTH));
    unpack(&agent, whole, backup.path(), &directory).await?;
    name(&agent, number, &directory).await
}

/// `take_backup_piece`: the same with a backup that comes in pieces. The last one has the number, and its answer tells
/// how all ended.
pub(super) async fn take_backup_piece(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let (piece, content) = Piece::of_call(&mut call, "backup")?;
    let number = if piece.is_last() { Some(call.params.positive("number")?) } else { None };
    call.finish()?;
    let directory = agent.member("Cannot restore").await?.directory;
    unpack(&agent, piece, content.path(), &directory).await?;
    match number {
        Some(number) => name(&agent, number, &directory).await,
        None => Ok(Reply::nothing()),
    }
}

/// `use_backup`: the same with a backup that is kept here.
pub(super) async fn use_backup(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let kept = call.params.string("name")?;
    let number = call.params.positive("number")?;
    call.finish()?;
    let directory = agent.member("Cannot restore").await?.directory;
    let file = backup_store::find(&directory, &kept).await?;
    unpack(&agent, Piece::whole(random::alphanumeric(WORD_LENGTH)), &file, &directory).await?;
    name(&agent, number, &directory).await
}

async fn unpack(agent: &MysqlAgent, piece: Piece, content: &Path, directory: &Path) -> Result<(), MethodError> {
    let words = agent.place.shell(UNPACK, &[&directory.display().to_string()]);
    let run = |pieces: ByteStream| async move { pipe::input(&words[0], &words[1..], pieces).await };
    agent.backups.take(piece, content, run).await.map_err(|error| MethodError::refused(error.to_string()))
}

async fn name(agent: &MysqlAgent, number: i64, directory: &Path) -> Result<Reply, MethodError> {
    let words = agent.place.shell(NAME, &[&number.to_string(), &directory.display().to_string()]);
    let named = pipe::input(&words[0], &words[1..], stream::empty()).await;
    named.map(|()| Reply::nothing()).map_err(|error| MethodError::refused(error.to_string()))
}
