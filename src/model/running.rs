//! How long a director's machine has run in all, over all its boots: what
//! credit is counted by. The time of day would not do: it jumps by months
//! when a machine without a clock meets a time server.

/// A point in a machine's life, told without the time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SinceBoot {
    /// Names the boot; no other has this name.
    pub boot: String,
    /// How long the machine has run since then.
    pub seconds: i64,
}

/// A point, and how long the machine had run then, since counting began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningMark {
    /// When it was made.
    pub at: SinceBoot,
    /// How long the machine had run then in all its boots.
    pub total_seconds: i64,
}

impl RunningMark {
    /// The mark for `now`, which comes after `earlier`.
    ///
    /// What a boot ran after its last mark is not counted when another boot
    /// has followed: nobody knows how long that was. So whatever must not be
    /// forgotten is written down together with a mark.
    #[must_use]
    pub(crate) fn following(earlier: Option<&RunningMark>, now: SinceBoot) -> RunningMark {
        let total_seconds = match earlier {
            None => 0,
            Some(earlier) if earlier.at.boot == now.boot => {
                earlier.total_seconds + (now.seconds - earlier.at.seconds).max(0)
            }
            Some(earlier) => earlier.total_seconds,
        };
        RunningMark { at: now, total_seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(boot: &str, seconds: i64, total_seconds: i64) -> RunningMark {
        RunningMark { at: SinceBoot { boot: boot.to_owned(), seconds }, total_seconds }
    }

    #[test]
    fn a_boot_goes_on_where_the_one_before_was_last_seen() {
        let table = [
            (None, mark("a", 700, 0)),
            (Some(mark("a", 700, 0)), mark("a", 1000, 300)),
            (Some(mark("a", 1000, 300)), mark("a", 1000, 300)),
            (Some(mark("a", 1000, 300)), mark("a", 900, 300)),
            (Some(mark("a", 1000, 300)), mark("b", 5, 300)),
            (Some(mark("b", 5, 300)), mark("b", 65, 360)),
        ];
        for (earlier, next) in table {
            assert_eq!(RunningMark::following(earlier.as_ref(), next.at.clone()), next);
        }
    }
}
