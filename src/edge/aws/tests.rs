//! The signatures against AWS's published test suite (`aws-signing-test-suite` of `aws-c-auth`) and the examples of its
//! documentation.

use std::time::Duration;

use reqsign_core::StaticEnv;
use secrecy::{ExposeSecret as _, SecretString};
use time::macros::datetime;

use super::sign::{Credentials, Signer, Unsigned};
use super::{AwsError, Identity};

fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: token.map(SecretString::from),
    }
}

const PLAIN: Unsigned<'static> =
    Unsigned { method: "GET", host: "example.amazonaws.com", path: "/", query: &[], headers: &[], body: b"" };

fn signer<'a>(credentials: &'a Credentials, service: &'a str) -> Signer<'a> {
    Signer { credentials, region: "us-east-1", service, at: datetime!(2015-08-30 12:36:00 UTC) }
}

/// The `authorization` header.
fn authorization(request: &Unsigned<'_>, token: Option<&str>, service: &str) -> String {
    let credentials = credentials(token);
    let headers = signer(&credentials, service).headers(request);
    let (name, value) = headers.last().expect("headers");
    assert_eq!(*name, "authorization");
    value.expose_secret().to_owned()
}

#[track_caller]
fn expect(request: &Unsigned<'_>, headers: &str, signature: &str) {
    let expected = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={headers}, Signature={signature}"
    );
    assert_eq!(authorization(request, None, "service"), expected);
}

#[test]
fn headers_are_signed_as_the_suite_has_it() {
    let plain = "host;x-amz-date";
    expect(&PLAIN, plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    let post = Unsigned { method: "POST", ..PLAIN };
    expect(&post, plain, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    let utf8 = Unsigned { path: "/ሴ", ..PLAIN };
    expect(&utf8, plain, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    let ordered = Unsigned { query: &[("Param2", "value2"), ("Param1", "value1")], ..PLAIN };
    expect(&ordered, plain, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    let encoded =
        Unsigned { query: &[("Param-3", "Value3"), ("Param", "Value2"), ("ሴ", "Value1")], ..PLAIN };
    expect(&encoded, plain, "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac");
    let trimmed =
        Unsigned { headers: &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\" ")], ..PLAIN };
    let names = "host;my-header1;my-header2;x-amz-date";
    expect(&trimmed, names, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

#[test]
fn temporary_keys_sign_their_token_too() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let header = authorization(&PLAIN, Some(token), "service");
    assert!(header.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{header}");
    assert!(
        header.ends_with("Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"),
        "{header}"
    );
}

/// The worked example of AWS's documentation of signature version 4.
#[test]
fn the_worked_example_of_the_documentation() {
    let request = Unsigned {
        host: "iam.amazonaws.com",
        query: &[("Action", "ListUsers"), ("Version", "2010-05-08")],
        headers: &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
        ..PLAIN
    };
    let header = authorization(&request, None, "iam");
    assert!(
        header.ends_with("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
        "{header}"
    );
}

#[test]
fn addresses_are_signed_as_the_suite_has_it() {
    let credentials = credentials(None);
    let request =
        Unsigned { query: &[("Param-3", "Value3"), ("Param", "Value2"), ("ሴ", "Value1")], ..PLAIN };
    let url = signer(&credentials, "service").presigned(&request, Duration::from_secs(3_600));
    let url = url.expose_secret();
    assert!(
        url.ends_with("X-Amz-Signature=c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"),
        "{url}"
    );
}

#[test]
fn nothing_secret_is_printed() {
    let credentials = credentials(Some("hunter2"));
    let shown = format!("{credentials:?} {:?}", signer(&credentials, "service").headers(&PLAIN));
    assert!(!shown.contains("hunter2") && !shown.contains("wJalr"), "{shown}");
}

/// Whoever answers one request after another with the same body, until it is dropped.
fn answering(body: &'static str) -> (String, std::thread::JoinHandle<()>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("one request");
        let mut seen = Vec::new();
        while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
            let mut some = [0; 512];
            let length = stream.read(&mut some).expect("a request");
            seen.extend_from_slice(&some[..length]);
        }
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .expect("sent");
    });
    (format!("http://{address}/creds"), serving)
}

fn credentials_by(variables: &[(&str, &str)], profile: Option<&str>) -> Result<Credentials, AwsError> {
    let envs = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let identity = Identity::in_environment(profile, StaticEnv { home_dir: None, envs });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(identity.credentials())
}

#[test]
fn credentials_come_from_environment_profile_and_container() {
    // Nobody is asked who is not there.
    let off = ("AWS_EC2_METADATA_DISABLED", "true");
    let told = credentials_by(&[("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s"), off], None);
    assert_eq!(told.expect("keys").access_key_id, "AKIDENV");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("credentials");
    let text = "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s\n\
                [ops]\naws_access_key_id = AKIDOPS\naws_secret_access_key = s\naws_session_token = t\n";
    std::fs::write(&file, text).expect("writable");
    let file = file.display().to_string();
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", file.as_str()), ("AWS_CONFIG_FILE", file.as_str()), off];
    assert_eq!(credentials_by(&variables, None).expect("keys").access_key_id, "AKIDDEFAULT");
    let ops = credentials_by(&variables, Some("ops")).expect("keys");
    assert_eq!(ops.access_key_id, "AKIDOPS");
    assert_eq!(ops.session_token.map(|token| token.expose_secret().to_owned()).as_deref(), Some("t"));

    let body =
        r#"{"AccessKeyId":"AKIDTASK","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
    let (url, serving) = answering(body);
    let told = credentials_by(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), off], None);
    assert_eq!(told.expect("keys").access_key_id, "AKIDTASK");
    serving.join().expect("it answered");
}

#[test]
fn a_machine_that_nobody_knows_says_so() {
    let told = credentials_by(&[("AWS_EC2_METADATA_DISABLED", "true")], None).expect_err("nobody knows it");
    assert_eq!(told, AwsError::NoCredentials);
}
