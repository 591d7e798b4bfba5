//! How right the time left is that is told while an execution runs.

use std::fmt;
use std::time::Duration;

use evenkeel::control::{Charge, Happening, NoJournal, World, drive, propose};
use evenkeel::edge::sim::SimSpec;
use evenkeel::execute::{End, ExecuteSettings, Execution, ThrottleRate};
use evenkeel::goals::GoalSet;
use evenkeel::plan::PlanLimits;
use evenkeel::solve::Request;

use crate::execution::seeds;
use crate::meddler::Meddler;
use crate::scenario::Scenario;
use crate::support::MB;

/// How far off the time left may be, as a share of what it was really.
const MAY_BE_OFF: f64 = 0.2;

/// Shorter executions do not count.
const LOOKS_LEAST: usize = 50;

/// What the time left was said to be, and how long it took really.
struct Told {
    name: String,
    took: Duration,
    end: End,
    poll: Duration,
    /// Time since the start, and the seconds that were said to be left.
    said: Vec<(Duration, Option<f64>)>,
}

impl Told {
    /// How far off it was from the first tenth on, as a share of what was really left. That of the last looks is
    /// not counted, for what is seen in a look has happened some time before it, and to put back throttles takes two.
    fn off(&self) -> Vec<(Duration, f64)> {
        let grain = 3.0 * self.poll.as_secs_f64() + 3.0;
        let counts = self.said.iter().filter(|(at, _)| *at >= self.took / 10);
        let off = |(at, left): &(Duration, Option<f64>)| {
            let really = self.took.saturating_sub(*at).as_secs_f64();
            let wrong = left.map_or(f64::INFINITY, |left| ((left - really).abs() - grain).max(0.0));
            (*at, if wrong == 0.0 { 0.0 } else { wrong / really })
        };
        counts.map(off).collect()
    }

    fn worst(&self) -> (Duration, f64) {
        let off = self.off().into_iter();
        off.max_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or_default()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, worst) = self.worst();
        let (name, took) = (&self.name, self.took);
        write!(
            f,
            "{name:<28} {took:>8.0?} {:?}, at worst {:.0} % off, {at:.0?} after the start",
            self.end,
            worst * 100.0
        )
    }
}

fn run(name: String, scenario: &Scenario) -> Option<Told> {
    let mut world = Meddler::new(scenario);
    let seen = world.look();
    let mut execution = Execution::new(&scenario.plan, scenario.settings.clone(), world.now(), &seen).ok()?;
    let (lived, mut said) = (world.lived.clone(), Vec::new());
    let outcome = drive(&mut world, Charge::unrecorded(&mut execution, &mut NoJournal), &mut |happening| {
        if let Happening::Progress(progress) = happening {
            said.push((lived.get(), progress.left_s));
        }
    });
    Some(Told { name, took: outcome.took, end: outcome.end, poll: scenario.settings.poll, said })
}

/// A scenario of a seed in which nothing goes wrong and nobody asks for anything.
fn undisturbed(seed: u64) -> Scenario {
    let mut scenario = Scenario::of(seed);
    scenario.faults.clear();
    scenario.stops.clear();
    scenario.requests.clear();
    scenario
}

fn levelled(spec: SimSpec, throttle: ThrottleRate) -> Scenario {
    let limits = match throttle {
        ThrottleRate::BytesPerS(throttle_bytes_per_s) => {
            PlanLimits { throttle_bytes_per_s, ..PlanLimits::default() }
        }
        _ => PlanLimits::default(),
    };
    let mut scenario = undisturbed(0);
    scenario.spec = spec;
    let seen = Meddler::new(&scenario).look();
    let goals = GoalSet::shipped("default").unwrap();
    scenario.plan = propose(&seen, &goals, &Request::default(), &limits).unwrap().plan;
    scenario.settings = ExecuteSettings { throttle, ..ExecuteSettings::default() };
    scenario
}

/// Which scenarios of the seeds count. Not those of which nobody can know how long they take:
///
/// - without a throttle: what is left goes at the speed of the moment, for nobody knows what the network gives;
/// - with an objective for latency: the pace is what latency allows, and that is found out on the way;
/// - on disks without room: what waits for room that never comes is dropped after a time.
fn counts(scenario: &Scenario) -> bool {
    let is_throttled = scenario.settings.throttle != ThrottleRate::Unlimited;
    is_throttled && scenario.settings.latency_objective.is_none() && !scenario.tight
}

/// Shows the worst ten, and returns those that were too far off. In a run of few looks what starts a look sooner or
/// later is a large part of the whole: those do not count.
fn too_far_off(mut all: Vec<Told>) -> (usize, Vec<String>) {
    all.retain(|told| told.said.len() >= LOOKS_LEAST);
    assert!(all.iter().all(|told| told.end == End::Done), "something was in the way of one");
    all.sort_by(|one, other| other.worst().1.total_cmp(&one.worst().1));
    all.iter().take(10).for_each(|told| println!("{told}"));
    let wrong = all.iter().filter(|told| told.worst().1 > MAY_BE_OFF);
    (all.len(), wrong.map(ToString::to_string).collect())
}

#[test]
fn after_a_tenth_the_time_left_is_right_within_a_fifth() {
    let mut all: Vec<Told> = Vec::new();
    for seed in 0..12 {
        for throttle in [ThrottleRate::BytesPerS(20 * MB), ThrottleRate::Derived] {
            all.extend(run(format!("small {seed}, {throttle}"), &levelled(SimSpec::small(seed), throttle)));
        }
    }
    let (count, wrong) = too_far_off(all);
    assert!(count >= 15, "only {count} executions took long enough");
    assert!(wrong.is_empty(), "the time left was wrong: {wrong:#?}");
}

/// Plans of the dice, of a dozen moves in minutes: there one move that starts in another order than foreseen can be more
/// than a fifth of what is left, and a rate that comes up in eight seconds a tenth of it. (Kafka lets what that withholds
/// through afterwards, the simulated cluster does not.) With 800 seeds that is so in 6 of 68.
#[test]
fn also_for_nearly_all_plans_of_the_dice() {
    let undisturbed = (0..(seeds() / 3).max(200)).map(|seed| (seed, undisturbed(seed)));
    let all = undisturbed.filter(|(_, scenario)| counts(scenario)).filter_map(|(seed, scenario)| {
        run(format!("seed {seed}, {}", scenario.settings.throttle), &scenario)
    });
    let (count, wrong) = too_far_off(all.collect());
    println!("{} of {count} were off by more than a fifth", wrong.len());
    assert!(count >= 10, "only {count} executions took long enough");
    assert!(wrong.len() <= 1 + count / 10, "the time left was wrong: {wrong:#?}");
}
