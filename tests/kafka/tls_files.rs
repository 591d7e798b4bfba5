//! Keys and certificates in each form that is read, on real brokers that ask for a certificate, and files that are replaced
//! while a client runs.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use evenkeel::config::{KafkaClientSettings, LeaseTopic};
use evenkeel::control::{Scope, World};
use evenkeel::edge::lease::{Holder, open};

use crate::client::connect;
use crate::on_the_newest_at_least;
use crate::support::cli::evenkeel;
use crate::support::lab::{Lab, Security, Who};

type Properties = BTreeMap<&'static str, String>;

const PASSWORD: &str = "right-horse";

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is missing ({error}): see deploy/needs"));
    let said =
        || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {words:?}: {}", said());
}

#[test]
fn stores_encrypted_keys_and_replaced_files() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(3).security(Security::MutualTls).start();
        let good = lab.client_settings(Who::Evenkeel);
        check_tells_of_certificates(&lab);
        stores_of_openssl_and_keytool(&lab, &good);
        an_encrypted_key(&lab, &good);
        replaced_files(&lab, &good);
    });
}

fn check_tells_of_certificates(lab: &Lab) {
    for (who, code, words) in [
        (Who::Evenkeel, 0, ["tls: ok", "our own certificate: CN=evenkeel, signed by CN=lab authority"]),
        (Who::Stranger, 4, ["tls: fails", "does not accept our client certificate"]),
    ] {
        let mut check = vec!["check".to_owned()];
        check.extend(lab.cluster_words(who));
        let screen = evenkeel(&check).expect_code(code);
        eprintln!("{screen}");
        for word in words {
            assert!(screen.stdout.contains(word), "{word} in {screen}");
        }
    }
}

fn expect_in(lab: &Lab, properties: &Properties) {
    let mut world =
        connect(&lab.bootstrap(), properties).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let seen = world.observe(&Scope::Full).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    assert_eq!(seen.brokers.len(), 3);
    // librdkafka gets the same.
    let lines: Vec<String> = properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let settings =
        KafkaClientSettings::parse(&lines.concat(), Some(&lab.bootstrap())).expect("right settings").0;
    let lease = open(&settings, &LeaseTopic::default(), Holder::this_process("test"));
    lease.unwrap_or_else(|error| panic!("{error}"));
}

fn stores_of_openssl_and_keytool(lab: &Lab, good: &Properties) {
    let file = |name: &str| lab.file(name).display().to_string();
    let (own, trust, pass) = (file("own.p12"), file("trust.p12"), format!("pass:{PASSWORD}"));
    let words =
        ["pkcs12", "-export", "-in", &good["ssl.certificate.location"], "-inkey", &good["ssl.key.location"]];
    run("openssl", &[&words[..], &["-out", &own, "-passout", &pass]].concat());
    let words = ["-importcert", "-noprompt", "-alias", "ca", "-storetype", "PKCS12", "-storepass", PASSWORD];
    run("keytool", &[&words[..], &["-file", &good["ssl.ca.location"], "-keystore", &trust]].concat());
    expect_in(
        lab,
        &Properties::from([
            ("security.protocol", "SSL".to_owned()),
            ("ssl.truststore.location", trust),
            ("ssl.truststore.password", PASSWORD.to_owned()),
            ("ssl.keystore.location", own),
            ("ssl.keystore.password", PASSWORD.to_owned()),
        ]),
    );
}

fn an_encrypted_key(lab: &Lab, good: &Properties) {
    let (shut, pass) = (lab.file("shut.key").display().to_string(), format!("pass:{PASSWORD}"));
    let words = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", &good["ssl.key.location"]];
    run("openssl", &[&words[..], &["-out", &shut, "-passout", &pass]].concat());
    let mut properties = good.clone();
    properties.insert("ssl.key.location", shut);
    properties.insert("ssl.key.password", PASSWORD.to_owned());
    expect_in(lab, &properties);
}

/// Connections that are opened later go by the files as they are then; a broken file changes nothing.
fn replaced_files(lab: &Lab, good: &Properties) {
    let (certificate, key) = (lab.file("live.pem"), lab.file("live.key"));
    let put = |user: &str| {
        for (own, live) in [("ssl.certificate.location", &certificate), ("ssl.key.location", &key)] {
            let from = good[own].replace("evenkeel.", &format!("{user}."));
            fs::copy(from, live).expect("the lab's folder is writable");
        }
    };
    put("evenkeel");
    let mut properties = good.clone();
    properties.insert("ssl.certificate.location", certificate.display().to_string());
    properties.insert("ssl.key.location", key.display().to_string());
    // One bootstrap address: the other brokers are connected to later.
    let first = lab.bootstrap().split(',').next().expect("an address").to_owned();
    let world = connect(&first, &properties).expect("let in");
    // A broken file leaves what was in force.
    fs::write(&certificate, "no certificate").expect("writable");
    let mut world = world;
    assert_eq!(world.observe(&Scope::Full).expect("a look").gaps, [], "new connections, by the old files");
    // What is sound is taken up: a stranger's is refused from then on.
    put("stranger");
    let client = world.client().clone();
    let refused = world.ask(async { client.afresh().await }).expect_err("a stranger is let in");
    assert!(refused.to_string().contains("does not accept our client certificate"), "{refused}");
    put("evenkeel");
    world.ask(async { client.afresh().await }).expect("let in again");
}
