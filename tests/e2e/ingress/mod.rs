//! What is published opens on a phone: a machine of another network, whose only neighbour is the one with the ingress.

mod attacks;
mod house;
mod names;
mod opens;
mod secure;
mod steady;
