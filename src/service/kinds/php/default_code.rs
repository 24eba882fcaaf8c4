//! The code version that every new php service has: one page.

const PAGE: &str = "<!DOCTYPE html>\n<html>\n<head><title>Welcome to ConPaaS!</title></head>\n\
                    <body><h1>Welcome to ConPaaS!</h1></body>\n</html>\n";

/// The tar file.
pub(super) fn tar() -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(PAGE.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "index.html", PAGE.as_bytes())?;
    builder.into_inner()
}
