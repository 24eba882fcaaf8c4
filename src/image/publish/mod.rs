//! What is published of an image: artefacts, lists for people, and the list that Raspberry Pi Imager reads.

pub(crate) mod artefact;
pub(crate) mod listing;
pub(crate) mod os_list;
