//! Reads goals of the rule `balance`.

use super::reader::Reader;
use super::table::Table;
use crate::goals::{Balance, GoalError, Per, Rule, Scope, Side};
use crate::model::Resource;

/// The widest band around a mean that is a share of it: beyond, nothing is ever too little.
const BAND_MAX: f64 = 1.0;

/// The widest band within a topic: means are small there, often below 1, and so a band is a multiple of them.
const BAND_MAX_OF_TOPIC: f64 = 10.0;

impl Reader<'_> {
    pub(super) fn balance(&self, table: &Table) -> Result<Rule, GoalError> {
        let hint = "add what is levelled, such as `resource = \"disk\"`";
        let resource = *self.needed(table, "resource", table.resource.as_ref(), hint)?.get_ref();
        let band =
            self.needed(table, "band", table.band.as_ref(), "add `band = 0.1` for 10 % of the mean")?;
        let per: Per = table.per.as_ref().map_or(Per::Cluster, |per| (*per.get_ref()).into());
        let scope: Scope = table.scope.as_ref().map_or(Scope::Broker, |scope| (*scope.get_ref()).into());
        self.check_levels(table, resource, per, scope)?;
        let most = if per == Per::Topic { BAND_MAX_OF_TOPIC } else { BAND_MAX };
        let band = self.within(band, "band", 0.001, most)?;
        let aim = match &table.aim {
            None => 0.9,
            Some(aim) => self.within(aim, "aim", 0.1, 1.0)?,
        };
        let (min_gap, max_gap) = self.gaps(table)?;
        Ok(Rule::Balance(Balance {
            aim,
            per,
            scope,
            topics: self.topics(table)?,
            side: table.side.as_ref().map_or(Side::Both, |side| (*side.get_ref()).into()),
            min_gap,
            max_gap,
            floor_share: self.floor_share(table, resource)?,
            ..Balance::of(resource, band)
        }))
    }

    /// Refuses what cannot be levelled against each other.
    fn check_levels(
        &self,
        table: &Table,
        resource: Resource,
        per: Per,
        scope: Scope,
    ) -> Result<(), GoalError> {
        if per == Per::Topic {
            if !resource.is_count() {
                let problem = format!("{} is not levelled by topic", resource.name());
                let hint = "use `resource = \"replicas\"` or \"leaders\", or take away `per`";
                return self.without(table.per.as_ref(), &problem, hint);
            }
            if scope != Scope::Broker {
                let hint = "take away `scope`";
                return self.without(table.scope.as_ref(), "topics are levelled over brokers only", hint);
            }
            return Ok(());
        }
        let (problem, hint) =
            ("what brokers carry is of all topics", "add `per = \"topic\"`, or take it away");
        self.without(table.topics.as_ref(), problem, hint)?;
        self.without(table.except_topics.as_ref(), problem, hint)?;
        if scope == Scope::LogDir {
            self.log_dir(table, resource)?;
            let problem = "log directories are levelled within their broker";
            if per == Per::Rack {
                return self.without(table.per.as_ref(), problem, "take away `per`");
            }
        }
        if scope == Scope::Rack && per == Per::Rack {
            let problem = "a rack cannot be level with itself";
            return self.without(table.per.as_ref(), problem, "take away `per` or `scope`");
        }
        Ok(())
    }

    fn gaps(&self, table: &Table) -> Result<(Option<f64>, Option<f64>), GoalError> {
        let min = table.min_gap.as_ref().map(|gap| self.within(gap, "min-gap", 0.0, 1e18)).transpose()?;
        let max = table.max_gap.as_ref().map(|gap| self.within(gap, "max-gap", 0.0, 1e18)).transpose()?;
        if let (Some(least), Some(most)) = (min, max)
            && least > most
        {
            let problem = format!("`max-gap` {most} is less than `min-gap` {least}");
            self.without(table.max_gap.as_ref(), &problem, "exchange the two")?;
        }
        Ok((min, max))
    }

    fn floor_share(&self, table: &Table, resource: Resource) -> Result<Option<f64>, GoalError> {
        let Some(share) = &table.floor_share else { return Ok(None) };
        if resource.is_count() {
            let problem = "a count has no capacity to take a share of";
            return Err(self.wrong(share, problem, "use `min-gap`, or take it away"));
        }
        self.within(share, "floor-share", 0.0, 1.0).map(Some)
    }
}
