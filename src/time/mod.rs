//! `conpaas time`: keeps the last known time of a machine whose clock has no
//! battery, such as a Raspberry Pi.
//!
//! It is the first of our programs to start. It sets the clock forward to
//! the last known time, says that it has, and then writes the time down
//! every hour, when it is told to end, and when somebody sets the clock.
//!
//! # Guarantees
//! - The clock is set forward only.
//! - After a time server has set a clock back that ran ahead, the record
//!   follows at once: programs that start later compare with it.
//! - The record is whole or the one before, whatever happens to the power.
//!
//! One thread, no runtime: it lives as long as the machine. Must not know:
//! time servers (chronyd asks them), certificates, the director.

mod events;
mod run;

pub(crate) use run::run;
