//! Tests of the rule `leadership`.

use super::*;
use crate::goals::test_cluster::{cluster, judge, named};
use crate::model::ClusterModel;

const FOUR: [(i32, &str); 4] = [(1, "a"), (2, "a"), (3, "b"), (4, "b")];

fn found(model: &ClusterModel, by: Leads) -> Vec<String> {
    let rule = Leadership { topics: Topics::default(), by };
    named(&judge(model, |standing| rule.verdict(standing)))
}

fn rack(rack: &str) -> Brokers {
    Brokers { ids: Vec::new(), racks: vec![rack.into()] }
}

#[test]
fn the_first_replica_leads_unless_it_cannot() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[3, 1]])]);
    assert!(found(&model, Leads::FirstReplica).is_empty());
    model.placement.lead(PartitionOrd(1), BrokerOrd(0));
    assert_eq!(
        found(&model, Leads::FirstReplica),
        ["t-1: is led by broker 1 and not by broker 3, the first of its list"]
    );
    model.offline.insert(PartitionOrd(1), vec![BrokerOrd(2)]);
    assert!(found(&model, Leads::FirstReplica).is_empty(), "its log directory is offline");
    model.offline.clear();
    model.brokers[2].alive = false;
    assert!(found(&model, Leads::FirstReplica).is_empty(), "its broker is dead");
}

#[test]
fn on_and_off_ask_only_where_a_replica_can_lead() {
    let mut model = cluster(&FOUR, &[("t", &[&[1, 3], &[1, 2], &[3, 1]])]);
    assert_eq!(
        found(&model, Leads::On(rack("b"))),
        ["t-0: is led by broker 1, not one of rack b; broker 3 could"]
    );
    assert_eq!(
        found(&model, Leads::Off(rack("b"))),
        ["t-2: is led by broker 3, one of rack b; broker 1 could"]
    );
    model.brokers[0].alive = false;
    assert!(found(&model, Leads::Off(rack("b"))).is_empty());
}

#[test]
fn words() {
    let words = |by| Leadership { topics: Topics::default(), by }.in_words();
    assert_eq!(words(Leads::FirstReplica), "all topics led by the first replica of the list");
    assert_eq!(words(Leads::On(rack("b"))), "all topics led by rack b, where a replica stands there");
}
