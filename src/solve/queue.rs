//! [`Queue`]: candidates by what they promise, best first; ties go to the lower ordinals, so that the order is fixed.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::model::{BrokerOrd, PartitionOrd};

/// A replica (or leadership) on a broker that may be worth moving.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// What it promised when last looked at: gain per byte.
    pub worth: f64,
    pub partition: PartitionOrd,
    pub from: BrokerOrd,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth
            .total_cmp(&other.worth)
            .then_with(|| other.partition.cmp(&self.partition))
            .then_with(|| other.from.cmp(&self.from))
    }
}

/// The share of the best worth that is as good.
const NEARLY: f64 = 0.97;

/// Candidates, best first. Those that were there from the start lie in order, which is faster to read through than a
/// heap that does not fit the processor's cache; only those that come back are in a heap.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The best one last.
    sorted: Vec<Candidate>,
    back: BinaryHeap<Candidate>,
}

impl Queue {
    pub fn from_vec(mut candidates: Vec<Candidate>) -> Self {
        candidates.sort_unstable();
        Self { sorted: candidates, back: BinaryHeap::new() }
    }

    fn peek(&self) -> Option<&Candidate> {
        self.sorted.last().max(self.back.peek())
    }

    pub fn pop(&mut self) -> Option<Candidate> {
        if self.back.peek() > self.sorted.last() { self.back.pop() } else { self.sorted.pop() }
    }

    /// Whether a candidate of this worth, just looked at anew, still goes before all others, or as good as: every
    /// change shifts all worths a little, and to wait for the exact order would mean to look at most of them again.
    pub fn is_still_best(&self, candidate: &Candidate) -> bool {
        self.peek().is_none_or(|next| {
            candidate >= next || (candidate.worth > 0.0 && candidate.worth >= NEARLY * next.worth)
        })
    }

    pub fn push(&mut self, candidate: Candidate) {
        self.back.push(candidate);
    }
}
