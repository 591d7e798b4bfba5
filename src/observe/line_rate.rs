//! What no network carries is no amount: a counter that was read wrongly, or a unit that is not the one it should be.

use std::collections::BTreeMap;

use super::BrokerMetrics;
use crate::base::{BytesPerS, TopicName};

/// No broker has a faster network, in bytes per second: 800 Gbit/s.
const ANY_NETWORK: f64 = 100e9;

/// Means of rates overshoot what a link carries by a little.
const OVERSHOOT: f64 = 1.1;

impl BrokerMetrics {
    /// Leaves out what is more than the machine's network devices carry together (where they say how much that is), or any
    /// network does. Of what flows to or from clients all topics are left out then: one that is missing would count as
    /// silent. Returns what was left out, in words.
    pub fn leave_out_impossible(&mut self) -> Vec<String> {
        let links: f64 = self.links.values().map(|link| link.get()).sum();
        let line = if links > 0.0 { (links * OVERSHOOT).min(ANY_NETWORK) } else { ANY_NETWORK };
        let mut left_out = Vec::new();
        let mut leave_out = |what: &str, told: f64| {
            let told = BytesPerS::new(told)
                .map_or_else(|_| "more than can be told".to_owned(), |told| told.to_string());
            let most = if links > 0.0 { "its network devices carry" } else { "any network carries" };
            left_out.push(format!(
                "its {what} are said to be {told}, which is more than {most}, so they count as unknown"
            ));
        };
        let clients = [
            ("bytes in", &mut self.topic_bytes_in_per_s, &mut self.bytes_in_per_s),
            ("bytes out", &mut self.topic_bytes_out_per_s, &mut self.bytes_out_per_s),
        ];
        for (what, topics, all) in clients {
            let told = most_of(topics, *all);
            if told > line {
                leave_out(what, told);
                topics.clear();
                *all = None;
            }
        }
        let replicas = [
            ("bytes received for replication", &mut self.replication_in_per_s),
            ("bytes sent for replication", &mut self.replication_out_per_s),
            ("bytes received for reassignments", &mut self.reassignment_in_per_s),
            ("bytes sent for reassignments", &mut self.reassignment_out_per_s),
        ];
        for (what, rate) in replicas {
            if let Some(told) = rate.filter(|rate| rate.get() > line) {
                leave_out(what, told.get());
                *rate = None;
            }
        }
        left_out
    }
}

/// The sum over topics, or what is told of all, whichever is more.
fn most_of(topics: &BTreeMap<TopicName, BytesPerS>, all: Option<BytesPerS>) -> f64 {
    let sum: f64 = topics.values().map(|rate| rate.get()).sum();
    all.map_or(sum, |all| sum.max(all.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(topics: &[(&str, f64)], links: &[(&str, f64)]) -> BrokerMetrics {
        let rate = |rate: f64| BytesPerS::new(rate).expect("a rate");
        BrokerMetrics {
            topic_bytes_in_per_s: topics.iter().map(|(name, told)| ((*name).into(), rate(*told))).collect(),
            topic_bytes_out_per_s: topics.iter().map(|(name, _)| ((*name).into(), rate(5.0))).collect(),
            bytes_out_per_s: Some(rate(10.0)),
            replication_out_per_s: Some(rate(1e6)),
            links: links.iter().map(|(name, speed)| ((*name).to_owned(), rate(*speed))).collect(),
            ..BrokerMetrics::default()
        }
    }

    #[test]
    fn what_no_network_carries_is_unknown_and_said_so() {
        let mut wrong = told(&[("a", 1e18), ("b", 3.0)], &[]);
        let words = wrong.leave_out_impossible();
        assert_eq!(words.len(), 1, "{words:?}");
        assert!(words[0].starts_with("its bytes in are said to be"), "{words:?}");
        assert!(words[0].contains("more than any network carries"), "{words:?}");
        assert!(
            !wrong.knows_bytes_in() && wrong.topic_bytes_in_per_s.is_empty(),
            "b alone would be a silent a"
        );
        assert_eq!(wrong.topic_bytes_out_per_s.len(), 2, "the rest stays");
        let mut huge = told(&[("a", f64::MAX), ("b", f64::MAX)], &[]);
        assert_eq!(huge.leave_out_impossible().len(), 1, "a sum that is no number any more is one of those");
    }

    #[test]
    fn a_machines_own_links_are_a_closer_limit() {
        let gbit = [("eth0", 125e6), ("eth1", 125e6)];
        let mut right = told(&[("a", 260e6)], &gbit);
        assert_eq!(right.leave_out_impossible(), Vec::<String>::new(), "a mean overshoots");
        assert_eq!(right, told(&[("a", 260e6)], &gbit));
        let mut wrong = told(&[("a", 300e6)], &gbit);
        wrong.replication_in_per_s = BytesPerS::new(1e12).ok();
        let words = wrong.leave_out_impossible();
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(words[1].starts_with("its bytes received for replication"), "{words:?}");
        assert!(words.iter().all(|words| words.contains("its network devices carry")), "{words:?}");
        assert_eq!((wrong.replication_in_per_s, wrong.bytes_in_per_s), (None, None));
    }
}
