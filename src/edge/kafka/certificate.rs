//! What people want to know of a certificate: whose it is, who signed it, and for how long it holds.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::ask::Certificate;
use crate::base::TimestampMs;

/// Reads a certificate; `None` where it is none, which TLS itself would have refused.
pub(super) fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, found) = X509Certificate::from_der(der).ok()?;
    let validity = found.validity();
    Some(Certificate {
        subject: found.subject().to_string(),
        issuer: found.issuer().to_string(),
        from: moment(&validity.not_before),
        until: moment(&validity.not_after),
    })
}

/// Dates before 1970 count as 1970.
fn moment(time: &ASN1Time) -> TimestampMs {
    TimestampMs(u64::try_from(time.timestamp()).unwrap_or_default().saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_are_read() {
        let mut params = rcgen::CertificateParams::new(vec!["b1.example".to_owned()]).expect("a name");
        params.distinguished_name.push(rcgen::DnType::CommonName, "b1");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        let read = read(made.der()).expect("it is one");
        assert!(read.subject.contains("CN=b1") && read.issuer == read.subject, "{read:?}");
        assert_eq!(read.from.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(read.until.to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(super::read(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
