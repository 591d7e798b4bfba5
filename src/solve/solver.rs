//! [`solve`]: the phases of the search, in order.

use super::bound::least_bytes;
use super::leaders::Leadership;
use super::level::{Scope, WORTH_ANOTHER_PASS};
use super::log_dirs::move_log_dirs;
use super::problem::Problem;
use super::reasons::changes;
use super::refusals::refusals;
use super::roles::Roles;
use super::state::State;
use super::{Operation, Request, Solution, SolveError};
use crate::goals::{GoalSet, Rule, Standing, Verdict};
use crate::model::{Assignment, ClusterModel, Resource, Sums};

/// Rounds of leaders, moves and exchanges at most: each but the last mends something.
const ROUNDS_MAX: usize = 8;

/// How often smaller replicas are looked for: the first time finds nearly all.
const SHRINKS_MAX: usize = 2;

/// Finds a target.
///
/// What has to move goes first (replicas on brokers that leave, rack spread). Then leaders, then moves by gain per
/// byte, then exchanges, until nothing helps; then whatever turned out needless is taken back.
///
/// # Errors
/// The request cannot be carried out at all; nothing is half done.
pub fn solve(model: &ClusterModel, goals: &GoalSet, request: &Request) -> Result<Solution, SolveError> {
    let roles = Roles::new(model, goals, request)?;
    let sums = Sums::new(model, &model.placement);
    let alive: Vec<bool> = model.brokers.iter().map(|broker| broker.alive).collect();
    let before = judge_goals(model, goals, &model.placement, &sums, &alive);

    let problem = Problem::new(model, goals, request, roles, &sums);
    let mut state = State::new(&problem, sums);
    state.drain()?;
    if problem.mends_spread {
        state.mend_spread();
    }
    search(&mut state);
    let half_margins = problem.with_half_margins();
    if !state.is_level() {
        state.problem = &half_margins;
        search(&mut state);
    }
    let (target, records) = finish(state);
    let after_sums = Sums::new(model, &target);
    let after = judge_goals(model, goals, &target, &after_sums, &problem.roles.counts);
    let changes = changes(&problem, &target, &records);
    let levelled = disk_is_level(goals, &after);
    let between_dirs = move_log_dirs(model, goals, request, &target)?;
    let mut refusals = refusals(&problem, &target, &after_sums, &after);
    refusals.extend(between_dirs.refusals);
    Ok(Solution {
        refusals,
        log_dir_moves: between_dirs.moves,
        bytes_lower_bound: least_bytes(&problem, levelled),
        verdicts: before.into_iter().zip(after).collect(),
        changes,
        target,
    })
}

/// Which of the phases run with which liberties follows from the operation.
fn search(state: &mut State) {
    let problem = state.problem;
    let counts = &problem.roles.counts;
    let everywhere = Scope { receives: counts.clone(), only_musts: false };
    let musts = Scope { receives: counts.clone(), only_musts: true };
    if problem.levels_all() {
        if let Operation::AddBrokers(_) = problem.request.operation {
            // New brokers are filled first: what they take need not be levelled between the old ones.
            improve(state, &Scope { receives: problem.roles.fresh.clone(), only_musts: false }, None);
        }
        improve(state, &everywhere, Some(Leadership::All));
        return;
    }
    match problem.request.operation {
        Operation::AddBrokers(_) => {
            let fresh = Scope { receives: problem.roles.fresh.clone(), only_musts: false };
            improve(state, &fresh, Some(Leadership::OntoFresh));
            improve(state, &musts, None);
        }
        Operation::RemoveBrokers(_) => {
            improve(state, &musts, None);
            improve(
                state,
                &Scope { receives: vec![false; counts.len()], only_musts: true },
                Some(Leadership::OfMoved),
            );
        }
        _ => {}
    }
}

/// Leaders, moves and exchanges until nothing helps, then what is needless is taken back; until both rest.
fn improve(state: &mut State, scope: &Scope, leadership: Option<Leadership>) {
    for round in 0..ROUNDS_MAX {
        for _ in 0..ROUNDS_MAX {
            let before = state.penalty().sum();
            let mut changed = leadership.is_some_and(|scope| state.level_leaders(scope));
            changed |= state.level(scope);
            if !state.is_level() {
                changed |= state.swap(scope);
            }
            if !changed && !state.is_level() {
                changed = state.swap_bundles(scope);
            }
            let gained = before - state.penalty().sum();
            if !changed || state.is_level() || gained < WORTH_ANOTHER_PASS * before {
                break;
            }
        }
        let mut trimmed = state.trim();
        trimmed |= round < SHRINKS_MAX && state.shrink();
        if !trimmed {
            return;
        }
    }
}

/// The target, each changed partition with its leader in the first place of its list.
fn finish(state: State) -> (Assignment, Vec<super::reasons::Record>) {
    let model = state.problem.model;
    let (mut target, records) = (state.assignment, state.records);
    for partition in model.partition_ords() {
        let changed = target.replicas(partition) != model.placement.replicas(partition)
            || target.leader(partition) != model.placement.leader(partition);
        if changed {
            target.prefer_leader(partition);
        }
    }
    (target, records)
}

fn judge_goals(
    model: &ClusterModel,
    goals: &GoalSet,
    assignment: &Assignment,
    sums: &Sums,
    counts: &[bool],
) -> Vec<Verdict> {
    let standing = Standing { model, assignment, sums, counts };
    goals.goals.iter().map(|goal| goal.verdict(standing)).collect()
}

/// Whether every goal about the balance of disks is met.
fn disk_is_level(goals: &GoalSet, verdicts: &[Verdict]) -> bool {
    goals.goals.iter().zip(verdicts).all(|(goal, verdict)| match &goal.rule {
        Rule::Balance(rule) if rule.resource == Resource::Disk => verdict.is_met() == Some(true),
        _ => true,
    })
}
