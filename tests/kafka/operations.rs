//! Operations that are no moves from broker to broker, on real brokers: replication factors, demotion, elections.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::on_the_newest_at_least;
use crate::story::on;
use crate::support::lab::{Lab, Seen, Traffic};

#[test]
fn replication_factors_demotion_and_elections() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).start();
        lab.load_skewed();
        let traffic = Traffic::start(&lab);
        a_replication_factor_shrinks_and_grows(&lab);
        a_demoted_broker_leads_nothing(&lab);
        preferred_leaders_lead_again(&lab);
        assert_eq!(lab.throttle_settings(), Vec::<String>::new(), "throttles are left");
        traffic.stop().expect_clean();
    });
}

/// Ends the test unless every partition of a topic has so many replicas, all in sync, and its first one leads.
fn expect_factor(lab: &Lab, topic: &str, factor: usize) {
    let seen = lab.look();
    let of_topic: Vec<_> = seen.partitions.iter().filter(|((name, _), _)| name == topic).collect();
    assert!(!of_topic.is_empty(), "there is no topic {topic}");
    for (key, partition) in of_topic {
        assert_eq!(partition.replicas.len(), factor, "{key:?}: {partition:?}");
        assert_eq!(partition.isr, partition.replicas.iter().copied().collect(), "{key:?}: {partition:?}");
        assert_eq!(partition.leader, partition.replicas[0], "{key:?}: {partition:?}");
        let racks: BTreeSet<_> = partition.replicas.iter().map(|id| lab.rack_of(*id)).collect();
        assert_eq!(racks.len(), factor, "{key:?} stands on racks {racks:?}");
    }
}

fn a_replication_factor_shrinks_and_grows(lab: &Lab) {
    let set = |factor: &str| on(lab, &["set-replication-factor", factor, "--execute", "--yes"]);
    set("audit=1").expect_code(3).expect_says("min.insync.replicas");
    set("audit=7").expect_code(3).expect_says("live brokers");
    set("audit=2").expect_code(0);
    expect_factor(lab, "audit", 2);
    set("audit=3").expect_code(0);
    expect_factor(lab, "audit", 3);
    on(lab, &["set-replication-factor", "audit=3"]).expect_code(0).expect_says("nothing to");
}

fn led_by(seen: &Seen, broker: i32) -> usize {
    seen.partitions.values().filter(|partition| partition.leader == broker).count()
}

fn a_demoted_broker_leads_nothing(lab: &Lab) {
    let before = lab.look();
    assert!(led_by(&before, 1) > 10, "broker 1 leads hardly anything");
    on(lab, &["demote-broker", "1", "--execute", "--yes"]).expect_code(0);
    let after = lab.look();
    assert_eq!(led_by(&after, 1), 0, "broker 1 still leads");
    assert_eq!(before.placement(), after.placement(), "data was moved");
    assert!(after.partitions.values().all(|partition| partition.replicas[0] != 1), "broker 1 is preferred");
}

fn preferred_leaders_lead_again(lab: &Lab) {
    // Another order of the list moves no leader: now the preferred one does not lead.
    let lists = lab.look().partitions.into_iter().filter(|((topic, _), _)| topic == "clicks");
    let turned: Vec<_> = lists
        .map(|((topic, index), partition)| {
            let mut list = partition.replicas;
            list.rotate_left(1);
            (topic, index, list)
        })
        .collect();
    lab.reassign(&lab.reassignment_file("turned.json", &turned));
    let drifted = |seen: &Seen| {
        seen.partitions.values().filter(|partition| partition.leader != partition.replicas[0]).count()
    };
    assert!(drifted(&lab.look()) > 10, "leadership has not drifted");
    on(lab, &["elect-leaders"]).expect_code(0).expect_says("Nothing was changed");
    on(lab, &["elect-leaders", "--execute", "--yes"]).expect_code(0);
    lab.wait_until("every preferred leader leads", Duration::from_secs(30), |seen| drifted(seen) == 0);
}
