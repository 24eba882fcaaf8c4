//! How results, questions and refusals are shown to people.

pub(crate) mod argparse;
pub(crate) mod findings;
pub(crate) mod moving_line;
pub(crate) mod printer;
pub(crate) mod prompt;
pub(crate) mod table;
pub(crate) mod upload_line;
