//! The judge's disks, wave by wave, and what it notes; broken plans are planted in the property tests.

use super::*;
use crate::base::{Bytes, BytesPerS};
use crate::observe::{Capacity, PartitionLoad, SeenBroker};

/// Brokers 1 to 4 with disks of 100 bytes each on racks of their own, and a partition of 40 bytes on 1 and 2.
fn observation() -> Observation {
    let mut observation = Observation::default();
    for id in 1..=4 {
        let capacity = Capacity { disk_bytes: Some(Bytes(100)), ..Capacity::default() };
        let broker = SeenBroker { alive: true, capacity, ..SeenBroker::default() };
        observation.brokers.insert(BrokerId(id), broker);
    }
    let ids = vec![BrokerId(1), BrokerId(2)];
    let partition = Partition {
        replicas: ids.clone(),
        leader: Some(BrokerId(1)),
        isr: ids,
        size_bytes: Some(Bytes(40)),
        ..Partition::default()
    };
    let other = Partition { id: 1, ..partition.clone() };
    let partitions = vec![partition, other];
    let topic = SeenTopic { min_insync_replicas: Some(1), partitions, ..SeenTopic::default() };
    observation.topics.insert("t".into(), topic);
    observation
}

fn disks(observation: &Observation, throttle_bytes_per_s: u64) -> Rooms {
    let limits = PlanLimits { throttle_bytes_per_s, ..PlanLimits::default() };
    Rooms::new(observation, &limits, true)
}

#[test]
fn both_copies_count_until_the_wave_has_ended() {
    let observation = observation();
    let partition = |id| &observation.topics[&"t".into()].partitions[id];
    let to_three = [BrokerId(3), BrokerId(2)];
    let back: [BrokerId; 2] = [BrokerId(1), BrokerId(2)];
    let mut disks = disks(&observation, 1_000_000);
    assert!(disks.judge([(partition(0), &to_three[..])].into_iter()).is_empty());
    assert!(disks.judge([(partition(1), &to_three[..])].into_iter()).is_empty(), "80 of 90");
    let moved = Partition { replicas: vec![BrokerId(4), BrokerId(2)], ..partition(0).clone() };
    let broken = disks.judge([(&moved, &to_three[..]), (&moved, &back[..])].into_iter());
    assert_eq!(broken.len(), 1, "a third copy of 40 on broker 3 is 120 of 90: {broken:?}");
    assert_eq!(broken[0].subject, "broker 3");
}

#[test]
fn growth_while_a_slow_wave_runs_counts() {
    let mut observation = observation();
    let topic = observation.topics.get_mut(&"t".into()).unwrap();
    let busy = PartitionLoad { produce_bytes_per_s: BytesPerS::new(1.0).ok(), ..PartitionLoad::default() };
    topic.partitions[1].replicas = vec![BrokerId(3), BrokerId(2)];
    topic.partitions[1].load = busy;
    let partition = observation.topics[&"t".into()].partitions[0].clone();
    let target = [BrokerId(3), BrokerId(2)];
    let wave = || [(&partition, &target[..])].into_iter();
    assert!(disks(&observation, 40).judge(wave()).is_empty(), "one second: 40 + 40 + 1");
    assert_eq!(disks(&observation, 2).judge(wave()).len(), 1, "twenty seconds: 40 + 40 + 20");
}

#[test]
fn what_cannot_be_checked_is_noted() {
    let mut observation = observation();
    observation.brokers.get_mut(&BrokerId(4)).unwrap().capacity.disk_bytes = None;
    observation.brokers.get_mut(&BrokerId(3)).unwrap().alive = false;
    let empty = PlanFile::Kafka(KafkaReassignment { version: 1, partitions: Vec::new() });
    let judgement = judge(&observation, &empty, &PlanLimits::default());
    assert!(judgement.is_ok());
    assert!(judgement.notes.iter().any(|note| note.contains("broker 3 is down")), "{:?}", judgement.notes);
    assert!(
        judgement.notes.iter().any(|note| note.contains("capacity of broker 4")),
        "{:?}",
        judgement.notes
    );
}

#[test]
fn another_number_of_replicas_is_judged_as_wanted_where_that_is_allowed() {
    let observation = observation();
    let file = |replicas: &[i32]| {
        let replicas = replicas.iter().copied().map(BrokerId).collect();
        let row = crate::plan::KafkaPartition { topic: "t".into(), partition: 0, replicas, log_dirs: None };
        PlanFile::Kafka(KafkaReassignment { version: 1, partitions: vec![row] })
    };
    let (limits, leave) = (PlanLimits::default(), Leave { replication_factor: true });
    let more = file(&[1, 2, 3]);
    assert_eq!(judge(&observation, &more, &limits).broken[0].promise, Promise::ReplicationFactor);
    let judgement = judge_with(&observation, &more, &limits, leave);
    assert!(judgement.is_ok(), "{:?}", judgement.broken);
    let note = "topic t: 1 of 2 partitions will have 3 replicas, as was allowed";
    assert!(judgement.notes.iter().any(|found| found == note), "{:?}", judgement.notes);
    // Everything else is judged as ever.
    let twice = judge_with(&observation, &file(&[1, 2, 2]), &limits, leave);
    assert_eq!(twice.broken[0].promise, Promise::OneReplicaPerBroker);
    let mut strict = observation.clone();
    strict.topics.get_mut(&"t".into()).unwrap().min_insync_replicas = Some(2);
    assert!(
        !judge_with(&strict, &file(&[1]), &limits, leave).is_ok(),
        "one replica, and two must be in sync"
    );
}
