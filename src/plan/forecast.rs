//! How long the copying of a plan takes: its steps are started as the executor starts them, and share what the
//! throttles give as Kafka shares it.

use super::rooms::{Rooms, WaveSums};
use super::schedule::{Backlog, Copying, Flow, Ready, Traffic, by_urgency, count, rates};
use super::waves::{Pending, throttle};
use super::{PlanLimits, Step};
use crate::base::Bytes;
use crate::model::{BrokerOrd, ClusterModel, Sums};

/// The cluster is looked at about once a second, and what has arrived in between makes room for the next copy then.
const LOOK_S: f64 = 1.0;

/// A plan of days is reckoned in steps of that share of the least that it can take: finer would only be slower.
const LOOKS: f64 = 2_000.0;

/// Copies that the executor has on the way at once, over all brokers.
const IN_FLIGHT: usize = 500;

/// A step on its way.
struct Job {
    wave: usize,
    repairs: bool,
    /// Bytes of one copy.
    size: f64,
    /// Who sends and who receives, copy after copy.
    copies: Vec<(Option<usize>, usize)>,
    /// The copy that runs or comes next.
    at: usize,
    running: bool,
    left: Vec<(BrokerOrd, f64)>,
    /// What clients write meanwhile, and what the replicas in sync fetch of it, in bytes per second.
    grows_per_s: f64,
    fetched_per_s: f64,
}

impl Job {
    fn new(model: &ClusterModel, wave: usize, pending: &Pending) -> Self {
        let mut copies = Vec::new();
        if let Step::Move(step) = &pending.step {
            let mut base = &step.from;
            let mut source = pending.source;
            for stage in &step.stages {
                let source_id = source.map(|source| model.brokers[source.index()].id);
                // A leader that has left has handed over to the first of the list.
                if source_id.is_some_and(|id| !base.contains(&id)) {
                    source = base.first().and_then(|id| model.broker(*id));
                }
                let added = stage.iter().filter(|id| !base.contains(id)).filter_map(|id| model.broker(*id));
                copies.extend(added.map(|onto| (source.map(BrokerOrd::index), onto.index())));
                base = stage;
            }
        }
        let grows_per_s = model.partitions[pending.partition.index()].produce_bytes_per_s;
        let followers = model.placement.replicas(pending.partition).len().saturating_sub(1);
        Self {
            wave,
            grows_per_s,
            fetched_per_s: grows_per_s * count(followers),
            repairs: pending.repairs,
            size: pending.size,
            copies,
            at: 0,
            running: false,
            left: pending.removed.clone(),
        }
    }

    /// The copy that runs or comes next, from its beginning.
    fn copying(&self) -> Copying {
        let (source, onto) = self.copies[self.at];
        let (grows_per_s, fetched_per_s) = (self.grows_per_s, self.fetched_per_s);
        Copying { source, onto, lacking_bytes: self.size, grows_per_s, fetched_per_s }
    }

    fn chain_bytes(&self) -> f64 {
        self.size * count(self.copies.len() - self.at)
    }
}

/// Everything on its way.
struct Course<'a> {
    model: &'a ClusterModel,
    limits: &'a PlanLimits,
    rooms: Rooms,
    jobs: Vec<Job>,
    waiting: Vec<usize>,
    /// Running jobs, with the bytes that they lack.
    running: Vec<(usize, f64)>,
    backlog: Backlog,
    slots_in: Vec<usize>,
    slots_out: Vec<usize>,
    /// By broker: what has left, and in how many steps of each wave something still has to.
    left: Vec<f64>,
    leaving: Vec<Vec<usize>>,
}

/// Seconds that the waves take at the throttle assumed.
pub(super) fn forecast(
    model: &ClusterModel,
    sums: &Sums,
    waves: &[Vec<Pending>],
    limits: &PlanLimits,
) -> f64 {
    let mut course = Course::new(model, sums, waves, limits);
    let quantum = LOOK_S.max(course.backlog.most() / LOOKS);
    let mut seconds = 0.0;
    course.start();
    while !course.running.is_empty() {
        let passed = course.pass(quantum);
        if passed == 0.0 {
            break;
        }
        seconds += passed;
        course.start();
    }
    seconds
}

impl<'a> Course<'a> {
    fn new(model: &'a ClusterModel, sums: &Sums, waves: &[Vec<Pending>], limits: &'a PlanLimits) -> Self {
        let brokers = model.brokers.len();
        let mut rooms = Rooms::of_model(model, sums, limits);
        let mut jobs = Vec::new();
        let mut leaving = vec![vec![0; waves.len()]; brokers];
        for (wave, steps) in waves.iter().enumerate() {
            rooms.push(&wave_sums(model, steps));
            jobs.extend(steps.iter().map(|pending| Job::new(model, wave, pending)));
            for (broker, _) in steps.iter().flat_map(|pending| &pending.removed) {
                leaving[broker.index()][wave] += 1;
            }
        }
        let mut backlog = Backlog::new(brokers);
        for job in &jobs {
            for (source, onto) in &job.copies {
                backlog.into[*onto] += job.size / throttle(limits);
                if let Some(source) = source {
                    backlog.out[*source] += job.size / throttle(limits);
                }
            }
        }
        Self {
            model,
            limits,
            rooms,
            waiting: (0..jobs.len()).collect(),
            jobs,
            running: Vec::new(),
            backlog,
            slots_in: vec![0; brokers],
            slots_out: vec![0; brokers],
            left: vec![0.0; brokers],
            leaving,
        }
    }

    fn has_slots(&self, (source, onto): (Option<usize>, usize)) -> bool {
        let most = self.limits.moves_per_broker.max(1);
        self.running.len() < IN_FLIGHT
            && self.slots_in[onto] < most
            && source.is_none_or(|source| self.slots_out[source] < most)
    }

    fn may_start(&self, job: &Job, onto: usize) -> bool {
        let earlier_have_left = self.leaving[onto][..job.wave].iter().all(|steps| *steps == 0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "built from `Bytes`")]
        let left = Bytes(self.left[onto] as u64);
        self.rooms.may_start(self.model.brokers[onto].id, job.wave, left, earlier_have_left)
    }

    /// Starts what may start.
    fn start(&mut self) {
        let mut ready = Vec::new();
        for index in &self.waiting {
            let job = &self.jobs[*index];
            let (source, onto) = job.copies[job.at];
            if self.has_slots((source, onto)) && self.may_start(job, onto) {
                let (repairs, chain_bytes) = (job.repairs, job.chain_bytes());
                ready.push(Ready { index: *index, repairs, source, onto: Some(onto), chain_bytes });
            }
        }
        by_urgency(&mut ready, &self.backlog);
        let throttle = throttle(self.limits);
        let mut traffic = Traffic::new(self.slots_in.iter().map(|_| (throttle, throttle)));
        for (index, lacks) in &self.running {
            traffic.add(Copying { lacking_bytes: *lacks, ..self.jobs[*index].copying() });
        }
        for presses in [false, true] {
            for ready in &ready {
                let copy = self.jobs[ready.index].copying();
                let ends = (copy.source, copy.onto);
                let runs = self.jobs[ready.index].running;
                if runs || !traffic.wants(&copy, &self.backlog, presses) || !self.has_slots(ends) {
                    continue;
                }
                traffic.add(copy);
                self.jobs[ready.index].running = true;
                self.slots_in[copy.onto] += 1;
                if let Some(source) = copy.source {
                    self.slots_out[source] += 1;
                }
                self.running.push((ready.index, copy.lacking_bytes));
            }
        }
        let jobs = &self.jobs;
        self.waiting.retain(|index| !jobs[*index].running);
    }

    /// Lets time pass until something has arrived; returns how much.
    fn pass(&mut self, quantum: f64) -> f64 {
        let copy = |job: &Job| job.copies[job.at];
        let ends = self.running.iter().map(|(index, _)| copy(&self.jobs[*index]));
        let flows: Vec<Flow> = ends.map(|(source, onto)| Flow { source, onto }).collect();
        let rates = rates(&flows, self.room());
        let grows = |index: usize| self.jobs[index].grows_per_s;
        let nets: Vec<f64> =
            self.running.iter().zip(rates).map(|((index, _), rate)| rate - grows(*index)).collect();
        let first = self.running.iter().zip(&nets).map(|((_, lacks), net)| lacks / net.max(1.0));
        let Some(first) = first.min_by(f64::total_cmp).filter(|first| first.is_finite()) else { return 0.0 };
        let passed = first.max(quantum);
        let mut arrived = Vec::new();
        for (((index, lacks), net), flow) in self.running.iter_mut().zip(&nets).zip(&flows) {
            let bytes = (net * passed).min(*lacks);
            *lacks -= bytes;
            let seconds = bytes / throttle(self.limits);
            self.backlog.into[flow.onto] -= seconds;
            if let Some(source) = flow.source {
                self.backlog.out[source] -= seconds;
            }
            if *lacks < 1.0 {
                arrived.push(*index);
            }
        }
        self.running.retain(|(_, lacks)| *lacks >= 1.0);
        for index in arrived {
            self.arrive(index);
        }
        passed
    }

    /// What each broker may receive and send. What in-sync replicas of a partition under way fetch comes off the
    /// throttle of its leader.
    fn room(&self) -> Vec<f64> {
        let brokers = self.backlog.into.len();
        let mut room = vec![throttle(self.limits); 2 * brokers];
        for (index, _) in &self.running {
            let job = &self.jobs[*index];
            if let (Some(source), _) = job.copies[job.at] {
                let left = &mut room[brokers + source];
                *left = (*left - job.fetched_per_s).max(1.0);
            }
        }
        room
    }

    fn arrive(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        let (source, onto) = job.copies[job.at];
        self.slots_in[onto] -= 1;
        if let Some(source) = source {
            self.slots_out[source] -= 1;
        }
        job.at += 1;
        job.running = false;
        if job.at < job.copies.len() {
            self.waiting.push(index);
            return;
        }
        for (broker, bytes) in &job.left {
            self.left[broker.index()] += bytes;
            self.leaving[broker.index()][job.wave] -= 1;
        }
    }
}

fn wave_sums(model: &ClusterModel, steps: &[Pending]) -> WaveSums {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "built from `Bytes`")]
    let whole = |bytes: f64| Bytes(bytes as u64);
    let id = |broker: &BrokerOrd| model.brokers[broker.index()].id;
    let mut sums = WaveSums::default();
    for pending in steps {
        for broker in &pending.added {
            *sums.arrives.entry(id(broker)).or_default() += whole(pending.size);
            if let Some(source) = &pending.source {
                *sums.sent.entry(id(source)).or_default() += whole(pending.size);
            }
        }
        for (broker, bytes) in &pending.removed {
            *sums.leaves.entry(id(broker)).or_default() += whole(*bytes);
        }
    }
    sums
}
