//! The harness itself: what all other scenarios stand on.

use std::time::Duration;

use crate::on_the_newest_at_least;
use crate::support::lab::{Lab, Seen, Traffic, Watch};

#[test]
fn a_lab_boots_takes_load_and_survives_a_killed_broker() {
    on_the_newest_at_least(|version| {
        let mut lab = Lab::builder(version).start();
        let seen = lab.load_skewed();
        assert_eq!(seen.brokers, (1..=6).collect());
        assert!(lab.disk_unevenness() > 0.4, "the load is not skewed: {:?}", lab.disk_bytes());
        let traffic = Traffic::start(&lab);
        let watch = Watch::start(&lab);
        lab.kill(5);
        lab.wait_until("broker 5 is gone", Duration::from_secs(60), |seen| !seen.brokers.contains(&5));
        lab.start_broker(5);
        lab.wait_until("broker 5 has caught up", Duration::from_secs(120), Seen::all_in_sync);
        watch.stop().expect_clean();
        traffic.stop().expect_clean();
    });
}
