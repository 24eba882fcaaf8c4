//! What a request knows of the connection that it came by.

use std::sync::Arc;

use super::crowd::{Activity, Budget, Seat};

/// The place and the pace of a connection.
pub(super) struct Connection {
    pub(super) seat: Seat,
    pub(super) activity: Activity,
    /// Bytes of files that wait for their use on the disk.
    pub(super) uploads: Arc<Budget>,
}

impl Connection {
    /// The head of a request is there.
    pub(super) fn begin_request(&self) {
        self.seat.set_at_work(false);
        self.activity.begin_request();
    }

    /// The request is there whole.
    pub(super) fn begin_work(&self) {
        self.seat.set_at_work(true);
        self.activity.begin_work();
    }

    /// The answer is ready to be sent.
    pub(super) fn begin_answer(&self) {
        self.seat.set_at_work(false);
        self.activity.begin_answer();
    }
}
