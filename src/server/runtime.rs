//! How many threads a process has.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// The threads of a process. Those for blocking work come when there is some and go when they idle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Threads {
    /// Threads beside the first that carry out tasks; `None`: the first carries out all.
    pub workers: Option<NonZeroUsize>,
    /// The most threads for blocking work; `None` is tokio's own limit.
    pub blocking: Option<NonZeroUsize>,
    /// Stack and patience of the threads for blocking work; `None` is tokio's own.
    pub thrift: Option<Thrift>,
}

/// How a small process saves memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thrift {
    /// The stack of a thread for blocking work.
    pub stack_bytes: usize,
    /// For how long such a thread waits for more work.
    pub keep_alive: Duration,
}

impl Threads {
    /// One thread for all tasks.
    pub(crate) const ONE: Threads = Threads { workers: None, blocking: None, thrift: None };

    pub(crate) fn build(self) -> io::Result<Runtime> {
        let mut builder = match self.workers {
            None => Builder::new_current_thread(),
            Some(workers) => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(workers.get());
                builder
            }
        };
        if let Some(blocking) = self.blocking {
            builder.max_blocking_threads(blocking.get());
        }
        if let Some(thrift) = self.thrift {
            builder.thread_stack_size(thrift.stack_bytes).thread_keep_alive(thrift.keep_alive);
        }
        builder.enable_all().build()
    }
}

/// Carries out `work` on this thread and returns what it returns.
///
/// # Errors
/// The runtime cannot be started.
pub(crate) fn complete<T>(work: impl Future<Output = T>) -> io::Result<T> {
    Ok(Threads::ONE.build()?.block_on(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_carries_out_the_work_itself() {
        let own = std::thread::current().id();
        let other = complete(async { tokio::spawn(async { std::thread::current().id() }).await.unwrap() }).unwrap();
        assert_eq!(other, own);
    }

    #[test]
    fn workers_are_threads_of_their_own() {
        let own = std::thread::current().id();
        let threads = Threads { workers: NonZeroUsize::new(2), ..Threads::ONE };
        let runtime = threads.build().unwrap();
        let other = runtime.block_on(async { tokio::spawn(async { std::thread::current().id() }).await.unwrap() });
        assert_ne!(other, own);
    }
}
