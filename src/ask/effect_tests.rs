//! What is said of a change, against judging the whole cluster anew.

use super::*;
use crate::ask::test_clusters::skewed;
use crate::goals::Tier;
use crate::model::{Assignment, ClusterModel, Sums};

/// The placement with one partition placed otherwise.
fn with(model: &ClusterModel, partition: PartitionOrd, placed: &Placed) -> Assignment {
    Assignment::new(model.partition_ords().map(|other| {
        if other == partition {
            (placed.list.clone(), placed.leader)
        } else {
            (model.placement.replicas(other).to_vec(), model.placement.leader(other))
        }
    }))
}

#[test]
fn effects_agree_with_verdicts_on_every_single_move() {
    let mut text = GoalSet::shipped_text("default").expect("it is shipped").to_owned();
    // So tight that some moves break it: the fullest broker is 39 % full.
    text = text.replacen("max-share = 0.8", "max-share = 0.42", 1);
    let (broken, judged) = compare(&GoalSet::parse(&text).expect("the goals are right"));
    assert!(broken > 100 && judged > 2000, "{broken} of {judged}: the test would hold for nothing");
    for name in GoalSet::shipped_names() {
        let (_, judged) = compare(&GoalSet::shipped(name).expect("it is shipped"));
        assert!(judged > 0, "{name}");
    }
}

/// Compares effects with verdicts for every move of one replica; how many broke a must, and how many were compared.
fn compare(goals: &GoalSet) -> (u32, u32) {
    let model = ClusterModel::build(&skewed()).expect("the fixture is sound");
    let sums = Sums::new(&model, &model.placement);
    let counts = vec![true; model.brokers.len()];
    let standing = Standing {
        model: &model,
        assignment: &model.placement,
        sums: &sums,
        counts: &counts,
        dir_loads: None,
    };
    let met_before: Vec<_> = goals.goals.iter().map(|goal| goal.verdict(standing).is_met()).collect();
    let (mut broken, mut judged) = (0, 0);
    for partition in model.partition_ords() {
        let effects = Effects::new(standing, goals, partition);
        let before = Placed {
            list: model.placement.replicas(partition).to_vec(),
            leader: model.placement.leader(partition),
        };
        for at in 0..before.list.len() {
            for to in model.broker_ords().filter(|to| !before.list.contains(to)) {
                let mut after = before.clone();
                let from = std::mem::replace(&mut after.list[at], to);
                after.leader = after.leader.map(|leader| if leader == from { to } else { leader });
                let assignment = with(&model, partition, &after);
                let moved = Sums::new(&model, &assignment);
                let there = Standing {
                    model: &model,
                    assignment: &assignment,
                    sums: &moved,
                    counts: &counts,
                    dir_loads: None,
                };
                let found = effects.of(&before, &after);
                for ((place, goal), was) in goals.goals.iter().enumerate().zip(&met_before) {
                    let effect = found.iter().find(|effect| effect.place == place);
                    let worse = effect.is_some_and(|effect| effect.worse_by > 0.0);
                    if goal.tier == Tier::Must {
                        let breaks = *was == Some(true) && goal.verdict(there).is_met() == Some(false);
                        assert!(worse || !breaks, "{} of {}", goal.name, model.name(partition));
                        assert!(breaks || !worse || *was == Some(false), "{}", goal.name);
                        broken += u32::from(breaks);
                    }
                    if effect.is_none() {
                        assert_eq!(goal.verdict(there).is_met(), *was, "{}", goal.name);
                    }
                    judged += 1;
                }
            }
        }
    }
    (broken, judged)
}

#[test]
fn leaders_and_places_are_weighed() {
    let model = ClusterModel::build(&skewed()).expect("the fixture is sound");
    let sums = Sums::new(&model, &model.placement);
    let counts = vec![true; model.brokers.len()];
    let standing = Standing {
        model: &model,
        assignment: &model.placement,
        sums: &sums,
        counts: &counts,
        dir_loads: None,
    };
    let goals = GoalSet::shipped("disk-only").expect("it is shipped");
    let effects = Effects::new(standing, &goals, PartitionOrd(0));
    let list = model.placement.replicas(PartitionOrd(0)).to_vec();
    let second = Placed { leader: list.get(1).copied(), list };
    let mut bad = Bad::default();
    effects.leadership(&Leads::FirstReplica, &second, &mut bad);
    assert!((bad.sum() - 1.0).abs() < EPSILON, "{:?}", bad.places);
    let rack = crate::goals::Brokers { ids: Vec::new(), racks: vec!["az1".into()] };
    let mut bad = Bad::default();
    effects.placement(&Demand::Off(rack.clone()), &second, &mut bad);
    assert!((bad.sum() - 1.0).abs() < EPSILON, "one replica is in az1: {:?}", bad.places);
    let mut bad = Bad::default();
    effects.placement(&Demand::On(rack), &second, &mut bad);
    assert!((bad.sum() - 2.0).abs() < EPSILON, "two are elsewhere: {:?}", bad.places);
}
