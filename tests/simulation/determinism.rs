//! The same seed gives the same history, whatever the seed.

use evenkeel::base::Digest;
use evenkeel::control::{Scope, World};
use evenkeel::edge::sim::{Fault, SimEvent, SimSpec, SimWorld};
use evenkeel::execute::Command;

use crate::support::seconds;

/// Moves replicas about while brokers die and return; every choice follows from the seed.
fn a_history(seed: u64) -> (Digest, Vec<SimEvent>) {
    let mut world = SimWorld::new(&SimSpec::varied(seed)).unwrap();
    let (mut events, collected) = (Vec::new(), std::rc::Rc::new(std::cell::RefCell::new(Vec::new())));
    let sink = std::rc::Rc::clone(&collected);
    world.watch(move |cluster, events| {
        for partition in cluster.partitions() {
            assert!(partition.isr().iter().all(|member| partition.replicas().contains(member)));
            assert!(partition.leader().is_none_or(|leader| partition.isr().contains(&leader)));
            assert!(!partition.isr().is_empty());
        }
        sink.borrow_mut().extend(events.iter().cloned());
    });
    let brokers: Vec<_> = world.cluster().brokers().map(|(id, _)| id).collect();
    for round in 0..6_usize {
        let look = world.observe(&Scope::Full).unwrap();
        let lists = look.partitions().skip(round).step_by(7).map(|(name, _, partition)| {
            let mut list = partition.replicas.clone();
            let fresh = brokers.iter().filter(|broker| !list.contains(broker)).nth(round % 2);
            if let Some(fresh) = fresh {
                list[0] = *fresh;
            }
            list.dedup();
            (name, list)
        });
        drop(world.perform(&Command::Reassign(lists.collect())).unwrap());
        let broker = brokers[(usize::try_from(seed).unwrap() + round) % brokers.len()];
        let fault = match round % 3 {
            0 => Fault::KillBroker(broker),
            1 => Fault::StartBroker(brokers[(usize::try_from(seed).unwrap() + round - 1) % brokers.len()]),
            _ => Fault::RestartBroker { broker, down_for: seconds(40) },
        };
        world.cluster_mut().inject(fault);
        world.sleep(seconds(200));
    }
    events.append(&mut collected.borrow_mut());
    (world.cluster().digest(), events)
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..40 {
        let (first, events) = a_history(seed);
        let (second, again) = a_history(seed);
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(events, again, "seed {seed}");
        assert!(events.len() > 20, "seed {seed}: hardly anything happened");
    }
}

#[test]
fn another_seed_gives_another_cluster() {
    assert_ne!(a_history(1).0, a_history(2).0);
}

/// Where time is cut into steps must not matter beyond rounding: what was reached is the same.
#[test]
fn many_small_waits_are_one_long_wait() {
    let run = |step: u64| {
        let mut world = SimWorld::new(&SimSpec::small(3)).unwrap();
        let look = world.observe(&Scope::Full).unwrap();
        let brokers: Vec<_> = look.brokers.keys().copied().collect();
        let lists = look.partitions().step_by(5).map(|(name, _, partition)| {
            let mut list = partition.replicas.clone();
            list[2] = *brokers.iter().find(|broker| !list.contains(broker)).unwrap();
            (name, list)
        });
        drop(world.perform(&Command::Reassign(lists.collect())).unwrap());
        for _ in 0..3_600 / step {
            world.sleep(seconds(step));
        }
        world.cluster().digest()
    };
    assert_eq!(run(1), run(3_600));
}
