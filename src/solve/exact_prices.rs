//! Prices of disk space for `exact`: what bytes on a broker that has too many, or too few, are worth. With them the
//! least that the undecided partitions can cost is a sum of minima, one for each partition.
//!
//! For any prices that sum is a lower bound (Lagrange); the best prices are looked for by going a shrinking step
//! against what is beyond the bounds.

use super::exact::Bound;
use super::exact_places::{Place, Slot};

/// Steps towards the best prices.
const STEPS: usize = 150;

pub(super) struct Prices {
    /// By broker, in bytes copied per byte held: positive where there is too much, negative where there is too little.
    price: Vec<f64>,
    /// What the bounds give back.
    given: f64,
    /// By depth: the least that the partitions from there on come to.
    rest: Vec<f64>,
}

impl Prices {
    /// Prices for placements from nothing: `base` is what stands on brokers whatever is decided.
    pub fn new(slots: &[Slot], bounds: &[Bound], base: &[f64]) -> Self {
        let brokers = base.len();
        let range = |broker: usize| {
            let low = bounds.iter().map(|bound| bound.low[broker]).fold(0.0, f64::max);
            let high = bounds.iter().map(|bound| bound.high[broker]).fold(f64::INFINITY, f64::min);
            (low - base[broker], high - base[broker])
        };
        let ranges: Vec<(f64, f64)> = (0..brokers).map(range).collect();
        let mut best = Self { price: vec![0.0; brokers], given: 0.0, rest: Vec::new() };
        best.add_up(slots, &ranges);
        let mut now = best.price.clone();
        let unit = slots.iter().map(|slot| slot.size).fold(0.0, f64::max).max(1.0);
        for step in 0..STEPS {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred steps")]
            let length = 0.5 / (1.0 + step as f64 / 4.0);
            let mut loads = vec![0.0; brokers];
            for slot in slots {
                let cheapest = slot.places.iter().min_by(|x, y| {
                    let cost = |place: &Place| place.price + priced(&now, slot.size, place);
                    cost(x).total_cmp(&cost(y))
                });
                cheapest.into_iter().flat_map(|place| &place.brokers).for_each(|b| loads[*b] += slot.size);
            }
            for (broker, price) in now.iter_mut().enumerate() {
                let (low, high) = ranges[broker];
                let beyond =
                    if loads[broker] > high { loads[broker] - high } else { (loads[broker] - low).min(0.0) };
                // Inside its bounds a broker's space is worth nothing: its price fades.
                let pull = if beyond == 0.0 { -0.2 * *price } else { (beyond / unit).clamp(-1.0, 1.0) };
                *price = (*price + length * pull).clamp(-3.0, 3.0);
                if !high.is_finite() {
                    *price = price.min(0.0);
                }
            }
            let mut tried = Self { price: now.clone(), given: 0.0, rest: Vec::new() };
            tried.add_up(slots, &ranges);
            if tried.least(0.0, 0) > best.least(0.0, 0) {
                best = tried;
            }
        }
        best
    }

    fn add_up(&mut self, slots: &[Slot], ranges: &[(f64, f64)]) {
        let of_broker = |(price, (low, high)): (&f64, &(f64, f64))| {
            if *price > 0.0 { -price * high } else { -price * low }
        };
        self.given = self.price.iter().zip(ranges).filter(|(price, _)| **price != 0.0).map(of_broker).sum();
        self.rest = vec![0.0; slots.len() + 1];
        for (depth, slot) in slots.iter().enumerate().rev() {
            let costs = slot.places.iter().map(|place| self.of(slot.size, place));
            self.rest[depth] = self.rest[depth + 1] + costs.fold(f64::INFINITY, f64::min);
        }
    }

    /// What a place costs by these prices.
    pub fn of(&self, size: f64, place: &Place) -> f64 {
        place.price + priced(&self.price, size, place)
    }

    /// The least that anything within the bounds costs, when what is decided comes to so much.
    pub fn least(&self, decided: f64, depth: usize) -> f64 {
        decided + self.rest[depth] + self.given
    }
}

fn priced(price: &[f64], size: f64, place: &Place) -> f64 {
    place.brokers.iter().map(|broker| price[*broker]).sum::<f64>() * size
}
