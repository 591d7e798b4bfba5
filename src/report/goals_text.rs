//! Goal sets as text.

use super::Style;
use super::layout::{Page, Side, table};
use crate::goals::{Attribute, Goal, GoalSet, Limit, Rule};

/// One line for each set.
pub fn goal_sets_text(sets: &[GoalSet], style: Style) -> String {
    let rows =
        sets.iter().map(|set| vec![set.name.clone(), set.goals.len().to_string(), set.description.clone()]);
    table(style, &[("set", Side::Left), ("goals", Side::Right), ("what it wants", Side::Left)], rows)
}

/// What a set asks for, goal by goal.
pub fn goal_set_text(set: &GoalSet, style: Style) -> String {
    let rows = set
        .goals
        .iter()
        .map(|goal| vec![goal.tier.to_string(), goal.name.clone(), format!("{}", goal.weight), wanted(goal)]);
    let columns =
        [("tier", Side::Left), ("goal", Side::Left), ("weight", Side::Right), ("what it wants", Side::Left)];
    let mut page = Page::new(style, &format!("Goals `{}`", set.name), &set.description);
    page.section(
        "Tiers come first to last; a lower one never spoils a higher one",
        &table(style, &columns, rows),
    );
    page.finish()
}

/// A goal in words.
fn wanted(goal: &Goal) -> String {
    match &goal.rule {
        Rule::Spread(rule) => match rule.over {
            Attribute::Host => "replicas of a partition on distinct hosts".to_owned(),
            Attribute::Rack => "replicas of a partition on distinct racks, or as evenly as can be".to_owned(),
        },
        Rule::Capacity(rule) => match &rule.limit {
            Limit::Share(share) => {
                format!("{} of a broker at most {:.0} % of its capacity", rule.resource.name(), share * 100.0)
            }
            Limit::Count(count) => format!("{} of a broker at most {count}", rule.resource.name()),
            Limit::CountByCores(_) => format!("{} of a broker limited by its cores", rule.resource.name()),
        },
        Rule::Balance(rule) => {
            format!("{} of each broker within {:.0} % of the mean", rule.resource.name(), rule.band * 100.0)
        }
        Rule::Minimum(_) => "each broker has its share of some topics".to_owned(),
        Rule::Placement(_) => "some topics stand where they should".to_owned(),
        Rule::Leadership(_) => "partitions are led by whom they should".to_owned(),
    }
}
