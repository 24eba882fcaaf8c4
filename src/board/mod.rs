//! temp
pub mod imager;
pub mod settings;
