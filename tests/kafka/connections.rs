//! Every way to connect that is promised, against real brokers: one-way TLS, SCRAM with both digests, PLAIN.

use crate::on_each_version;
use crate::support::cli::evenkeel;
use crate::support::lab::{Lab, Security, Who};

#[test]
fn every_way_to_connect_works() {
    on_each_version(|version| {
        let lab = Lab::builder(version).brokers(3).security(Security::ScramOverTls).start();
        lab.create_topic("small", &[vec![1, 2, 3]]);
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
            let mut settings = lab.client_settings(Who::Evenkeel);
            settings.insert("sasl.mechanism", mechanism.to_owned());
            expect_sight(&lab, &lab.bootstrap(), &settings);
        }
        let mut settings = lab.client_settings(Who::Evenkeel);
        settings.retain(|key, _| !key.starts_with("sasl."));
        settings.insert("security.protocol", "SSL".to_owned());
        expect_sight(&lab, &lab.one_way_bootstrap(), &settings);
    });
}

fn expect_sight(lab: &Lab, bootstrap: &str, settings: &std::collections::BTreeMap<&'static str, String>) {
    let file = lab.properties_file("connection.properties", settings).display().to_string();
    let words = ["snapshot", "--bootstrap", bootstrap, "--kafka-config", &file, "-o", "-"];
    let screen = evenkeel(&words).expect_code(0);
    let snapshot = screen.json();
    assert_eq!(snapshot["brokers"].as_array().map(Vec::len), Some(3), "{settings:?}\n{screen}");
    assert_eq!(snapshot["topics"][0]["name"], "small", "{screen}");
}
