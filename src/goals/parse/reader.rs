//! [`Reader`]: turns tables into goals, and says where something is wrong.

use toml::Spanned;

use super::table::{NumberOrWord, OneOrMany, RuleName, Table};
use crate::base::{BrokerId, RackId, one_line};
use crate::config::{ConfigError, nearest};
use crate::goals::{Brokers, Goal, GoalError, Tier, TopicPattern, Topics};

/// Turns tables into goals; keeps the text, to tell lines.
pub(super) struct Reader<'a> {
    pub text: &'a str,
}

impl Reader<'_> {
    /// Something is wrong at this place.
    pub fn wrong<T>(&self, at: &Spanned<T>, problem: impl Into<String>, hint: &str) -> GoalError {
        let before = self.text.get(..at.span().start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        GoalError::Malformed(ConfigError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            // Words of the file stand in it.
            problem: one_line(&problem.into(), 1_000),
            hint: Some(hint.to_owned()),
        })
    }

    /// Refuses a name that cannot be told to a person.
    pub fn name(&self, name: &Spanned<String>, whose: &str) -> Result<(), GoalError> {
        let text = name.get_ref();
        if text.trim().is_empty() {
            return Err(self.wrong(name, "the name is empty", &format!("give the {whose} a name")));
        }
        if text.chars().any(char::is_control) {
            let problem = format!("the name `{text}` has letters in it that cannot be shown");
            return Err(self.wrong(name, problem, "a name is one line of plain text"));
        }
        Ok(())
    }

    /// Reads one goal.
    pub fn goal(&self, spanned: &Spanned<Table>) -> Result<Goal, GoalError> {
        let table = spanned.get_ref();
        self.name(&table.name, "goal")?;
        self.only(table)?;
        let rule = match table.rule.get_ref() {
            RuleName::Spread => self.spread(table)?,
            RuleName::Capacity => self.capacity(table)?,
            RuleName::Balance => self.balance(table)?,
            RuleName::Minimum => self.minimum(table)?,
            RuleName::Placement => self.placement(table)?,
            RuleName::Leadership => self.leadership(table)?,
        };
        let weight = match &table.weight {
            None => 1.0,
            Some(weight) => self.within(weight, "weight", 0.001, 1000.0)?,
        };
        Ok(Goal { name: table.name.get_ref().clone(), tier: self.tier(&table.tier)?, weight, rule })
    }

    fn tier(&self, tier: &Spanned<NumberOrWord>) -> Result<Tier, GoalError> {
        let hint = "a tier is \"must\" or 1 to 9";
        match tier.get_ref() {
            NumberOrWord::Word(word) if word == "must" => Ok(Tier::Must),
            NumberOrWord::Number(number) => match u8::try_from(*number) {
                Ok(tier @ 1..=9) => Ok(Tier::Want(tier)),
                _ => Err(self.wrong(tier, format!("there is no tier {number}"), hint)),
            },
            NumberOrWord::Word(word) => Err(self.wrong(tier, format!("there is no tier `{word}`"), hint)),
        }
    }

    /// Refuses keys of other rules: a band on a capacity would else be forgotten in silence.
    fn only(&self, table: &Table) -> Result<(), GoalError> {
        let allowed = table.rule.get_ref().keys();
        let Some((key, span)) = table.given().find(|(key, _)| !allowed.contains(key)) else { return Ok(()) };
        let problem = format!("the rule of goal `{}` does not take `{key}`", table.name.get_ref());
        let takes = format!("it takes: {}", allowed.join(", "));
        let hint = match nearest(key, allowed.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? {takes}"),
            None => takes,
        };
        Err(self.wrong(&Spanned::new(span, ()), problem, &hint))
    }

    /// A key that the rule cannot do without.
    pub fn needed<'t, T>(
        &self,
        table: &Table,
        key: &str,
        value: Option<&'t Spanned<T>>,
        mend: &str,
    ) -> Result<&'t Spanned<T>, GoalError> {
        let problem = || format!("goal `{}` lacks the key `{key}`", table.name.get_ref());
        value.ok_or_else(|| self.wrong(&table.rule, problem(), mend))
    }

    /// Refuses a key that makes no sense beside the others.
    pub fn without<T>(&self, value: Option<&Spanned<T>>, problem: &str, hint: &str) -> Result<(), GoalError> {
        value.map_or(Ok(()), |value| Err(self.wrong(value, problem, hint)))
    }

    /// A number within bounds; not-a-number is within none.
    pub fn within(&self, value: &Spanned<f64>, key: &str, least: f64, most: f64) -> Result<f64, GoalError> {
        let number = *value.get_ref();
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        let hint = format!("`{key}` is a number from {least} to {most}");
        Err(self.wrong(value, format!("`{key}` is {number}"), &hint))
    }

    /// The topics that a goal is about. Without `topics` all are meant, with an empty list none.
    pub fn topics(&self, table: &Table) -> Result<Topics, GoalError> {
        let only = table.topics.as_ref().map(|topics| self.patterns(topics)).transpose()?;
        let except = table.except_topics.as_ref().map(|topics| self.patterns(topics)).transpose()?;
        match only {
            Some(only) if only.is_empty() => Ok(Topics::none()),
            only => Ok(Topics { only: only.unwrap_or_default(), except: except.unwrap_or_default() }),
        }
    }

    fn patterns(&self, texts: &Spanned<OneOrMany>) -> Result<Vec<TopicPattern>, GoalError> {
        let read = |at: &Spanned<()>, text: &str| {
            text.parse::<TopicPattern>().map_err(|error| {
                let hint = "a pattern is a regular expression over the whole name, such as `orders` or `orders\\..*`";
                self.wrong(at, error.to_string(), hint)
            })
        };
        match texts.get_ref() {
            OneOrMany::One(text) => Ok(vec![read(&Spanned::new(texts.span(), ()), text)?]),
            OneOrMany::Many(list) => {
                list.iter().map(|text| read(&Spanned::new(text.span(), ()), text.get_ref())).collect()
            }
        }
    }

    /// Brokers by id and rack; at least one has to be named. `at` is where to point when none is.
    pub fn brokers<T>(
        &self,
        at: &Spanned<T>,
        brokers: Option<&Spanned<Vec<Spanned<i64>>>>,
        racks: Option<&Spanned<Vec<Spanned<String>>>>,
    ) -> Result<Brokers, GoalError> {
        let mut named = Brokers::default();
        for id in brokers.into_iter().flat_map(Spanned::get_ref) {
            let known = i32::try_from(*id.get_ref()).ok().filter(|id| *id >= 0).map(BrokerId);
            let known = known.ok_or_else(|| {
                self.wrong(
                    id,
                    format!("{} is not a broker id", id.get_ref()),
                    "an id is a whole number from 0",
                )
            })?;
            named.ids.push(known);
        }
        for rack in racks.into_iter().flat_map(Spanned::get_ref) {
            if rack.get_ref().trim().is_empty() {
                return Err(self.wrong(rack, "the name of a rack is empty", "take it off the list"));
            }
            named.racks.push(RackId::from(rack.get_ref().as_str()));
        }
        if named.ids.is_empty() && named.racks.is_empty() {
            let hint = "add `brokers = [1, 2]` or `racks = [\"az-a\"]`";
            return Err(self.wrong(at, "no broker is named", hint));
        }
        Ok(named)
    }
}
