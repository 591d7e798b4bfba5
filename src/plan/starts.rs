//! [`Starts`]: which of the copies that wait start now.
//!
//! They are offered in the order of [`by_urgency`](super::by_urgency), once those that both ends have use for, then
//! those that the end with the longer backlog has use for. Only few brokers have use for a copy at any moment, those of
//! which one has just ended, so only what waits for them is gone through.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::schedule::{Backlog, Burden, Copying, Ends, Rank, Traffic, Units, ends_of, has_use, longer};
use super::waiting::{Meeting, Waiting};

/// How many copies run, over all and at each end.
#[derive(Debug)]
pub(super) struct Slots {
    /// Most at one end, and over all.
    per_end: usize,
    over_all: usize,
    all_taken: usize,
    /// By end, as [`ends_of`] numbers them.
    taken: Vec<usize>,
}

impl Slots {
    /// None taken, for so many brokers.
    pub fn new(brokers: usize, per_end: usize, over_all: usize) -> Self {
        let taken = vec![0; 2 * brokers];
        Self { per_end: per_end.max(1), over_all: over_all.max(1), all_taken: 0, taken }
    }

    /// Whether there is one at this end.
    fn is_free(&self, end: usize) -> bool {
        !self.are_all_taken() && self.taken[end] < self.per_end
    }

    fn brokers(&self) -> usize {
        self.taken.len() / 2
    }

    fn are_all_taken(&self) -> bool {
        self.all_taken >= self.over_all
    }

    /// A copy takes one.
    pub fn take(&mut self, ends: Ends) {
        self.all_taken += 1;
        ends_of(ends, self.brokers()).for_each(|end| self.taken[end] += 1);
    }

    /// A copy gives its one back.
    pub fn give_back(&mut self, ends: Ends) {
        self.all_taken -= 1;
        ends_of(ends, self.brokers()).for_each(|end| self.taken[end] -= 1);
    }
}

/// One moment at which copies start.
pub(super) struct Starts<'a> {
    waiting: &'a mut Waiting,
    slots: &'a mut Slots,
    traffic: &'a mut Traffic,
    units: Units,
    /// By end: its backlog.
    backlog: Vec<f64>,
    /// By end: whether it could do more. Absent where nothing waits for it or it has no slot, which it does not get
    /// before the next moment.
    could_do_more: Vec<Option<bool>>,
    /// By end: what is gone through of those pairs in which it has the longer backlog. Once it has what it can do, none
    /// of them is looked at any more.
    decides: Vec<BinaryHeap<Reverse<Offer>>>,
    /// The first of what each end decides. What is not the first any more when it comes up is passed over.
    firsts: BinaryHeap<Reverse<(Offer, usize)>>,
    /// The ends that decide about anything, with the pairs.
    deciders: Vec<(usize, Vec<usize>)>,
    /// By pair: whether its next copy is among the offers.
    is_offered: Vec<bool>,
}

/// The next copy of a pair.
type Offer = (Rank, usize);

impl<'a> Starts<'a> {
    /// As things stand: what waits and what is on its way.
    pub fn new(
        backlog: &Backlog,
        waiting: &'a mut Waiting,
        slots: &'a mut Slots,
        traffic: &'a mut Traffic,
    ) -> Self {
        let looks = |end: usize| {
            let counts = slots.is_free(end) && !waiting.at_end(end).is_empty();
            counts.then(|| !traffic.is_busy(end))
        };
        let could_do_more: Vec<Option<bool>> = (0..slots.taken.len()).map(looks).collect();
        let ends = could_do_more.len();
        let mut starts = Self {
            units: Units::of(backlog),
            backlog: backlog.into.iter().chain(&backlog.out).copied().collect(),
            is_offered: vec![false; waiting.pairs()],
            waiting,
            slots,
            traffic,
            could_do_more,
            decides: Vec::new(),
            firsts: BinaryHeap::new(),
            deciders: Vec::new(),
        };
        starts.decides.resize_with(ends, BinaryHeap::new);
        for end in 0..ends {
            if starts.could_do_more[end] == Some(true) {
                starts.note_pairs(end);
            }
        }
        starts
    }

    /// Starts what is to start; `copy` says what a copy is, from its beginning. Returns them in the order in which they
    /// start.
    pub fn started(mut self, copy: impl Fn(usize) -> Copying) -> Vec<usize> {
        let mut started = Vec::new();
        for presses in [false, true] {
            for at in 0..self.deciders.len() {
                self.offer(at, presses, None);
            }
            while let Some((rank, pair, end)) = self.next_offer() {
                if !self.has_use(pair, presses) {
                    continue;
                }
                let (_, burden, (_, index)) = rank;
                let copy = copy(index);
                let starts = !self.traffic.would_starve(&copy);
                if starts {
                    self.waiting.remove(index);
                    started.push(index);
                }
                if let Some(next) = self.waiting.first_behind(pair, burden, rank) {
                    self.push((next, pair), end);
                }
                if starts {
                    self.take(copy, presses, rank);
                }
            }
            self.decides.iter_mut().for_each(BinaryHeap::clear);
            self.is_offered.fill(false);
        }
        started
    }

    /// Notes the pairs in which an end has the longer backlog.
    fn note_pairs(&mut self, end: usize) {
        let decides = |Meeting { other, .. }: &&Meeting| {
            other.is_none_or(|other| self.could_do_more[other].is_some() && self.longer(end, other) == end)
        };
        let pairs: Vec<usize> =
            self.waiting.at_end(end).iter().filter(decides).map(|meeting| meeting.pair).collect();
        if !pairs.is_empty() {
            self.deciders.push((end, pairs));
        }
    }

    fn longer(&self, end: usize, other: usize) -> usize {
        longer(end, other, |end| self.backlog[end])
    }

    /// Whether there is room for a copy between a pair, and use for it.
    fn has_use(&self, pair: usize, presses: bool) -> bool {
        let both = ends_of(self.waiting.ends(pair), self.slots.brokers());
        both.clone().all(|end| self.could_do_more[end].is_some())
            && has_use(both, presses, |end| self.backlog[end], |end| self.could_do_more[end] == Some(true))
    }

    fn burden(&self, pair: usize) -> Burden {
        let (source, onto) = self.waiting.ends(pair);
        self.units.burden(source, Some(onto))
    }

    /// Has the pairs that an end decides about gone through, from a place in the order on where one is given.
    fn offer(&mut self, decider: usize, presses: bool, behind: Option<Rank>) {
        let (end, pairs) = &self.deciders[decider];
        if self.could_do_more[*end] != Some(true) {
            return;
        }
        let rank = |pair: usize| match behind {
            None => self.waiting.first(pair, self.burden(pair)),
            Some(place) => self.waiting.first_behind(pair, self.burden(pair), place),
        };
        let of_use = pairs.iter().filter(|pair| self.has_use(**pair, presses));
        let offers: Vec<Reverse<Offer>> =
            of_use.filter_map(|pair| Some(Reverse((rank(*pair)?, *pair)))).collect();
        for Reverse((_, pair)) in self.decides[*end].drain() {
            self.is_offered[pair] = false;
        }
        for Reverse((_, pair)) in &offers {
            self.is_offered[*pair] = true;
        }
        let end = *end;
        self.decides[end] = BinaryHeap::from(offers);
        self.note_first(end);
    }

    fn note_first(&mut self, end: usize) {
        if let Some(Reverse(first)) = self.decides[end].peek() {
            self.firsts.push(Reverse((*first, end)));
        }
    }

    fn push(&mut self, offer: Offer, end: usize) {
        self.is_offered[offer.1] = true;
        self.decides[end].push(Reverse(offer));
        if self.decides[end].peek() == Some(&Reverse(offer)) {
            self.firsts.push(Reverse((offer, end)));
        }
    }

    /// What comes next of all that ends which could do more decide about, and the end.
    fn next_offer(&mut self) -> Option<(Rank, usize, usize)> {
        while let Some(Reverse((first, end))) = self.firsts.pop() {
            if self.could_do_more[end] != Some(true) || self.decides[end].peek() != Some(&Reverse(first)) {
                continue;
            }
            self.decides[end].pop();
            self.note_first(end);
            let (rank, pair) = first;
            self.is_offered[pair] = false;
            return Some((rank, pair, end));
        }
        None
    }

    /// Takes a copy along with those on their way. Another end can come to have use for more by that: what its copies
    /// get at least becomes less.
    fn take(&mut self, copy: Copying, presses: bool, rank: Rank) {
        self.slots.take(copy.between());
        self.traffic.add(copy);
        let ends: Vec<usize> = self.traffic.neighbours(copy.between()).collect();
        let mut idle = Vec::new();
        for end in ends {
            let Some(before) = self.could_do_more[end] else { continue };
            let now = self.slots.is_free(end).then(|| !self.traffic.is_busy(end));
            self.could_do_more[end] = now;
            if !before && now == Some(true) {
                idle.push(end);
            }
        }
        if self.slots.are_all_taken() {
            self.could_do_more.fill(None);
        }
        for end in idle {
            self.has_become_idle(end, presses, rank);
        }
    }

    /// What an end that could do no more has been passed over for comes up again, from a place in the order on.
    fn has_become_idle(&mut self, end: usize, presses: bool, place: Rank) {
        let known = self.deciders.len();
        self.note_pairs(end);
        if known < self.deciders.len() {
            let again = self.deciders[..known].iter().position(|(decider, _)| *decider == end);
            let at = again.unwrap_or(known);
            self.deciders.swap(at, known);
            self.deciders.truncate(if again.is_some() { known } else { known + 1 });
            self.offer(at, presses, Some(place));
        }
        for at in 0..self.waiting.at_end(end).len() {
            let Meeting { pair, other } = self.waiting.at_end(end)[at];
            let Some(other) = other.filter(|other| self.longer(end, *other) == *other) else {
                continue;
            };
            if self.is_offered[pair] || !self.has_use(pair, presses) {
                continue;
            }
            if let Some(next) = self.waiting.first_behind(pair, self.burden(pair), place) {
                self.push((next, pair), other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::{Ready, by_urgency};
    use super::*;

    const BROKERS: usize = 6;

    /// Numbers that look random, the same for the same seed.
    struct Dice(u64);

    impl Dice {
        fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all[usize::try_from(self.0 >> 33).unwrap() % all.len()]
        }

        fn copy(&mut self) -> Copying {
            let grows_per_s = self.one_of(&[0.0, 0.0, 0.5, 2.0]);
            Copying {
                source: self.one_of(&[None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(3)]),
                onto: self.one_of(&[0, 1, 2, 3, 4, 5, 5, 5]),
                lacking_bytes: self.one_of(&[1.0, 90.0, 150.0, 1e4]),
                grows_per_s,
                fetched_per_s: grows_per_s * self.one_of(&[0.0, 2.0]),
            }
        }

        fn ready(&mut self, index: usize, copy: &Copying) -> Ready {
            let presses = self.one_of(&[None, None, None, Some(0), Some(7)]);
            let (repairs, chain_bytes) = (self.one_of(&[true, false, false, false]), copy.lacking_bytes);
            Ready { index, repairs, presses, source: copy.source, onto: Some(copy.onto), chain_bytes }
        }

        fn backlog(&mut self) -> Backlog {
            let mut some = || (0..BROKERS).map(|_| self.one_of(&[0.0, 1.0, 4.0, 4.0, 5.0, 20.0])).collect();
            Backlog { into: some(), out: some() }
        }
    }

    /// The rule itself: all that waits is looked at, in its order, twice.
    fn by_a_look_at_all(
        ready: &[Ready],
        copies: &[Copying],
        backlog: &Backlog,
        slots: &mut Slots,
        traffic: &mut Traffic,
    ) -> Vec<usize> {
        let mut ready = ready.to_vec();
        by_urgency(&mut ready, backlog);
        let mut started = Vec::new();
        for presses in [false, true] {
            for Ready { index, .. } in &ready {
                let copy = copies[*index];
                let has_slots = ends_of(copy.between(), BROKERS).all(|end| slots.is_free(end));
                if has_slots && !started.contains(index) && traffic.wants(&copy, backlog, presses) {
                    slots.take(copy.between());
                    traffic.add(copy);
                    started.push(*index);
                }
            }
        }
        started
    }

    #[test]
    fn what_starts_is_what_a_look_at_all_that_waits_would_start() {
        let (mut all, mut runs_dry) = (0, 0);
        for seed in 0..2_000 {
            let mut dice = Dice(seed);
            let copies: Vec<Copying> = (0..60).map(|_| dice.copy()).collect();
            let (running, waiting) = copies.split_at(dice.one_of(&[0, 4, 8, 16]));
            let backlog = dice.backlog();
            let ready: Vec<Ready> = (running.len()..copies.len())
                .zip(waiting)
                .map(|(index, copy)| dice.ready(index, copy))
                .collect();
            let (per_end, over_all) = (dice.one_of(&[3, 5, 9]), dice.one_of(&[20, 60]));
            let moment = || {
                let mut slots = Slots::new(BROKERS, per_end, over_all);
                let mut traffic = Traffic::new(1.0, [(10.0, 8.0); BROKERS].into_iter());
                for copy in running {
                    slots.take(copy.between());
                    traffic.add(*copy);
                }
                (slots, traffic)
            };
            let (mut slots, mut traffic) = moment();
            let expected = by_a_look_at_all(&ready, &copies, &backlog, &mut slots, &mut traffic);
            let (mut slots, mut traffic) = moment();
            let mut waiting = Waiting::new(copies.len(), BROKERS);
            for ready in &ready {
                waiting.add(ready.clone(), copies[ready.index].onto);
            }
            let starts = Starts::new(&backlog, &mut waiting, &mut slots, &mut traffic);
            assert_eq!(starts.started(|index| copies[index]), expected, "seed {seed}");
            all += expected.len();
            runs_dry += usize::from(expected.len() == ready.len());
        }
        assert!(all > 10_000 && runs_dry == 0, "{all} started; {runs_dry} times all that waited");
    }
}
