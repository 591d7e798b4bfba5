//! SCRAM (RFC 5802, RFC 7677), the client's half, without I/O.
//!
//! Kafka does not normalise names and passwords by `SASLprep`; it takes the UTF-8 bytes, and so does this.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256, Sha512};

/// Fewer rounds than Kafka itself allows (`ScramMechanism`) would give a listener an easy time.
const ITERATIONS_MIN: u32 = 4_096;
/// More than anyone sets; a broker must not be able to keep us busy for hours.
const ITERATIONS_MAX: u32 = 2_000_000;

/// Why an exchange failed. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// A message of the broker's is not of the form that the RFC says.
    #[error("the broker's message is malformed ({0})")]
    Malformed(&'static str),
    /// The broker's nonce does not continue ours.
    #[error("the broker's nonce does not continue ours: someone may stand in between")]
    Nonce,
    /// The number of rounds is out of bounds.
    #[error("the broker asks for {0} iterations, which is not between {ITERATIONS_MIN} and {ITERATIONS_MAX}")]
    Iterations(u32),
    /// The broker said no, in its words.
    #[error("the broker answered `{0}`")]
    Refused(String),
    /// The broker's signature is wrong: it does not know the password.
    #[error(
        "the broker could not prove that it knows the password too: it may not be the broker it claims to be"
    )]
    Signature,
}

/// The hash that an exchange uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        // HMAC takes keys of every length, so there is no error to see here.
        match self {
            Self::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.chain_update(data).finalize().into_bytes().to_vec()
            }
            Self::Sha512 => {
                let mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.chain_update(data).finalize().into_bytes().to_vec()
            }
        }
    }

    /// Whether `tag` is the HMAC of `data`, in constant time.
    fn verify(self, key: &[u8], data: &[u8], tag: &[u8]) -> bool {
        match self {
            Self::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.chain_update(data).verify_slice(tag).is_ok()
            }
            Self::Sha512 => {
                let mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.chain_update(data).verify_slice(tag).is_ok()
            }
        }
    }

    fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => {
                let mut out = vec![0; 32];
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out);
                out
            }
            Self::Sha512 => {
                let mut out = vec![0; 64];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut out);
                out
            }
        }
    }
}

/// An exchange before the broker has answered.
pub struct ClientFirst {
    hash: Hash,
    nonce: String,
    bare: String,
}

/// An exchange before the broker's last word.
pub struct ClientFinal {
    hash: Hash,
    /// What to send.
    pub message: String,
    server_key: Vec<u8>,
    auth_message: String,
}

impl ClientFirst {
    /// Starts an exchange. `nonce` is random, of printable ASCII without commas, and never used twice.
    pub fn new(hash: Hash, username: &str, nonce: String) -> Self {
        let name = username.replace('=', "=3D").replace(',', "=2C");
        Self { hash, bare: format!("n={name},r={nonce}"), nonce }
    }

    /// What to send first.
    pub fn message(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// Answers the broker's challenge.
    ///
    /// # Errors
    /// The challenge is malformed, does not continue our nonce, or asks for too little or too much work.
    pub fn respond(self, challenge: &str, password: &SecretString) -> Result<ClientFinal, ScramError> {
        let (mut nonce, mut salt, mut iterations) = (None, None, None);
        for attribute in challenge.split(',') {
            match attribute.split_once('=') {
                Some(("r", value)) => nonce = Some(value),
                Some(("s", value)) => salt = BASE64.decode(value).ok(),
                Some(("i", value)) => iterations = value.parse::<u32>().ok(),
                Some(("e", value)) => return Err(ScramError::Refused(value.to_owned())),
                Some(("m", _)) => return Err(ScramError::Malformed("it asks for an unknown extension")),
                _ => {}
            }
        }
        let nonce = nonce.ok_or(ScramError::Malformed("no nonce"))?;
        let salt = salt.filter(|salt| !salt.is_empty()).ok_or(ScramError::Malformed("no salt"))?;
        let iterations = iterations.ok_or(ScramError::Malformed("no iteration count"))?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(ScramError::Iterations(iterations));
        }
        let salted = self.hash.salted_password(password.expose_secret().as_bytes(), &salt, iterations);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let stored_key = self.hash.digest(&client_key);
        let server_key = self.hash.hmac(&salted, b"Server Key");
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{challenge},{without_proof}", self.bare);
        let signature = self.hash.hmac(&stored_key, auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        let message = format!("{without_proof},p={}", BASE64.encode(proof));
        Ok(ClientFinal { hash: self.hash, message, server_key, auth_message })
    }
}

impl ClientFinal {
    /// Checks the broker's last word: that it knows the password too.
    ///
    /// # Errors
    /// It refused us, or its signature is wrong.
    pub fn verify(&self, last: &str) -> Result<(), ScramError> {
        for attribute in last.split(',') {
            match attribute.split_once('=') {
                Some(("e", words)) => return Err(ScramError::Refused(words.to_owned())),
                Some(("v", signature)) => {
                    let wrong = ScramError::Malformed("the signature is not base64");
                    let signature = BASE64.decode(signature).map_err(|_| wrong)?;
                    let right = self.hash.verify(&self.server_key, self.auth_message.as_bytes(), &signature);
                    return if right { Ok(()) } else { Err(ScramError::Signature) };
                }
                _ => {}
            }
        }
        Err(ScramError::Malformed("no signature"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7677, section 3.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn pencil() -> SecretString {
        SecretString::from("pencil")
    }

    fn start() -> ClientFirst {
        ClientFirst::new(Hash::Sha256, "user", NONCE.to_owned())
    }

    #[test]
    fn the_exchange_of_rfc_7677() {
        let first = start();
        assert_eq!(first.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let last = first.respond(CHALLENGE, &pencil()).expect("the challenge is right");
        assert_eq!(
            last.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(last.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
    }

    #[test]
    fn sha_512_is_the_same_exchange_over_another_hash() {
        // Computed with Python's hashlib and hmac from the same nonce, salt and count.
        let last = ClientFirst::new(Hash::Sha512, "user", NONCE.to_owned())
            .respond(CHALLENGE, &pencil())
            .expect("the challenge is right");
        assert_eq!(last.message.rsplit_once("p=").map(|(_, proof)| proof), Some(SHA_512_PROOF));
        assert_eq!(last.verify(SHA_512_SIGNATURE), Ok(()));
    }

    const SHA_512_PROOF: &str =
        "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==";
    const SHA_512_SIGNATURE: &str =
        "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==";

    #[test]
    fn a_broker_that_does_not_know_the_password_is_found_out() {
        let last =
            start().respond(CHALLENGE, &SecretString::from("pencils")).expect("the challenge is right");
        let verdict = last.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(verdict, Err(ScramError::Signature));
        assert_eq!(last.verify("e=other-error"), Err(ScramError::Refused("other-error".to_owned())));
        assert_eq!(last.verify(""), Err(ScramError::Malformed("no signature")));
    }

    #[test]
    fn challenges_are_checked() {
        let cases = [
            ("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ScramError::Nonce),
            ("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ScramError::Nonce),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", ScramError::Iterations(1)),
            (
                "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295",
                ScramError::Iterations(u32::MAX),
            ),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096", ScramError::Malformed("no salt")),
            ("", ScramError::Malformed("no nonce")),
        ];
        for (challenge, expected) in cases {
            assert_eq!(start().respond(challenge, &pencil()).map(|last| last.message), Err(expected));
        }
    }

    #[test]
    fn names_are_escaped() {
        let first = ClientFirst::new(Hash::Sha256, "a=b,c", "n".to_owned());
        assert_eq!(first.message(), "n,,n=a=3Db=2Cc,r=n");
    }
}
