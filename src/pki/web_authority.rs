//! The authority for web pages: a second one, which people install in their devices.
//!
//! # Guarantees
//! - It vouches for pages only, for this machine's names and for private addresses; browsers refuse all else.
//! - Its certificates open nothing in ConPaaS: directors and nodes do not know it.

use std::net::IpAddr;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::prelude::GeneralName;

use super::error::{AuthorityError, crypto};
use super::lifetime::{BACKDATED_SECONDS, Lifetime};
use super::names::{CertificateName, alternative_names};
use super::request::new_key;
use super::serial::serial;
use crate::clock;
use crate::sys::file;

/// Networks whose addresses mean something else at every place.
const PRIVATE: [([u8; 4], u8); 4] =
    [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([127, 0, 0, 0], 8)];
const PRIVATE_V6: [(u16, u8); 2] = [(0xfd00, 8), (0xfe80, 10)];

/// The authority for web pages.
pub(crate) struct WebAuthority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl WebAuthority {
    /// File names in the certificate directory: certificate and key.
    pub(crate) const FILES: [&'static str; 2] = ["web_ca_cert.pem", "web_ca_key.pem"];

    /// Reads the authority from `directory`, or makes it there for these names. Blocking.
    ///
    /// # Errors
    /// A file is broken, or cannot be written.
    pub(crate) fn ensure(directory: &Path, names: &[CertificateName]) -> Result<Self, AuthorityError> {
        let [certificate_path, key_path] = WebAuthority::FILES.map(|name| directory.join(name));
        if !key_path.exists() || !certificate_path.exists() {
            let key = new_key()?;
            file::write_atomic(&certificate_path, own_certificate(&key, names)?.as_bytes(), 0o644)?;
            file::write_atomic(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
        }
        let certificate_pem = file::read_text(&certificate_path)?;
        let key = KeyPair::from_pem(&file::read_text(&key_path)?)
            .map_err(|error| crypto("read the key of the web authority", &error))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)
            .map_err(|error| crypto("read the certificate of the web authority", &error))?;
        Ok(WebAuthority { certificate_pem, issuer })
    }

    /// Returns its certificate in PEM.
    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Returns those of `names` that it may vouch for: one other name would make browsers refuse the whole certificate.
    ///
    /// # Errors
    /// Its certificate cannot be read.
    pub(crate) fn permitted(&self, names: &[CertificateName]) -> Result<Vec<CertificateName>, AuthorityError> {
        let read = |error: &dyn std::fmt::Display| crypto("read the certificate of the web authority", error);
        let (_, block) =
            x509_parser::pem::parse_x509_pem(self.certificate_pem.as_bytes()).map_err(|error| read(&error))?;
        let certificate = block.parse_x509().map_err(|error| read(&error))?;
        let constraints = certificate.name_constraints().map_err(|error| read(&error))?;
        let subtrees = constraints.and_then(|found| found.value.permitted_subtrees.as_ref());
        let subtrees = subtrees.map(Vec::as_slice).unwrap_or_default();
        let is_permitted = |name: &&CertificateName| subtrees.iter().any(|subtree| covers(&subtree.base, name));
        Ok(names.iter().filter(is_permitted).cloned().collect())
    }

    /// Makes a key and a certificate for a web server with these names, and returns both in PEM: the certificate, then
    /// the key.
    ///
    /// # Errors
    /// A name cannot stand in a certificate.
    pub(crate) fn issue(&self, names: &[CertificateName]) -> Result<(String, String), AuthorityError> {
        let key = new_key()?;
        let mut params = parameters("ConPaaS", Lifetime::WEB);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = alternative_names(names)?;
        let certificate =
            params.signed_by(&key, &self.issuer).map_err(|error| crypto("sign a certificate for web pages", &error))?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn own_certificate(key: &KeyPair, names: &[CertificateName]) -> Result<String, AuthorityError> {
    let title = names.iter().find_map(|name| match name {
        CertificateName::Dns(name) if name != "localhost" => Some(name.clone()),
        _ => None,
    });
    let title = title.map_or_else(|| "ConPaaS pages".to_owned(), |name| format!("ConPaaS pages of {name}"));
    let mut params = parameters(&title, Lifetime::AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut permitted: Vec<GeneralSubtree> = names.iter().map(own_subtree).collect();
    permitted.extend(PRIVATE.map(|(address, prefix)| subnet(IpAddr::from(address), prefix)));
    permitted.extend(PRIVATE_V6.map(|(first, prefix)| subnet([first, 0, 0, 0, 0, 0, 0, 0].into(), prefix)));
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    Ok(params.self_signed(key).map_err(|error| crypto("make the web authority", &error))?.pem())
}

fn parameters(name: &str, lifetime: Lifetime) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let built = OffsetDateTime::from_unix_timestamp(clock::build_time().timestamp());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = built.map_or(now, |built| built.min(now)) - time::Duration::seconds(BACKDATED_SECONDS);
    // Browsers refuse a certificate of a server whose whole life is longer than 398 days.
    if lifetime == Lifetime::WEB {
        params.not_before = now - time::Duration::seconds(BACKDATED_SECONDS);
    }
    params.not_after = now + lifetime.0;
    params.serial_number = Some(SerialNumber::from_slice(&serial(None)));
    params
}

fn own_subtree(name: &CertificateName) -> GeneralSubtree {
    match name {
        CertificateName::Dns(name) => GeneralSubtree::DnsName(name.clone()),
        CertificateName::Address(address @ IpAddr::V4(_)) => subnet(*address, 32),
        CertificateName::Address(address @ IpAddr::V6(_)) => subnet(*address, 128),
    }
}

fn subnet(address: IpAddr, prefix: u8) -> GeneralSubtree {
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
}

fn covers(base: &GeneralName<'_>, name: &CertificateName) -> bool {
    match (base, name) {
        (GeneralName::DNSName(base), CertificateName::Dns(name)) => {
            name == base || name.strip_suffix(base).is_some_and(|rest| rest.ends_with('.'))
        }
        (GeneralName::IPAddress(bytes), CertificateName::Address(IpAddr::V4(own))) => is_in(bytes, &own.octets()),
        (GeneralName::IPAddress(bytes), CertificateName::Address(IpAddr::V6(own))) => is_in(bytes, &own.octets()),
        _ => false,
    }
}

/// `subnet` is an address and its mask.
fn is_in(subnet: &[u8], own: &[u8]) -> bool {
    let (address, mask) = subnet.split_at(subnet.len() / 2);
    address.len() == own.len()
        && own.iter().zip(address.iter().zip(mask)).all(|(own, (of, mask))| own & mask == of & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Credentials;

    #[test]
    fn it_vouches_for_own_names_and_private_addresses_and_nothing_else() {
        let dns = |name: &str| CertificateName::Dns(name.to_owned());
        let address = |text: &str| CertificateName::Address(text.parse().unwrap());
        let directory = tempfile::tempdir().unwrap();
        let own = [dns("localhost"), dns("attic.local"), address("203.0.113.5")];
        let authority = WebAuthority::ensure(directory.path(), &own).unwrap();
        let good = [dns("attic.local"), address("203.0.113.5"), address("192.168.1.7"), address("fe80::1")];
        let bad = [dns("example.org"), dns("xattic.local"), address("203.0.113.6"), address("2001:db8::1")];
        assert_eq!(authority.permitted(&[&good[..], &bad].concat()).unwrap(), good);
        let again = WebAuthority::ensure(directory.path(), &[]).unwrap();
        assert_eq!(again.certificate_pem(), authority.certificate_pem(), "it is made once");
        let (certificate_pem, key_pem) = again.issue(&good).unwrap();
        let pem = again.certificate_pem().to_owned();
        let leaf = Credentials { certificate_pem, key_pem, authority_pem: pem };
        assert_eq!(leaf.names().unwrap(), good);
        assert!(leaf.identity().is_err(), "it names nobody in ConPaaS");
        leaf.private_key().unwrap();
    }
}
