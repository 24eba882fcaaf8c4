//! Dumps of everything, made and loaded as streams: a piece at a time is in memory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_util::io::ReaderStream;

use super::node::MysqlAgent;
use super::pieces::Piece;
use super::run_dump::{PIECE_BYTES, load_all};
use super::sql;
use crate::service::call::Call;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::sys::pipe::{self, ByteStream};

/// Accounts and rights, as statements that every member can repeat. The tables that hold them are no ordinary ones: rows
/// that are loaded into those reach no other member.
const ACCOUNTS: [&str; 2] = ["--system=users", "--insert-ignore"];
/// All other databases, as they are at one moment; bytes that are no text are written as numbers.
const DATA: [&str; 9] = [
    "--single-transaction",
    "--quick",
    "--skip-lock-tables",
    "--routines",
    "--events",
    "--hex-blob",
    "--default-character-set=utf8mb4",
    "--all-databases",
    "--ignore-database=mysql",
];
const DUMP: &str = "mariadb-dump";

/// `dump`: everything, as a file.
pub(super) async fn dump(agent: Arc<MysqlAgent>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    agent.member("Cannot dump").await?;
    let client = sql::client(&agent.place.socket());
    let parts = [&ACCOUNTS[..], &DATA[..]].map(|words| {
        let words = words.iter().map(|word| (*word).to_owned());
        client.iter().cloned().chain(words).collect::<Vec<String>>()
    });
    // A part starts when the one before it has ended well.
    let mut all = stream::iter(parts).then(|words| async move { pipe::output(DUMP, &words) }).try_flatten().boxed();
    // What fails at once is told as an error, and not as a file that breaks off.
    let first = all.next().await.transpose().map_err(|error| MethodError::refused(error.to_string()))?;
    let stream: ByteStream = stream::iter(first.map(Ok)).chain(all).boxed();
    Ok(Reply::Stream { stream, filename: "dump.sql".to_owned() })
}

/// `load_dump`: runs a dump. Whatever it says of the database `mysql` is left out.
pub(super) async fn load_dump(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let dump = call.file("mysqldump_file")?;
    call.finish()?;
    agent.member("Cannot load a dump").await?;
    load(&agent.place.socket(), dump.path()).await.map_err(|error| MethodError::refused(error.to_string()))?;
    Ok(Reply::nothing())
}

async fn load(socket: &Path, path: &Path) -> io::Result<()> {
    let file = tokio::fs::File::open(path).await?;
    load_all(socket, ReaderStream::with_capacity(file, PIECE_BYTES)).await
}

/// `load_dump_piece`: runs the next bytes of the dump `load`, from `offset` on; with `last` the answer tells how all ended.
pub(super) async fn load_dump_piece(agent: Arc<MysqlAgent>, mut call: Call) -> Result<Reply, MethodError> {
    let (piece, content) = Piece::of_call(&mut call, "mysqldump_file")?;
    call.finish()?;
    agent.member("Cannot load a dump").await?;
    let socket = agent.place.socket();
    let run = |pieces: ByteStream| async move { load_all(&socket, pieces).await };
    let taken = agent.dumps.take(piece, content.path(), run).await;
    taken.map(|()| Reply::nothing()).map_err(|error| MethodError::refused(error.to_string()))
}
