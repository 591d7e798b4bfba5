//! [`Course`]: copies started as the executor starts them, which share what the throttles give as Kafka shares it. The
//! forecast of a plan is a course from its beginning, the time left of an execution one from where it is.

use std::collections::BTreeMap;

use super::Fill;
use super::rooms::Rooms;
use super::schedule::{Backlog, Copying, Ends, Ready, Traffic, count, rates};
use super::starts::{Slots, Starts};
use super::waiting::Waiting;
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
}

impl Job {
    /// Who sends and who receives the copy that runs or comes next.
    fn ends(&self) -> Ends {
        self.chain.copies[self.at]
    }

    /// The copy that runs or comes next, from its beginning.
    fn copying(&self) -> Copying {
        let (source, onto) = self.ends();
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
    /// What may start, as far as waves go.
    waiting: Waiting,
    /// By broker and wave: jobs whose next copy goes there, and may not start yet. What may start once always may.
    held: Vec<BTreeMap<usize, Vec<usize>>>,
    /// Brokers at which what is held may have come to be free to start.
    changed: Vec<usize>,
    /// Running jobs, with the bytes that they lack.
    running: Vec<(usize, f64)>,
    backlog: Backlog,
    traffic: Traffic,
    slots: Slots,
    /// By broker: in how many steps of each wave something still has to leave.
    leaving: Vec<Vec<usize>>,
    /// By wave: how many chains are not over.
    open: Vec<usize>,
    /// By broker: jobs that take something off it, and how soon its disk passes its limit, as last reckoned.
    relieved_by: Vec<Vec<usize>>,
    presses: Vec<Option<u8>>,
}

impl<'a> Course<'a> {
    /// What is still to be copied between these brokers. `rooms` says what may start ahead of its wave.
    pub fn new(rooms: &'a Rooms, places: Vec<Place>, chains: Vec<Chain>, habits: Habits) -> Self {
        let brokers = places.len();
        let waves = chains.iter().map(|chain| chain.wave + 1).max().unwrap_or(0);
        let mut course = Self {
            rooms,
            habits,
            waiting: Waiting::new(chains.len(), brokers),
            held: vec![BTreeMap::new(); brokers],
            changed: (0..brokers).collect(),
            running: Vec::new(),
            backlog: Backlog::new(brokers),
            traffic: Traffic::default(),
            slots: Slots::new(brokers, habits.moves_per_broker, habits.moves),
            leaving: vec![vec![0; waves]; brokers],
            open: vec![0; waves],
            relieved_by: vec![Vec::new(); brokers],
            presses: vec![None; brokers],
            places,
            jobs: chains.into_iter().map(|chain| Job { chain, at: 0 }).collect(),
        };
        for index in 0..course.jobs.len() {
            course.enter(index);
        }
        let throttles = course.places.iter().map(|place| place.throttle);
        course.traffic = Traffic::new(course.quantum_s(), throttles);
        course
    }

    /// The least time between two moments at which copies start, in seconds.
    fn quantum_s(&self) -> f64 {
        self.habits.look_s.max(self.backlog.most() / self.habits.steps_most)
    }

    fn enter(&mut self, index: usize) {
        let job = &self.jobs[index];
        self.open[job.chain.wave] += 1;
        for (broker, _) in &job.chain.leaves {
            self.leaving[*broker][job.chain.wave] += 1;
            self.relieved_by[*broker].push(index);
        }
        for (at, (source, onto)) in job.chain.copies.iter().enumerate() {
            let lacks = job.lacks(at);
            self.backlog.into[*onto] += lacks / self.places[*onto].throttle.0;
            if let Some(source) = source {
                self.backlog.out[*source] += lacks / self.places[*source].throttle.1;
            }
        }
        if job.chain.lacking_bytes.is_some() {
            self.slots.take(job.ends());
            self.running.push((index, job.lacks(0)));
        } else {
            self.hold(index);
        }
    }

    /// A job waits for its next copy.
    fn hold(&mut self, index: usize) {
        let job = &self.jobs[index];
        let (_, onto) = job.ends();
        self.held[onto].entry(job.chain.wave).or_default().push(index);
        self.changed.push(onto);
    }

    /// Seconds until all is there; until nothing goes on any more where something can never start.
    pub fn seconds(mut self) -> f64 {
        let quantum = self.quantum_s();
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

    /// Lets go of what may start on a broker, as far as waves go.
    fn let_go(&mut self, onto: usize) {
        let Place { broker, left_bytes, .. } = self.places[onto];
        let left = Bytes::whole(left_bytes);
        let first = |steps: &[usize]| steps.iter().position(|steps| *steps > 0).unwrap_or(usize::MAX);
        let first_open = if self.habits.strictly { first(&self.open) } else { first(&self.leaving[onto]) };
        let may_start = |wave: usize| {
            let earlier_are_over = first_open >= wave;
            if self.habits.strictly {
                earlier_are_over
            } else {
                self.rooms.may_start(broker, wave, left, earlier_are_over)
            }
        };
        let free: Vec<usize> = self.held[onto].keys().copied().filter(|wave| may_start(*wave)).collect();
        let held = &mut self.held[onto];
        let free: Vec<usize> = free.iter().filter_map(|wave| held.remove(wave)).flatten().collect();
        for index in free {
            let job = &self.jobs[index];
            let presses = self.pressing(&job.chain);
            let (repairs, chain_bytes) = (job.chain.repairs, job.chain_bytes());
            let (source, onto) = job.ends();
            let ready = Ready { index, repairs, presses, source, onto: Some(onto), chain_bytes };
            self.waiting.add(ready, onto);
        }
    }

    /// How soon a disk passes its limit that a chain takes load off.
    fn pressing(&self, chain: &Chain) -> Option<u8> {
        chain.leaves.iter().filter_map(|(broker, _)| self.presses[*broker]).min()
    }

    /// Reckons anew how soon disks pass their limits.
    fn press(&mut self) {
        let rest_s = self.backlog.most();
        for at in 0..self.places.len() {
            let presses = self.places[at].fill.presses(rest_s);
            if std::mem::replace(&mut self.presses[at], presses) != presses {
                for index in &self.relieved_by[at] {
                    self.waiting.press(*index, self.pressing(&self.jobs[*index].chain));
                }
            }
        }
    }

    /// Starts what may start.
    fn start(&mut self) {
        self.press();
        for onto in std::mem::take(&mut self.changed) {
            self.let_go(onto);
        }
        self.traffic.clear(self.places.iter().map(|place| place.throttle));
        for (index, lacks) in &self.running {
            self.traffic.add(Copying { lacking_bytes: *lacks, ..self.jobs[*index].copying() });
        }
        let starts = Starts::new(&self.backlog, &mut self.waiting, &mut self.slots, &mut self.traffic);
        for index in starts.started(|index| self.jobs[index].copying()) {
            self.running.push((index, self.jobs[index].chain.size_bytes));
        }
    }

    /// Lets time pass until something has arrived; returns how much.
    fn pass(&mut self, quantum: f64) -> f64 {
        let flows: Vec<Ends> = self.running.iter().map(|(index, _)| self.jobs[*index].ends()).collect();
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
        for (((index, lacks), net), (source, onto)) in self.running.iter_mut().zip(&nets).zip(flows) {
            let bytes = (net * passed).min(*lacks);
            *lacks -= bytes;
            self.backlog.into[onto] -= bytes / self.places[onto].throttle.0;
            if let Some(source) = source {
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
            if let (Some(source), _) = job.ends() {
                let left = &mut room[brokers + source];
                *left = (*left - job.chain.fetched_per_s).max(1.0);
            }
        }
        room
    }

    fn arrive(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        let ends = job.ends();
        self.slots.give_back(ends);
        self.places[ends.1].fill.used_bytes += job.chain.size_bytes;
        job.at += 1;
        if job.at < job.chain.copies.len() {
            self.hold(index);
            return;
        }
        let wave = job.chain.wave;
        for (broker, bytes) in &job.chain.leaves {
            self.places[*broker].left_bytes += bytes;
            self.places[*broker].fill.used_bytes -= bytes;
            self.leaving[*broker][wave] -= 1;
            self.changed.push(*broker);
        }
        self.open[wave] -= 1;
        if self.habits.strictly && self.open[wave] == 0 {
            self.changed.extend(0..self.places.len());
        }
    }
}
