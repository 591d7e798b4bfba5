//! Certificates made for one run: an authority, brokers with their loopback addresses, a client, and a stranger
//! whose certificate another authority signed. All as PEM, which Kafka reads as it is.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// A folder of PEM files.
pub struct Certificates {
    dir: PathBuf,
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), Issuer::new(params, key))
}

/// The certificate and the key, as PEM.
fn signed(name: &str, address: Option<Ipv4Addr>, issuer: &Issuer<'static, KeyPair>) -> (String, String) {
    let mut params = CertificateParams::default();
    // A common name only: Java would show several parts in another order than they were written in.
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names =
        address.into_iter().map(|address| SanType::IpAddress(IpAddr::V4(address))).collect();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

impl Certificates {
    /// Makes all of them; `hosts` are the brokers' ids and addresses.
    pub fn make(dir: &Path, hosts: &[(i32, Ipv4Addr)]) -> Self {
        fs::create_dir_all(dir).expect("the lab's folder is writable");
        let made = Self { dir: dir.to_owned() };
        let write =
            |name: &str, text: &str| fs::write(made.file(name), text).expect("the lab's folder is writable");
        let (ca, issuer) = authority("lab authority");
        write("ca.pem", &ca);
        for (id, host) in hosts {
            let (certificate, key) = signed(&format!("broker-{id}"), Some(*host), &issuer);
            write(&format!("broker-{id}.pem"), &format!("{key}{certificate}"));
        }
        for user in ["evenkeel", "traffic"] {
            let (certificate, key) = signed(user, None, &issuer);
            write(&format!("{user}.pem"), &certificate);
            write(&format!("{user}.key"), &key);
        }
        let (other_ca, other) = authority("another authority");
        let (certificate, key) = signed("evenkeel", None, &other);
        write("stranger.pem", &certificate);
        write("stranger.key", &key);
        write("other-ca.pem", &other_ca);
        made
    }

    /// The path of one of the files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}
