//! Limits that have to hold with any one rack lost: who takes over is the first live replica of each list elsewhere, so
//! what is mended is first the order of lists, which costs nothing, then who leads, then where replicas stand.
//!
//! It comes after the search, which knows nothing of losses: a change is made only where it lowers what is over a limit
//! after a loss, keeps every must, and leaves the goals of the same and earlier tiers no worse than they are.

use super::delta::Delta;
use super::leaders::Leadership;
use super::problem::{EPSILON, Freedom, Problem, is_offline, penalty};
use super::reasons::{Cause, Record};
use super::state::State;
use crate::goals::{Capacity, Goal, Rule, Scope, Tier};
use crate::model::{BrokerOrd, ClusterModel, PartitionOrd, RackOrd, Resource};

/// Rounds over what is over its limit: each but the last mends something.
const ROUNDS_MAX: usize = 8;

/// Replicas of a broker that are tried for a move, those that weigh most first.
const MOVED_MAX: usize = 64;

/// Mends what the loss of a rack would push over its limit; nothing happens where no goal asks for it.
pub(super) fn mend(state: &mut State<'_, '_>) {
    let mut losses = losses(state);
    for goal in 0..losses.len() {
        for _ in 0..ROUNDS_MAX {
            let mut changed = false;
            for cell in losses[goal].cells_over() {
                for step in STEPS {
                    changed |= losses[goal].is_over(cell) && relieve(state, &mut losses, goal, cell, step);
                }
            }
            if !changed {
                break;
            }
        }
    }
}

/// A kind of change, and whether goals of later tiers may get worse by it.
type StepKind = (Kind, bool);

/// From what costs nothing to what copies data.
const STEPS: [StepKind; 5] = [
    (Kind::Order, false),
    (Kind::Leader, false),
    (Kind::Leader, true),
    (Kind::Move, false),
    (Kind::Move, true),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Order,
    Leader,
    Move,
}

/// A change of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// This follower comes first after the leader.
    Order { next: BrokerOrd },
    /// Another leader.
    Leader { from: BrokerOrd, to: BrokerOrd },
    /// A replica moves.
    Move { from: BrokerOrd, to: BrokerOrd },
}

/// One goal's loads with each rack lost. A cell is a lost rack and a place: a broker, a host or a rack.
struct Loss {
    resource: Resource,
    /// Position of the goal's tier among those in use.
    tier: usize,
    /// By broker: its place; `None` for those that do not count.
    place_of: Vec<Option<usize>>,
    places: usize,
    /// By cell: load and limit; infinite where the limit is not known.
    loads: Vec<f64>,
    mosts: Vec<f64>,
    scale: f64,
}

/// What a change does to cells.
type Shifts = Vec<(usize, f64)>;

/// The goals to be mended, most important first. Where the rest of the cluster is not to be levelled, only musts.
fn losses(state: &State) -> Vec<Loss> {
    let problem = state.problem;
    let mut tiers: Vec<Tier> = problem.goals.goals.iter().map(|goal| goal.tier).collect();
    tiers.sort_unstable();
    tiers.dedup();
    let asked = |goal: &&Goal| goal.tier == Tier::Must || problem.levels_all();
    let mut losses: Vec<Loss> = problem
        .goals
        .goals
        .iter()
        .filter(asked)
        .filter_map(|goal| {
            let Rule::Capacity(rule) = &goal.rule else { return None };
            let tier = tiers.binary_search(&goal.tier).ok()?;
            let is_meant = rule.survive.is_some() && rule.follows_leaders();
            (is_meant && problem.model.known[rule.resource.index()]).then(|| Loss::new(state, rule, tier))
        })
        .collect();
    losses.sort_by_key(|loss| loss.tier);
    losses
}

impl Loss {
    fn new(state: &State, rule: &Capacity, tier: usize) -> Self {
        let (problem, model) = (state.problem, state.problem.model);
        let place = |broker: BrokerOrd| match rule.scope {
            Scope::Broker | Scope::LogDir => broker.index(),
            Scope::Host => model.host_of(broker).index(),
            Scope::Rack => model.rack_of(broker).index(),
        };
        let places = match rule.scope {
            Scope::Broker | Scope::LogDir => model.brokers.len(),
            Scope::Host => model.hosts.len(),
            Scope::Rack => model.racks.len(),
        };
        let counts = |broker: BrokerOrd| problem.roles.counts[broker.index()];
        let cells = places * model.racks.len();
        let mut loss = Self {
            resource: rule.resource,
            tier,
            place_of: model.broker_ords().map(|broker| counts(broker).then(|| place(broker))).collect(),
            places,
            loads: vec![0.0; cells],
            mosts: vec![0.0; cells],
            scale: 1.0 / problem.unit(&state.sums, rule.resource),
        };
        for broker in model.broker_ords() {
            let limit = rule.limit_of(&model.brokers[broker.index()]).unwrap_or(f64::INFINITY);
            let (mut limits, mut loads) = (Vec::new(), Vec::new());
            loss.add_base(model, broker, limit, &mut limits);
            loss.add_base(model, broker, state.sums.get(broker, rule.resource), &mut loads);
            for (cell, limit) in limits {
                loss.mosts[cell] += limit;
            }
            loss.take(loads);
        }
        for partition in model.partition_ords() {
            let list = state.assignment.replicas(partition);
            let mut shifts = Vec::new();
            loss.add_taken_over(state, partition, list, state.assignment.leader(partition), 1.0, &mut shifts);
            loss.take(shifts);
        }
        loss
    }

    fn take(&mut self, shifts: Shifts) {
        for (cell, more) in shifts {
            self.loads[cell] += more;
        }
    }

    fn rack_of(&self, cell: usize) -> RackOrd {
        RackOrd::from(cell / self.places)
    }

    /// What a broker carries anyway counts in every loss that leaves it.
    fn add_base(&self, model: &ClusterModel, broker: BrokerOrd, amount: f64, shifts: &mut Shifts) {
        let Some(place) = self.place_of[broker.index()] else { return };
        let lost = (0..model.racks.len()).filter(|rack| *rack != model.rack_of(broker).index());
        shifts.extend(lost.map(|rack| (rack * self.places + place, amount)));
    }

    /// What leading adds to following.
    fn leading(&self, model: &ClusterModel, partition: PartitionOrd, replicas: usize) -> f64 {
        let of = |leads| model.load(partition, leads, replicas)[self.resource.index()];
        of(true) - of(false)
    }

    /// What the loss of the leader's rack brings to the one who takes over.
    fn add_taken_over(
        &self,
        state: &State,
        partition: PartitionOrd,
        list: &[BrokerOrd],
        leader: Option<BrokerOrd>,
        sign: f64,
        shifts: &mut Shifts,
    ) {
        let model = state.problem.model;
        let Some(leader) = leader else { return };
        let Some(next) = successor(state.problem, partition, list, leader) else { return };
        if let Some(place) = self.place_of[next.index()] {
            let cell = model.rack_of(leader).index() * self.places + place;
            shifts.push((cell, sign * self.leading(model, partition, list.len())));
        }
    }

    /// What another list and leader of a partition do to the cells.
    fn shifts(
        &self,
        state: &State,
        partition: PartitionOrd,
        list: &[BrokerOrd],
        leader: Option<BrokerOrd>,
    ) -> Shifts {
        let model = state.problem.model;
        let (was, led) = (state.assignment.replicas(partition), state.assignment.leader(partition));
        let load = |broker: BrokerOrd, list: &[BrokerOrd], leader: Option<BrokerOrd>| {
            let holds = list.contains(&broker);
            let load = model.load(partition, leader == Some(broker), list.len())[self.resource.index()];
            if holds { load } else { 0.0 }
        };
        let mut shifts = Vec::new();
        for broker in was.iter().chain(list.iter().filter(|broker| !was.contains(broker))) {
            let more = load(*broker, list, leader) - load(*broker, was, led);
            if more != 0.0 {
                self.add_base(model, *broker, more, &mut shifts);
            }
        }
        self.add_taken_over(state, partition, was, led, -1.0, &mut shifts);
        self.add_taken_over(state, partition, list, leader, 1.0, &mut shifts);
        shifts.sort_by_key(|(cell, _)| *cell);
        shifts.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            sum.1 += if same { next.1 } else { 0.0 };
            same
        });
        shifts
    }

    fn penalty(&self, cell: usize, load: f64) -> f64 {
        penalty(load - self.mosts[cell], self.scale)
    }

    /// By how much less is over the limits; negative when more is.
    fn gain(&self, shifts: &Shifts) -> f64 {
        let change = |(cell, more): &(usize, f64)| {
            self.penalty(*cell, self.loads[*cell]) - self.penalty(*cell, self.loads[*cell] + more)
        };
        shifts.iter().map(change).sum()
    }

    fn is_over(&self, cell: usize) -> bool {
        self.loads[cell] > self.mosts[cell] * (1.0 + 1e-9)
    }

    /// What is over its limit, worst first. A place of which the loss leaves nothing has neither load nor limit.
    fn cells_over(&self) -> Vec<usize> {
        let mut over: Vec<usize> = (0..self.loads.len()).filter(|cell| self.is_over(*cell)).collect();
        let beyond = |cell: &usize| self.loads[*cell] - self.mosts[*cell];
        over.sort_by(|a, b| beyond(b).total_cmp(&beyond(a)).then(a.cmp(b)));
        over
    }
}

/// Who leads when the rack of the leader is lost: the first live replica of the list elsewhere.
fn successor(
    problem: &Problem,
    partition: PartitionOrd,
    list: &[BrokerOrd],
    leader: BrokerOrd,
) -> Option<BrokerOrd> {
    let model = problem.model;
    let serves =
        |broker: &BrokerOrd| model.brokers[broker.index()].alive && !is_offline(model, partition, *broker);
    let elsewhere = |broker: &BrokerOrd| model.rack_of(*broker) != model.rack_of(leader);
    list.iter().copied().find(|broker| elsewhere(broker) && serves(broker))
}

/// Takes load off one cell by one kind of change, as long as it is over its limit; says whether anything changed.
fn relieve(
    state: &mut State,
    losses: &mut [Loss],
    goal: usize,
    cell: usize,
    (kind, spoils): StepKind,
) -> bool {
    let mut offers: Vec<(f64, PartitionOrd, BrokerOrd, Turn)> = Vec::new();
    for (partition, broker) in carried(state, &losses[goal], cell, kind) {
        let mut best: Option<(f64, Turn)> = None;
        for turn in turns(state, &losses[goal], cell, partition, broker, kind) {
            let Some((gain, _)) = weigh(state, losses, goal, partition, turn, spoils) else { continue };
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, turn));
            }
        }
        offers.extend(best.map(|(gain, turn)| (gain, partition, broker, turn)));
    }
    offers.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut changed = false;
    for (_, partition, broker, turn) in offers {
        if !losses[goal].is_over(cell) {
            break;
        }
        // Others may have taken the room meanwhile.
        let Some((_, shifts)) = weigh(state, losses, goal, partition, turn, spoils) else { continue };
        let cause = Cause::Survive {
            resource: losses[goal].resource,
            rack: losses[goal].rack_of(cell),
            relieved: broker,
        };
        apply(state, partition, turn, cause);
        for (loss, shifts) in losses.iter_mut().zip(shifts) {
            loss.take(shifts);
        }
        changed = true;
    }
    changed
}

/// What brings load to a cell and may be changed: partitions with the broker of the cell that they are on.
fn carried(state: &State, loss: &Loss, cell: usize, kind: Kind) -> Vec<(PartitionOrd, BrokerOrd)> {
    let (problem, model) = (state.problem, state.problem.model);
    let (gone, place) = (loss.rack_of(cell), cell % loss.places);
    let mut found: Vec<(f64, PartitionOrd, BrokerOrd)> = Vec::new();
    let members = model
        .broker_ords()
        .filter(|broker| loss.place_of[broker.index()] == Some(place) && model.rack_of(*broker) != gone);
    for broker in members {
        for partition in &state.on_broker[broker.index()] {
            let list = state.assignment.replicas(*partition);
            let Some(leader) = state.assignment.leader(*partition) else { continue };
            let takes_over =
                model.rack_of(leader) == gone && successor(problem, *partition, list, leader) == Some(broker);
            let is_meant = match kind {
                Kind::Order => takes_over,
                Kind::Leader => takes_over || leader == broker,
                Kind::Move => problem.may_leave(*partition, broker),
            };
            if !is_meant || problem.freedom[partition.index()] != Freedom::Free {
                continue;
            }
            let carries = model.load(*partition, leader == broker, list.len())[loss.resource.index()];
            let taken = if takes_over { loss.leading(model, *partition, list.len()) } else { 0.0 };
            if carries + taken > 0.0 {
                found.push((carries + taken, *partition, broker));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    if kind == Kind::Move {
        found.truncate(MOVED_MAX);
    }
    found.into_iter().map(|(_, partition, broker)| (partition, broker)).collect()
}

/// The changes of one kind that may take a partition's load off a broker when a rack is lost.
fn turns(
    state: &State,
    loss: &Loss,
    cell: usize,
    partition: PartitionOrd,
    broker: BrokerOrd,
    kind: Kind,
) -> Vec<Turn> {
    let (problem, model) = (state.problem, state.problem.model);
    let list = state.assignment.replicas(partition);
    let Some(leader) = state.assignment.leader(partition) else { return Vec::new() };
    match kind {
        Kind::Order => {
            let may = |next: &BrokerOrd| {
                *next != broker
                    && model.rack_of(*next) != loss.rack_of(cell)
                    && problem.roles.counts[next.index()]
                    && !is_offline(model, partition, *next)
                    && state.may_take_leadership(partition, broker, *next)
            };
            list.iter().copied().filter(may).map(|next| Turn::Order { next }).collect()
        }
        Kind::Leader => {
            let may = |to: &BrokerOrd| {
                *to != leader && state.may_change_leader(Leadership::All, partition, leader, *to)
            };
            list.iter().copied().filter(may).map(|to| Turn::Leader { from: leader, to }).collect()
        }
        Kind::Move => {
            let may = |to: &BrokerOrd| state.is_legal(partition, broker, *to);
            model.broker_ords().filter(may).map(|to| Turn::Move { from: broker, to }).collect()
        }
    }
}

/// What a change gains for a goal, and what it does to the cells of all; `None` where it gains nothing, passes a limit,
/// or makes worse what must not get worse.
fn weigh(
    state: &State,
    losses: &[Loss],
    goal: usize,
    partition: PartitionOrd,
    turn: Turn,
    spoils: bool,
) -> Option<(f64, Vec<Shifts>)> {
    let delta = match turn {
        Turn::Order { .. } => Delta::NONE,
        Turn::Leader { from, to } => state.evaluate_leader(partition, from, to)?,
        Turn::Move { from, to } => state.evaluate_move(partition, from, to)?,
    };
    let tier = losses[goal].tier;
    let kept = if spoils { &delta.tiers[..=tier] } else { &delta.tiers[..] };
    if kept.iter().any(|change| *change > EPSILON) {
        return None;
    }
    let (list, leader) = outcome(state, partition, turn);
    let mut all = Vec::with_capacity(losses.len());
    let mut gained = 0.0;
    for (at, loss) in losses.iter().enumerate() {
        let shifts = loss.shifts(state, partition, &list, leader);
        let gain = loss.gain(&shifts);
        if at == goal {
            gained = gain;
        } else if gain < -EPSILON && (loss.tier <= tier || !spoils) {
            return None;
        }
        all.push(shifts);
    }
    (gained > EPSILON).then_some((gained, all))
}

/// List and leader of a partition after a change.
fn outcome(state: &State, partition: PartitionOrd, turn: Turn) -> (Vec<BrokerOrd>, Option<BrokerOrd>) {
    let mut list = state.assignment.replicas(partition).to_vec();
    let leader = state.assignment.leader(partition);
    match turn {
        Turn::Order { next } => {
            list.sort_by_key(|broker| (Some(*broker) != leader, *broker != next));
            (list, leader)
        }
        Turn::Leader { to, .. } => (list, Some(to)),
        Turn::Move { from, to } => {
            list.iter_mut().filter(|broker| **broker == from).for_each(|broker| *broker = to);
            (list, if leader == Some(from) { Some(to) } else { leader })
        }
    }
}

fn apply(state: &mut State, partition: PartitionOrd, turn: Turn, cause: Cause) {
    match turn {
        Turn::Order { next } => {
            let leader = state.assignment.leader(partition);
            state.assignment.put_last(partition, |broker| broker != next);
            state.assignment.put_last(partition, |broker| Some(broker) != leader);
            let Cause::Survive { relieved, .. } = cause else { return };
            state.records.push(Record { partition, from: relieved, to: next, cause });
        }
        Turn::Leader { from, to } => state.apply_leader(partition, from, to, cause),
        Turn::Move { from, to } => state.apply_move(partition, from, to, cause),
    }
}

#[cfg(test)]
#[path = "survive_tests.rs"]
mod tests;
