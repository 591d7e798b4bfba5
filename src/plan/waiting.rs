//! [`Waiting`]: copies that could start, kept so that those between brokers that have room for them are found without
//! a look at all the others.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::schedule::{Burden, Claim, Ends, Rank, Ready, Size, ends_of};

/// The copies that wait, by the two brokers that they go between.
///
/// Thousands wait while a few dozen run, and most of what decides about a copy is the same for all those between the same
/// two brokers: whether they have room, and how urgent they are. So it is decided for the two, and only the first of
/// their copies is looked at.
#[derive(Debug)]
pub(super) struct Waiting {
    brokers: usize,
    /// By copy: what is known of it, and between which pair it is, while it waits.
    copies: Vec<Option<(Ready, usize)>>,
    pairs: Vec<Pair>,
    pair_of: BTreeMap<Ends, usize>,
    /// By end, as [`ends_of`] numbers them: the pairs between which something waits, with the end on the other side.
    at_end: Vec<Vec<Meeting>>,
}

/// A pair as one of its ends sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting {
    pub pair: usize,
    /// The end on the other side; nothing where nobody sends.
    pub other: Option<usize>,
}

/// Two brokers, and what waits between them in the order in which it is to start.
#[derive(Debug)]
struct Pair {
    ends: Ends,
    copies: BTreeSet<(Claim, Size)>,
    /// The first of them: it is asked for at every moment.
    first: Option<(Claim, Size)>,
}

impl Waiting {
    /// Nothing yet, of so many copies between so many brokers.
    pub fn new(copies: usize, brokers: usize) -> Self {
        Self {
            brokers,
            copies: vec![None; copies],
            pairs: Vec::new(),
            pair_of: BTreeMap::new(),
            at_end: vec![Vec::new(); 2 * brokers],
        }
    }

    /// A copy onto this broker waits from now on.
    pub fn add(&mut self, ready: Ready, onto: usize) {
        let ends = (ready.source, onto);
        let next = self.pairs.len();
        let pair = *self.pair_of.entry(ends).or_insert(next);
        if pair == next {
            self.pairs.push(Pair { ends, copies: BTreeSet::new(), first: None });
        }
        if self.pairs[pair].copies.is_empty() {
            let both = ends_of(ends, self.brokers);
            for end in both.clone() {
                let other = both.clone().find(|other| *other != end);
                self.at_end[end].push(Meeting { pair, other });
            }
        }
        self.pairs[pair].insert(&ready);
        let index = ready.index;
        self.copies[index] = Some((ready, pair));
    }

    /// A copy waits no longer.
    pub fn remove(&mut self, index: usize) {
        let Some((ready, pair)) = self.copies[index].take() else { return };
        self.pairs[pair].remove(&ready);
        if self.pairs[pair].first.is_none() {
            for end in ends_of(self.pairs[pair].ends, self.brokers) {
                self.at_end[end].retain(|meeting| meeting.pair != pair);
            }
        }
    }

    /// Says of a copy how soon a disk passes its limit that it takes load off; nothing where it does not wait.
    pub fn press(&mut self, index: usize, presses: Option<u8>) {
        let Some((ready, pair)) = &mut self.copies[index] else { return };
        self.pairs[*pair].remove(ready);
        ready.presses = presses;
        self.pairs[*pair].insert(ready);
    }

    /// How many pairs there are.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// The brokers of a pair.
    pub fn ends(&self, pair: usize) -> Ends {
        self.pairs[pair].ends
    }

    /// The pairs with this end between which something waits.
    pub fn at_end(&self, end: usize) -> &[Meeting] {
        &self.at_end[end]
    }

    /// The first to start between a pair whose backlogs are these.
    pub fn first(&self, pair: usize, burden: Burden) -> Option<Rank> {
        self.pairs[pair].first.map(|(claim, size)| (claim, burden, size))
    }

    /// The first to start between a pair whose backlogs are these, of those behind a place in the order of all.
    pub fn first_behind(&self, pair: usize, burden: Burden, place: Rank) -> Option<Rank> {
        const LARGEST: Size = (Reverse(u64::MAX), 0);
        const SMALLEST: Size = (Reverse(0), usize::MAX);
        let (claim, than, size) = place;
        let from = match burden.cmp(&than) {
            Ordering::Less => Bound::Excluded((claim, SMALLEST)),
            Ordering::Equal => Bound::Excluded((claim, size)),
            Ordering::Greater => Bound::Included((claim, LARGEST)),
        };
        let (claim, size) = *self.pairs[pair].copies.range((from, Bound::Unbounded)).next()?;
        Some((claim, burden, size))
    }
}

impl Pair {
    fn insert(&mut self, ready: &Ready) {
        self.copies.insert((ready.claim(), ready.size()));
        self.first = self.copies.first().copied();
    }

    fn remove(&mut self, ready: &Ready) {
        self.copies.remove(&(ready.claim(), ready.size()));
        self.first = self.copies.first().copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(index: usize, presses: Option<u8>, chain_bytes: f64) -> Ready {
        Ready { index, repairs: false, presses, source: Some(0), onto: Some(1), chain_bytes }
    }

    fn order(waiting: &Waiting, burden: Burden, behind: Option<Rank>) -> Vec<usize> {
        let next = |rank: &Rank| waiting.first_behind(0, burden, *rank);
        let first = behind.map_or(waiting.first(0, burden), |rank| next(&rank));
        let ranks = std::iter::successors(first, next);
        ranks.map(|(_, _, (_, index))| index).collect()
    }

    #[test]
    fn copies_of_a_pair_come_by_what_presses_and_by_size_and_from_any_place_of_the_order() {
        let (short, long) = ((Reverse(1), Reverse(1)), (Reverse(2), Reverse(1)));
        let mut waiting = Waiting::new(5, 2);
        for (index, bytes) in [1.0, 3.0, 3.0, 9.0, 2.0].into_iter().enumerate() {
            waiting.add(ready(index, None, bytes), 1);
        }
        waiting.press(4, Some(3));
        assert_eq!(order(&waiting, short, None), [4, 3, 1, 2, 0]);
        let (_, _, first) = waiting.first(0, short).unwrap();
        let pressing = Some(((true, 3), short, first));
        assert_eq!(order(&waiting, short, pressing), [3, 1, 2, 0], "behind itself");
        assert_eq!(order(&waiting, long, pressing), [3, 1, 2, 0], "a busier pair has come already");
        let busier = Some(((true, 3), long, first));
        assert_eq!(order(&waiting, short, busier), [4, 3, 1, 2, 0], "a busier pair came first");
        for index in 0..5 {
            assert_eq!(waiting.at_end(2)[0].other, Some(1), "broker 0 sends to broker 1");
            waiting.remove(index);
        }
        assert!(waiting.at_end(1).is_empty() && waiting.at_end(2).is_empty());
        assert_eq!(waiting.first(0, short), None);
    }
}
