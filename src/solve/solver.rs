//! [`solve`]: the phases of the search, in order.

use super::factor::{factor_of, not_resized, resized};
use super::leaders::Leadership;
use super::level::{Scope, WORTH_ANOTHER_PASS};
use super::log_dirs::{log_dir_loads, move_log_dirs};
use super::problem::{Freedom, Problem};
use super::reach::all_out_of_reach;
use super::reasons::{Cause, changes};
use super::refusals::refusals;
use super::roles::Roles;
use super::state::State;
use super::trim::Keeps;
use super::{Operation, Request, Solution, SolveError};
use crate::goals::{GoalSet, Leads, Rule, Standing, Verdict};
use crate::model::{Assignment, BrokerOrd, ClusterModel, PartitionOrd, Sums};

/// Rounds of leaders, moves and exchanges at most: each but the last mends something.
const ROUNDS_MAX: usize = 4;

/// To have taken back less than this share of all bytes is a sign that little is left to take back.
const WORTH_TRIMMING: f64 = 0.004;

/// The same where all goals are met, so that nothing makes use of the room: a second time takes back a tenth of the first.
const WORTH_TRIMMING_AGAIN: f64 = 0.025;

/// Finds a target.
///
/// What has to move goes first (replicas on brokers that leave, rack spread, topics that belong elsewhere). Then
/// leaders, then moves by gain per byte, then exchanges, until nothing helps; then whatever turned out needless is
/// taken back.
///
/// # Errors
/// The request cannot be carried out at all; nothing is half done.
pub fn solve(model: &ClusterModel, goals: &GoalSet, request: &Request) -> Result<Solution, SolveError> {
    let roles = Roles::new(model, goals, request)?;
    let sums = Sums::new(model, &model.placement);
    let alive: Vec<bool> = model.brokers.iter().map(|broker| broker.alive).collect();
    let before = judge_goals(model, goals, &model.placement, &sums, &alive, None);

    let mut problem = Problem::new(model, goals, request, roles, &sums);
    let (start, sums, records) = match resized(&problem, &sums) {
        None => (model.placement.clone(), sums, Vec::new()),
        Some((start, records)) => {
            let sums = Sums::new(model, &start);
            problem = Problem::new(model, goals, request, problem.roles, &sums);
            (start, sums, records)
        }
    };
    let tight = problem.with_tight_bounds();
    let (settled, settled_tight);
    let mut state = State::new(&problem, start, sums);
    state.records = records;
    state.tight = Some(&tight);
    do_what_must_be(&mut state)?;
    if problem.levels_all() && !problem.racks_are_closed && !state.records.is_empty() {
        settled = problem.with_loads(&state.sums);
        settled_tight = settled.with_tight_bounds();
        state.pursue(&settled);
        state.tight = Some(&settled_tight);
    }
    if searches(&problem) {
        if !problem.levels_all() {
            state.perfect();
        }
        search(&mut state);
    }
    if problem.levels_all() {
        state.perfect();
    }
    let half_margins = state.problem.with_half_margins();
    if searches(&problem) && problem.has_margins() && !state.is_level() {
        state.pursue(&half_margins);
        state.tight = None;
        search(&mut state);
        if problem.levels_all() {
            state.perfect();
        }
    }
    if searches(&problem) {
        super::survive::mend(&mut state);
    }
    let (target, records) = finish(state);
    let target = super::budget::within(&problem, target);
    let after_sums = Sums::new(model, &target);
    let between_dirs = move_log_dirs(model, goals, request, &target)?;
    let dirs = log_dir_loads(model, &target, &between_dirs.moves);
    let after = judge_goals(model, goals, &target, &after_sums, &problem.roles.counts, Some(&dirs));
    let changes = changes(&problem, &target, &records);
    let mut refusals = refusals(&problem, &target, &after_sums, &after);
    refusals.extend(not_resized(&problem, &target));
    refusals.extend(between_dirs.refusals);
    Ok(Solution {
        refusals,
        out_of_reach: all_out_of_reach(&problem, &after_sums, &after),
        log_dir_moves: between_dirs.moves,
        verdicts: before.into_iter().zip(after).collect(),
        changes,
        target,
    })
}

/// What has to be done, whatever it costs.
fn do_what_must_be(state: &mut State) -> Result<(), SolveError> {
    let problem = state.problem;
    match &problem.request.operation {
        Operation::Demote { .. } => {
            let is_demoted = |state: &State, partition: PartitionOrd, broker: BrokerOrd| {
                state.problem.roles.is_demoted(state.problem.model, partition, broker)
            };
            state.mend_leaders(is_demoted, Cause::Demotion);
        }
        Operation::PreferredLeaders => {
            let is_not_first = |state: &State, partition: PartitionOrd, broker: BrokerOrd| {
                first_fit(state, partition) != Some(broker)
            };
            state.mend_leaders(is_not_first, Cause::Preferred);
        }
        _ => state.drain().or_else(|refusal| if state.make_room() { Ok(()) } else { Err(refusal) })?,
    }
    if !problem.request.no_leaders_on.is_empty() {
        // What left a broker took its leadership along, maybe to one that is not to begin to lead.
        let begins = |state: &State, partition: PartitionOrd, broker: BrokerOrd| {
            !state.problem.may_lead(partition, broker)
                && state.problem.model.placement.leader(partition) != Some(broker)
        };
        state.mend_leaders(begins, Cause::Demotion);
    }
    if searches(problem) {
        state.mend_placement();
        state.mend_spread();
        if problem.permits.bar_leaders() {
            state.mend_leaders(
                |state, partition, broker| !state.problem.may_lead(partition, broker),
                Cause::Topic,
            );
        }
    }
    Ok(())
}

/// The first replica of a list that can lead.
fn first_fit(state: &State, partition: PartitionOrd) -> Option<BrokerOrd> {
    let replicas = state.assignment.replicas(partition).iter();
    let fits = |broker: &BrokerOrd| {
        let leads = state.leads(partition, *broker);
        state.problem.roles.counts[broker.index()] && (leads || state.problem.may_lead(partition, *broker))
    };
    replicas.copied().find(fits)
}

/// Whether the operation looks for a better placement beyond what has to be done.
fn searches(problem: &Problem) -> bool {
    problem.levels_all()
        || !matches!(
            problem.request.operation,
            Operation::Demote { .. } | Operation::PreferredLeaders | Operation::RemoveLogDirs(_)
        )
}

/// Which of the phases run with which liberties follows from the operation.
fn search(state: &mut State) {
    let problem = state.problem;
    let everywhere = Scope::of(&problem.roles.receives);
    let musts = Scope { only_musts: true, ..everywhere.clone() };
    let fresh = Scope::of(&problem.roles.fresh);
    if problem.levels_all() {
        if let Operation::AddBrokers(_) = problem.request.operation {
            // New brokers are filled first: what they take need not be levelled between the old ones.
            improve(state, &fresh, None);
        }
        improve(state, &everywhere, Some(Leadership::All));
        return;
    }
    if let Operation::AddBrokers(_) = problem.request.operation {
        improve(state, &fresh, Some(Leadership::OntoFresh));
        improve(state, &musts, None);
        return;
    }
    // What is copied anyway may go where it serves the other goals, too.
    improve(state, &musts, None);
    let displaced = state.displaced();
    improve(state, &displaced, Some(Leadership::OfMoved));
}

/// Leaders, moves and exchanges until nothing helps, then what is needless is taken back; until both rest.
fn improve(state: &mut State, scope: &Scope, leadership: Option<Leadership>) {
    for round in 0..ROUNDS_MAX {
        // Where new brokers are filled and no more, most goals stay out of reach: there is nothing to go round for.
        let turns = if state.problem.only_fills() { 2 } else { ROUNDS_MAX };
        for turn in 0..turns {
            let (before, changes) = (state.penalty().sum, state.records.len());
            if round == 0 && turn == 0 && !scope.only_musts {
                sweep(state, scope, leadership);
            }
            leadership.inspect(|scope| _ = state.level_leaders(*scope));
            state.level_topics(scope);
            state.level(scope);
            if state.is_level() {
                break;
            }
            leadership.inspect(|scope| _ = state.unstick_leaders(*scope));
            state.swap(scope);
            if state.records.len() == changes && !scope.only_displaced {
                state.swap_bundles(scope);
            }
            let gained = before - state.penalty().sum;
            if state.records.len() == changes || state.is_level() || gained < WORTH_ANOTHER_PASS * before {
                break;
            }
        }
        let before = state.penalty().sum;
        // Where new brokers were filled before, that is not to be undone.
        let only_forced = scope.only_musts && !state.problem.only_fills();
        let keeps = if only_forced { Keeps::Musts } else { Keeps::All };
        let trimmed = state.trim(keeps) + state.shrink(keeps);
        // What was taken back makes room for more only where something is still to be mended.
        let worth = if state.is_level() { WORTH_TRIMMING_AGAIN } else { WORTH_TRIMMING };
        if scope.only_musts
            || trimmed < worth * state.copied()
            || (round > 0 && before > 0.0 && trimmed <= 0.0)
        {
            return;
        }
    }
}

/// The first sweep, inside the bounds, in which the order of tiers is left aside.
fn sweep(state: &mut State, scope: &Scope, leadership: Option<Leadership>) {
    let (real, Some(tight)) = (state.problem, state.tight) else { return };
    state.pursue(tight);
    leadership.inspect(|scope| _ = state.level_leaders(*scope));
    state.level_topics(scope);
    state.level_loosely(scope);
    state.pursue(real);
}

/// The target, each changed partition with its leader in the first place of its list.
fn finish(state: State) -> (Assignment, Vec<super::reasons::Record>) {
    let (problem, model) = (state.problem, state.problem.model);
    let touched = state.touched();
    let (mut target, records) = (state.assignment, state.records);
    let wants_first = problem.goals.goals.iter().any(|goal| {
        matches!(&goal.rule, Rule::Leadership(rule) if rule.by == Leads::FirstReplica && rule.topics.is_all())
    });
    let demotes = problem.roles.demotes();
    let all = demotes
        || (wants_first && problem.levels_all())
        || matches!(problem.request.operation, Operation::SetReplicationFactor(_));
    let partitions = if all { model.partition_ords().collect() } else { touched };
    for partition in partitions {
        let changed = target.replicas(partition) != model.placement.replicas(partition)
            || target.leader(partition) != model.placement.leader(partition)
            || (problem.freedom[partition.index()] == Freedom::Free
                && factor_of(model, problem.request, partition)
                    .is_some_and(|f| f == target.replicas(partition).len()));
        let first =
            wants_first && problem.levels_all() && problem.freedom[partition.index()] == Freedom::Free;
        if changed || first {
            target.prefer_leader(partition);
        }
        if demotes {
            demote(problem, &mut target, partition);
        }
    }
    (target, records)
}

/// Puts demoted replicas last in a list that would prefer one of them.
fn demote(problem: &Problem, target: &mut Assignment, partition: PartitionOrd) {
    let is_demoted = |broker: &BrokerOrd| problem.roles.is_demoted(problem.model, partition, *broker);
    let first_is = target.replicas(partition).first().is_some_and(is_demoted);
    let moves = problem.freedom[partition.index()] == Freedom::Free;
    let changed = target.leader(partition) != problem.model.placement.leader(partition);
    if moves && (first_is || changed) && target.leader(partition).is_some_and(|leader| !is_demoted(&leader)) {
        target.prefer_leader(partition);
        target.put_last(partition, |broker| is_demoted(&broker));
    }
}

fn judge_goals(
    model: &ClusterModel,
    goals: &GoalSet,
    assignment: &Assignment,
    sums: &Sums,
    counts: &[bool],
    dir_loads: Option<&[Vec<f64>]>,
) -> Vec<Verdict> {
    let standing = Standing { model, assignment, sums, counts, dir_loads };
    goals.goals.iter().map(|goal| goal.verdict(standing)).collect()
}
