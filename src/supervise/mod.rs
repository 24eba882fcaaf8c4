//! Programs that outlive the process that started them.

pub(crate) mod script;
