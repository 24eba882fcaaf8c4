//! Backups of all data of a member, as the files that they are: made while it serves, and put in the place of its data.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio_util::io::ReaderStream;

use super::backup_store;
use super::node::MysqlAgent;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys::pipe::{self, ByteStream};

/// $1 is the socket, $2 the directory of the member.
const BACK_UP: &str = "set -e; cd \"$2\"; rm -rf backup; mkdir -m 700 backup; \
    mariadb-backup --no-defaults --backup --stream=mbstream --user=mysql --socket=\"$1\" --datadir=\"$2/data\" \
    --target-dir=\"$2/backup\" | gzip -1; rm -rf backup";
/// $1 is the number of the restoration, $2 the directory of the member. What is not whole does not get its name.
const UNPACK: &str = "set -e; cd \"$2\"; rm -rf restored-* restoring; mkdir -m 700 restoring; \
    gzip -dc | mbstream -x -C restoring; test -e restoring/ibdata1 || { echo 'it is no backup' >&2; exit 1; }; \
    mariadb-backup --no-defaults --prepare --use-memory=16M --target-dir=\"$2/restoring\"; \
    rm -f restoring/grastate.dat restoring/gvwstate.dat restoring/galera.cache; sync -f restoring; \
    mv restoring \"restored-$1\"";
const PIECE_BYTES: usize = 64 * 1024;

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
    unpack(&agent, backup.path(), number, &directory).await
}

/// `use_backup`: the same with a backup that is kept here.
pub(super) async fn use_backup(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let name = call.params.string("name")?;
    let number = call.params.positive("number")?;
    call.finish()?;
    let directory = agent.member("Cannot restore").await?.directory;
    let file = backup_store::find(&directory, &name).await?;
    unpack(&agent, &file, number, &directory).await
}

async fn unpack(agent: &MysqlAgent, backup: &Path, number: i64, directory: &Path) -> Result<Reply, MethodError> {
    let words = agent.place.shell(UNPACK, &[&number.to_string(), &directory.display().to_string()]);
    let failed = |error: std::io::Error| MethodError::refused(error.to_string());
    let file = tokio::fs::File::open(backup).await.map_err(failed)?;
    let pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
    pipe::input(&words[0], &words[1..], pieces).await.map_err(failed)?;
    Ok(Reply::nothing())
}
