//! How long the director's machine has run in all.

use rusqlite::params;

use super::row::one;
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

/// Writes a mark down if the last one is an hour old, for what counts days of
/// a machine that is switched off every night.
pub(crate) fn keep(tx: &Transaction<'_>, now: SinceBoot) -> Result<(), StoreError> {
    const SECONDS: i64 = 3600;
    let mark = look(tx, now)?;
    if last(tx)?.is_none_or(|last| mark.total_seconds - last.total_seconds >= SECONDS) {
        write(tx, &mark)?;
    }
    Ok(())
}

fn last(tx: &Transaction<'_>) -> Result<Option<RunningMark>, StoreError> {
    one(tx, "SELECT boot, since_boot, total FROM running_time", [], |row| {
        let at = SinceBoot { boot: row.get("boot")?, seconds: row.get("since_boot")? };
        Ok(RunningMark { at, total_seconds: row.get("total")? })
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn an_hour_is_kept_and_less_is_not_written() {
        let sample = Sample::new(0);
        let now = |boot: &str, seconds| SinceBoot { boot: boot.into(), seconds };
        sample.run(|tx| look(tx, now("a", 0)));
        let before = sample.n_written();
        sample.run(|tx| keep(tx, now("a", 3599)));
        assert_eq!(sample.n_written(), before);
        sample.run(|tx| keep(tx, now("a", 3600)));
        assert_eq!(sample.run(|tx| look(tx, now("b", 0))).total_seconds, 3600);
    }

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
