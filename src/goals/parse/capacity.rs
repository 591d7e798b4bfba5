//! Reads goals of the rule `capacity`.

use toml::Spanned;

use super::reader::Reader;
use super::table::Table;
use crate::goals::{Capacity, GoalError, Limit, Rule, Scope, Survive};
use crate::model::Resource;

impl Reader<'_> {
    pub(super) fn capacity(&self, table: &Table) -> Result<Rule, GoalError> {
        let hint = "add what is limited, such as `resource = \"disk\"`";
        let named = self.needed(table, "resource", table.resource.as_ref(), hint)?;
        let resource = *named.get_ref();
        let scope: Scope = table.scope.as_ref().map_or(Scope::Broker, |scope| (*scope.get_ref()).into());
        if scope == Scope::LogDir {
            self.log_dir(table, resource)?;
            self.without(
                table.survive.as_ref(),
                "a log directory does not survive its broker",
                "take away `survive`, or use `scope = \"broker\"`",
            )?;
            self.without(
                table.max_count_by_cores.as_ref(),
                "a log directory has no cores",
                "use `max-share` or `max-count`",
            )?;
        }
        let limit = self.limit(table, named)?;
        Ok(Rule::Capacity(Capacity {
            resource,
            limit,
            scope,
            survive: table.survive.as_ref().map(|_| Survive::AnyOneRack),
        }))
    }

    fn limit(&self, table: &Table, resource: &Spanned<Resource>) -> Result<Limit, GoalError> {
        let keys = ["max-share", "max-count", "max-count-by-cores"];
        let mut given = table.given().filter(|(key, _)| keys.contains(key));
        let hint = "add `max-share`, `max-count` or `max-count-by-cores`";
        let Some((first, _)) = given.next() else {
            return Err(self.wrong(resource, "the limit is missing", hint));
        };
        if let Some((second, span)) = given.next() {
            let problem = format!("both `{first}` and `{second}` are given");
            return Err(self.wrong(&Spanned::new(span, ()), problem, "keep one of them"));
        }
        if let Some(share) = &table.max_share {
            if resource.get_ref().is_count() {
                let problem = "a count has no capacity to take a share of";
                return Err(self.wrong(share, problem, "use `max-count`"));
            }
            return Ok(Limit::Share(self.within(share, "max-share", 0.01, 1.0)?));
        }
        if let Some(count) = &table.max_count {
            return Ok(Limit::Count(self.within(count, "max-count", 0.0, 1e18)?));
        }
        let rows = self.needed(table, "max-count-by-cores", table.max_count_by_cores.as_ref(), hint)?;
        self.by_cores(rows)
    }

    fn by_cores(&self, rows: &Spanned<Vec<Spanned<(f64, f64)>>>) -> Result<Limit, GoalError> {
        let hint = "write rows of cores and count by rising cores, such as `[[2, 1000], [8, 2000]]`";
        let mut read: Vec<(f64, f64)> = Vec::new();
        for row in rows.get_ref() {
            let (cores, count) = *row.get_ref();
            if !(0.0..=1e6).contains(&cores) || !(0.0..=1e18).contains(&count) {
                return Err(self.wrong(row, format!("the row [{cores}, {count}] cannot be"), hint));
            }
            if read.last().is_some_and(|(before, _)| *before >= cores) {
                let problem = format!("the row of {cores} cores does not come after one of fewer");
                return Err(self.wrong(row, problem, hint));
            }
            read.push((cores, count));
        }
        if read.is_empty() {
            return Err(self.wrong(rows, "`max-count-by-cores` has no rows", hint));
        }
        Ok(Limit::CountByCores(read))
    }

    /// Log directories have disk and nothing else.
    pub(super) fn log_dir(&self, table: &Table, resource: Resource) -> Result<(), GoalError> {
        if resource == Resource::Disk {
            return Ok(());
        }
        let problem = format!("log directories have no {}", resource.name());
        self.without(table.scope.as_ref(), &problem, "use `resource = \"disk\"`, or another scope")
    }
}
