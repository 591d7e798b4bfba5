//! What came of commands. An answer only hastens what the next look would show; it never makes anything done.

use std::collections::BTreeMap;

use super::execution::Execution;
use super::step_run::{State, StepRun};
use super::throttle::Reply;
use super::{Answer, Command, CommandRefusal, DropReason, ExecutionEvent, Leftover, Setting, StepEnd};
use crate::base::{BrokerId, TopicPartition};
use crate::plan::Step;

/// Why a command as a whole did not go through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nobody knows whether the cluster took it: that is found out by looking.
    #[error("{0}")]
    Unknown(String),
    /// The client may not do this. Asking again does not help, a person has to grant the right.
    #[error("{0}")]
    Denied(String),
    /// The cluster refused it.
    #[error("{0}")]
    Refused(String),
}

impl Command {
    /// Whether it starts copying, and so needs throttles to stand.
    fn starts_copies(&self) -> bool {
        matches!(self, Self::Reassign(_) | Self::MoveLogDirs { .. })
    }

    /// Whether it sets a throttle, rather than only taking one away.
    pub(super) fn sets_throttle(&self) -> bool {
        fn sets<T>(one: &Setting<T>, other: &Setting<T>) -> bool {
            matches!(one, Setting::Set(_)) || matches!(other, Setting::Set(_))
        }
        match self {
            Self::ThrottleBroker { leader, follower, log_dirs, .. } => {
                sets(leader, follower) || matches!(log_dirs, Setting::Set(_))
            }
            Self::ThrottleTopic { leader, follower, .. } => sets(leader, follower),
            _ => false,
        }
    }

    /// What it is, for a person.
    pub fn describe(&self) -> String {
        match self {
            Self::ThrottleBroker { broker, .. } => format!("throttle rates of broker {broker}"),
            Self::ThrottleTopic { topic, .. } => format!("throttled replicas of topic {topic}"),
            Self::Reassign(lists) => format!("reassignment of {} partition(s)", lists.len()),
            Self::CancelReassignments(partitions) => {
                format!("cancelling the reassignment of {} partition(s)", partitions.len())
            }
            Self::ElectPreferredLeaders(partitions) => {
                format!("electing preferred leaders of {} partition(s)", partitions.len())
            }
            Self::MoveLogDirs { broker, .. } => format!("moving between log directories of broker {broker}"),
        }
    }
}

/// Errors with which Kafka says that what was wanted is so already, or that it may be asked again.
fn is_harmless(code: &str) -> bool {
    matches!(
        code,
        "NO_REASSIGNMENT_IN_PROGRESS"
            | "ELECTION_NOT_NEEDED"
            | "NOT_CONTROLLER"
            | "REQUEST_TIMED_OUT"
            | "LEADER_NOT_AVAILABLE"
            | "UNKNOWN_TOPIC_OR_PARTITION"
    )
}

/// Errors with which Kafka says that the client may not.
fn is_denial(code: &str) -> bool {
    code.ends_with("AUTHORIZATION_FAILED")
}

impl Execution {
    /// Whether a command of this turn should still be sent: nothing is copied when a throttle for it could not be
    /// set, or when a stop came in between.
    pub fn still_wanted(&self, command: &Command) -> bool {
        match command {
            Command::Reassign(lists) if self.throttle_failed.is_some() || self.course.stop.is_some() => {
                !lists.keys().any(|name| self.is_asked(name))
            }
            Command::MoveLogDirs { broker, moves }
                if self.throttle_failed.is_some() || self.course.stop.is_some() =>
            {
                !self.steps.iter().any(|step| step.state == State::Asked && asks_for(step, *broker, moves))
            }
            _ => true,
        }
    }

    fn is_asked(&self, name: &TopicPartition) -> bool {
        let is_list = |step: &StepRun| step.step.as_log_dir().is_none();
        self.steps.iter().any(|step| step.state == State::Asked && is_list(step) && step.partition() == name)
    }

    /// Takes note of what came of a command.
    pub fn answered(&mut self, command: &Command, result: Result<&Answer, &CommandError>) {
        let reply = match result {
            Ok(answer) if answer.refused.is_empty() => Reply::Accepted,
            Ok(_) | Err(CommandError::Denied(_) | CommandError::Refused(_)) => Reply::Refused,
            Err(CommandError::Unknown(_)) => Reply::Lost,
        };
        self.throttles.answered(command, reply);
        if command.starts_copies() {
            self.copies_answered(command, result);
        }
        let (problem, denied) = match result {
            Ok(answer) => {
                let problem = answer.refused.iter().find(|refusal| !is_harmless(&refusal.code));
                (problem.map(describe), problem.is_some_and(|refusal| is_denial(&refusal.code)))
            }
            Err(error) => (Some(error.to_string()), matches!(error, CommandError::Denied(_))),
        };
        // Also what is harmless elsewhere means here that the throttle does not stand.
        if command.sets_throttle() && reply != Reply::Accepted {
            self.throttle_failed = Some("it was not taken".to_owned());
        }
        let Some(problem) = problem else { return };
        let what = command.describe();
        if denied && (command.sets_throttle() || command.starts_copies()) {
            self.fail(&format!("{what}: {problem}"));
        }
        // Told once: a right that is missing is asked for again every few seconds.
        if self.told.insert((what.clone(), problem.clone())) {
            self.events.push(ExecutionEvent::CommandFailed { command: what, reason: problem });
        }
    }

    fn copies_answered(&mut self, command: &Command, result: Result<&Answer, &CommandError>) {
        let at = self.at();
        let is_for = |step: &StepRun| match command {
            Command::Reassign(lists) => {
                step.step.as_log_dir().is_none() && lists.contains_key(step.partition())
            }
            Command::MoveLogDirs { broker, moves } => asks_for(step, *broker, moves),
            _ => false,
        };
        for index in 0..self.steps.len() {
            let step = &mut self.steps[index];
            if step.state != State::Asked || !is_for(step) {
                continue;
            }
            let refusal = match result {
                Ok(answer) => {
                    answer.refused.iter().find(|refusal| refusal.partition.as_ref() == Some(step.partition()))
                }
                Err(CommandError::Unknown(_)) => {
                    step.sent(false, at);
                    continue;
                }
                Err(CommandError::Denied(_) | CommandError::Refused(_)) => {
                    step.state = State::Waiting { ready: false };
                    continue;
                }
            };
            match refusal {
                None => step.sent(true, at),
                Some(refusal) if is_harmless(&refusal.code) || is_denial(&refusal.code) => {
                    step.state = State::Waiting { ready: false };
                }
                Some(refusal) => {
                    let reason = DropReason::Refused { error: describe(refusal) };
                    step.end(StepEnd::Dropped { reason }, &mut self.events);
                }
            }
        }
    }

    /// Ends at once and touches nothing: another evenkeel acts on the cluster, and what this one began is the other's.
    pub fn superseded(&mut self, by: &str) -> Vec<ExecutionEvent> {
        self.end_untouched(
            &format!("another evenkeel has taken over: {by}"),
            "it is another evenkeel's by now",
        )
    }

    /// Ends at once and touches nothing: this process leaves, and the next one carries on.
    pub fn left_to_the_next(&mut self) -> Vec<ExecutionEvent> {
        self.end_untouched("this evenkeel was told to leave", "it is left to the next evenkeel")
    }

    fn end_untouched(&mut self, why: &str, what_of_moves: &str) -> Vec<ExecutionEvent> {
        self.course.failure = Some(why.to_owned());
        self.throttles.forget();
        let ends = self.ends_unseen(what_of_moves);
        self.conclude(ends, Vec::new());
        std::mem::take(&mut self.events)
    }

    /// How each step ends when nothing can be looked at any more; `why` is told of those under way.
    fn ends_unseen(&self, why: &str) -> Vec<(TopicPartition, StepEnd)> {
        let ends = self.steps.iter().map(|step| {
            let end = match &step.state {
                State::Ended(end) | State::Leading { then: end, .. } | State::Ordering { then: end, .. } => {
                    end.clone()
                }
                State::Waiting { .. } if step.stage == 0 => StepEnd::Stopped,
                _ => StepEnd::Failed { reason: why.to_owned() },
            };
            (step.partition().clone(), end)
        });
        ends.collect()
    }

    /// Ends at once, without another look: nothing can be seen, or a program error broke the loop. Returns the
    /// commands that undo what can be undone unseen; [`Self::abandoned`] has to be told what came of them.
    pub fn abandon(&mut self, reason: &str) -> Vec<Command> {
        self.course.failure.get_or_insert_with(|| reason.to_owned());
        self.throttles.restore()
    }

    /// Concludes after [`Self::abandon`]. `all_taken` says that the cluster took every one of its commands.
    pub fn abandoned(&mut self, all_taken: bool) -> Vec<ExecutionEvent> {
        if all_taken {
            self.throttles.forget();
        }
        let mut left = self.throttles.leftovers();
        let moving = self.steps.iter().filter(|step| step.is_in_flight());
        left.extend(moving.map(|step| match &step.step {
            Step::LogDir(planned) => Leftover {
                what: format!(
                    "move of {} between log directories of broker {}, which Kafka carries on by itself",
                    planned.partition, planned.broker
                ),
                command: format!(
                    "kafka-log-dirs.sh --bootstrap-server \"$BOOTSTRAP\" --describe --broker-list {} --topic-list '{}'",
                    planned.broker, planned.partition.topic
                ),
            },
            _ => Leftover {
                what: format!("reassignment of {}, which Kafka carries on by itself", step.partition()),
                command: "kafka-reassign-partitions.sh --bootstrap-server \"$BOOTSTRAP\" --list".to_owned(),
            },
        }));
        let ends = self.ends_unseen("out of sight when the execution gave up");
        self.conclude(ends, left);
        std::mem::take(&mut self.events)
    }
}

/// Whether a command asks for the directory that a step leads to.
fn asks_for(step: &StepRun, broker: BrokerId, moves: &BTreeMap<TopicPartition, String>) -> bool {
    step.step.as_log_dir().is_some_and(|planned| {
        planned.broker == broker && moves.get(&planned.partition).is_some_and(|path| *path == planned.to)
    })
}

fn describe(refusal: &CommandRefusal) -> String {
    let CommandRefusal { subject, code, message, .. } = refusal;
    if message.is_empty() { format!("{subject}: {code}") } else { format!("{subject}: {code}: {message}") }
}
