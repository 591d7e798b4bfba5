//! Other people work on the cluster meanwhile: they delete topics, reassign and cancel with Kafka's own tools.

use std::time::Duration;

use super::{hurry, sibling, start_moving};
use crate::support::lab::Lab;

fn partitions_of(lab: &Lab, topic: &str) -> usize {
    lab.look().partitions.keys().filter(|(name, _)| name == topic).count()
}

/// A topic is deleted while its replicas move: its steps are dropped, the others are done.
pub fn a_topic_is_deleted(lab: &mut Lab) {
    lab.add_topic("doomed", &vec![vec![4, 5, 6]; 6], 1_500_000);
    let running = start_moving(lab, &["remove-broker", "4"], "1MB");
    lab.wait_until("some of the topic moves", Duration::from_secs(60), |seen| {
        seen.moving().iter().any(|(topic, _)| topic == "doomed")
    });
    lab.delete_topic("doomed");
    let screen = hurry(lab, running).expect_code(1).expect_says("the topic is gone").expect_says("in part");
    assert!(!screen.to_string().contains("LEFT BEHIND"), "{screen}");
    assert_eq!(partitions_of(lab, "doomed"), 0);
    let left = lab.look().partitions.into_iter().filter(|(_, partition)| partition.replicas.contains(&4));
    assert_eq!(left.count(), 0, "the rest was not done");
}

/// Someone reassigns a partition that we move, one that we do not, and cancels a third that is ours.
pub fn others_reassign_and_cancel(lab: &mut Lab) {
    lab.add_topic("bystander", &[vec![1, 2, 3]], 3_000_000);
    lab.add_topic("large", &vec![vec![1, 2, 3]; 6], 5_000_000);
    let running = start_moving(lab, &["rebalance", "--topic", "large"], "300kB");
    let seen = lab.wait_until("two of ours move", Duration::from_secs(60), |seen| seen.moving().len() >= 2);
    let moving = seen.moving();
    let (ours, cancelled) = (moving[0].clone(), moving[1].clone());
    let theirs = their_list(&seen.partitions[&ours].replicas);
    let as_list = |key: &(String, i32), list: &[i32]| (key.0.clone(), key.1, list.to_vec());
    let bystander = ("bystander".to_owned(), 0);
    let lists = [as_list(&ours, &theirs), as_list(&bystander, &[4, 5, 6])];
    lab.reassign_by_hand(&lab.reassignment_file("theirs.json", &lists));
    let whole = seen.partitions[&cancelled].replicas.clone();
    let said = lab.cancel_by_hand(&lab.reassignment_file("cancel.json", &[as_list(&cancelled, &whole)]));
    eprintln!("faults: {ours:?} reassigned to {theirs:?}, {cancelled:?} cancelled by hand: {said}");
    assert!(said.contains("Successfully cancelled"), "nothing was cancelled: {said}");
    let at = |key: &(String, i32)| lab.look().partitions[key].replicas.clone();
    let after_cancel = at(&cancelled);
    let screen =
        hurry(lab, running).expect_code(1).expect_says("in part").expect_says("someone cancelled it");
    let text = screen.to_string();
    assert!(text.contains("someone else is reassigning it") || text.contains("not as planned"), "{text}");
    lab.wait_until("theirs is done", Duration::from_secs(60), |seen| {
        seen.partitions[&ours].replicas == theirs && seen.partitions[&bystander].replicas == [4, 5, 6]
    });
    let sorted = |mut list: Vec<i32>| {
        list.sort_unstable();
        list
    };
    assert_eq!(sorted(at(&cancelled)), sorted(after_cancel), "what was cancelled was asked for again");
    lab.delete_topic("bystander");
    lab.delete_topic("large");
}

/// A list that is neither ours nor the old one: where we move nothing, a broker gives to the other one of its rack.
fn their_list(moving: &[i32]) -> Vec<i32> {
    // Kafka shows the whole list: what is aimed at first, what will go last.
    let going = moving[3];
    let mut list: Vec<i32> =
        moving[..3].iter().map(|broker| if sibling(*broker) == going { going } else { *broker }).collect();
    let other = list.iter().position(|broker| *broker != going).expect("three brokers");
    list[other] = sibling(list[other]);
    list
}
