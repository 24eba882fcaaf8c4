//! One SQLite file: made whole, brought to the newest version, written in transactions.
//!
//! It runs in WAL mode with `synchronous=FULL`: what a transaction committed
//! survives a power cut. Must not know: what the tables are for.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::StoreError;
use crate::sys;

/// A handle on one database. Cheap to clone; all clones share one connection,
/// so that transactions never meet a locked database.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
    /// Where SQLite keeps what was committed last.
    log: Arc<Path>,
    file: Arc<OpenedFile>,
}

/// The file that was opened. What is written to one that was removed meanwhile is lost.
struct OpenedFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Statements that are kept ready for the next time.
const KEPT_STATEMENTS: usize = 64;

impl Store {
    /// Opens the database at `path`, makes it if it is not there (readable by
    /// its owner alone), and brings it to the newest of `migrations`: SQL
    /// scripts, each run once, in order. Blocking.
    ///
    /// # Errors
    /// The file cannot be opened or written, or is of a newer version.
    pub(crate) fn open(path: &Path, migrations: &[&str]) -> Result<Self, StoreError> {
        if !path.exists() {
            make(path, migrations)?;
        }
        let fail = |source| StoreError::Open { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(fail)?;
        restrict(path);
        connection.busy_timeout(Duration::from_secs(10)).map_err(fail)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(fail)?;
        connection.pragma_update(None, "cache_size", -512).map_err(fail)?;
        connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        migrate(&mut connection, path, migrations)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let file = Arc::new(OpenedFile::look(path)?);
        Ok(Store { connection: Arc::new(Mutex::new(connection)), log: PathBuf::from(log).into(), file })
    }

    /// Looks whether the file is sound: pages that a bit flip or a bad card changed. Blocking.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with SQLite's first words on what is wrong.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let found: rusqlite::Result<String> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        let damaged = |words: String| StoreError::Damaged { path: self.file.path.clone(), words };
        match found {
            Ok(words) if words == "ok" => Ok(()),
            Ok(words) => Err(damaged(words)),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Writes a copy of the whole database to `path`, which must not be there:
    /// as it is at one moment, also while others write. Blocking.
    ///
    /// # Errors
    /// The database is damaged, or the copy cannot be written.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let text = path.to_str().ok_or_else(|| StoreError::Corrupt(format!("{} is no UTF-8", path.display())))?;
        connection.execute("VACUUM INTO ?1", [text])?;
        restrict(path);
        Ok(())
    }

    /// Runs `work` in one transaction off the async workers, and commits if
    /// it succeeds.
    ///
    /// # Errors
    /// Whatever `work` says, or the commit's own failure; nothing is changed then.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        sys::blocking(move || store.write_blocking(work)).await
    }

    /// As [`Store::write`], without waiting for the disk: it survives a crash
    /// of this process, but a power cut may take it back together with what
    /// was noted after it. For what is then found out, or done, once more.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn note<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        sys::blocking(move || {
            let mut connection = store.connection.lock().unwrap_or_else(PoisonError::into_inner);
            store.file.expect_there()?;
            connection.pragma_update(None, "synchronous", "NORMAL").map_err(StoreError::from)?;
            let outcome = run(&mut connection, TransactionBehavior::Immediate, work);
            connection.pragma_update(None, "synchronous", "FULL").map_err(StoreError::from)?;
            let value = outcome?;
            store.file.expect_there()?;
            Ok(value)
        })
        .await
    }

    /// Waits until the disk has all that was noted: once for many notes.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        let log = Arc::clone(&self.log);
        let synced = sys::blocking(move || File::open(&log).and_then(|file| file.sync_data())).await;
        synced.map_err(|source| StoreError::Settle { path: self.log.to_path_buf(), source })
    }

    /// [`Store::write`] on this very thread. Blocking.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) fn write_blocking<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(TransactionBehavior::Immediate, work)
    }

    /// Runs `work`, which only reads, in one transaction off the async workers.
    ///
    /// # Errors
    /// Whatever `work` says.
    pub(crate) async fn read<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        sys::blocking(move || store.run(TransactionBehavior::Deferred, work)).await
    }

    fn run<T, E: From<StoreError>>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.file.expect_there()?;
        let value = run(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner), behavior, work)?;
        // What was removed between the two looks took the change with it.
        self.file.expect_there()?;
        Ok(value)
    }
}

impl OpenedFile {
    fn look(path: &Path) -> Result<Self, StoreError> {
        let gone = |_| StoreError::Gone { path: path.to_owned() };
        let found = std::fs::metadata(path).map_err(gone)?;
        Ok(OpenedFile { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    fn expect_there(&self) -> Result<(), StoreError> {
        let found = Self::look(&self.path)?;
        if (found.device, found.inode) == (self.device, self.inode) {
            return Ok(());
        }
        Err(StoreError::Gone { path: self.path.clone() })
    }
}

fn run<T, E: From<StoreError>>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = connection.transaction_with_behavior(behavior).map_err(StoreError::from)?;
    let value = work(&transaction)?;
    transaction.commit().map_err(StoreError::from)?;
    Ok(value)
}

/// Makes the database beside its place and then puts it there, so that a
/// power cut leaves a whole one or none, and the disk is waited for once
/// instead of at every step. Fine if another process was faster.
fn make(path: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", sys::random::alphanumeric(8)));
    let temporary = PathBuf::from(temporary);
    let outcome = fill(&temporary, migrations).and_then(|()| {
        let words = |error: std::io::Error| StoreError::Make { path: path.to_owned(), source: error };
        File::open(&temporary).and_then(|file| file.sync_all()).map_err(words)?;
        match std::fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other.map_err(words)?,
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new("."))).and_then(|file| file.sync_all()).map_err(words)
    });
    let _gone_or_never_made = std::fs::remove_file(&temporary);
    outcome
}

fn fill(path: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let fail = |source| StoreError::Open { path: path.to_owned(), source };
    let mut connection = Connection::open(path).map_err(fail)?;
    restrict(path);
    connection.pragma_update(None, "synchronous", "OFF").map_err(fail)?;
    connection.pragma_update(None, "journal_mode", "MEMORY").map_err(fail)?;
    migrate(&mut connection, path, migrations)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
    connection.close().map_err(|(_, source)| fail(source))
}

fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let fail = |source| StoreError::Open { path: path.to_owned(), source };
    let found: usize = connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .map_err(fail)?
        .try_into()
        .unwrap_or(usize::MAX);
    if found > migrations.len() {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: migrations.len() });
    }
    for (index, script) in migrations.iter().enumerate().skip(found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        transaction.execute_batch(script).map_err(fail)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1).map_err(fail)?;
        transaction.commit().map_err(fail)?;
    }
    Ok(())
}

fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ours_or_already_so = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_run_once_and_a_newer_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let scripts = ["CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)"];
        Store::open(&path, &scripts).unwrap();
        let store = Store::open(&path, &scripts).unwrap();
        let n: i64 = store
            .write_blocking(|tx| Ok::<_, StoreError>(tx.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?))
            .unwrap();
        assert_eq!(n, 1);
        assert!(matches!(Store::open(&path, &scripts[..1]), Err(StoreError::Newer { found: 2, known: 1, .. })));
    }

    #[test]
    fn processes_that_make_the_same_database_at_once_share_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let scripts = ["CREATE TABLE a (x INTEGER)"];
        std::thread::scope(|scope| {
            for x in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let store = Store::open(path, &scripts).unwrap();
                    store
                        .write_blocking(|tx| Ok::<_, StoreError>(tx.execute("INSERT INTO a VALUES (?1)", [x])?))
                        .unwrap();
                });
            }
        });
        let store = Store::open(&path, &scripts).unwrap();
        let count =
            |tx: &Transaction<'_>| Ok::<i64, StoreError>(tx.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?);
        assert_eq!(store.write_blocking(count).unwrap(), 4);
        let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            names
                .into_iter()
                .all(|name| name.to_string_lossy().starts_with("a.db") && !name.to_string_lossy().ends_with(".new"))
        );
    }

    #[tokio::test]
    async fn what_was_noted_is_there_and_what_is_written_next_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let store = Store::open(&path, &["CREATE TABLE a (x INTEGER)"]).unwrap();
        store.note(|tx| Ok::<_, StoreError>(tx.execute("INSERT INTO a VALUES (1)", [])?)).await.unwrap();
        store.settle().await.unwrap();
        let other = Store::open(&path, &["CREATE TABLE a (x INTEGER)"]).unwrap();
        let n = other.read(|tx| Ok::<i64, StoreError>(tx.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?));
        assert_eq!(n.await.unwrap(), 1);
        let connection = store.connection.lock().unwrap();
        let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(synchronous, 2, "FULL");
    }

    #[test]
    fn nothing_is_acknowledged_once_the_file_is_removed_or_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let store = Store::open(&path, &["CREATE TABLE a (x INTEGER)"]).unwrap();
        let insert =
            || store.write_blocking(|tx| Ok::<_, StoreError>(tx.execute("INSERT INTO a VALUES (1)", []).map(drop)?));
        insert().unwrap();
        let aside = directory.path().join("aside.db");
        std::fs::rename(&path, &aside).unwrap();
        assert!(matches!(insert(), Err(StoreError::Gone { .. })));
        std::fs::copy(&aside, &path).unwrap();
        assert!(matches!(insert(), Err(StoreError::Gone { .. })), "another file of the same name");
        std::fs::rename(&aside, &path).unwrap();
        insert().unwrap();
        let during = store.write_blocking(|tx| {
            tx.execute("INSERT INTO a VALUES (1)", [])?;
            std::fs::remove_file(&path).unwrap();
            Ok::<_, StoreError>(())
        });
        assert!(matches!(during, Err(StoreError::Gone { .. })));
    }

    #[test]
    fn a_damaged_page_is_noticed_and_a_copy_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copy) = (directory.path().join("a.db"), directory.path().join("copy.db"));
        let scripts = ["CREATE TABLE a (x TEXT)"];
        let store = Store::open(&path, &scripts).unwrap();
        for _ in 0..200 {
            store
                .write_blocking(|tx| Ok::<_, StoreError>(tx.execute("INSERT INTO a VALUES (?1)", ["x".repeat(500)])?))
                .unwrap();
        }
        store.check().unwrap();
        store.copy_to(&copy).unwrap();
        assert!(store.copy_to(&copy).is_err(), "what is there is not written over");
        let copied = Store::open(&copy, &scripts).unwrap();
        copied.check().unwrap();
        let count =
            |tx: &Transaction<'_>| Ok::<i64, StoreError>(tx.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?);
        assert_eq!(copied.write_blocking(count).unwrap(), 200);
        drop((store, copied));
        let mut bytes = std::fs::read(&copy).unwrap();
        bytes[4096 * 3..4096 * 3 + 64].fill(0xff);
        std::fs::write(&copy, bytes).unwrap();
        let damaged = Store::open(&copy, &scripts).unwrap();
        assert!(matches!(damaged.check(), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_failed_transaction_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("a.db"), &["CREATE TABLE a (x INTEGER UNIQUE)"]).unwrap();
        let outcome: Result<(), StoreError> = store.write_blocking(|tx| {
            tx.execute("INSERT INTO a VALUES (1)", [])?;
            tx.execute("INSERT INTO a VALUES (1)", [])?;
            Ok(())
        });
        assert!(matches!(outcome, Err(StoreError::Exists(_))));
        let n: i64 = store
            .write_blocking(|tx| Ok::<_, StoreError>(tx.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?))
            .unwrap();
        assert_eq!(n, 0);
    }
}
