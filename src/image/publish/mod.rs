//! Files for people: the record of what was made, hashes, and the list that Raspberry Pi Imager reads.
//!
//! Must not know how an image is made; it sees finished files only.

pub(crate) mod artefact;
pub(crate) mod listing;
pub(crate) mod os_list;
