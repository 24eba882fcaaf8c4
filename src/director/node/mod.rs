//! The nodes of applications: asked for, made, told what they need, stopped.

pub(crate) mod bring_up;
pub(crate) mod context;
pub(crate) mod create;
pub(crate) mod stop;
pub(crate) mod token;
