//! Reads goals of the rules that are about topics: `spread`, `minimum`, `placement` and `leadership`.

use super::reader::Reader;
use super::table::{By, DemandName, NumberOrWord, Table};
use crate::goals::{Demand, GoalError, Leadership, Leads, Least, Minimum, Placement, Rule, Spread};

impl Reader<'_> {
    pub(super) fn spread(&self, table: &Table) -> Result<Rule, GoalError> {
        let hint = "add `over = \"rack\"` or \"host\"";
        let over = *self.needed(table, "over", table.over.as_ref(), hint)?.get_ref();
        Ok(Rule::Spread(Spread { over: over.into(), topics: self.topics(table)? }))
    }

    pub(super) fn minimum(&self, table: &Table) -> Result<Rule, GoalError> {
        let hint = "add what is counted: `of = \"leaders\"` or \"replicas\"";
        let of = *self.needed(table, "of", table.of.as_ref(), hint)?.get_ref();
        // Few topics have a partition for each broker: asked of all it could hardly ever be met.
        let hint = "name the topics that have partitions enough, such as `topics = \"orders\"`";
        self.needed(table, "topics", table.topics.as_ref(), hint)?;
        let hint = "`least` is a whole number from 1, or \"even-share\"";
        let least = self.needed(table, "least", table.least.as_ref(), hint)?;
        let read = match least.get_ref() {
            NumberOrWord::Word(word) if word == "even-share" => Some(Least::EvenShare),
            NumberOrWord::Word(_) => None,
            NumberOrWord::Number(number) => {
                u32::try_from(*number).ok().filter(|count| *count > 0).map(Least::Count)
            }
        };
        let Some(read) = read else {
            let given = match least.get_ref() {
                NumberOrWord::Word(word) => format!("`{word}`"),
                NumberOrWord::Number(number) => number.to_string(),
            };
            return Err(self.wrong(least, format!("`least` is {given}"), hint));
        };
        Ok(Rule::Minimum(Minimum { topics: self.topics(table)?, of: of.into(), least: read }))
    }

    pub(super) fn placement(&self, table: &Table) -> Result<Rule, GoalError> {
        let hint = "add `demand = \"on\"`, \"off\", \"within-one-of\" or \"hold\"";
        let demand = self.needed(table, "demand", table.demand.as_ref(), hint)?;
        let named = || self.brokers(demand, table.brokers.as_ref(), table.racks.as_ref());
        let no_sets = "only \"within-one-of\" has sets";
        let hint = "use `brokers` and `racks`, or `demand = \"within-one-of\"`";
        let read = match demand.get_ref() {
            DemandName::On => {
                self.without(table.sets.as_ref(), no_sets, hint)?;
                Demand::On(named()?)
            }
            DemandName::Off => {
                self.without(table.sets.as_ref(), no_sets, hint)?;
                Demand::Off(named()?)
            }
            DemandName::WithinOneOf => self.sets(table)?,
            DemandName::Hold => {
                let (problem, hint) = ("what is held stands where it stands", "take it away, or use \"on\"");
                self.without(table.brokers.as_ref(), problem, hint)?;
                self.without(table.racks.as_ref(), problem, hint)?;
                self.without(table.sets.as_ref(), problem, hint)?;
                Demand::Hold
            }
        };
        Ok(Rule::Placement(Placement { topics: self.topics(table)?, demand: read }))
    }

    fn sets(&self, table: &Table) -> Result<Demand, GoalError> {
        let (problem, hint) = (
            "\"within-one-of\" takes `sets`",
            "write `sets = [{ brokers = [1, 2] }, { racks = [\"az-b\"] }]`",
        );
        self.without(table.brokers.as_ref(), problem, hint)?;
        self.without(table.racks.as_ref(), problem, hint)?;
        let sets = self.needed(table, "sets", table.sets.as_ref(), hint)?;
        if sets.get_ref().is_empty() {
            return Err(self.wrong(sets, "there is no set to stand within", hint));
        }
        let read = sets.get_ref().iter().map(|set| {
            let table = set.get_ref();
            self.brokers(set, table.brokers.as_ref(), table.racks.as_ref())
        });
        Ok(Demand::WithinOneOf(read.collect::<Result<_, _>>()?))
    }

    pub(super) fn leadership(&self, table: &Table) -> Result<Rule, GoalError> {
        let hint = "add who should lead: `by = \"first-replica\"`, \"on\" or \"off\"";
        let by = self.needed(table, "by", table.by.as_ref(), hint)?;
        let named = || self.brokers(by, table.brokers.as_ref(), table.racks.as_ref());
        let read = match by.get_ref() {
            By::FirstReplica => {
                let (problem, hint) =
                    ("the first replica is wherever the list says", "take it away, or use \"on\"");
                self.without(table.brokers.as_ref(), problem, hint)?;
                self.without(table.racks.as_ref(), problem, hint)?;
                Leads::FirstReplica
            }
            By::On => Leads::On(named()?),
            By::Off => Leads::Off(named()?),
        };
        Ok(Rule::Leadership(Leadership { topics: self.topics(table)?, by: read }))
    }
}
