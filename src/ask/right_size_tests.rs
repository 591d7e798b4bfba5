//! Sizings that can be followed by hand.

use super::*;
use crate::ask::test_clusters::{cluster, skewed, topic};

fn ask(growth: f64, days: &[u32]) -> SizingAsk {
    SizingAsk {
        growth_percent_per_month: growth,
        days: days.to_vec(),
        headroom_percent: 0.0,
        prove: true,
        seed: 0,
    }
}

fn sized(observation: &Observation, ask: &SizingAsk) -> Sizing {
    right_size(observation, &GoalSet::shipped("disk-only").expect("it is shipped"), ask)
        .expect("it can be sized")
}

fn needed(horizon: &Horizon) -> Vec<usize> {
    horizon.racks.iter().map(|need| need.needed).collect()
}

/// `count` partitions of `size` GB with a replica on brokers 0, 2 and 4.
fn copies(observation: &mut Observation, count: usize, size: u64) {
    let rows: Vec<(&[i32], u64)> = (0..count).map(|_| (&[0, 2, 4][..], size)).collect();
    topic(observation, "t", &rows);
}

#[test]
fn each_rack_is_sized_for_its_full_copy() {
    let mut observation = cluster(&[2, 2, 1]);
    // Rack c is broker 4 alone. 12 times 100 GB in each rack, 800 GB to a broker: two brokers.
    copies(&mut observation, 12, 100);
    let view = sized(&observation, &ask(0.0, &[]));
    assert!(view.full_copy_per_rack);
    let today = &view.horizons[0];
    assert_eq!(needed(today), [2, 2, 2]);
    // 1.2 TB less 0.8 TB is 0.4 TB, at 80 % half a TB of capacity.
    assert_eq!(today.conclusions, ["rack c needs 1 more broker, or 500 GB more disk (disk-capacity)"]);
    assert!(today.proof.as_ref().is_some_and(|proof| proof.holds && proof.joined == 1), "{:?}", today.proof);
}

#[test]
fn growth_compounds_and_spare_brokers_are_named() {
    let mut observation = cluster(&[2, 2, 2]);
    copies(&mut observation, 12, 50);
    let view = sized(&observation, &ask(50.0, &[60]));
    assert_eq!(view.horizons[0].days, 0, "today comes first");
    assert_eq!(needed(&view.horizons[0]), [1, 1, 1], "600 GB go on one broker");
    assert_eq!(
        view.horizons[0].conclusions[0],
        "rack a could do without 1 broker, but then no other broker there could take the replicas of one that is lost"
    );
    assert_eq!(needed(&view.horizons[1]), [2, 2, 2], "1.35 TB do not");
    for horizon in &view.horizons {
        assert!(horizon.proof.as_ref().is_some_and(|proof| proof.holds), "{:?}", horizon.proof);
    }
}

#[test]
fn a_replica_cannot_be_cut_in_two() {
    let mut observation = cluster(&[2, 2, 2]);
    // 3 times 500 GB are 1.5 TB, which two brokers of 800 GB could hold were it sand.
    copies(&mut observation, 3, 500);
    let view = sized(&observation, &ask(0.0, &[]));
    let demand = &view.horizons[0].racks[0].demands[0];
    assert_eq!((demand.least, demand.needed), (2, 3));
    assert!(view.horizons[0].proof.as_ref().is_some_and(|proof| proof.holds));
}

#[test]
fn with_fewer_replicas_than_racks_the_racks_share() {
    let mut observation = cluster(&[1, 1, 1]);
    topic(&mut observation, "t", &[(&[0, 1], 700), (&[1, 2], 700), (&[2, 0], 700)]);
    let view = sized(&observation, &SizingAsk { prove: false, ..ask(0.0, &[]) });
    assert!(!view.full_copy_per_rack);
    // 4.2 TB at 800 GB to a broker: 6 brokers, two in each rack.
    assert_eq!(needed(&view.horizons[0]), [2, 2, 2]);
}

#[test]
fn headroom_and_a_lost_rack_ask_for_more() {
    let mut observation = cluster(&[2, 2, 2]);
    copies(&mut observation, 15, 50);
    let goals = GoalSet::shipped("disk-only").expect("it is shipped");
    let none = SizingAsk { prove: false, ..ask(0.0, &[]) };
    let view = right_size(&observation, &goals, &none).expect("it can be sized");
    assert_eq!(needed(&view.horizons[0]), [1, 1, 1], "750 of 800 GB");
    let some = SizingAsk { headroom_percent: 10.0, ..none.clone() };
    let view = right_size(&observation, &goals, &some).expect("it can be sized");
    assert_eq!(needed(&view.horizons[0]), [2, 2, 2], "750 of 720 GB");

    let out = |survive| {
        let rule = crate::goals::Capacity {
            resource: Resource::NetworkOut,
            // All leaders together send 120 MB/s, and a broker may send 50: three brokers do. When any rack may be lost
            // the two others have to do: two brokers in each of two racks, and one in the third.
            limit: crate::goals::Limit::Share(0.1),
            scope: crate::goals::Scope::Broker,
            survive,
        };
        let goal = crate::goals::Goal {
            name: "out".into(),
            tier: Tier::Must,
            weight: 1.0,
            rule: Rule::Capacity(rule),
        };
        let goals = GoalSet { name: "out".into(), description: String::new(), goals: vec![goal] };
        let view = right_size(&skewed(), &goals, &none).expect("it can be sized");
        needed(&view.horizons[0]).iter().sum::<usize>()
    };
    assert_eq!((out(None), out(Some(crate::goals::Survive::AnyOneRack))), (3, 5));
}

#[test]
fn without_a_limit_there_is_no_answer() {
    let goals = GoalSet { name: "none".into(), description: String::new(), goals: Vec::new() };
    let refused =
        right_size(&cluster(&[1]), &goals, &ask(0.0, &[])).expect_err("nothing says what brokers may carry");
    assert!(refused.to_string().starts_with("goal set `none` has no must goal on capacity"), "{refused}");
    let default = GoalSet::shipped("default").expect("it is shipped");
    let view = right_size(&cluster(&[1, 1]), &default, &ask(0.0, &[])).expect("disk can be sized");
    assert!(view.left_out.iter().any(|line| line.starts_with("cpu-capacity: ")), "{:?}", view.left_out);
}

#[test]
fn a_rack_that_is_down_still_needs_its_brokers() {
    let mut observation = cluster(&[2, 2, 1]);
    copies(&mut observation, 4, 50);
    observation.brokers.get_mut(&BrokerId(4)).expect("it is there").alive = false;
    for partition in &mut observation.topics.values_mut().next().expect("a topic").partitions {
        partition.isr.pop();
    }
    let view = sized(&observation, &ask(0.0, &[]));
    let today = &view.horizons[0];
    assert_eq!((today.racks[2].brokers, today.racks[2].needed), (0, 1));
    assert!(today.conclusions.contains(&"rack c needs 1 more broker".to_owned()), "{:?}", today.conclusions);
    assert!(today.proof.as_ref().is_some_and(|proof| proof.holds), "{:?}", today.proof);
    assert_eq!(view.remarks, ["broker 4 is down, and is not counted"]);
}
