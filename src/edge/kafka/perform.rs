//! Commands, put into requests: one alone, or several that do not depend on one another at once.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::AdminClient;
use super::configs::{self, Change};
use super::crowd;
use super::error::KafkaError;
use super::parts::{PartError, Parts};
use crate::base::{TopicName, TopicPartition};
use crate::execute::{Answer, Command, CommandRefusal, Setting};

/// Brokers take changes of their settings only themselves, each in a request of its own, and have them written by the
/// controller, one after the other: more at once than this would only wait there.
const AT_ONCE: usize = 16;

/// Asks for several things of which none depends on another. There is an answer for each, in the same order.
pub(super) async fn perform_all(
    client: &AdminClient,
    commands: &[Command],
) -> Vec<Result<Answer, KafkaError>> {
    let mut done: BTreeMap<usize, Result<Answer, KafkaError>> = BTreeMap::new();
    let (topics, others): (Vec<_>, Vec<_>) = commands
        .iter()
        .enumerate()
        .partition(|(_, command)| matches!(command, Command::ThrottleTopic { .. }));
    let mut running = JoinSet::new();
    if !topics.is_empty() {
        let client = client.clone();
        let (places, topics): (Vec<usize>, Vec<Command>) =
            topics.into_iter().map(|(at, command)| (at, command.clone())).unzip();
        running.spawn(async move {
            let answers = throttle_topics(&client, &topics).await;
            places.into_iter().zip(answers).collect::<Vec<_>>()
        });
    }
    for (at, command) in others {
        if running.len() >= AT_ONCE {
            done.extend(crowd::next(&mut running).await.into_iter().flatten());
        }
        let (client, command) = (client.clone(), command.clone());
        running.spawn(async move { vec![(at, perform(&client, &command).await)] });
    }
    while let Some(answers) = crowd::next(&mut running).await {
        done.extend(answers);
    }
    done.into_values().collect()
}

/// Asks for one thing.
pub(super) async fn perform(client: &AdminClient, command: &Command) -> Result<Answer, KafkaError> {
    match command {
        Command::ThrottleBroker { broker, leader, follower, log_dirs } => {
            let changes = [
                change(configs::LEADER_RATE, leader),
                change(configs::FOLLOWER_RATE, follower),
                change(configs::LOG_DIRS_RATE, log_dirs),
            ];
            let changes: Vec<Change> = changes.into_iter().flatten().collect();
            if changes.is_empty() {
                return Ok(Answer::default());
            }
            let outcome = client.alter_broker_config(*broker, &changes).await;
            whole(outcome, format!("broker {broker}"))
        }
        Command::ThrottleTopic { .. } => {
            let answers = throttle_topics(client, std::slice::from_ref(command)).await;
            answers.into_iter().next().unwrap_or_else(|| Ok(Answer::default()))
        }
        Command::Reassign(lists) => Ok(answer(client.reassign(lists).await?)),
        Command::CancelReassignments(which) => Ok(answer(client.cancel_reassignments(which).await?)),
        Command::ElectPreferredLeaders(which) => Ok(answer(client.elect_preferred_leaders(which).await?)),
        Command::MoveLogDirs { broker, moves } => {
            Ok(answer(client.alter_replica_log_dirs(*broker, moves).await?))
        }
    }
}

/// The lists of any number of topics go in one request, which any broker takes. There is an answer for each command.
async fn throttle_topics(client: &AdminClient, commands: &[Command]) -> Vec<Result<Answer, KafkaError>> {
    let changes = commands.iter().filter_map(changes_of_topic).collect();
    let mut done = client.alter_topic_configs(changes).await;
    let answers = commands.iter().map(|command| {
        let Command::ThrottleTopic { topic, .. } = command else { return Ok(Answer::default()) };
        // A command that changes nothing was not sent.
        done.remove(topic).map_or_else(|| Ok(Answer::default()), |done| whole(done, format!("topic {topic}")))
    });
    answers.collect()
}

fn changes_of_topic(command: &Command) -> Option<(TopicName, Vec<Change>)> {
    let Command::ThrottleTopic { topic, leader, follower } = command else { return None };
    let changes = [change(configs::LEADER_REPLICAS, leader), change(configs::FOLLOWER_REPLICAS, follower)];
    let changes: Vec<Change> = changes.into_iter().flatten().collect();
    (!changes.is_empty()).then(|| (topic.clone(), changes))
}

/// What to change about a setting; none when it stays as it is.
fn change<T: ToString>(key: &'static str, setting: &Setting<T>) -> Option<Change> {
    match setting {
        Setting::Keep => None,
        Setting::Clear => Some((key, None)),
        Setting::Set(value) => Some((key, Some(value.to_string()))),
    }
}

/// The answer to a command that is accepted or refused as a whole. A missing right stays an error: the same
/// command would be refused for ever.
fn whole(outcome: Result<(), KafkaError>, subject: String) -> Result<Answer, KafkaError> {
    match outcome {
        Ok(()) => Ok(Answer::default()),
        Err(KafkaError::Answered(answered)) if answered.needs.is_none() && !answered.code.is_retriable() => {
            let (code, message) = (answered.code.to_string(), answered.words);
            Ok(Answer { refused: vec![CommandRefusal { subject, partition: None, code, message }] })
        }
        Err(error) => Err(error),
    }
}

fn answer(parts: Parts) -> Answer {
    let refusal = |(which, PartError { code, words }): (TopicPartition, PartError)| CommandRefusal {
        subject: which.to_string(),
        partition: Some(which),
        code: code.to_string(),
        message: words,
    };
    Answer { refused: parts.refused.into_iter().map(refusal).collect() }
}
