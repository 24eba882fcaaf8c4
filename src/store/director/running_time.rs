//! How long the director's machine has run in all.

use rusqlite::params;

use super::row::optional;
use crate::model::{RunningMark, SinceBoot};
use crate::store::{StoreError, Transaction};

/// Returns the mark for `now`. Nothing is written, unless the machine was booted
/// since the last one: what this boot runs from now on shall count.
pub(crate) fn look(tx: &Transaction<'_>, now: SinceBoot) -> Result<RunningMark, StoreError> {
    let last = last(tx)?;
    let mark = RunningMark::following(last.as_ref(), now);
    if last.is_none_or(|last| last.at.boot != mark.at.boot) {
        write(tx, &mark)?;
    }
    Ok(mark)
}

/// Writes a mark down: what the machine ran until then is never forgotten.
pub(crate) fn write(tx: &Transaction<'_>, mark: &RunningMark) -> Result<(), StoreError> {
    tx.execute(
        "INSERT OR REPLACE INTO running_time (id, boot, since_boot, total) VALUES (1, ?1, ?2, ?3)",
        params![mark.at.boot, mark.at.seconds, mark.total_seconds],
    )?;
    Ok(())
}

fn last(tx: &Transaction<'_>) -> Result<Option<RunningMark>, StoreError> {
    optional(tx.query_row("SELECT boot, since_boot, total FROM running_time", [], |row| {
        let at = SinceBoot { boot: row.get("boot")?, seconds: row.get("since_boot")? };
        Ok(RunningMark { at, total_seconds: row.get("total")? })
    }))
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn a_look_counts_and_only_a_new_boot_is_written() {
        let sample = Sample::new(0);
        let look =
            |boot: &str, seconds| sample.run(|tx| look(tx, SinceBoot { boot: boot.into(), seconds })).total_seconds;
        assert_eq!((look("a", 100), look("a", 160)), (0, 60));
        let before = sample.n_written();
        assert_eq!((look("a", 170), sample.n_written()), (70, before));
        assert_eq!(look("b", 5), 0, "what was only looked at is forgotten by a power cut");
        sample.run(|tx| {
            let mark = super::look(tx, SinceBoot { boot: "b".into(), seconds: 65 })?;
            write(tx, &mark)
        });
        assert_eq!((look("c", 9), look("c", 19)), (60, 70));
    }
}
