//! What an operation that does not level all leaves unmet because no move that it allows would mend it: in numbers, so
//! that it need not be believed.

use super::Operation;
use super::problem::Problem;
use crate::goals::{Bounds, Goal, Per, Rule, Scope, Verdict};
use crate::model::{BrokerOrd, Resource, Sums};

/// How many brokers are named.
const NAMED_MAX: usize = 12;

/// Why a goal on brokers is out of the operation's reach, where that follows from how the brokers stand before it.
pub(super) fn out_of_reach(problem: &Problem, after: &Sums, goal: &Goal) -> Option<String> {
    let adds = adds(problem)?;
    let before = Sums::new(problem.model, &problem.model.placement);
    let side = Side::new(problem, &before, after, goal)?;
    let parts = [side.stuck(adds), side.short_of_room(adds)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// By goal: whether it is not met and all that is left of it is out of the operation's reach, since each broker that is
/// beyond its bounds was so before, on the side on which the operation leaves it alone.
pub(super) fn all_out_of_reach(problem: &Problem, after: &Sums, verdicts: &[Verdict]) -> Vec<bool> {
    let Some(adds) = adds(problem) else { return vec![false; verdicts.len()] };
    let before = Sums::new(problem.model, &problem.model.placement);
    let rows = problem.goals.goals.iter().zip(verdicts);
    rows.map(|(goal, verdict)| {
        let side = Side::new(problem, &before, after, goal);
        verdict.is_met() == Some(false) && side.is_some_and(|side| side.is_all_stuck(adds))
    })
    .collect()
}

/// Whether the operation adds brokers (or else removes some); nothing where it is neither, or levels the rest too.
fn adds(problem: &Problem) -> Option<bool> {
    match problem.request.operation {
        _ if problem.levels_all() => None,
        Operation::AddBrokers(_) => Some(true),
        Operation::RemoveBrokers(_) => Some(false),
        _ => None,
    }
}

/// The bounds of a goal whose resource goes where replicas go, and nowhere else.
fn bounds(problem: &Problem, after: &Sums, goal: &Goal) -> Option<(Resource, Bounds)> {
    let (model, counts) = (problem.model, &problem.roles.counts);
    let (resource, bounds) = match &goal.rule {
        Rule::Balance(rule) if rule.scope == Scope::Broker && rule.per == Per::Cluster => {
            let total = problem.total(after, rule.resource);
            (rule.resource, rule.bounds(model, counts, total, rule.band))
        }
        Rule::Capacity(rule) if rule.scope == Scope::Broker => {
            let most = |broker| rule.limit_of(broker).unwrap_or(f64::INFINITY);
            let none = vec![0.0; model.brokers.len()];
            let high = model.brokers.iter().map(most).collect();
            (rule.resource, Bounds { mean: none.clone(), low: none, high })
        }
        _ => return None,
    };
    resource.follows_replicas().then_some((resource, bounds))
}

/// The brokers before the operation, and their bounds after it.
struct Side<'p, 'a> {
    problem: &'p Problem<'a>,
    before: &'p Sums,
    after: &'p Sums,
    resource: Resource,
    bounds: Bounds,
}

impl<'p, 'a> Side<'p, 'a> {
    /// Nothing where the goal is not about brokers, or its resource does not go where replicas go.
    fn new(problem: &'p Problem<'a>, before: &'p Sums, after: &'p Sums, goal: &Goal) -> Option<Self> {
        let (resource, bounds) = bounds(problem, after, goal)?;
        Some(Self { problem, before, after, resource, bounds })
    }

    /// By how much a broker is over (or under) its bounds with these loads; 0 where it is not.
    fn beyond(&self, loads: &Sums, broker: BrokerOrd, over: bool) -> f64 {
        let (load, at) = (loads.get(broker, self.resource), broker.index());
        let beyond = if over { load - self.bounds.high[at] } else { self.bounds.low[at] - load };
        if beyond > 1e-9 * load.max(1.0) { beyond } else { 0.0 }
    }

    fn room(&self, broker: BrokerOrd) -> f64 {
        (self.bounds.high[broker.index()] - self.before.get(broker, self.resource)).max(0.0)
    }

    /// Whether a broker stays as it is on the side that the operation cannot help: those that were there before get
    /// nothing when others are added, and those that stay give nothing away when others are removed.
    fn is_stuck(&self, broker: BrokerOrd, adds: bool) -> bool {
        let roles = &self.problem.roles;
        let is_so = |loads| self.beyond(loads, broker, !adds) > 0.0;
        let stays = roles.counts[broker.index()] && !roles.fresh[broker.index()];
        stays && is_so(self.before) && is_so(self.after)
    }

    /// Whether every broker that is beyond its bounds afterwards is stuck.
    fn is_all_stuck(&self, adds: bool) -> bool {
        let is_beyond = |broker: &BrokerOrd| {
            let beyond = |over| self.beyond(self.after, *broker, over) > 0.0;
            self.problem.roles.counts[broker.index()] && (beyond(true) || beyond(false))
        };
        let mut left = self.problem.model.broker_ords().filter(is_beyond);
        left.all(|broker| self.is_stuck(broker, adds))
    }

    /// The brokers that are stuck, named.
    fn stuck(&self, adds: bool) -> Option<String> {
        let brokers = self.problem.model.broker_ords();
        let stuck: Vec<BrokerOrd> = brokers.filter(|broker| self.is_stuck(*broker, adds)).collect();
        if stuck.is_empty() {
            return None;
        }
        let id = |broker: &BrokerOrd| self.problem.model.brokers[broker.index()].id.to_string();
        let mut named: Vec<String> = stuck.iter().take(NAMED_MAX).map(id).collect();
        if stuck.len() > NAMED_MAX {
            named.push(format!("{} more", stuck.len() - NAMED_MAX));
        }
        let (noun, was, them) =
            if stuck.len() == 1 { ("broker", "was", "it") } else { ("brokers", "were", "them") };
        let (side, way) = if adds { ("below", "onto") } else { ("above", "off") };
        let why = format!("and nothing but a must moves replicas {way} {them}");
        Some(format!("{noun} {} {was} {side} before, {why}", named.join(", ")))
    }

    /// Racks (or the whole, where replicas may change racks) in which what is too much finds no room, or what is
    /// lacking is not there.
    fn short_of_room(&self, adds: bool) -> Option<String> {
        let (problem, model) = (self.problem, self.problem.model);
        let closed = problem.racks_are_closed;
        let groups = if closed { model.racks.len() } else { 1 };
        let short = (0..groups).filter_map(|group| {
            let of_group = |broker: &BrokerOrd| !closed || model.rack_of(*broker).index() == group;
            let (mut too_much, mut lacking, mut room) = (0.0, 0.0, 0.0);
            for broker in model.broker_ords().filter(of_group) {
                let (at, roles) = (broker.index(), &problem.roles);
                if roles.leaving[at] {
                    too_much += self.before.get(broker, self.resource);
                } else if roles.counts[at] {
                    if adds && !roles.fresh[at] {
                        too_much += self.beyond(self.before, broker, true);
                    } else if roles.receives[at] {
                        room += self.room(broker);
                        lacking += self.beyond(self.before, broker, false);
                    }
                }
            }
            let place = if closed { format!("in rack {} ", model.racks[group]) } else { String::new() };
            let [spare, fits] = [too_much, room].map(|amount| self.resource.show(amount));
            let needed = self.resource.show(lacking);
            let slack = 1e-9 * (too_much + room);
            if too_much > room + slack {
                return Some(if adds {
                    format!("{place}the others have {spare} too much, and the added ones room for {fits}")
                } else {
                    format!("{place}those that leave have {spare}, and the others room for {fits}")
                });
            }
            (!adds && lacking > too_much + slack)
                .then(|| format!("{place}the others lack {needed}, and those that leave have {spare}"))
        });
        let short: Vec<String> = short.collect();
        (!short.is_empty()).then(|| short.join("; "))
    }
}
