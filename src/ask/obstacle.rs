//! [`Obstacle`]: what speaks against other brokers, drawn together by what decides.

use std::collections::BTreeMap;

use serde::Serialize;

use super::effect::{EPSILON, Effect};
use crate::base::BrokerId;
use crate::goals::Tier;
use crate::model::{BrokerOrd, ClusterModel};

/// What speaks against some brokers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Obstacle {
    /// Whether these brokers are in the replica's rack.
    pub same_rack: bool,
    /// `not-eligible`, `breaks-must`, `worse`, `no-gain` or `gains`.
    pub kind: &'static str,
    /// The goal that decides.
    pub goal: Option<String>,
    /// The goal's tier.
    pub tier: Option<String>,
    /// The brokers.
    pub brokers: Vec<BrokerId>,
    /// Why, for the worst of them.
    pub text: String,
}

/// What decides about a broker, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decides {
    NotEligible,
    Must(usize),
    Worse(Tier, usize),
    NoGain,
    Gains(Tier, usize),
}

/// Obstacles drawn together by what decides.
#[derive(Default)]
pub(super) struct Found {
    /// By whether the rack is another one, then by what decides.
    groups: BTreeMap<(bool, Decides), (f64, Obstacle)>,
}

impl Found {
    /// Takes the first goal, by tier, that the change bears on: that is how tiers are meant.
    pub fn judge(
        &mut self,
        model: &ClusterModel,
        same_rack: bool,
        broker: BrokerOrd,
        effects: &[Effect<'_>],
    ) {
        let tiers = || effects.iter().map(|effect| effect.goal.tier);
        let Some(first) = tiers().min() else {
            let text = "no goal would gain".to_owned();
            return self.add(model, same_rack, broker, Decides::NoGain, (0.0, None, text));
        };
        let of_tier = || effects.iter().filter(|effect| effect.goal.tier == first);
        let sum: f64 = of_tier().map(|effect| effect.worse_by * effect.goal.weight).sum();
        let worst = of_tier().max_by(|one, other| one.worse_by.total_cmp(&other.worse_by));
        let best = of_tier().min_by(|one, other| one.worse_by.total_cmp(&other.worse_by));
        // Of two musts neither is given up for the other.
        let breaks =
            |effect: &&Effect<'_>| sum > EPSILON || (first == Tier::Must && effect.worse_by > EPSILON);
        if let Some(effect) = worst.filter(breaks) {
            let decides = match first {
                Tier::Must => Decides::Must(effect.place),
                tier @ Tier::Want(_) => Decides::Worse(tier, effect.place),
            };
            self.add(model, same_rack, broker, decides, (effect.worse_by, Some(effect), effect.text.clone()));
        } else if let Some(effect) = best {
            let text =
                "it would gain by this alone; the proposal reaches as much with other moves, or finds it \
                        near enough"
                    .to_owned();
            let decides = Decides::Gains(first, effect.place);
            self.add(model, same_rack, broker, decides, (-effect.worse_by, Some(effect), text));
        }
    }

    pub fn add(
        &mut self,
        model: &ClusterModel,
        same_rack: bool,
        broker: BrokerOrd,
        decides: Decides,
        (badness, effect, text): (f64, Option<&Effect<'_>>, String),
    ) {
        let id = model.brokers[broker.index()].id;
        let kind = match decides {
            Decides::NotEligible => "not-eligible",
            Decides::Must(_) => "breaks-must",
            Decides::Worse(..) => "worse",
            Decides::NoGain => "no-gain",
            Decides::Gains(..) => "gains",
        };
        let (worst, obstacle) = self.groups.entry((!same_rack, decides)).or_insert_with(|| {
            let goal = effect.map(|effect| effect.goal.name.clone());
            let tier = effect.map(|effect| effect.goal.tier.to_string());
            (badness, Obstacle { same_rack, kind, goal, tier, brokers: Vec::new(), text: text.clone() })
        });
        obstacle.brokers.push(id);
        if badness > *worst {
            (*worst, obstacle.text) = (badness, text);
        }
    }

    pub fn obstacles(self) -> Vec<Obstacle> {
        self.groups.into_values().map(|(_, obstacle)| obstacle).collect()
    }
}
