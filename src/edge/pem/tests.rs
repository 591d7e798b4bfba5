//! Stores and keys in every form that is read, and what is told of those that are not.

use std::path::PathBuf;

use p12_keystore::{Certificate, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{CertificateParams, KeyPair};

use super::*;

const PASSWORD: &str = "right-horse";

struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn pair() -> Pair {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["client.example".to_owned()]).expect("a name");
    Pair { certificate: params.self_signed(&key).expect("a certificate"), key }
}

fn store(folder: &tempfile::TempDir, name: &str, pair: &Pair, with_key: bool) -> PathBuf {
    let certificate = Certificate::from_der(pair.certificate.der()).expect("a certificate");
    let mut store = KeyStore::new();
    let entry = if with_key {
        let key = PrivateKey::from_der(&pair.key.serialize_der()).expect("a key");
        KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(vec![1, 2, 3], key, [certificate]))
    } else {
        KeyStoreEntry::Certificate(certificate)
    };
    store.add_entry("one", entry);
    let path = folder.path().join(name);
    let bytes = store.writer(PASSWORD).encryption_iterations(1_000).mac_iterations(1_000).write();
    std::fs::write(&path, bytes.expect("a store")).expect("writable");
    path
}

fn pem(path: PathBuf, password: &str) -> Pem {
    Pem::Store { path, password: SecretString::from(password) }
}

fn identity(key: Pem, password: Option<&str>) -> TlsIdentity {
    TlsIdentity { certificates: key.clone(), key, key_password: password.map(SecretString::from) }
}

#[test]
fn stores_give_certificates_and_keys() {
    let (folder, pair) = (tempfile::tempdir().expect("a folder"), pair());
    let own = pem(store(&folder, "own.p12", &pair, true), PASSWORD);
    assert_eq!(certificates(&own).expect("a chain"), [pair.certificate.der().clone()]);
    let key = private_key(&identity(own.clone(), None)).expect("a key");
    assert_eq!(key.secret_der(), pair.key.serialize_der());
    let trusted = pem(store(&folder, "trust.p12", &pair, false), PASSWORD);
    assert_eq!(certificates(&trusted).expect("an authority"), [pair.certificate.der().clone()]);
    assert!(private_key(&identity(trusted, None)).expect_err("none").to_string().contains("no private key"));
    // As text they are what they were.
    let text = Pem::Inline(SecretString::from(certificates_as_text(&own).expect("text")));
    assert_eq!(certificates(&text).expect("a chain"), [pair.certificate.der().clone()]);
    let text = Pem::Inline(key_as_text(&identity(own, None)).expect("text"));
    assert_eq!(private_key(&identity(text, None)).expect("a key").secret_der(), pair.key.serialize_der());
}

#[test]
fn a_store_that_does_not_open_says_so_and_no_more() {
    let (folder, pair) = (tempfile::tempdir().expect("a folder"), pair());
    let path = store(&folder, "own.p12", &pair, true);
    let told = certificates(&pem(path.clone(), "wrong-horse")).expect_err("it is wrong").to_string();
    assert!(told.contains("own.p12") && told.contains("does not open with this password"), "{told}");
    assert!(!told.contains("horse"), "{told}");
    std::fs::write(&path, b"no store at all").expect("writable");
    let told = certificates(&pem(path, PASSWORD)).expect_err("it is none").to_string();
    assert!(told.contains("is no PKCS#12 store"), "{told}");
    let absent = certificates(&pem(folder.path().join("absent.p12"), "")).expect_err("it is absent");
    assert!(matches!(absent, PemError::Unreadable { .. }), "{absent}");
}

#[test]
fn encrypted_keys_open_with_their_password() {
    let pair = pair();
    let plain = pkcs8::PrivateKeyInfoRef::try_from(pair.key.serialized_der()).expect("PKCS#8");
    let salt = [7; 16];
    let parameters = pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1_000, &salt, [9; 16]);
    let parameters = parameters.expect("parameters");
    let sealed = plain.encrypt_with_params(parameters, PASSWORD).expect("encrypted");
    let text = sealed.to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF).expect("PEM");
    let both = format!("{}{}", pair.certificate.pem(), text.as_str());
    let given = |password| identity(Pem::Inline(SecretString::from(both.clone())), password);
    let key = private_key(&given(Some(PASSWORD))).expect("a key");
    assert_eq!(key.secret_der(), pair.key.serialize_der());
    for (password, words) in [(None, "ssl.key.password"), (Some("wrong-horse"), "does not open")] {
        let told = private_key(&given(password)).expect_err("it is shut").to_string();
        assert!(told.contains(words) && !told.contains("horse"), "{told}");
    }
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let told = private_key(&identity(Pem::Inline(SecretString::from(old)), Some(PASSWORD)));
    let told = told.expect_err("it is of the old kind").to_string();
    assert!(told.contains("openssl pkcs8") || told.contains("private key"), "{told}");
}
