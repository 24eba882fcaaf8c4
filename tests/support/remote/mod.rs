//! What the tests of the two remote clouds share, those against a mock of
//! EC2 (`tests/it/ec2`) and those against a real OpenStack (`tests/openstack`).
//! It knows neither: each world says what is its own ([`deployment::RemoteWorld`]).

pub(crate) mod crash;
pub(crate) mod deployment;
pub(crate) mod node;
mod service;
