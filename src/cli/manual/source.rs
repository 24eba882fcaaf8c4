//! Which version of the program the pages are of.

/// Returns what stands at the end of a page's first and last line.
pub(crate) fn source() -> String {
    format!("conpaas {}", env!("CARGO_PKG_VERSION"))
}
