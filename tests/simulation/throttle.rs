//! Replication throttles: who is bound by which rate, and what they do not bind.

use std::collections::BTreeMap;

use evenkeel::base::BrokerId;
use evenkeel::edge::sim::{ConfigChange, ConfigOwner, SimCluster};
use kafka_protocol::ResponseError;

use crate::support::{MB, cluster, four_brokers, ids, orders, seconds, stands, time_to_finish};

fn set(cluster: &mut SimCluster, owner: &ConfigOwner, key: &str, value: &str) {
    let changes = BTreeMap::from([(key.to_owned(), ConfigChange::Set(value.to_owned()))]);
    cluster.alter_configs(owner, &changes, false).unwrap();
}

fn broker(id: i32) -> ConfigOwner {
    ConfigOwner::Broker(BrokerId(id))
}

fn topic() -> ConfigOwner {
    ConfigOwner::Topic("orders".into())
}

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const LEADER_LIST: &str = "leader.replication.throttled.replicas";
const FOLLOWER_LIST: &str = "follower.replication.throttled.replicas";

/// Time that moving partition 0 from broker 1, its leader, to broker 4 takes.
fn time_with(settings: &[(ConfigOwner, &str, &str)]) -> f64 {
    let mut cluster = cluster(&four_brokers());
    for (owner, key, value) in settings {
        set(&mut cluster, owner, key, value);
    }
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    time_to_finish(&mut cluster)
}

fn about(took: f64, expected: f64) {
    assert!((took - expected).abs() < 0.02 * expected, "took {took} s, expected about {expected} s");
}

#[test]
fn a_rate_binds_only_listed_replicas_on_its_side() {
    about(time_with(&[(broker(4), FOLLOWER_RATE, "10000000")]), 10.0);
    about(time_with(&[(broker(4), FOLLOWER_RATE, "10000000"), (topic(), FOLLOWER_LIST, "0:4")]), 100.0);
    about(time_with(&[(broker(4), FOLLOWER_RATE, "10000000"), (topic(), FOLLOWER_LIST, "*")]), 100.0);
    about(time_with(&[(broker(4), FOLLOWER_RATE, "10000000"), (topic(), FOLLOWER_LIST, "1:4,0:2")]), 10.0);
    about(time_with(&[(broker(4), FOLLOWER_RATE, "10000000"), (topic(), LEADER_LIST, "0:4")]), 10.0);
    about(time_with(&[(broker(1), LEADER_RATE, "20000000"), (topic(), LEADER_LIST, "0:1")]), 50.0);
    about(time_with(&[(broker(2), LEADER_RATE, "20000000"), (topic(), LEADER_LIST, "0:1,0:2")]), 10.0);
    about(
        time_with(&[
            (broker(1), LEADER_RATE, "20000000"),
            (topic(), LEADER_LIST, "0:1"),
            (broker(4), FOLLOWER_RATE, "5000000"),
            (topic(), FOLLOWER_LIST, "0:4"),
        ]),
        200.0,
    );
}

#[test]
fn a_rate_for_all_brokers_holds_where_a_broker_has_none_of_its_own() {
    let list = (topic(), FOLLOWER_LIST, "0:4");
    about(time_with(&[(ConfigOwner::AllBrokers, FOLLOWER_RATE, "10000000"), list.clone()]), 100.0);
    let both =
        [(ConfigOwner::AllBrokers, FOLLOWER_RATE, "10000000"), (broker(4), FOLLOWER_RATE, "50000000"), list];
    about(time_with(&both), 20.0);
}

#[test]
fn in_sync_replicas_are_not_slowed_but_use_the_rate_up() {
    let mut spec = four_brokers();
    spec.topics[0].partitions[0].produce_bytes_per_s = 2 * MB;
    let mut cluster = cluster(&spec);
    set(&mut cluster, &topic(), LEADER_LIST, "0:1");
    set(&mut cluster, &broker(1), LEADER_RATE, "10000000");
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    // Followers 2 and 3 fetch 2 MB/s each; of 10 MB/s six are left, and while the copy runs 2 MB/s are produced.
    // Retention is reached, so what is produced replaces what is deleted: 1 GB at 6 - 2 MB/s.
    about(time_to_finish(&mut cluster), 250.0);
}

#[test]
fn client_traffic_comes_first() {
    let mut spec = four_brokers();
    spec.topics[0].partitions[1].consume_bytes_per_s = 75 * MB;
    let mut cluster = cluster(&spec);
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    about(time_to_finish(&mut cluster), 40.0);
}

#[test]
fn a_changed_rate_acts_on_what_is_under_way() {
    let mut cluster = cluster(&four_brokers());
    set(&mut cluster, &topic(), FOLLOWER_LIST, "0:4");
    set(&mut cluster, &broker(4), FOLLOWER_RATE, "0");
    cluster.reassign(&orders(0), &ids(&[4, 2, 3])).unwrap();
    cluster.advance(seconds(3_600));
    assert_eq!(stands(&cluster, 0).1, [1, 2, 3]);
    set(&mut cluster, &broker(4), FOLLOWER_RATE, "50000000");
    about(time_to_finish(&mut cluster), 20.0);
}

#[test]
fn moves_between_log_dirs_have_their_own_rate() {
    let mut cluster = cluster(&four_brokers());
    set(&mut cluster, &broker(1), "replica.alter.log.dirs.io.max.bytes.per.second", "50000000");
    let from = cluster.observe(false, None).partition(&orders(0)).unwrap().on_disk[&BrokerId(1)].clone();
    let to = if from.log_dir.as_deref() == Some("/data/1") { "/data/2" } else { "/data/1" };
    cluster.move_log_dir(BrokerId(1), &orders(0), to).unwrap();
    cluster.advance(seconds(10));
    let half = cluster.observe(false, None).partition(&orders(0)).unwrap().on_disk[&BrokerId(1)].clone();
    let (dir, bytes) = half.future.unwrap();
    assert_eq!(dir, to);
    assert!((495 * MB..505 * MB).contains(&bytes.0), "{bytes}");
    cluster.advance(seconds(11));
    let done = cluster.observe(false, None).partition(&orders(0)).unwrap().on_disk[&BrokerId(1)].clone();
    assert_eq!((done.log_dir.as_deref(), done.future), (Some(to), None));
}

#[test]
fn wrong_values_are_refused_with_kafkas_codes_and_change_nothing() {
    let mut cluster = cluster(&four_brokers());
    let before = cluster.digest();
    let mut refused = |owner: ConfigOwner, key: &str, value: &str| {
        let changes = BTreeMap::from([(key.to_owned(), ConfigChange::Set(value.to_owned()))]);
        cluster.alter_configs(&owner, &changes, false).unwrap_err().error
    };
    assert_eq!(refused(broker(1), LEADER_RATE, "-1"), ResponseError::InvalidRequest);
    assert_eq!(refused(broker(9), LEADER_RATE, "1"), ResponseError::InvalidRequest);
    assert_eq!(refused(topic(), LEADER_LIST, "0-1"), ResponseError::InvalidConfig);
    assert_eq!(refused(topic(), "retention.mss", "1"), ResponseError::InvalidConfig);
    assert_eq!(refused(topic(), "min.insync.replicas", "0"), ResponseError::InvalidConfig);
    let nobody = ConfigOwner::Topic("nobody".into());
    assert_eq!(refused(nobody, LEADER_LIST, "*"), ResponseError::UnknownTopicOrPartition);
    assert_eq!(cluster.digest(), before);
}
