//! Files that are replaced while we run.

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A certificate of its own authority, and its key.
    fn write(&self, certificate: &str, key: &str) {
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["client.example".to_owned()]).expect("a name");
        let made = params.self_signed(&pair).expect("a certificate");
        fs::write(self.path(certificate), made.pem()).expect("writable");
        fs::write(self.path(key), pair.serialize_pem()).expect("writable");
    }
}

fn same(one: &Tls, other: &Tls) -> bool {
    Arc::ptr_eq(one.connector.config(), other.connector.config())
}

#[test]
fn new_files_are_taken_up_once_they_fit_together() {
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    folder.write("ca.pem", "ca.key");
    folder.write("me.pem", "me.key");
    let settings = TlsSettings {
        authorities: Some(Pem::File(folder.path("ca.pem"))),
        identity: Some(TlsIdentity {
            certificates: Pem::File(folder.path("me.pem")),
            key: Pem::File(folder.path("me.key")),
            key_password: None,
        }),
    };
    let files = TlsFiles::load(&settings).expect("they fit");
    let first = files.now();
    assert!(same(&first, &files.now()), "what has not changed is not read anew");

    // The certificate is there already, its key not yet: what was in force stays.
    folder.write("new.pem", "new.key");
    fs::rename(folder.path("new.pem"), folder.path("me.pem")).expect("renamed");
    assert!(same(&first, &files.now()));
    fs::rename(folder.path("new.key"), folder.path("me.key")).expect("renamed");
    let second = files.now();
    assert!(!same(&first, &second), "both are there");

    // The authority goes, and comes back as another.
    fs::remove_file(folder.path("ca.pem")).expect("removed");
    assert!(same(&second, &files.now()));
    folder.write("ca.pem", "ca.key");
    assert!(!same(&second, &files.now()));
}
