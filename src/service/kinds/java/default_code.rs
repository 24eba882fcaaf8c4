//! The code version that every new java service has: a web application of one page.

use std::io::{self, Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const PAGE: &str = "<!DOCTYPE html>\n<html>\n<head><title>Welcome to ConPaaS!</title></head>\n\
                    <body><h1>Welcome to ConPaaS!</h1></body>\n</html>\n";
/// So that who downloads it, changes it and uploads it again has a web application.
const DESCRIPTOR: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                          <web-app xmlns=\"https://jakarta.ee/xml/ns/jakartaee\" version=\"6.0\">\n\
                          \u{20}   <display-name>Welcome to ConPaaS!</display-name>\n</web-app>\n";

/// Returns the `.war` file.
pub(super) fn war() -> io::Result<Vec<u8>> {
    let mut war = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [("index.html", PAGE), ("WEB-INF/web.xml", DESCRIPTOR)] {
        war.start_file(name, SimpleFileOptions::default().unix_permissions(0o644))?;
        war.write_all(text.as_bytes())?;
    }
    Ok(war.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_is_a_web_application() {
        let mut war = zip::ZipArchive::new(Cursor::new(war().unwrap())).unwrap();
        assert!(war.by_name("index.html").is_ok() && war.by_name("WEB-INF/web.xml").is_ok());
    }
}
