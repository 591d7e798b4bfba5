//! [`Shelf`]: the log directories of one broker and the replicas in them, and the search that levels them.

use crate::model::{LogDirRow, PartitionOrd};

/// What the goals ask of the directories of a broker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wanted {
    /// The share of a directory's volume that its replicas may fill; one that is over is relieved.
    pub limit: Option<f64>,
    /// The share up to which a directory may be filled by what moves.
    pub room: f64,
    /// What is level.
    pub band: Option<Band>,
}

/// What is level around the mean of a broker's directories: the terms of [`crate::goals::Balance`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    /// Half width as a share of the mean.
    pub half: f64,
    /// What is aimed at once something has to be done, as a share of the width.
    pub aim: f64,
    /// Only too much is wrong.
    pub above_only: bool,
    pub min_gap: Option<f64>,
    pub max_gap: Option<f64>,
    pub floor_share: Option<f64>,
}

impl Band {
    /// The least and the most for a directory with this mean; with `aim` a little inside.
    fn around(&self, mean: f64, total: Option<f64>, aim: bool) -> (f64, f64) {
        let gap = (self.half * mean).max(self.min_gap.unwrap_or(0.0));
        let gap = gap.min(self.max_gap.unwrap_or(f64::INFINITY)) * if aim { self.aim } else { 1.0 };
        let floor = self.floor_share.zip(total).map_or(0.0, |(share, total)| share * total);
        let low = if self.above_only || mean <= floor { 0.0 } else { (mean - gap).max(0.0) };
        (low, (mean + gap).max(floor))
    }
}

impl Wanted {
    pub fn is_nothing(&self) -> bool {
        self.limit.is_none() && self.band.is_none()
    }
}

/// A directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dir {
    /// Bytes of the replicas in it.
    used: f64,
    total: Option<f64>,
    other: f64,
    /// It takes replicas: online, and not to be emptied.
    takes: bool,
}

impl Dir {
    pub fn of(row: &LogDirRow, leaving: bool) -> Self {
        Self { used: 0.0, total: row.total_bytes, other: row.other_bytes, takes: row.online && !leaving }
    }

    /// Bytes that fit in up to this share of the volume; infinite where its size is not known.
    fn room(&self, share: f64) -> f64 {
        self.total.map_or(f64::INFINITY, |total| total * share - self.other - self.used)
    }
}

/// A replica on the shelf.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub partition: PartitionOrd,
    pub size: f64,
    /// Where it stands now, and where it shall stand.
    pub at_first: usize,
    pub dir: usize,
    /// Why it may not move.
    pub held: Option<&'static str>,
    /// Why it moves, once it does.
    pub reason: Reason,
}

/// Why a replica moves to another directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reason {
    /// Its directory is to be emptied.
    Emptied,
    /// Its directory holds this much more than its share.
    TooFull { share: f64 },
    /// Its directory is over the limit.
    OverLimit,
    /// It makes room for a larger one.
    Exchange,
}

/// What the budget leaves for moves between directories.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    bytes: f64,
    moves: u64,
    per_broker: f64,
    here: f64,
}

impl Allowance {
    pub fn new(bytes: Option<f64>, moves: Option<u64>, per_broker: Option<f64>) -> Self {
        let per_broker = per_broker.unwrap_or(f64::INFINITY);
        let bytes = bytes.unwrap_or(f64::INFINITY);
        Self { bytes, moves: moves.unwrap_or(u64::MAX), per_broker, here: per_broker }
    }

    /// Another broker's directories come next.
    pub fn next_broker(&mut self) {
        self.here = self.per_broker;
    }

    fn covers(&self, bytes: f64, moves: u64) -> bool {
        bytes <= self.bytes && bytes <= self.here && moves <= self.moves
    }

    fn spend(&mut self, bytes: f64, moves: u64) {
        self.bytes -= bytes;
        self.here -= bytes;
        self.moves = self.moves.saturating_sub(moves);
    }
}

/// One broker's directories.
#[derive(Debug)]
pub(super) struct Shelf {
    dirs: Vec<Dir>,
    pub items: Vec<Item>,
    wanted: Wanted,
    /// By how much each directory is over its share before it is levelled, as a share of that.
    over_at_first: Vec<f64>,
}

/// What each directory should hold.
struct Bounds {
    mean: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Bounds {
    /// By how many bytes a directory with this much in it is out of its bounds.
    fn beyond(&self, dir: usize, used: f64) -> f64 {
        (used - self.high[dir]).max(self.low[dir] - used).max(0.0)
    }
}

/// A change that betters the balance: one replica, or two in exchange.
struct Change {
    gain_per_byte: f64,
    gain: f64,
    items: [Option<usize>; 2],
}

impl Shelf {
    pub fn new(mut dirs: Vec<Dir>, items: Vec<Item>, wanted: Wanted) -> Self {
        for item in &items {
            dirs[item.dir].used += item.size;
        }
        Self { dirs, items, wanted, over_at_first: Vec::new() }
    }

    /// Bytes that the other directories lack to take all of this one; `None` when there is room.
    pub fn missing_for(&self, dir: usize) -> Option<f64> {
        let room: f64 =
            self.dirs.iter().filter(|dir| dir.takes).map(|dir| dir.room(self.wanted.room).max(0.0)).sum();
        let missing = self.dirs[dir].used - room;
        let nowhere = self.dirs[dir].used > 0.0 && !self.dirs.iter().any(|dir| dir.takes);
        (missing > 0.5 || nowhere).then_some(missing)
    }

    /// Moves everything off a directory, large ones first, each to where it is emptiest. Gives what has to stay.
    pub fn empty(&mut self, dir: usize, allowance: &mut Allowance) -> Vec<(PartitionOrd, String)> {
        let mut leave: Vec<usize> = (0..self.items.len()).filter(|at| self.items[*at].dir == dir).collect();
        leave.sort_by(|a, b| self.items[*b].size.total_cmp(&self.items[*a].size).then(a.cmp(b)));
        let mut stuck = Vec::new();
        for at in leave {
            let (partition, size) = (self.items[at].partition, self.items[at].size);
            if let Some(why) = self.items[at].held {
                stuck.push((partition, why.to_owned()));
                continue;
            }
            let takes = |to: &usize| self.dirs[*to].takes && self.dirs[*to].room(self.wanted.room) >= size;
            let fill = |to: &usize| self.fill(*to, size);
            let to =
                (0..self.dirs.len()).filter(takes).min_by(|a, b| fill(a).total_cmp(&fill(b)).then(a.cmp(b)));
            match to {
                None => stuck.push((partition, "no other directory has room for it".to_owned())),
                Some(_) if !allowance.covers(size, 1) => {
                    stuck.push((partition, "the budget is used up".to_owned()));
                }
                Some(to) => {
                    allowance.spend(size, 1);
                    self.put(at, to, Reason::Emptied);
                }
            }
        }
        stuck
    }

    /// How full a directory would be with this much more: a share where sizes are known, else bytes.
    fn fill(&self, dir: usize, more: f64) -> f64 {
        let all_known = self.dirs.iter().filter(|dir| dir.takes).all(|dir| dir.total.is_some());
        let dir = &self.dirs[dir];
        match dir.total {
            Some(total) if all_known => (dir.used + more) / total.max(1.0),
            _ => dir.used + more,
        }
    }

    fn put(&mut self, item: usize, to: usize, reason: Reason) {
        let item = &mut self.items[item];
        self.dirs[item.dir].used -= item.size;
        self.dirs[to].used += item.size;
        // A second move of the same replica goes on with the reason of the first.
        if item.dir == item.at_first {
            item.reason = reason;
        }
        item.dir = to;
    }

    fn bounds(&self, aim: bool) -> Bounds {
        let taking = || self.dirs.iter().filter(|dir| dir.takes);
        let all_known = taking().all(|dir| dir.total.is_some_and(|total| total > 0.0));
        let weight = |dir: &Dir| if all_known { dir.total.unwrap_or(1.0) } else { 1.0 };
        let (whole, total) = (taking().map(weight).sum::<f64>(), taking().map(|dir| dir.used).sum::<f64>());
        let mean: Vec<f64> = self.dirs.iter().map(|dir| total * weight(dir) / whole.max(1e-300)).collect();
        let limit = |dir: &Dir| {
            let most = self.wanted.limit.zip(dir.total).map(|(share, total)| total * share - dir.other);
            most.map_or(f64::INFINITY, |most| most.max(0.0))
        };
        let around = |(dir, mean): (&Dir, &f64)| match self.wanted.band {
            _ if !dir.takes => (0.0, f64::INFINITY),
            None => (0.0, limit(dir)),
            Some(band) => {
                let (low, high) = band.around(*mean, dir.total, aim);
                // A directory that other files fill cannot be asked for more than fits.
                (low.min(limit(dir)), high.min(limit(dir)))
            }
        };
        let (low, high) = self.dirs.iter().zip(&mean).map(around).unzip();
        Bounds { mean, low, high }
    }

    /// Brings every directory within its bounds, as far as single moves and exchanges go.
    pub fn level(&mut self, allowance: &mut Allowance) {
        if self.wanted.is_nothing() {
            return;
        }
        let out = |bounds: &Bounds, dirs: &[Dir]| {
            let beyond = |(at, dir): (usize, &Dir)| dir.takes && bounds.beyond(at, dir.used) > 0.5;
            dirs.iter().enumerate().any(beyond)
        };
        if !out(&self.bounds(false), &self.dirs) {
            return;
        }
        let bounds = self.bounds(false);
        let over = |(dir, mean): (&Dir, &f64)| dir.used / mean.max(f64::MIN_POSITIVE) - 1.0;
        self.over_at_first = self.dirs.iter().zip(&bounds.mean).map(over).collect();
        // Each change betters the sum by a part of some replica; twice the replicas is far more than is ever needed.
        for _ in 0..2 * self.items.len() + 16 {
            let bounds = self.bounds(true);
            if !out(&bounds, &self.dirs) || !self.better(&bounds, allowance) {
                return;
            }
        }
    }

    /// Makes the best change between the fullest and the emptiest directory.
    fn better(&mut self, bounds: &Bounds, allowance: &mut Allowance) -> bool {
        let taking = || (0..self.dirs.len()).filter(|at| self.dirs[*at].takes);
        let over = |at: usize| self.dirs[at].used - bounds.mean[at];
        let urgent = |at: usize| (self.dirs[at].used - bounds.high[at]).max(0.0);
        let from = taking().max_by(|a, b| {
            (urgent(*a).total_cmp(&urgent(*b))).then(over(*a).total_cmp(&over(*b))).then(b.cmp(a))
        });
        let Some(from) = from else { return false };
        let free = |at: usize| bounds.high[at].min(bounds.mean[at]) - self.dirs[at].used;
        let to =
            taking().filter(|at| *at != from).max_by(|a, b| free(*a).total_cmp(&free(*b)).then(b.cmp(a)));
        let Some(to) = to else { return false };
        let change = self.best_single(bounds, from, to, allowance);
        let Some(change) = change.or_else(|| self.best_exchange(bounds, from, to, allowance)) else {
            return false;
        };
        let share = self.over_at_first[from];
        let reason = if self.wanted.band.is_some() && share > 0.0 {
            Reason::TooFull { share }
        } else {
            Reason::OverLimit
        };
        let [there, back] = change.items;
        let there = there.map(|item| (item, to, reason));
        let back = back.map(|item| (item, from, Reason::Exchange));
        for (item, dir, reason) in there.into_iter().chain(back) {
            allowance.spend(self.items[item].size, 1);
            self.put(item, dir, reason);
        }
        true
    }

    /// What is gained, in bytes out of bounds, when this much goes from one directory to another.
    fn gain(&self, bounds: &Bounds, (from, to): (usize, usize), bytes: f64) -> f64 {
        let beyond = |moved: f64| {
            bounds.beyond(from, self.dirs[from].used - moved) + bounds.beyond(to, self.dirs[to].used + moved)
        };
        beyond(0.0) - beyond(bytes)
    }

    /// Replicas of a directory that may move, by size.
    fn movable(&self, dir: usize) -> Vec<usize> {
        let free = |at: &usize| {
            let item = &self.items[*at];
            item.dir == dir && item.held.is_none() && item.size > 0.0
        };
        let mut found: Vec<usize> = (0..self.items.len()).filter(free).collect();
        found.sort_by(|a, b| self.items[*a].size.total_cmp(&self.items[*b].size).then(a.cmp(b)));
        found
    }

    fn best_single(&self, bounds: &Bounds, from: usize, to: usize, allowance: &Allowance) -> Option<Change> {
        let room = self.dirs[to].room(self.wanted.room);
        let fits = |at: &usize| self.items[*at].size <= room && allowance.covers(self.items[*at].size, 1);
        let changes = self.movable(from).into_iter().filter(fits).map(|at| {
            let size = self.items[at].size;
            let gain = self.gain(bounds, (from, to), size);
            Change { gain_per_byte: gain / size, gain, items: [Some(at), None] }
        });
        best(changes)
    }

    fn best_exchange(
        &self,
        bounds: &Bounds,
        from: usize,
        to: usize,
        allowance: &Allowance,
    ) -> Option<Change> {
        let (there, back) = (self.movable(from), self.movable(to));
        let room = self.dirs[to].room(self.wanted.room);
        let shift = bounds.beyond(from, self.dirs[from].used).max(bounds.beyond(to, self.dirs[to].used));
        let size = |at: usize| self.items[at].size;
        let pairs = there.iter().flat_map(|one| {
            // The partner that makes the difference just what has to go, and its neighbours.
            let near = back.partition_point(|other| size(*other) < size(*one) - shift);
            (near.saturating_sub(1)..(near + 2).min(back.len())).map(|other| (*one, back[other]))
        });
        let fits = |(one, other): &(usize, usize)| {
            size(*one) <= room && size(*one) > size(*other) && allowance.covers(size(*one) + size(*other), 2)
        };
        best(pairs.filter(fits).map(|(one, other)| {
            let gain = self.gain(bounds, (from, to), size(one) - size(other));
            let cost = size(one) + size(other);
            Change { gain_per_byte: gain / cost, gain, items: [Some(one), Some(other)] }
        }))
    }
}

/// The change that gains most for its bytes; of those that gain about the same for them, the one that gains most.
fn best(changes: impl Iterator<Item = Change>) -> Option<Change> {
    let step = |change: &Change| (change.gain_per_byte * 16.0).floor();
    changes.filter(|change| change.gain > 0.5).max_by(|a, b| {
        step(a).total_cmp(&step(b)).then(a.gain.total_cmp(&b.gain)).then(b.items.cmp(&a.items))
    })
}
