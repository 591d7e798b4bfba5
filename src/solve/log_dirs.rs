//! Moves between the log directories of a broker, once it is known which replicas stay on it.
//!
//! Each broker is a problem of its own: its directories are emptied where that was asked for, brought under their
//! limit, and levelled around the broker's own mean share, by moves from the fullest to the emptiest and then by
//! exchanges. Replicas that arrive by the same plan are left out: Kafka puts a new replica where the fewest
//! partitions are, and which that is depends on what else arrives; the next look levels what came of it.

use super::dir_shelf::{Allowance, Band, Dir, Item, Reason, Shelf, Wanted};
use super::{LogDirMove, LogDirName, Operation, Refusal, RefusalKind, Request, SolveError};
use crate::base::{Bytes, TopicName};
use crate::goals::{GoalSet, Limit, Scope, Side, Tier, TopicPattern};
use crate::model::{Assignment, BrokerOrd, ClusterModel, Health, PartitionOrd, Resource};

/// What is to move between log directories, and what cannot be had.
#[derive(Debug, Default)]
pub(super) struct LogDirMoves {
    pub moves: Vec<LogDirMove>,
    pub refusals: Vec<Refusal>,
}

/// Log directories by name, each as broker and position.
///
/// # Errors
/// A broker or a path does not exist, or the broker's directories could not be seen.
pub(super) fn find_log_dirs(
    model: &ClusterModel,
    names: &[LogDirName],
) -> Result<Vec<(BrokerOrd, usize)>, SolveError> {
    let find = |name: &LogDirName| {
        let Some(broker) = model.broker(name.broker) else {
            let known = super::roles::known(model);
            return Err(SolveError::UnknownBroker { broker: name.broker, known });
        };
        let dirs = &model.brokers[broker.index()].log_dirs;
        if dirs.is_empty() {
            return Err(SolveError::LogDirsNotSeen(name.broker));
        }
        let known = || dirs.iter().map(|dir| dir.path.as_str()).collect::<Vec<_>>().join(", ");
        let dir = model.log_dir(broker, &name.path);
        let unknown = || SolveError::UnknownLogDir { dir: name.clone(), known: known() };
        dir.map(|dir| (broker, dir)).ok_or_else(unknown)
    };
    names.iter().map(find).collect()
}

/// Finds the moves between log directories that lead from the model to what request and goals ask for, given the
/// `target` of the moves between brokers.
///
/// # Errors
/// A directory that is to be emptied does not exist, is offline, or the others of its broker have no room.
pub(super) fn move_log_dirs(
    model: &ClusterModel,
    goals: &GoalSet,
    request: &Request,
    target: &Assignment,
) -> Result<LogDirMoves, SolveError> {
    let removed = match &request.operation {
        Operation::RemoveLogDirs(names) => find_log_dirs(model, names)?,
        _ => Vec::new(),
    };
    let wanted = wanted(goals, request);
    let mut found = LogDirMoves::default();
    if removed.is_empty() && wanted.is_nothing() {
        return Ok(found);
    }
    let hidden = hidden(model, target);
    if let Some((broker, _)) = removed.iter().find(|(broker, _)| hidden[broker.index()]) {
        return Err(SolveError::ReplicaDirsNotSeen(model.brokers[broker.index()].id));
    }
    // The one directory of a broker needs no levelling.
    let several = |broker: &BrokerOrd| model.brokers[broker.index()].log_dirs.len() > 1;
    let unseen: Vec<BrokerOrd> =
        model.broker_ords().filter(|broker| hidden[broker.index()]).filter(several).collect();
    if !unseen.is_empty() && !wanted.is_nothing() {
        found.refusals.push(not_seen(model, &unseen));
    }
    let mut allowance = allowance(model, request, target);
    let mut items = items_by_broker(model, request, target, &removed);
    for broker in model.broker_ords() {
        let row = &model.brokers[broker.index()];
        let leaving: Vec<usize> =
            removed.iter().filter(|(of, _)| *of == broker).map(|(_, dir)| *dir).collect();
        let name = |dir: usize| LogDirName { broker: row.id, path: row.log_dirs[dir].path.clone() };
        if let Some(offline) = leaving.iter().find(|dir| !row.log_dirs[**dir].online) {
            return Err(SolveError::LogDirOffline(name(*offline)));
        }
        let online = row.log_dirs.iter().filter(|dir| dir.online).count();
        if !row.alive || hidden[broker.index()] || (online < 2 && leaving.is_empty()) {
            continue;
        }
        let items = std::mem::take(&mut items[broker.index()]);
        let dirs = row.log_dirs.iter().enumerate().map(|(at, dir)| Dir::of(dir, leaving.contains(&at)));
        let mut shelf = Shelf::new(dirs.collect(), items, wanted);
        for dir in leaving {
            if let Some(missing) = shelf.missing_for(dir) {
                return Err(SolveError::LogDirsTooSmall { dir: name(dir), missing: whole(missing) });
            }
            let stuck = shelf.empty(dir, &mut allowance);
            found.refusals.extend(stuck.into_iter().map(|(partition, why)| Refusal {
                kind: RefusalKind::PartitionHeld,
                subject: model.name(partition).to_string(),
                reason: format!("its replica stays in log directory {}: {why}", name(dir)),
                mend: "propose again when that has passed".to_owned(),
            }));
        }
        shelf.level(&mut allowance);
        found.moves.extend(shelf.items.iter().filter(|item| item.dir != item.at_first).map(|item| {
            LogDirMove {
                partition: item.partition,
                broker,
                from: row.log_dirs[item.at_first].path.clone(),
                to: row.log_dirs[item.dir].path.clone(),
                bytes: whole(item.size),
                reason: reason(item),
            }
        }));
        allowance.next_broker();
    }
    Ok(found)
}

/// Bytes of the replicas in each log directory of each broker, once the replicas that stay under `assignment` have
/// moved between directories. New replicas are not in it: which directory each gets is Kafka's choice.
pub fn log_dir_loads<'a>(
    model: &ClusterModel,
    assignment: &Assignment,
    moves: impl IntoIterator<Item = &'a LogDirMove>,
) -> Vec<Vec<f64>> {
    let mut loads = model.log_dir_loads(assignment);
    for step in moves {
        let LogDirMove { partition, broker, from, to, .. } = step;
        let (Some(from), Some(to)) = (model.log_dir(*broker, from), model.log_dir(*broker, to)) else {
            continue;
        };
        if assignment.holds(*partition, *broker) {
            let size = model.size_on(*partition, *broker);
            loads[broker.index()][from] -= size;
            loads[broker.index()][to] += size;
        }
    }
    loads
}

fn reason(item: &Item) -> String {
    match item.reason {
        Reason::Emptied => "its log directory is to be emptied".to_owned(),
        Reason::TooFull { share } => {
            format!("its log directory is {:.0} % over its share of the broker", 100.0 * share)
        }
        Reason::OverLimit => "its log directory is over its limit".to_owned(),
        Reason::Exchange => "in exchange for a larger replica, which levels both log directories".to_owned(),
    }
}

fn not_seen(model: &ClusterModel, brokers: &[BrokerOrd]) -> Refusal {
    let ids: Vec<String> =
        brokers.iter().map(|broker| model.brokers[broker.index()].id.to_string()).collect();
    Refusal {
        kind: RefusalKind::GoalNotReady,
        subject: format!("log directories of broker {}", ids.join(", ")),
        reason: "it is not known which replica stands in which, or how large it is".to_owned(),
        mend: "grant Describe on the cluster, or take a new snapshot".to_owned(),
    }
}

/// By broker: whether the directory or the size of some replica that stays on it is not known.
fn hidden(model: &ClusterModel, target: &Assignment) -> Vec<bool> {
    let hides = model.hides_log_dirs(target);
    if model.known[Resource::Disk.index()] {
        return hides;
    }
    // Without its size no replica can be weighed, whichever directory it is in.
    let holds = |broker: BrokerOrd| model.partition_ords().any(|partition| target.holds(partition, broker));
    model.broker_ords().map(|broker| model.brokers[broker.index()].alive && holds(broker)).collect()
}

/// What the goals ask of the directories of a broker, as far as this request is about it.
fn wanted(goals: &GoalSet, request: &Request) -> Wanted {
    let levels = request.operation == Operation::Rebalance || request.also_rebalance;
    let musts = levels
        || matches!(
            request.operation,
            Operation::AddBrokers(_) | Operation::RemoveBrokers(_) | Operation::RemoveLogDirs(_)
        );
    let counts = |tier: Tier| levels || (musts && tier == Tier::Must);
    let share = |limit: &Limit| match limit {
        Limit::Share(share) => Some(*share),
        Limit::Count(_) | Limit::CountByCores(_) => None,
    };
    let disks = || goals.capacities().filter(|(_, rule)| rule.resource == Resource::Disk);
    let smallest = |shares: &mut dyn Iterator<Item = f64>| shares.min_by(f64::total_cmp);
    let of_dirs = disks().filter(|(goal, rule)| rule.scope == Scope::LogDir && counts(goal.tier));
    let limit = smallest(&mut of_dirs.filter_map(|(_, rule)| share(&rule.limit)));
    // What a broker keeps free in sum, no directory of it should be filled beyond.
    let room = smallest(&mut disks().filter_map(|(_, rule)| share(&rule.limit)));
    let bands = goals.balances().filter(|(goal, rule)| {
        rule.resource == Resource::Disk && rule.scope == Scope::LogDir && counts(goal.tier)
    });
    let band = bands.map(|(_, rule)| Band {
        half: rule.band,
        aim: rule.aim,
        above_only: rule.side == Side::Above,
        min_gap: rule.min_gap,
        max_gap: rule.max_gap,
        floor_share: rule.floor_share,
    });
    let band = band.min_by(|a, b| a.half.total_cmp(&b.half));
    Wanted { limit, room: room.unwrap_or(1.0), band }
}

/// What is left of the budget by the moves between brokers.
fn allowance(model: &ClusterModel, request: &Request, target: &Assignment) -> Allowance {
    let (mut bytes, mut moves) = (0.0, 0_u64);
    for partition in model.partition_ords() {
        let before = model.placement.replicas(partition);
        for _ in target.replicas(partition).iter().filter(|broker| !before.contains(broker)) {
            bytes += model.partitions[partition.index()].size_bytes;
            moves += 1;
        }
    }
    let budget = &request.budget;
    Allowance::new(
        budget.bytes.map(|most| most.as_f64() - bytes),
        budget.moves.map(|most| most.saturating_sub(moves)),
        budget.bytes_per_broker.map(Bytes::as_f64),
    )
}

/// The replicas of each broker that stay on it, with the directory in which each stands.
fn items_by_broker(
    model: &ClusterModel,
    request: &Request,
    target: &Assignment,
    removed: &[(BrokerOrd, usize)],
) -> Vec<Vec<Item>> {
    let mut items: Vec<Vec<Item>> = vec![Vec::new(); model.brokers.len()];
    let may_move = |topic: &crate::model::TopicRow| {
        (request.only_topics.is_empty() || any_of(&request.only_topics, &topic.name))
            && !any_of(&request.excluded_topics, &topic.name)
    };
    let may_move: Vec<bool> = model.topics.iter().map(may_move).collect();
    for partition in model.partition_ords() {
        let row = &model.partitions[partition.index()];
        for broker in model.placement.replicas(partition) {
            let Some(dir) = model.log_dir_of(partition, *broker) else { continue };
            if !target.holds(partition, *broker) {
                continue;
            }
            let emptied = removed.contains(&(*broker, dir));
            let held = if may_move[row.topic.index()] || emptied {
                held(model, partition, *broker)
            } else {
                Some("its topic does not move")
            };
            let size = model.size_on(partition, *broker);
            items[broker.index()].push(Item {
                partition,
                size,
                at_first: dir,
                dir,
                held,
                reason: Reason::Emptied,
            });
        }
    }
    items
}

fn any_of(patterns: &[TopicPattern], name: &TopicName) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Why a replica may not change its directory now.
fn held(model: &ClusterModel, partition: PartitionOrd, broker: BrokerOrd) -> Option<&'static str> {
    let lags = model.out_of_sync.get(&partition).is_some_and(|brokers| brokers.contains(&broker));
    match model.partitions[partition.index()].health {
        Health::Reassigning => Some("a reassignment runs already"),
        Health::Leaderless => Some("the partition has no leader"),
        _ if lags => Some("it is not in sync"),
        _ if model.changing_dirs.contains(&(partition, broker)) => {
            Some("it moves between log directories already")
        }
        Health::Healthy | Health::Degraded => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(amount: f64) -> Bytes {
    Bytes(amount.round() as u64)
}

#[cfg(test)]
#[path = "log_dirs_tests.rs"]
mod tests;
