//! The whole loop with SCRAM over TLS and Kafka's authorizer, deny by default: each missing right is named.

use crate::story::{State, on};
use crate::support::cli::evenkeel;
use crate::support::lab::{Lab, Security, Who};
use crate::{is_full_proof, on_the_newest_at_least, story};

#[test]
fn the_whole_loop_with_scram_and_acls() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).security(Security::ScramOverTls).acls().start();
        lab.create_topic("small", &[vec![1, 2, 3], vec![1, 5, 3], vec![1, 2, 3]]);
        // Large enough to be copied under a throttle, which needs rights too.
        lab.fill("small", 1, 3_500_000);
        a_wrong_password_gets_nowhere(&lab);
        missing_rights_are_named(&lab);
        // With all rights the loop is that of the other tests.
        if is_full_proof() {
            story::tell(lab);
        }
    });
}

fn a_wrong_password_gets_nowhere(lab: &Lab) {
    let before = State::of(lab);
    let mut words = vec!["rebalance".to_owned(), "--execute".to_owned(), "--yes".to_owned()];
    words.extend(lab.cluster_words(Who::WrongPassword));
    let screen = evenkeel(&words).expect_code(4).expect_says("password");
    assert!(!format!("{screen}").contains("wrong-horse"), "the password is on the screen");
    before.expect_unchanged(lab);
}

/// Grants the rights one after another; at each step the one that is missing is asked for by name.
fn missing_rights_are_named(lab: &Lab) {
    let before = State::of(lab);
    let remove = ["remove-broker", "5", "--execute", "--yes", "--throttle", "100kB"];

    on(lab, &["propose"])
        .expect_code(3)
        .expect_says("Describe")
        .expect_says("Cluster")
        .expect_says("kafka-acls");
    lab.allow("evenkeel", &["Describe", "DescribeConfigs"], &[]);
    // Kafka answers with an empty list of topics, and no error: it must not be taken for an empty cluster.
    on(lab, &["propose"]).expect_code(3).expect_says("Describe").expect_says("topic");
    lab.allow("evenkeel", &[], &["Describe", "DescribeConfigs"]);
    on(lab, &["propose"]).expect_code(0);

    // In the order in which an execution comes to need them; what was set before a refusal is taken back.
    on(lab, &remove).expect_code(1).expect_says("AlterConfigs on Cluster").expect_says("kafka-acls");
    before.expect_unchanged(lab);
    lab.allow("evenkeel", &["AlterConfigs"], &[]);
    on(lab, &remove).expect_code(1).expect_says("AlterConfigs on Topic").expect_says("kafka-acls");
    before.expect_unchanged(lab);
    lab.allow("evenkeel", &[], &["AlterConfigs"]);
    on(lab, &remove).expect_code(1).expect_says("Alter on Cluster").expect_says("kafka-acls");
    before.expect_unchanged(lab);
    lab.allow("evenkeel", &["Alter"], &[]);
    on(lab, &remove).expect_code(0);
    assert!(lab.look().partitions[&("small".to_owned(), 1)].replicas.iter().all(|id| *id != 5));
    // It is remembered as removed until it is welcome again.
    on(lab, &["add-broker", "5", "--execute", "--yes"]).expect_code(0);
}
