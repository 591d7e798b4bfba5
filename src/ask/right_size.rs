//! [`right_size`]: how many brokers each rack needs, today and as data grow, and how many it could do without.

use serde::Serialize;

use super::need::{Frame, RackNeed, needs};
use super::scenario::{NewBrokers, Scenario, growth_factor};
use crate::base::{BrokerId, TimestampMs};
use crate::goals::{GoalSet, Rule, Standing, Tier, Verdict};
use crate::model::{ClusterModel, ModelError, Resource, Sums};
use crate::observe::Observation;
use crate::solve::{forced_copies, log_dir_loads, solve};

/// What is asked of a sizing.
#[derive(Debug, Clone, PartialEq)]
pub struct SizingAsk {
    /// Growth in percent per 30 days; compounds.
    pub growth_percent_per_month: f64,
    /// Days from now to size for, besides today.
    pub days: Vec<u32>,
    /// Percent of each limit that is to stay free.
    pub headroom_percent: f64,
    /// Whether to solve for each answer, as the proof that it does.
    pub prove: bool,
    /// The solver's seed for the proof.
    pub seed: u64,
}

/// The answer to `evenkeel right-size`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sizing {
    /// Always `evenkeel-right-size/1`; keys are only ever added within a number.
    pub format: &'static str,
    /// Kafka's cluster id.
    pub cluster_id: Option<String>,
    /// When the cluster was seen.
    pub taken_at: TimestampMs,
    /// Name of the goal set.
    pub goal_set: String,
    /// Growth in percent per 30 days.
    pub growth_percent_per_month: f64,
    /// Percent of each limit that stays free.
    pub headroom_percent: f64,
    /// Whether every rack holds one full copy of all data, so that each is sized on its own.
    pub full_copy_per_rack: bool,
    /// Must capacity goals that could not be counted for, with why.
    pub left_out: Vec<String>,
    /// The answer for each day.
    pub horizons: Vec<Horizon>,
    /// Something else about the cluster that bears on the answer, in words.
    pub remarks: Vec<String>,
}

/// The answer for one day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Horizon {
    /// Days from now.
    pub days: u32,
    /// What sizes and loads are multiplied by.
    pub factor: f64,
    /// What each rack needs.
    pub racks: Vec<RackNeed>,
    /// One sentence for each rack that has too few or too many, or one that all are right.
    pub conclusions: Vec<String>,
    /// Whether a solution shows it; absent when it was not asked for.
    pub proof: Option<Proof>,
}

/// What the solver says to a sizing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// Whether all must goals that can be judged are met with so many brokers.
    pub holds: bool,
    /// Brokers that joined for it.
    pub joined: usize,
    /// Brokers that were emptied for it.
    pub emptied: Vec<BrokerId>,
    /// What was found, in words.
    pub words: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SizingError {
    /// Brokers are counted for must goals on capacity, and there is none that can be.
    #[error("goal set `{goals}` has no must goal on capacity that brokers can be counted for{why}")]
    NoCapacityGoal {
        /// The goal set.
        goals: String,
        /// Why those that there are cannot be.
        why: String,
    },
    /// The cluster cannot be modelled.
    #[error("the cluster cannot be modelled: {0}")]
    Model(#[from] ModelError),
}

/// Sizes a cluster.
///
/// # Errors
/// No goal says what brokers may carry, or the cluster cannot be modelled.
pub fn right_size(
    observation: &Observation,
    goals: &GoalSet,
    ask: &SizingAsk,
) -> Result<Sizing, SizingError> {
    let model = ClusterModel::build(observation)?;
    let mut days = ask.days.clone();
    days.push(0);
    days.sort_unstable();
    days.dedup();
    let headroom = ask.headroom_percent / 100.0;
    let mut left_out = Vec::new();
    let mut horizons = Vec::new();
    for days in days {
        let factor = growth_factor(ask.growth_percent_per_month, days);
        let (racks, not_counted) = needs(&model, goals, Frame { factor, headroom });
        if racks.iter().all(|rack| rack.demands.is_empty()) {
            let why =
                if not_counted.is_empty() { String::new() } else { format!(": {}", not_counted.join("; ")) };
            return Err(SizingError::NoCapacityGoal { goals: goals.name.clone(), why });
        }
        left_out = not_counted;
        let proof = ask.prove.then(|| prove(observation, goals, factor, &racks, ask.seed));
        horizons.push(Horizon { days, factor, conclusions: conclusions(&racks), racks, proof });
    }
    Ok(Sizing {
        format: "evenkeel-right-size/1",
        cluster_id: model.cluster_id.clone(),
        taken_at: model.observed_at,
        goal_set: goals.name.clone(),
        growth_percent_per_month: ask.growth_percent_per_month,
        headroom_percent: ask.headroom_percent,
        full_copy_per_rack: full_copy_per_rack(&model),
        left_out,
        horizons,
        remarks: super::remarks(&model),
    })
}

fn full_copy_per_rack(model: &ClusterModel) -> bool {
    let per_rack = model.brokers_per_rack(|_| true);
    !model.partitions.is_empty()
        && model.partition_ords().all(|partition| {
            let copies = forced_copies(model.placement.replicas(partition).len(), &per_rack);
            copies
                .into_iter()
                .zip(&per_rack)
                .all(|((least, most), brokers)| *brokers == 0 || (least, most) == (1, 1))
        })
}

fn conclusions(racks: &[RackNeed]) -> Vec<String> {
    let brokers =
        |number: usize| if number == 1 { "1 broker".to_owned() } else { format!("{number} brokers") };
    let more = |number: usize| {
        if number == 1 { "1 more broker".to_owned() } else { format!("{number} more brokers") }
    };
    let mut sentences = Vec::new();
    for need in racks {
        let rack = &need.rack;
        if need.needed > need.brokers {
            let capacity =
                need.resource.filter(|resource| !resource.is_count() && need.capacity_missing > 0.0);
            let capacity = capacity.map(|resource| {
                let unit = if resource == Resource::Cpu { "" } else { resource.name() };
                format!(", or {} more {unit}", resource.show(need.capacity_missing)).trim_end().to_owned()
            });
            let goal = need.binding.as_ref().map(|goal| format!(" ({goal})")).unwrap_or_default();
            let more = more(need.needed - need.brokers);
            sentences.push(format!("rack {rack} needs {more}{}{goal}", capacity.unwrap_or_default()));
        } else if need.needed < need.brokers {
            let spare = need.brokers - need.needed;
            let mut sentence = format!("rack {rack} could do without {}", brokers(spare));
            // Replicas of a lost broker are made anew in its rack: with no other broker there is no place for them.
            if need.needed <= need.copies {
                sentence += ", but then no other broker there could take the replicas of one that is lost";
            }
            sentences.push(sentence);
        }
    }
    if sentences.is_empty() {
        sentences.push("every rack has as many brokers as it needs".to_owned());
    }
    sentences
}

/// Solves with as many brokers as each rack is said to need, and judges the must goals.
fn prove(observation: &Observation, goals: &GoalSet, factor: f64, racks: &[RackNeed], seed: u64) -> Proof {
    let mut scenario = Scenario { scale: Some(factor), ..Scenario::default() };
    for need in racks {
        let count = need.needed.saturating_sub(need.brokers);
        if count > 0 {
            scenario.add.push(NewBrokers { count, rack: need.rack.clone() });
        }
        let of_rack = observation.alive().filter(|id| observation.rack_of(*id) == need.rack);
        let mut of_rack: Vec<BrokerId> = of_rack.collect();
        of_rack.reverse();
        scenario.remove.extend(of_rack.into_iter().take(need.brokers.saturating_sub(need.needed)));
    }
    let joined = scenario.add.iter().map(|new| new.count).sum();
    let emptied = scenario.remove.clone();
    let found = solve_for(observation, goals, &scenario, seed);
    let holds = matches!(&found, Ok(unmet) if unmet.is_empty());
    let words = match found {
        Ok(unmet) if unmet.is_empty() => {
            "a solution with so many brokers meets every must goal that can be judged".into()
        }
        Ok(unmet) => {
            format!("the best solution found with so many brokers does not meet {}", unmet.join("; "))
        }
        Err(reason) => format!("no solution with so many brokers: {reason}"),
    };
    Proof { holds, joined, emptied, words }
}

/// The must goals on capacity and racks that a solution does not meet, with where.
fn solve_for(
    observation: &Observation,
    goals: &GoalSet,
    scenario: &Scenario,
    seed: u64,
) -> Result<Vec<String>, String> {
    let supposed = scenario.apply(observation).map_err(|error| error.to_string())?;
    let model = ClusterModel::build(&supposed).map_err(|error| error.to_string())?;
    // What is down has to be made anew elsewhere: the sizing does not count on it.
    let down = supposed.brokers.iter().filter(|(_, broker)| !broker.alive).map(|(id, _)| *id).collect();
    let request = scenario.request(&down, seed);
    let solution = solve(&model, goals, &request).map_err(|error| error.to_string())?;
    let sums = Sums::new(&model, &solution.target);
    let stays = |broker: &crate::model::Broker| broker.alive && !scenario.remove.contains(&broker.id);
    let counts: Vec<bool> = model.brokers.iter().map(stays).collect();
    let dirs = log_dir_loads(&model, &solution.target, &solution.log_dir_moves);
    let standing = Standing {
        model: &model,
        assignment: &solution.target,
        sums: &sums,
        counts: &counts,
        dir_loads: Some(&dirs),
    };
    let judged = goals
        .goals
        .iter()
        .filter(|goal| goal.tier == Tier::Must && matches!(goal.rule, Rule::Capacity(_) | Rule::Spread(_)))
        .map(|goal| (goal, goal.verdict(standing)));
    let unmet = judged.filter(|(_, verdict)| matches!(verdict, Verdict::Violated { .. }));
    Ok(unmet.map(|(goal, verdict)| format!("{} ({})", goal.name, verdict.in_words())).collect())
}

#[cfg(test)]
#[path = "right_size_tests.rs"]
mod tests;
