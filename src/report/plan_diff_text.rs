//! What a plan changes, as text.

use super::Style;
use super::layout::{Page, Side, count, indent, prose, table};
use crate::ask::{Change, ChangeOfTwo, ClusterDiff, PlanName, PlansDiff, StandingChange, Stands};
use crate::base::BrokerId;

/// Renders what a plan changes against a cluster. At most `most` changes of a kind are listed, all where that is absent.
pub fn cluster_diff_text(diff: &ClusterDiff, most: Option<usize>, style: Style) -> String {
    let cluster = diff.cluster_id.as_deref().unwrap_or("without an id");
    let below = format!("cluster {cluster}, seen {}", diff.taken_at);
    let mut page = Page::new(style, &title("Plan", &diff.plan), &below);
    let of = |wanted: fn(&Stands) -> bool| -> Vec<&StandingChange> {
        diff.changes.iter().filter(|change| wanted(&change.stands)).collect()
    };
    let to_do = of(|stands| *stands == Stands::ToDo);
    let done = of(|stands| *stands == Stands::Done);
    let void = of(|stands| matches!(stands, Stands::Void { .. }));
    if diff.other_cluster {
        page.section("Verdict", &prose(style, &style.bad("void: it is for another cluster")));
        return page.finish();
    }
    page.section("Verdict", &prose(style, &verdict(to_do.len(), done.len(), void.len(), style)));
    page.section("To do", &standing(&to_do, most, style));
    page.section("As the plan wants it already", &standing(&done, most, style));
    page.section("Not as the plan believes", &standing(&void, most, style));
    page.finish()
}

fn verdict(to_do: usize, done: usize, void: usize, style: Style) -> String {
    let changes = |number| count(number, "change", "changes");
    match (to_do, done, void) {
        (0, 0, 0) => "it changes nothing".to_owned(),
        (_, 0, 0) => style.good(&format!("it fits: {} to do", changes(to_do))),
        (0, _, 0) => format!("all of it is so already: {}", changes(done)),
        // A plan is carried out exactly as it is, or not at all.
        _ => style.bad(&format!(
            "void, the cluster has changed since it was made: {} to do, {done} so already, {void} not as the plan believes",
            changes(to_do)
        )),
    }
}

fn standing(changes: &[&StandingChange], most: Option<usize>, style: Style) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let rows = changes.iter().take(most.unwrap_or(changes.len())).map(|change| {
        let found = match &change.stands {
            Stands::Void { found } => found.clone(),
            Stands::ToDo | Stands::Done => String::new(),
        };
        vec![change.partition.to_string(), words(&change.change), change.bytes.to_string(), found]
    });
    let columns =
        [("partition", Side::Left), ("change", Side::Left), ("copies", Side::Right), ("found", Side::Left)];
    // Only what is void was found otherwise.
    let has_found = changes.iter().any(|change| matches!(change.stands, Stands::Void { .. }));
    let width = if has_found { columns.len() } else { columns.len() - 1 };
    let rows = rows.map(|row| row.into_iter().take(width).collect());
    table(style, &columns[..width], rows) + &rest(changes.len(), most)
}

/// Renders two plans beside one another.
pub fn plans_diff_text(diff: &PlansDiff, most: Option<usize>, style: Style) -> String {
    let below = title("and plan", &diff.right);
    let mut page = Page::new(style, &title("Plan", &diff.left), &below);
    page.section("Price", &prices(&diff.left, &diff.right, style));
    let only = |wanted: fn(&ChangeOfTwo) -> bool| -> Vec<&ChangeOfTwo> {
        diff.different.iter().filter(|change| wanted(change)).collect()
    };
    let summary = if diff.different.is_empty() {
        style.good(&format!("both make the same changes: {}", diff.same))
    } else {
        let differ = count(diff.different.len(), "change differs", "changes differ");
        format!("{differ}, {} the same", diff.same)
    };
    page.section("Changes", &prose(style, &summary));
    let of_two = |changes: Vec<&ChangeOfTwo>| of_two(&changes, most, style);
    page.section("In both, and not the same", &of_two(only(|it| it.left.is_some() && it.right.is_some())));
    page.section("Only in the first", &of_two(only(|it| it.right.is_none())));
    page.section("Only in the second", &of_two(only(|it| it.left.is_none())));
    page.finish()
}

fn title(word: &str, plan: &PlanName) -> String {
    format!("{word} {}: {}", plan.id, plan.operation)
}

fn prices(left: &PlanName, right: &PlanName, style: Style) -> String {
    let row = |name: &str, of: &dyn Fn(&PlanName) -> String| vec![name.to_owned(), of(left), of(right)];
    let mut rows = vec![
        row("made for the cluster of", &|plan| plan.observed_at.to_string()),
        row("bytes to copy", &|plan| plan.bytes.to_string()),
        row("replicas copied", &|plan| plan.replica_moves.to_string()),
        row("leader changes", &|plan| plan.leader_changes.to_string()),
    ];
    if left.log_dir_moves + right.log_dir_moves > 0 {
        rows.push(row("moved between log directories", &|plan| plan.log_dir_moves.to_string()));
    }
    table(style, &[("", Side::Left), ("first", Side::Right), ("second", Side::Right)], rows)
}

fn of_two(changes: &[&ChangeOfTwo], most: Option<usize>, style: Style) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let in_words = |change: &Option<Change>| change.as_ref().map(words);
    let rows = changes.iter().take(most.unwrap_or(changes.len())).map(|row| {
        let sides = [in_words(&row.left), in_words(&row.right)];
        std::iter::once(row.partition.to_string()).chain(sides.into_iter().flatten()).collect::<Vec<_>>()
    });
    let both = changes.iter().all(|row| row.left.is_some() && row.right.is_some());
    let text = if both {
        let columns = [("partition", Side::Left), ("first", Side::Left), ("second", Side::Left)];
        table(style, &columns, rows)
    } else {
        table(style, &[("partition", Side::Left), ("change", Side::Left)], rows)
    };
    text + &rest(changes.len(), most)
}

/// Says how many were left out of a list.
fn rest(all: usize, most: Option<usize>) -> String {
    match most.filter(|most| *most < all) {
        None => String::new(),
        Some(most) => indent(&format!("... and {} more; --all lists them", all - most)),
    }
}

fn words(change: &Change) -> String {
    let list = |brokers: &[BrokerId]| brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match change {
        Change::Replicas { from, to } => format!("{} → {}", list(from), list(to)),
        Change::Leader { replicas } => format!("{}: the first leads", list(replicas)),
        Change::LogDir { broker, from, to } => format!("log directory on broker {broker}: {from} → {to}"),
    }
}
