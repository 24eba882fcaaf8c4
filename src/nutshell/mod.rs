//! nutshell
