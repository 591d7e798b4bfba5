//! `evenkeel check` on real brokers that deny by default: the rights that it lists are enough, and each of them is needed.

use std::fs;

use serde_json::Value;

use crate::on_the_newest_at_least;
use crate::support::cli::{Screen, evenkeel};
use crate::support::lab::{Acl, Lab, Security, Who};

/// A settings file by which Kafka has to decide who acts, and the canary measures.
struct Place<'a> {
    lab: &'a Lab,
    settings: String,
}

impl<'a> Place<'a> {
    fn new(lab: &'a Lab) -> Self {
        let properties = lab.properties_file("check.properties", &lab.client_settings(Who::Evenkeel));
        let text = format!(
            "[clusters.lab]\nbootstrap = \"{}\"\nkafka-config = \"{}\"\nmode = \"act\"\nlease = \"required\"\n\
             [clusters.lab.execution]\ncanary = true\nthrottle = \"none\"\n",
            lab.bootstrap(),
            properties.display()
        );
        let settings = lab.file("check.toml");
        fs::write(&settings, text).expect("the lab's folder is writable");
        Self { lab, settings: settings.display().to_string() }
    }

    fn run(&self, words: &[&str]) -> Screen {
        let state = self.lab.file("state").display().to_string();
        let cluster = ["--cluster", "lab", "--config", &self.settings, "--state-dir", &state];
        evenkeel(&[words, &cluster].concat())
    }

    fn check(&self, mode: &str, code: i32) -> Value {
        let screen = self.run(&["check", "--format", "json", "--mode", mode]).expect_code(code);
        serde_json::from_str(&screen.stdout).unwrap_or_else(|error| panic!("{error}: {screen}"))
    }
}

fn step<'a>(checkup: &'a Value, name: &str) -> &'a Value {
    let steps = checkup["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no {name} in {checkup:#}"))
}

fn commands(checkup: &Value, name: &str) -> Vec<String> {
    let mend = step(checkup, name)["mend"].as_array().expect("lines");
    let lines = mend.iter().filter_map(Value::as_str);
    lines.filter(|line| line.starts_with("kafka-acls ")).map(str::to_owned).collect()
}

#[test]
fn the_rights_that_check_lists_are_enough_and_no_more() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(4).security(Security::ScramOverTls).acls().start();
        lab.create_topic("orders", &[vec![1, 2, 3], vec![2, 3, 1]]);
        a_wrong_password_is_told_once(&lab);
        let place = Place::new(&lab);
        let nothing = place.check("propose", 3);
        assert_eq!(step(&nothing, "sasl")["verdict"], "ok", "{nothing:#}");
        let tls = step(&nothing, "tls");
        assert_eq!(tls["verdict"], "ok", "{nothing:#}");
        assert!(tls.to_string().contains("lab authority"), "{tls:#}");
        // By Kafka's protocol, for its tool takes seconds each time; the commands to execute go to the tool as they stand.
        for line in commands(&nothing, "rights for a dry run") {
            for acl in Acl::of_command(&line) {
                lab.give_back(&acl);
            }
        }
        let dry = place.check("propose", 0);
        assert_eq!(step(&dry, "rights for a dry run")["verdict"], "ok", "{dry:#}");
        assert_eq!(step(&dry, "topics")["verdict"], "ok", "{dry:#}");
        place.run(&["propose", "--goals", "disk-only"]).expect_code(0);

        // What a dry run was granted is not listed again; so all is listed, to see that it is the least.
        place.check("act", 3);
        let all = ["check", "--format", "json", "--acls", "all"];
        let screen = place.run(&all).expect_code(3);
        let listed: Value = serde_json::from_str(&screen.stdout).expect("JSON");
        let mut granted = Vec::new();
        for name in ["rights to execute", "lease", "canary", "what is read"] {
            for line in commands(&listed, name) {
                if name == "rights to execute" {
                    lab.run_acl_command(&line);
                } else {
                    for acl in Acl::of_command(&line) {
                        lab.give_back(&acl);
                    }
                }
                granted.extend(Acl::of_command(&line));
            }
        }
        // Those of the dry run that come along with others now.
        for line in commands(&nothing, "rights for a dry run") {
            for acl in Acl::of_command(&line) {
                if granted.iter().all(|kept: &Acl| kept.words != acl.words) {
                    lab.take_away(&acl);
                }
            }
        }
        let ready = place.check("act", 0);
        for name in ["rights for a dry run", "rights to execute", "lease", "canary", "what is read"] {
            assert_eq!(step(&ready, name)["verdict"], "ok", "{ready:#}");
        }
        none_is_too_many(&place, &granted);
        what_is_granted_is_enough(&place);
    });
}

/// Where the password is wrong, that is the step that fails, and it is not tried at each broker in turn.
fn a_wrong_password_is_told_once(lab: &Lab) {
    let mut words = vec!["check".to_owned(), "--format".to_owned(), "json".to_owned()];
    words.extend(lab.cluster_words(Who::WrongPassword));
    let screen = evenkeel(&words).expect_code(4);
    let checkup: Value =
        serde_json::from_str(&screen.stdout).unwrap_or_else(|error| panic!("{error}: {screen}"));
    for (name, verdict) in [("connection", "ok"), ("tls", "ok"), ("sasl", "fails"), ("brokers", "not-tried")]
    {
        assert_eq!(step(&checkup, name)["verdict"], verdict, "{checkup:#}");
    }
    let seen = step(&checkup, "connection")["seen"].to_string();
    assert_eq!(seen.matches("not tried").count(), 2, "{seen}");
    assert!(!screen.to_string().contains("wrong-horse"), "{screen}");
}

/// Without any one of them a check names that one. Of each resource one is taken away at a time, as many resources at once
/// as there are: a check looks at each apart.
fn none_is_too_many(place: &Place, granted: &[Acl]) {
    assert_eq!(granted.len(), 13, "{granted:?}");
    let resource = |words: &str| words.split_once(" on ").expect("a resource").1.to_owned();
    let mut rounds: Vec<Vec<&Acl>> = Vec::new();
    for acl in granted {
        let has =
            |round: &Vec<&Acl>| round.iter().any(|other| resource(&other.words) == resource(&acl.words));
        match rounds.iter_mut().find(|round| !has(round)) {
            Some(round) => round.push(acl),
            None => rounds.push(vec![acl]),
        }
    }
    for round in rounds {
        let taken: Vec<&str> = round.iter().map(|acl| acl.words.as_str()).collect();
        for acl in &round {
            place.lab.take_away(acl);
        }
        let screen = place.run(&["check", "--format", "json"]);
        for acl in &round {
            place.lab.give_back(acl);
        }
        let checkup: Value = serde_json::from_str(&screen.stdout).unwrap_or_else(|_| panic!("{screen}"));
        let steps = ["rights to execute", "lease", "canary", "what is read"];
        let lines: Vec<String> = steps.iter().flat_map(|name| commands(&checkup, name)).collect();
        let named: Vec<String> =
            lines.iter().flat_map(|line| Acl::of_command(line)).map(|acl| acl.words).collect();
        for words in &taken {
            assert!(named.iter().any(|name| name == words), "{words} is not missed: {named:?}");
        }
        // What came along with a right goes along with it, and nothing else.
        let along = |name: &str| {
            let describes = name.starts_with("Describe");
            describes && taken.iter().any(|words| resource(words) == resource(name))
        };
        let more = named.iter().find(|name| !taken.contains(&name.as_str()) && !along(name));
        assert_eq!(more, None, "without {taken:?}");
        let measures = |words: &&str| words.ends_with("canary") || words.ends_with("group *");
        let only_measures = taken.iter().all(measures);
        assert_eq!(screen.code == Some(0), only_measures, "{taken:?}: {screen}");
    }
    // And nothing is carried out without them.
    for acl in granted {
        if acl.words == "Create on __evenkeel" || acl.words.contains("on evenkeel-") {
            place.lab.take_away(acl);
            place.run(&["remove-broker", "1", "--execute", "--yes"]).expect_code(3).expect_says("lease");
            place.lab.give_back(acl);
        }
    }
}

/// An execution that takes the lease, sets throttles, moves replicas and listens to the canary.
fn what_is_granted_is_enough(place: &Place) {
    let words =
        ["remove-broker", "1", "--execute", "--yes", "-v", "--throttle", "50MB", "--latency-objective", "2s"];
    let screen = place.run(&words).expect_code(0);
    for trouble in ["cannot measure", "no lease", "needs rights"] {
        assert!(!screen.stderr.contains(trouble), "{screen}");
    }
    let replicas: Vec<i32> = place
        .lab
        .look()
        .partitions
        .iter()
        .filter(|((topic, _), _)| topic == "orders")
        .flat_map(|(_, seen)| seen.replicas.clone())
        .collect();
    assert!(!replicas.contains(&1), "{replicas:?}");
    // Own topics are there by now: nobody has to make them any more.
    let after = place.check("act", 0);
    for name in ["lease", "canary"] {
        assert_eq!(step(&after, name)["verdict"], "ok", "{after:#}");
    }
}
