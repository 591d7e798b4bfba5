//! Screens of hand-made plans: what a person must be able to read off them.

use std::collections::BTreeMap;

use super::*;
use crate::base::{Bytes, RackId, TimestampMs, TopicPartition};
use crate::plan::{BrokerLoads, LeaderStep, MoveStep, Price, Refused, Wave, bare_plan};

fn loads(disk: f64, replicas: f64, net: Option<f64>) -> BTreeMap<String, f64> {
    let mut loads = BTreeMap::from([("disk".to_owned(), disk), ("replicas".to_owned(), replicas)]);
    if let Some(net) = net {
        loads.extend(["network-in", "network-out"].map(|name| (name.to_owned(), net)));
        loads.insert("cpu".to_owned(), net / 1e7);
        loads.insert("leaders".to_owned(), replicas / 3.0);
    }
    loads
}

fn plan(net: Option<f64>) -> Plan {
    let broker = |id: i32, before: f64, after: f64| BrokerLoads {
        broker: BrokerId(id),
        rack: RackId::from(format!("az-{}", id % 3).as_str()),
        alive: true,
        disk_capacity_bytes: Some(Bytes(2_000_000_000_000)),
        before: loads(before, 120.0, net),
        after: loads(after, 118.0, net.map(|net| net / 2.0)),
    };
    let step = MoveStep {
        partition: TopicPartition::new("orders", 3),
        from: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
        stages: vec![vec![BrokerId(4), BrokerId(2), BrokerId(3)]],
        size_bytes: Bytes(18_200_000),
        reason: "broker 1 is 18 % over its disk band; broker 4 has room".to_owned(),
    };
    let lead = LeaderStep {
        partition: TopicPartition::new("orders", 4),
        replicas: vec![BrokerId(2), BrokerId(1)],
        reason: "broker 2 leads too little".to_owned(),
    };
    Plan {
        cluster_id: Some("c-1".to_owned()),
        observed_at: TimestampMs(1_795_446_000_000),
        goal_set: "default".to_owned(),
        is_empty: false,
        price: Price {
            replica_moves: 1,
            bytes: Bytes(18_200_000),
            bytes_lower_bound: Some(Bytes(9_100_000)),
            log_dir_moves: 0,
            log_dir_bytes: Bytes::ZERO,
            leader_changes: 1,
            forecast_s: 200.0,
        },
        goals: vec![
            GoalOutcome {
                goal: "rack-spread".to_owned(),
                tier: "must".to_owned(),
                before: "met".to_owned(),
                after: "met".to_owned(),
                met_before: Some(true),
                met_after: Some(true),
                out_of_reach: false,
            },
            GoalOutcome {
                goal: "disk-balance".to_owned(),
                tier: "1".to_owned(),
                before: "2 brokers outside the band".to_owned(),
                after: "1 broker outside the band".to_owned(),
                met_before: Some(false),
                met_after: Some(false),
                out_of_reach: false,
            },
        ],
        brokers: vec![broker(1, 1.2e12, 1.0e12), broker(4, 0.8e12, 1.0e12)],
        refusals: vec![Refused {
            subject: "disk-balance".to_owned(),
            reason: "no broker of az-1 has room".to_owned(),
            mend: "add a broker to az-1".to_owned(),
        }],
        ..bare_plan(vec![Wave { steps: vec![Step::Move(step), Step::Leader(lead)] }])
    }
}

#[test]
fn a_plan_tells_load_goals_price_moves_and_what_cannot_be_had() {
    let gap =
        Gap { kind: GapKind::NetworkLoad, subject: String::new(), reason: "no metrics given".to_owned() };
    let notes = PlanNotes { gaps: &[gap], moves_max: None, next: vec!["Nothing was changed.".to_owned()] };
    let plan = plan(None);
    let text = plan_text(&plan, &notes, Style::default()).replace(&plan.id.to_string(), "ID");
    insta::assert_snapshot!(text);
}

#[test]
fn on_a_terminal_of_80_columns_nothing_is_wider_and_moves_are_cut() {
    let notes = PlanNotes { moves_max: Some(1), ..PlanNotes::default() };
    let plan = plan(Some(123e6));
    let text = plan_text(&plan, &notes, Style { colour: false, width: Some(80) });
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{text}");
    insta::assert_snapshot!(text.replace(&plan.id.to_string(), "ID"));
}

#[test]
fn the_same_text_carries_the_meaning_without_colour() {
    let plan = plan(Some(5e6));
    let coloured = plan_text(&plan, &PlanNotes::default(), Style { colour: true, width: None });
    let mut bare = String::new();
    for (at, part) in coloured.split("\x1b[").enumerate() {
        bare += if at == 0 { part } else { part.split_once('m').expect("a colour code ends in m").1 };
    }
    assert_eq!(bare, plan_text(&plan, &PlanNotes::default(), Style::default()));
}

#[test]
fn an_empty_plan_says_so() {
    let mut plan = plan(None);
    (plan.is_empty, plan.waves, plan.price) = (true, Vec::new(), Price::default());
    let text = plan_text(&plan, &PlanNotes::default(), Style::default());
    assert!(text.contains("nothing to move") && !text.contains("Moves ("), "{text}");
}
