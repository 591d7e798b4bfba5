//! Sharing by fitted weights: the base stays, copies are nobody's, and the parts add up.

use super::*;
use crate::base::BytesPerS;
use crate::observe::{SeenBroker, SeenTopic, WorkTraffic};

const FIT: CpuFit = CpuFit {
    weights: TrafficWeights { produce: 2e-8, consume: 1e-8, follow: 1e-8, serve: 0.5e-8 },
    base_cores: 0.5,
    windows: 90,
    brokers: 2,
    left_out: 0,
    median_off: 0.02,
    p95_off: 0.1,
    static_median_off: 0.3,
};

/// Two brokers; each leads one partition of `t`, which the other follows: 10 and 20 MB/s written, nothing read.
fn cluster(cores: [f64; 2], copies_in: f64) -> Observation {
    let mut seen = Observation::default();
    for (id, cores) in cores.into_iter().enumerate() {
        let traffic = WorkTraffic { copies_in_bytes_per_s: copies_in, ..WorkTraffic::default() };
        let work = BrokerWork { cores_used: Cores::new(cores).ok(), traffic: Some(traffic) };
        let broker = SeenBroker { alive: true, work, ..SeenBroker::default() };
        seen.brokers.insert(BrokerId(i32::try_from(id).unwrap()), broker);
    }
    let partition = |id: i32, mb: f64| {
        let mut partition = Partition {
            id,
            replicas: vec![BrokerId(id), BrokerId(1 - id)],
            leader: Some(BrokerId(id)),
            ..Partition::default()
        };
        partition.load.produce_bytes_per_s = BytesPerS::new(mb * 1e6).ok();
        partition.load.consume_bytes_per_s = BytesPerS::new(0.0).ok();
        partition
    };
    let partitions = vec![partition(0, 10.0), partition(1, 20.0)];
    seen.topics.insert("t".into(), SeenTopic { partitions, ..SeenTopic::default() });
    let holdings = Holdings::of(&seen);
    share(&mut seen, &holdings, SharedBy::StaticWeights { why: NoFit::OneLook });
    seen
}

fn cores(seen: &Observation, partition: usize) -> (f64, f64) {
    let load = seen.topics[&"t".into()].partitions[partition].load;
    (load.leader_cpu_cores.unwrap().get(), load.follower_cpu_cores.unwrap().get())
}

fn close(told: f64, wanted: f64) -> bool {
    (told - wanted).abs() < 1e-9
}

/// What the fit says of each: the base, what it leads with its one follower, and what it follows.
const SAYS: [f64; 2] = [0.5 + 0.25 + 0.2, 0.5 + 0.5 + 0.1];

#[test]
fn parts_are_what_the_weights_say_and_the_base_stays() {
    let mut seen = cluster(SAYS, 0.0);
    assert_eq!(seen.brokers[&BrokerId(0)].other_cpu_cores, None, "static weights know no base");
    share_cpu_by(&mut seen, Ok(FIT));
    let ((lead, follow), (other_lead, other_follow)) = (cores(&seen, 0), cores(&seen, 1));
    assert!(close(lead, 0.25) && close(follow, 0.1), "{lead} {follow}");
    assert!(close(other_lead, 0.5) && close(other_follow, 0.2), "{other_lead} {other_follow}");
    assert_eq!(seen.brokers[&BrokerId(1)].other_cpu_cores, Cores::new(0.5).ok());
    let sharing = seen.cpu_sharing.as_ref().unwrap();
    assert!(
        sharing.is_sound() && sharing.brokers.iter().all(|row| close(row.off_cores(), 0.0)),
        "{sharing:?}"
    );
    assert_eq!(seen.topics[&"t".into()].partitions[0].load.basis.cpu, Some(Basis::FittedWeights));
    assert_eq!(seen.gaps, []);
}

#[test]
fn what_a_broker_is_off_goes_over_its_parts_and_a_fit_can_be_taken_back() {
    // Broker 0 is a slow one: what is beyond the base is twice what the weights say.
    let mut seen = cluster([0.5 + 2.0 * 0.45, SAYS[1]], 0.0);
    share_cpu_by(&mut seen, Ok(FIT));
    let (parts, measured) = (cores(&seen, 0).0 + cores(&seen, 1).1, 0.9);
    assert!(close(parts, measured), "{parts}");
    let mut seen = cluster([0.5, SAYS[1]], 0.0);
    share_cpu_by(&mut seen, Ok(FIT));
    share_cpu_by(&mut seen, Err(NoFit::Alike));
    assert!(matches!(seen.cpu_sharing.unwrap().by, SharedBy::StaticWeights { why: NoFit::Alike }));
}

#[test]
fn copies_cost_what_replication_costs_and_no_partition_pays() {
    // 30 MB/s of copies arrive at both: 0.3 cores.
    let mut seen = cluster(SAYS.map(|cores| cores + 0.3), 30e6);
    share_cpu_by(&mut seen, Ok(FIT));
    let (lead, follow) = cores(&seen, 0);
    assert!(close(lead, 0.25) && close(follow, 0.1), "{lead} {follow}");
    let sharing = seen.cpu_sharing.unwrap();
    assert!(
        sharing.brokers.iter().all(|row| close(row.copies_cores, 0.3) && close(row.off_cores(), 0.0)),
        "{sharing:?}"
    );
    // By static weights, too.
    let calm = cluster(SAYS, 0.0);
    let busy = cluster([2.0 * SAYS[0], SAYS[1]], 0.0);
    assert!(cores(&busy, 0).0 > cores(&calm, 0).0);
    let copying = cluster(SAYS, 30e6);
    assert!(cores(&copying, 0).0 < cores(&calm, 0).0, "a part of it is the copies'");
}

#[test]
fn a_look_without_processor_times_stays_as_it_is() {
    let mut seen = Observation::default();
    share_cpu_by(&mut seen, Ok(FIT));
    assert_eq!(seen, Observation::default());
}
