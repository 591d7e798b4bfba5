//! [`Course`]: copies started as the executor starts them, which share what the throttles give as Kafka shares it. The
//! forecast of a plan is a course from its beginning, the time left of an execution one from where it is.

use super::Fill;
use super::rooms::Rooms;
use super::schedule::{Backlog, Copying, Flow, Ready, Traffic, by_urgency, count, rates};
use crate::base::{BrokerId, Bytes};

/// The copies of one partition, one after the other.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The wave that it belongs to, from 0.
    pub wave: usize,
    /// It repairs: it goes before all others.
    pub repairs: bool,
    /// Bytes of one copy.
    pub size_bytes: f64,
    /// Bytes that the first copy still lacks, where it is on its way already.
    pub lacking_bytes: Option<f64>,
    /// Who sends and who receives, as positions in the list of brokers, copy after copy; one at least.
    pub copies: Vec<(Option<usize>, usize)>,
    /// What goes off which broker when the last copy is there, in bytes.
    pub leaves: Vec<(usize, f64)>,
    /// What clients write meanwhile, in bytes per second.
    pub grows_per_s: f64,
    /// What the replicas in sync fetch of that from the broker that sends, in bytes per second.
    pub fetched_per_s: f64,
}

/// A broker at the beginning of a course.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its id.
    pub broker: BrokerId,
    /// What it may receive and send, in bytes per second.
    pub throttle: (f64, f64),
    /// Bytes that steps have taken off it already.
    pub left_bytes: f64,
    /// How full its disks are.
    pub fill: Fill,
}

/// How copies are started.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Most copies onto one broker, and most that one broker sends, at once.
    pub moves_per_broker: usize,
    /// Most copies at once, over all brokers.
    pub moves: usize,
    /// Time between two looks, in seconds: what has arrived in between makes room for the next copy then.
    pub look_s: f64,
    /// A long course is reckoned in so many steps of time at most: finer would only be slower.
    pub steps_most: f64,
    /// No wave begins before the one before it is over.
    pub strictly: bool,
}

/// A chain on its way.
#[derive(Debug)]
struct Job {
    chain: Chain,
    /// The copy that runs or comes next.
    at: usize,
    running: bool,
}

impl Job {
    /// The copy that runs or comes next, from its beginning.
    fn copying(&self) -> Copying {
        let (source, onto) = self.chain.copies[self.at];
        let Chain { grows_per_s, fetched_per_s, size_bytes, .. } = self.chain;
        Copying { source, onto, lacking_bytes: size_bytes, grows_per_s, fetched_per_s }
    }

    /// Bytes of a copy that are still to come.
    fn lacks(&self, at: usize) -> f64 {
        self.chain.lacking_bytes.filter(|_| at == 0).unwrap_or(self.chain.size_bytes)
    }

    fn chain_bytes(&self) -> f64 {
        self.chain.size_bytes * count(self.chain.copies.len() - self.at)
    }
}

/// Everything on its way, and what waits.
#[derive(Debug)]
pub struct Course<'a> {
    rooms: &'a Rooms,
    places: Vec<Place>,
    habits: Habits,
    jobs: Vec<Job>,
    waiting: Vec<usize>,
    /// Running jobs, with the bytes that they lack.
    running: Vec<(usize, f64)>,
    backlog: Backlog,
    slots_in: Vec<usize>,
    slots_out: Vec<usize>,
    /// By broker: in how many steps of each wave something still has to leave.
    leaving: Vec<Vec<usize>>,
    /// By wave: how many chains are not over.
    open: Vec<usize>,
}

impl<'a> Course<'a> {
    /// What is still to be copied between these brokers. `rooms` says what may start ahead of its wave.
    pub fn new(rooms: &'a Rooms, places: Vec<Place>, chains: Vec<Chain>, habits: Habits) -> Self {
        let brokers = places.len();
        let waves = chains.iter().map(|chain| chain.wave + 1).max().unwrap_or(0);
        let jobs = chains.into_iter().map(|chain| Job { chain, at: 0, running: false }).collect();
        let mut course = Self {
            rooms,
            places,
            habits,
            jobs,
            waiting: Vec::new(),
            running: Vec::new(),
            backlog: Backlog::new(brokers),
            slots_in: vec![0; brokers],
            slots_out: vec![0; brokers],
            leaving: vec![vec![0; waves]; brokers],
            open: vec![0; waves],
        };
        for index in 0..course.jobs.len() {
            course.enter(index);
        }
        course
    }

    fn enter(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        self.open[job.chain.wave] += 1;
        for (broker, _) in &job.chain.leaves {
            self.leaving[*broker][job.chain.wave] += 1;
        }
        for (at, (source, onto)) in job.chain.copies.iter().enumerate() {
            let lacks = job.lacks(at);
            self.backlog.into[*onto] += lacks / self.places[*onto].throttle.0;
            if let Some(source) = source {
                self.backlog.out[*source] += lacks / self.places[*source].throttle.1;
            }
        }
        job.running = job.chain.lacking_bytes.is_some();
        if job.running {
            let (lacks, (source, onto)) = (job.lacks(0), job.chain.copies[0]);
            self.running.push((index, lacks));
            self.take_slots(source, onto);
        } else {
            self.waiting.push(index);
        }
    }

    fn take_slots(&mut self, source: Option<usize>, onto: usize) {
        self.slots_in[onto] += 1;
        if let Some(source) = source {
            self.slots_out[source] += 1;
        }
    }

    /// Seconds until all is there; until nothing goes on any more where something can never start.
    pub fn seconds(mut self) -> f64 {
        let quantum = self.habits.look_s.max(self.backlog.most() / self.habits.steps_most);
        let mut seconds = 0.0;
        self.start();
        while !self.running.is_empty() {
            let passed = self.pass(quantum);
            if passed == 0.0 {
                break;
            }
            seconds += passed;
            self.start();
        }
        seconds
    }

    fn has_slots(&self, (source, onto): (Option<usize>, usize)) -> bool {
        let most = self.habits.moves_per_broker.max(1);
        self.running.len() < self.habits.moves.max(1)
            && self.slots_in[onto] < most
            && source.is_none_or(|source| self.slots_out[source] < most)
    }

    fn may_start(&self, job: &Job, onto: usize) -> bool {
        let wave = job.chain.wave;
        if self.habits.strictly {
            return self.open[..wave].iter().all(|chains| *chains == 0);
        }
        let earlier_have_left = self.leaving[onto][..wave].iter().all(|steps| *steps == 0);
        let left = Bytes::whole(self.places[onto].left_bytes);
        self.rooms.may_start(self.places[onto].broker, wave, left, earlier_have_left)
    }

    /// Starts what may start.
    fn start(&mut self) {
        let mut ready = Vec::new();
        let rest_s = self.backlog.most();
        let presses: Vec<Option<u8>> = self.places.iter().map(|place| place.fill.presses(rest_s)).collect();
        for index in &self.waiting {
            let job = &self.jobs[*index];
            let (source, onto) = job.chain.copies[job.at];
            if self.has_slots((source, onto)) && self.may_start(job, onto) {
                let (repairs, chain_bytes) = (job.chain.repairs, job.chain_bytes());
                let presses = job.chain.leaves.iter().filter_map(|(broker, _)| presses[*broker]).min();
                let (index, onto) = (*index, Some(onto));
                ready.push(Ready { index, repairs, presses, source, onto, chain_bytes });
            }
        }
        by_urgency(&mut ready, &self.backlog);
        let mut traffic = Traffic::new(self.places.iter().map(|place| place.throttle));
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
                self.take_slots(copy.source, copy.onto);
                self.running.push((ready.index, copy.lacking_bytes));
            }
        }
        let jobs = &self.jobs;
        self.waiting.retain(|index| !jobs[*index].running);
    }

    /// Lets time pass until something has arrived; returns how much.
    fn pass(&mut self, quantum: f64) -> f64 {
        let copy = |job: &Job| job.chain.copies[job.at];
        let ends = self.running.iter().map(|(index, _)| copy(&self.jobs[*index]));
        let flows: Vec<Flow> = ends.map(|(source, onto)| Flow { source, onto }).collect();
        let rates = rates(&flows, self.room());
        let grows = |index: usize| self.jobs[index].chain.grows_per_s;
        let nets: Vec<f64> =
            self.running.iter().zip(rates).map(|((index, _), rate)| rate - grows(*index)).collect();
        let first = self.running.iter().zip(&nets).map(|((_, lacks), net)| lacks / net.max(1.0));
        let Some(first) = first.min_by(f64::total_cmp).filter(|first| first.is_finite()) else { return 0.0 };
        let passed = first.max(quantum);
        for place in &mut self.places {
            place.fill.used_bytes += place.fill.grows_per_s * passed;
            place.fill.ahead_s -= passed;
        }
        let mut arrived = Vec::new();
        for (((index, lacks), net), flow) in self.running.iter_mut().zip(&nets).zip(&flows) {
            let bytes = (net * passed).min(*lacks);
            *lacks -= bytes;
            self.backlog.into[flow.onto] -= bytes / self.places[flow.onto].throttle.0;
            if let Some(source) = flow.source {
                self.backlog.out[source] -= bytes / self.places[source].throttle.1;
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
        let brokers = self.places.len();
        let into = self.places.iter().map(|place| place.throttle.0);
        let mut room: Vec<f64> = into.chain(self.places.iter().map(|place| place.throttle.1)).collect();
        for (index, _) in &self.running {
            let job = &self.jobs[*index];
            if let (Some(source), _) = job.chain.copies[job.at] {
                let left = &mut room[brokers + source];
                *left = (*left - job.chain.fetched_per_s).max(1.0);
            }
        }
        room
    }

    fn arrive(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        let (source, onto) = job.chain.copies[job.at];
        self.slots_in[onto] -= 1;
        if let Some(source) = source {
            self.slots_out[source] -= 1;
        }
        self.places[onto].fill.used_bytes += job.chain.size_bytes;
        job.at += 1;
        job.running = false;
        if job.at < job.chain.copies.len() {
            self.waiting.push(index);
            return;
        }
        self.open[job.chain.wave] -= 1;
        for (broker, bytes) in &job.chain.leaves {
            self.places[*broker].left_bytes += bytes;
            self.places[*broker].fill.used_bytes -= bytes;
            self.leaving[*broker][job.chain.wave] -= 1;
        }
    }
}
