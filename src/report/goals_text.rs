//! Goal sets as text.

use super::Style;
use super::layout::{Page, Side, table};
use crate::goals::GoalSet;

/// One line for each set.
pub fn goal_sets_text(sets: &[GoalSet], style: Style) -> String {
    let rows =
        sets.iter().map(|set| vec![set.name.clone(), set.goals.len().to_string(), set.description.clone()]);
    table(style, &[("set", Side::Left), ("goals", Side::Right), ("what it wants", Side::Left)], rows)
}

/// What a set asks for, goal by goal.
pub fn goal_set_text(set: &GoalSet, style: Style) -> String {
    let rows = set.goals.iter().map(|goal| {
        vec![goal.tier.to_string(), goal.name.clone(), format!("{}", goal.weight), goal.rule.in_words()]
    });
    let columns =
        [("tier", Side::Left), ("goal", Side::Left), ("weight", Side::Right), ("what it wants", Side::Left)];
    let mut page = Page::new(style, &format!("Goals `{}`", set.name), &set.description);
    page.section(
        "Tiers come first to last; a lower one never spoils a higher one",
        &table(style, &columns, rows),
    );
    page.finish()
}

/// A set for programs: the keys of its file as they stand there, and each goal in words under `in-words`.
/// `text` is the file that `set` was read from.
///
/// # Panics
/// `text` is not TOML, so no set was read from it.
pub fn goal_set_json(set: &GoalSet, text: &str) -> String {
    let read: Result<serde_json::Value, _> = toml::from_str(text);
    let mut json = read.expect("the set was read from this text");
    let tables = json.get_mut("goal").and_then(|goals| goals.as_array_mut());
    for (table, goal) in tables.into_iter().flatten().zip(&set.goals) {
        table["in-words"] = goal.rule.in_words().into();
    }
    format!("{json:#}\n")
}
