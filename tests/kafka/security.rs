//! Who is let in, who is not, and what is said about it: the wire client against brokers with TLS, SASL and ACLs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use evenkeel::base::{BrokerId, TopicName, TopicPartition};
use evenkeel::control::{Scope, World, WorldError};
use evenkeel::edge::kafka::KafkaWorld;
use evenkeel::execute::{Command, Setting};
use evenkeel::observe::{GapKind, Observation, ThrottledReplicas};

use crate::client::connect;
use crate::on_the_newest_at_least;
use crate::support::lab::{Lab, Security, Who};

type Properties = BTreeMap<&'static str, String>;

fn properties(pairs: &[(&'static str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
}

/// What a client is told that is not let in, hint and all. Nothing secret may be in it.
fn refused(bootstrap: &str, properties: &Properties) -> (WorldError, String) {
    let Err(error) = connect(bootstrap, properties) else {
        panic!("{properties:?} was let in at {bootstrap}");
    };
    let told = format!("{error}\n{}", error.hint());
    for secret in ["wrong", "right-horse"] {
        assert!(!told.contains(secret), "{told}");
    }
    eprintln!("{told}\n");
    (error, told)
}

fn expect_unauthenticated(bootstrap: &str, properties: &Properties, words: &[&str]) {
    let (error, told) = refused(bootstrap, properties);
    assert!(matches!(error, WorldError::Unauthenticated { .. }), "{error:?}");
    for word in words {
        assert!(told.contains(word), "{word} in {told}");
    }
}

fn expect_unreachable(bootstrap: &str, properties: &Properties, words: &[&str]) {
    let (error, told) = refused(bootstrap, properties);
    assert!(matches!(error, WorldError::Unreachable { .. }), "{error:?}");
    for word in words {
        assert!(told.contains(word), "{word} in {told}");
    }
}

fn let_in(bootstrap: &str, properties: &Properties) -> KafkaWorld {
    connect(bootstrap, properties).unwrap_or_else(|error| panic!("{error}; {}", error.hint()))
}

fn brokers_seen(world: &mut KafkaWorld) -> usize {
    let seen = world.observe(&Scope::Full).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    assert_eq!(seen.gaps, []);
    seen.brokers.len()
}

#[test]
fn passwords_and_ports_that_do_not_fit_are_told_apart() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(3).security(Security::ScramOverTls).start();
        let good = lab.client_settings(Who::Evenkeel);
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let mut settings = good.clone();
            settings.insert("sasl.mechanism", mechanism.to_owned());
            assert_eq!(brokers_seen(&mut let_in(&lab.bootstrap(), &settings)), 3);
            settings.insert("sasl.password", "wrong-horse".to_owned());
            expect_unauthenticated(
                &lab.bootstrap(),
                &settings,
                &["refused user `evenkeel`", "`sasl.password`"],
            );
        }
        assert_eq!(brokers_seen(&mut let_in(&lab.internal_bootstrap(), &Properties::new())), 3);
        sessions_are_renewed(&lab, &good);
        ports_that_do_not_fit(&lab, &good);
    });
}

/// The listener ends sessions after four seconds: looks go on without a break, on the same connections.
fn sessions_are_renewed(lab: &Lab, good: &Properties) {
    let mut settings = good.clone();
    settings.retain(|key, _| !key.starts_with("ssl."));
    settings.insert("security.protocol", "SASL_PLAINTEXT".to_owned());
    settings.insert("sasl.mechanism", "SCRAM-SHA-256".to_owned());
    let mut world = let_in(&lab.open_sasl_bootstrap(), &settings);
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        assert_eq!(brokers_seen(&mut world), 3);
        world.sleep(Duration::from_millis(250));
    }
    let opened = world.client().connections_opened();
    assert_eq!(opened, 3, "one connection to each broker serves throughout");
    settings.insert("sasl.mechanism", "SCRAM-SHA-512".to_owned());
    let words = ["does not offer the SASL mechanism SCRAM-SHA-512", "`sasl.mechanism=SCRAM-SHA-256`"];
    expect_unauthenticated(&lab.open_sasl_bootstrap(), &settings, &words);
}

fn ports_that_do_not_fit(lab: &Lab, good: &Properties) {
    let (tls, plain) = (lab.bootstrap(), lab.internal_bootstrap());
    let without_sasl: Properties = good
        .iter()
        .filter(|(key, _)| !key.starts_with("sasl."))
        .map(|(key, value)| (*key, value.clone()))
        .chain([("security.protocol", "SSL".to_owned())])
        .collect();
    // TLS and nothing else, where that is what the listener wants.
    assert_eq!(brokers_seen(&mut let_in(&lab.one_way_bootstrap(), &without_sasl)), 3);
    expect_unreachable(&plain, &without_sasl, &["speaks no TLS", "security.protocol=PLAINTEXT"]);
    expect_unreachable(&tls, &Properties::new(), &["the port speaks TLS", "security.protocol=SSL"]);
    expect_unauthenticated(&tls, &without_sasl, &["asks for SASL", "sasl.mechanism"]);
    let mut sasl = good.clone();
    sasl.retain(|key, _| !key.starts_with("ssl."));
    sasl.insert("security.protocol", "SASL_PLAINTEXT".to_owned());
    expect_unreachable(&plain, &sasl, &["does not ask for SASL"]);
    expect_unreachable(&lab.nobodys_address(), good, &[&lab.nobodys_address(), "refused"]);
    expect_unreachable(
        "no-such-host.invalid:9092",
        good,
        &["no-such-host.invalid:9092", "cannot be resolved"],
    );

    let mut other = good.clone();
    other.insert("ssl.ca.location", good["ssl.ca.location"].replace("ca.pem", "other-ca.pem"));
    expect_unauthenticated(&tls, &other, &["authority that is not trusted", "`ssl.ca.location`"]);
    let mut absent = good.clone();
    absent.insert("ssl.ca.location", "/nowhere/ca.pem".to_owned());
    let (error, told) = refused(&tls, &absent);
    assert!(matches!(error, WorldError::Setting { .. }) && told.contains("/nowhere/ca.pem"), "{told}");
    // By another name than those that the certificate holds.
    let first = tls.split(',').next().expect("an address");
    let host = first.split(':').next().expect("a host");
    expect_unauthenticated(&Detour::to(first).by_name(), good, &["not for this host name", host]);
}

/// A port on `localhost` that leads to another address.
struct Detour(std::net::TcpListener);

impl Detour {
    fn to(address: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (accepting, address) = (listener.try_clone().expect("a handle"), address.to_owned());
        // Ends with the test: it serves one connection.
        std::thread::spawn(move || -> std::io::Result<()> {
            let (mut near, _) = accepting.accept()?;
            let mut far = std::net::TcpStream::connect(address)?;
            let (mut from_far, mut to_near) = (far.try_clone()?, near.try_clone()?);
            std::thread::spawn(move || std::io::copy(&mut from_far, &mut to_near));
            std::io::copy(&mut near, &mut far)?;
            Ok(())
        });
        Self(listener)
    }

    fn by_name(&self) -> String {
        format!("localhost:{}", self.0.local_addr().expect("bound").port())
    }
}

#[test]
fn certificates_of_strangers_are_turned_away() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(3).security(Security::MutualTls).start();
        let good = lab.client_settings(Who::Evenkeel);
        assert_eq!(brokers_seen(&mut let_in(&lab.bootstrap(), &good)), 3);
        let words = ["does not accept our client certificate", "ssl.truststore"];
        expect_unauthenticated(&lab.bootstrap(), &lab.client_settings(Who::Stranger), &words);
        let mut none = good.clone();
        none.retain(|key, _| !matches!(*key, "ssl.certificate.location" | "ssl.key.location"));
        let words = ["asks for a client certificate", "`ssl.certificate.location`"];
        expect_unauthenticated(&lab.bootstrap(), &none, &words);
        let mut mixed = good.clone();
        mixed.insert("ssl.key.location", lab.client_settings(Who::Traffic)["ssl.key.location"].clone());
        let (error, told) = refused(&lab.bootstrap(), &mixed);
        assert!(
            matches!(error, WorldError::Setting { .. }) && told.contains("do not fit together"),
            "{told}"
        );
        // Java's way: certificate and key in one PEM file, given as stores.
        let read = |key: &str| std::fs::read_to_string(&good[key]).expect("the lab's file");
        let store = lab.file("store.pem");
        std::fs::write(&store, read("ssl.certificate.location") + &read("ssl.key.location"))
            .expect("writable");
        let java = properties(&[
            ("security.protocol", "SSL"),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", &good["ssl.ca.location"]),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &store.display().to_string()),
        ]);
        assert_eq!(brokers_seen(&mut let_in(&lab.bootstrap(), &java)), 3);
    });
}

#[test]
fn a_missing_right_is_named_and_what_is_hidden_is_noticed() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(3).security(Security::ScramOverTls).acls().start();
        lab.create_topic("secret", &[vec![1, 2, 3]]);
        let mut world = let_in(&lab.bootstrap(), &lab.client_settings(Who::Evenkeel));
        let kinds = |seen: &Observation| seen.gaps.iter().map(|gap| gap.kind).collect::<BTreeSet<_>>();
        let look = |world: &mut KafkaWorld| world.observe(&Scope::Full).expect("a look, with gaps");

        let seen = look(&mut world);
        assert_eq!(seen.topics.len(), 0);
        let all = [GapKind::Topics, GapKind::LogDirs, GapKind::BrokerConfig, GapKind::Reassignments];
        assert_eq!(kinds(&seen), BTreeSet::from(all));
        let grant = "--allow-principal 'User:evenkeel' --operation Describe --cluster";
        let topics = seen.gaps.iter().find(|gap| gap.kind == GapKind::Topics).expect("a gap");
        assert!(topics.reason.contains(grant), "{topics:?}");

        lab.allow("evenkeel", &["Describe", "DescribeConfigs"], &[]);
        let seen = look(&mut world);
        assert_eq!((seen.topics.len(), kinds(&seen)), (0, BTreeSet::from([GapKind::Topics])));
        let reason = &seen.gaps[0].reason;
        assert!(reason.contains("secret") && reason.contains("--operation Describe --topic '*'"), "{reason}");
        let some = Scope::Execution(BTreeSet::new());
        assert!(
            world.observe(&some).expect("a look").has_gap(GapKind::Topics),
            "a small look does not forget it"
        );

        lab.allow("evenkeel", &[], &["Describe"]);
        let seen = look(&mut world);
        assert_eq!((seen.topics.len(), kinds(&seen)), (1, BTreeSet::from([GapKind::TopicConfig])));
        lab.allow("evenkeel", &[], &["DescribeConfigs"]);
        assert_eq!(look(&mut world).gaps, []);
        commands_without_rights(&lab, &mut world);
    });
}

fn commands_without_rights(lab: &Lab, world: &mut KafkaWorld) {
    let which = TopicPartition::new("secret", 0);
    let some = BTreeSet::from([which.clone()]);
    let list = BTreeMap::from([(which.clone(), vec![BrokerId(3), BrokerId(2), BrokerId(1)])]);
    let broker = BrokerId(1);
    let dir = "/elsewhere".to_owned();
    let keep = Setting::Keep;
    let rate =
        Command::ThrottleBroker { broker, leader: Setting::Set(1), follower: keep.clone(), log_dirs: keep };
    let topic = TopicName::from("secret");
    let lists = Command::ThrottleTopic {
        topic,
        leader: Setting::Set(ThrottledReplicas::All),
        follower: Setting::Keep,
    };
    let alter = "--operation Alter --cluster";
    let cases = [
        (Command::Reassign(list), alter),
        (Command::CancelReassignments(some.clone()), alter),
        (Command::ElectPreferredLeaders(some), alter),
        (Command::MoveLogDirs { broker, moves: BTreeMap::from([(which, dir)]) }, alter),
        (rate, "--operation AlterConfigs --cluster"),
        (lists, "--operation AlterConfigs --topic '*'"),
    ];
    for (command, grant) in cases {
        match world.perform(&command) {
            Err(WorldError::Denied { message, hint }) => {
                assert!(hint.ends_with(grant), "{command:?}: {hint}");
                assert!(
                    message.contains("AUTHORIZATION_FAILED") && message.contains("needs the right"),
                    "{message}"
                );
            }
            other => panic!("{command:?}: {other:?}"),
        }
    }
    assert_eq!(lab.throttle_settings(), Vec::<String>::new());
}
