//! What a node that does not come up tells its user.

/// Says on standard error what is waited for, once each time that it changes:
/// the console of a node that does not come up is all that its user sees.
#[derive(Default)]
pub(crate) struct Progress {
    last: String,
}

impl Progress {
    pub(crate) fn tell(&mut self, reason: &str) {
        if self.last != reason {
            eprintln!("conpaas join: waiting: {reason}");
            reason.clone_into(&mut self.last);
        }
    }
}
