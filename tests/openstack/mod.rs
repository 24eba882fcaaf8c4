//! Each test has the whole OpenStack for itself.

mod application;
mod cloud;
mod crash;
mod faults;
mod observer;
mod refusals;
mod world;
