//! What the judge found, as text.

use super::Style;
use super::layout::{Page, count, indent, prose};
use crate::plan::Judgement;

/// How many findings of a kind are listed.
const LISTED_MAX: usize = 20;

/// Renders what the judge found.
pub fn judgement_text(judgement: &Judgement, style: Style) -> String {
    let verdict = if judgement.is_ok() {
        style.good("The plan may be carried out")
    } else {
        style.bad("The plan may NOT be carried out")
    };
    let looked = format!(
        "{} in {} gone through step by step",
        count(judgement.partitions, "partition", "partitions"),
        count(judgement.waves, "wave", "waves")
    );
    let mut page = Page::new(style, &verdict, &looked);
    let broken = judgement.broken.iter().map(ToString::to_string);
    page.section("Promises that it would break", &listed(style, broken, judgement.broken.len()));
    let changed = judgement.stale.iter().map(|row| {
        let expected: Vec<String> = row.expected.iter().map(ToString::to_string).collect();
        format!("{}: the plan starts from [{}], found {}", row.partition, expected.join(", "), row.found)
    });
    page.section("Not as the plan believes", &listed(style, changed, judgement.stale.len()));
    page.section("Notes", &listed(style, judgement.notes.iter().cloned(), judgement.notes.len()));
    page.finish()
}

fn listed(style: Style, lines: impl Iterator<Item = String>, all: usize) -> String {
    let mut text: String = lines.take(LISTED_MAX).map(|line| prose(style, &line)).collect();
    if all > LISTED_MAX {
        text += &indent(&format!("... and {} more; `--format json` holds them all", all - LISTED_MAX));
    }
    text
}
