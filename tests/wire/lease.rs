//! A cluster that has no transactions gives no lease: that is said soon, and nothing is left in it.

use std::time::{Duration, Instant};

use evenkeel::config::{KafkaClientSettings, LeaseTopic};
use evenkeel::edge::lease::{Holder, LeaseError, Standing, open};
use evenkeel::edge::sim::{SimCluster, SimServer, SimSpec};

use crate::frozen;

fn topics(server: &SimServer) -> usize {
    server.with(|cluster| cluster.observe(false, None)).topics.len()
}

#[test]
fn where_there_are_no_transactions_there_is_no_lease_and_no_topic() {
    let server = frozen(SimCluster::new(&SimSpec::small(1)).unwrap());
    let before = topics(&server);
    let settings = KafkaClientSettings::plaintext(&server.bootstrap()).unwrap();
    let began = Instant::now();
    let lease = open(&settings, &LeaseTopic::default(), Holder::this_process("test")).unwrap();
    assert_eq!(lease.look().unwrap(), Standing::default());
    for taken in [lease.take(), lease.take_if_free(|_, _| {})] {
        let Err(error) = taken else { panic!("a lease without transactions") };
        assert!(matches!(error, LeaseError::Unusable { .. }), "{error:?}");
        assert!(error.is_for_want_of_means());
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(topics(&server), before);
}

#[test]
fn a_cluster_out_of_reach_is_no_cluster_without_means() {
    let settings = KafkaClientSettings::plaintext("127.0.0.1:1").unwrap();
    let Err(error) = open(&settings, &LeaseTopic::default(), Holder::this_process("test")) else {
        panic!("nobody listens there")
    };
    assert!(matches!(&error, LeaseError::Unreachable(_)) && !error.is_for_want_of_means(), "{error:?}");
}
