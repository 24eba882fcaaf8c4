//! Sets of processors, in the kernel's own form.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// Some processors of this machine by their numbers, such as `0-3,5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Processors(pub(crate) BTreeSet<u32>);

impl Processors {
    /// Returns those that this process may run on; `nproc` counts them.
    ///
    /// # Errors
    /// The machine has more than a process can name.
    pub(crate) fn of_this_process() -> nix::Result<Processors> {
        let own = sched_getaffinity(Pid::from_raw(0))?;
        let is_own = |number: &u32| own.is_set(*number as usize).unwrap_or(false);
        Ok(Processors((0..).take(CpuSet::count()).filter(is_own).collect()))
    }

    /// Returns the `n_wanted` of these that the `number`th user takes, in turn, or none if these are no more.
    ///
    /// Multiples of the golden ratio, without their whole parts, spread well in whatever steps one goes through them.
    /// So they do for all users, and also for every second or third, which often are those that have work.
    pub(crate) fn share(&self, n_wanted: usize, number: u64) -> Option<Processors> {
        const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
        let n_all = self.0.len();
        if n_wanted >= n_all {
            return None;
        }
        let place = (u128::from(number.wrapping_mul(GOLDEN_RATIO)) * n_all as u128) >> 64;
        let first = usize::try_from(place).unwrap_or(0);
        Some(Processors(self.0.iter().cycle().skip(first).take(n_wanted).copied().collect()))
    }
}

impl FromStr for Processors {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut found = BTreeSet::new();
        for range in text.trim().split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u32, u32) = (first.parse().map_err(drop)?, last.parse().map_err(drop)?);
            if last as usize >= MOST || first > last {
                return Err(());
            }
            found.extend(first..=last);
        }
        Ok(Processors(found))
    }
}

/// More than any kernel of Debian is built for.
const MOST: usize = 1 << 16;

impl fmt::Display for Processors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{number}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processors(text: &str) -> Processors {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_kernel_lists_is_read() {
        assert_eq!(processors("0-2,5\n").to_string(), "0,1,2,5");
        assert_eq!(processors("3").to_string(), "3");
        for wrong in ["", "\n", "a", "3-1", "0-4000000000", "1,,2"] {
            assert_eq!(Processors::from_str(wrong), Err(()), "{wrong:?}");
        }
    }

    #[test]
    fn a_share_is_as_large_as_wanted_and_of_those_there_are() {
        let all = processors("0,2-4");
        for number in 0..100 {
            let share = all.share(3, number).unwrap();
            assert!(share.0.len() == 3 && share.0.is_subset(&all.0), "{share}");
        }
        assert_eq!(all.share(4, 1), None);
        assert_eq!(all.share(5, 1), None);
    }

    #[test]
    fn users_are_spread_evenly_in_any_steps() {
        let all = processors("0-3");
        for step in 1..=4 {
            let mut n_users = [0_usize; 4];
            for number in (step..).step_by(usize::try_from(step).unwrap()).take(32) {
                for taken in all.share(1, number).unwrap().0 {
                    n_users[taken as usize] += 1;
                }
            }
            assert!(n_users.iter().all(|n_users| (6..=10).contains(n_users)), "each {step}th: {n_users:?}");
        }
    }
}
