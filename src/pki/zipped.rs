//! Credentials as the zip file that users download.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

use super::credentials::Credentials;

impl Credentials {
    /// Returns a zip file with the authority, the key and the certificate.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn to_zip(&self) -> Result<Vec<u8>, zip::result::ZipError> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).unix_permissions(0o600);
        let [certificate, key, authority] = Credentials::FILES;
        for (name, text) in
            [(authority, &self.authority_pem), (key, &self.key_pem), (certificate, &self.certificate_pem)]
        {
            writer.start_file(name, stored)?;
            writer.write_all(text.as_bytes())?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zip_file_has_the_authority_the_key_and_the_certificate() {
        let credentials = Credentials { certificate_pem: "C".into(), key_pem: "K".into(), authority_pem: "A".into() };
        let mut archive = zip::ZipArchive::new(Cursor::new(credentials.to_zip().unwrap())).unwrap();
        for (index, (name, text)) in [("ca_cert.pem", "A"), ("key.pem", "K"), ("cert.pem", "C")].iter().enumerate() {
            let mut file = archive.by_index(index).unwrap();
            assert_eq!(
                (file.name().unwrap().as_ref(), file.unix_mode().map(|mode| mode & 0o777)),
                (*name, Some(0o600))
            );
            assert_eq!(std::io::read_to_string(&mut file).unwrap(), *text);
        }
    }
}
