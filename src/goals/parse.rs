//! Reads goal files: TOML of the form `evenkeel-goals/1`, strictly.

use serde::Deserialize;
use toml::Spanned;

use super::{Attribute, Balance, Capacity, Goal, GoalError, GoalSet, Limit, Rule, Spread, Tier};
use crate::config::{ConfigError, parse_toml};
use crate::model::Resource;

const FORMAT: &str = "evenkeel-goals/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Spanned<String>,
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    goal: Vec<Spanned<Table>>,
}

/// One `[[goal]]`, with the keys of all rules; which of them a rule takes is checked afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    name: Spanned<String>,
    rule: Spanned<RuleName>,
    tier: Spanned<TierName>,
    weight: Option<Spanned<f64>>,
    over: Option<Spanned<Over>>,
    resource: Option<Spanned<Resource>>,
    max_share: Option<Spanned<f64>>,
    max_count: Option<Spanned<f64>>,
    band: Option<Spanned<f64>>,
    aim: Option<Spanned<f64>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum RuleName {
    Spread,
    Capacity,
    Balance,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Over {
    Rack,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TierName {
    Number(i64),
    Word(String),
}

impl GoalSet {
    /// Reads a goal file.
    ///
    /// # Errors
    /// The text is not a goal file; the error names line and key, and the nearest known name of one that is unknown.
    pub fn parse(text: &str) -> Result<Self, GoalError> {
        let file: File = parse_toml(text)?;
        let reader = Reader { text };
        if file.format.get_ref() != FORMAT {
            let problem = format!("the format is `{}`", file.format.get_ref());
            return Err(reader.wrong(&file.format, problem, &format!("write `format = \"{FORMAT}\"`")));
        }
        if file.name.get_ref().trim().is_empty() {
            return Err(reader.wrong(&file.name, "the name is empty", "give the set a name"));
        }
        let mut goals: Vec<Goal> = Vec::with_capacity(file.goal.len());
        for table in &file.goal {
            let goal = reader.goal(table)?;
            if goals.iter().any(|other| other.name == goal.name) {
                let problem = format!("a second goal is named `{}`", goal.name);
                return Err(reader.wrong(&table.get_ref().name, problem, "give each goal a name of its own"));
            }
            goals.push(goal);
        }
        if goals.is_empty() {
            return Err(reader.wrong(&file.name, "the set has no goals", "add a `[[goal]]` table"));
        }
        Ok(Self { name: file.name.into_inner(), description: file.description, goals })
    }
}

/// Turns tables into goals; keeps the text, to tell lines.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn wrong<T>(&self, at: &Spanned<T>, problem: impl Into<String>, hint: &str) -> GoalError {
        let before = self.text.get(..at.span().start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        GoalError::Malformed(ConfigError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: problem.into(),
            hint: Some(hint.to_owned()),
        })
    }

    fn goal(&self, spanned: &Spanned<Table>) -> Result<Goal, GoalError> {
        let table = spanned.get_ref();
        if table.name.get_ref().trim().is_empty() {
            return Err(self.wrong(&table.name, "the name is empty", "give the goal a name"));
        }
        let rule = match table.rule.get_ref() {
            RuleName::Spread => self.spread(spanned)?,
            RuleName::Capacity => self.capacity(spanned)?,
            RuleName::Balance => self.balance(spanned)?,
        };
        let weight = match &table.weight {
            None => 1.0,
            Some(weight) => self.within(weight, "weight", 0.001, 1000.0)?,
        };
        Ok(Goal { name: table.name.get_ref().clone(), tier: self.tier(&table.tier)?, weight, rule })
    }

    fn tier(&self, tier: &Spanned<TierName>) -> Result<Tier, GoalError> {
        match tier.get_ref() {
            TierName::Word(word) if word == "must" => Ok(Tier::Must),
            TierName::Number(number @ 1..=9) => {
                Ok(Tier::Want(u8::try_from(*number).expect("1 to 9 fits into a byte")))
            }
            TierName::Number(other) => {
                Err(self.wrong(tier, format!("there is no tier {other}"), "a tier is \"must\" or 1 to 9"))
            }
            TierName::Word(other) => {
                Err(self.wrong(tier, format!("there is no tier `{other}`"), "a tier is \"must\" or 1 to 9"))
            }
        }
    }

    fn spread(&self, spanned: &Spanned<Table>) -> Result<Rule, GoalError> {
        let table = spanned.get_ref();
        self.only(spanned, &["over"])?;
        let Over::Rack = self.needed(spanned, "over", table.over.as_ref())?.get_ref();
        Ok(Rule::Spread(Spread { over: Attribute::Rack, topics: super::Topics::default() }))
    }

    fn capacity(&self, spanned: &Spanned<Table>) -> Result<Rule, GoalError> {
        let table = spanned.get_ref();
        self.only(spanned, &["resource", "max-share", "max-count"])?;
        let named = self.needed(spanned, "resource", table.resource.as_ref())?;
        let resource = *named.get_ref();
        let limit = match (&table.max_share, &table.max_count) {
            (Some(share), None) if resource.is_count() => {
                return Err(self.wrong(
                    share,
                    "a count has no capacity to take a share of",
                    "use `max-count`",
                ));
            }
            (Some(share), None) => Limit::Share(self.within(share, "max-share", 0.01, 1.0)?),
            (None, Some(count)) => Limit::Count(self.within(count, "max-count", 0.0, 1e18)?),
            (Some(_), Some(count)) => {
                return Err(self.wrong(
                    count,
                    "both `max-share` and `max-count` are given",
                    "keep one of them",
                ));
            }
            (None, None) => {
                return Err(self.wrong(named, "the limit is missing", "add `max-share` or `max-count`"));
            }
        };
        Ok(Rule::Capacity(Capacity { resource, limit, scope: super::Scope::Broker, survive: None }))
    }

    fn balance(&self, spanned: &Spanned<Table>) -> Result<Rule, GoalError> {
        let table = spanned.get_ref();
        self.only(spanned, &["resource", "band", "aim"])?;
        let resource = *self.needed(spanned, "resource", table.resource.as_ref())?.get_ref();
        let band = self.needed(spanned, "band", table.band.as_ref())?;
        let band = self.within(band, "band", 0.001, 1.0)?;
        let aim = match &table.aim {
            None => 0.9,
            Some(aim) => self.within(aim, "aim", 0.1, 1.0)?,
        };
        Ok(Rule::Balance(Balance { aim, ..Balance::of(resource, band) }))
    }

    fn within(&self, value: &Spanned<f64>, key: &str, least: f64, most: f64) -> Result<f64, GoalError> {
        let number = *value.get_ref();
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        let hint = format!("`{key}` is a number from {least} to {most}");
        Err(self.wrong(value, format!("`{key}` is {number}"), &hint))
    }

    fn needed<'t, T>(
        &self,
        table: &Spanned<Table>,
        key: &str,
        value: Option<&'t Spanned<T>>,
    ) -> Result<&'t Spanned<T>, GoalError> {
        let name = table.get_ref().name.get_ref();
        value.ok_or_else(|| {
            let problem = format!("goal `{name}` lacks the key `{key}`");
            self.wrong(&table.get_ref().rule, problem, "every rule needs its own keys")
        })
    }

    /// Refuses keys of other rules: a band on a capacity would else be forgotten in silence.
    fn only(&self, spanned: &Spanned<Table>, allowed: &[&str]) -> Result<(), GoalError> {
        let table = spanned.get_ref();
        let given = [
            ("over", table.over.as_ref().map(Spanned::span)),
            ("resource", table.resource.as_ref().map(Spanned::span)),
            ("max-share", table.max_share.as_ref().map(Spanned::span)),
            ("max-count", table.max_count.as_ref().map(Spanned::span)),
            ("band", table.band.as_ref().map(Spanned::span)),
            ("aim", table.aim.as_ref().map(Spanned::span)),
        ];
        for (key, span) in given {
            if let Some(span) = span.filter(|_| !allowed.contains(&key)) {
                let problem = format!("the rule of goal `{}` does not take `{key}`", table.name.get_ref());
                let hint = format!("it takes: {}", allowed.join(", "));
                return Err(self.wrong(&Spanned::new(span, ()), problem, &hint));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
