//! Programs that outlive the process that started them.

pub mod script;
