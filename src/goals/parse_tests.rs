//! Tests of goal files: what is read, and what is refused with which words.

use super::*;

const HEAD: &str = "format = \"evenkeel-goals/1\"\nname = \"x\"\n";

/// The error of a file with this goal, as `line: problem | hint`.
fn refusal(goal: &str) -> String {
    match GoalSet::parse(&format!("{HEAD}[[goal]]\n{goal}")) {
        Err(GoalError::Malformed(error)) => {
            format!("{}: {} | {}", error.line, error.problem, error.hint.unwrap_or_default())
        }
        other => panic!("should be refused: {other:?}"),
    }
}

#[test]
fn shipped_sets_are_sound() {
    for name in GoalSet::shipped_names() {
        let set = GoalSet::shipped(name).unwrap();
        assert_eq!(set.name, name);
        assert!(!set.description.is_empty());
    }
    assert_eq!(GoalSet::shipped("default").unwrap().goals.len(), 12);
    let error = GoalSet::shipped("disk_only").unwrap_err();
    assert_eq!(error.hint(), Some("did you mean `disk-only`?"));
}

#[test]
fn a_goal_is_read_whole() {
    let text = format!(
        "{HEAD}[[goal]]\nname = \"d\"\nrule = \"balance\"\nresource = \"disk\"\nband = 0.2\ntier = 3\nweight = 2\n"
    );
    let set = GoalSet::parse(&text).unwrap();
    let rule = Rule::Balance(Balance::of(Resource::Disk, 0.2));
    assert_eq!(set.goals, [Goal { name: "d".into(), tier: Tier::Want(3), weight: 2.0, rule }]);
}

#[test]
fn unknown_names_get_the_nearest_known_one_and_the_line() {
    let wrong = refusal("name = \"d\"\nrule = \"balanse\"\ntier = 1\n");
    assert_eq!(wrong, "5: unknown value `balanse` | did you mean `balance`?");
    let wrong = refusal("name = \"d\"\nrule = \"balance\"\ntier = 1\nresource = \"dsk\"\nband = 0.1\n");
    assert_eq!(wrong, "7: unknown value `dsk` | did you mean `disk`?");
    let wrong =
        refusal("name = \"d\"\nrule = \"capacity\"\ntier = 1\nresource = \"disk\"\nmax-shares = 0.1\n");
    assert_eq!(wrong, "8: unknown key `max-shares` | did you mean `max-share`?");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let disk = "name = \"d\"\ntier = 1\nresource = \"disk\"\n";
    for (goal, part) in [
        ("rule = \"balance\"\nband = nan\n", "`band` is NaN"),
        ("rule = \"balance\"\nband = -0.1\n", "`band` is -0.1"),
        ("rule = \"balance\"\n", "lacks the key `band`"),
        ("rule = \"balance\"\nband = 0.1\nmax-share = 0.5\n", "does not take `max-share`"),
        ("rule = \"capacity\"\nmax-share = 80\n", "`max-share` is 80"),
        ("rule = \"capacity\"\nmax-share = 0.8\nmax-count = 5\n", "both `max-share` and `max-count`"),
        ("rule = \"capacity\"\n", "the limit is missing"),
        ("rule = \"balance\"\nband = 0.1\nweight = 0\n", "`weight` is 0"),
    ] {
        let wrong = refusal(&format!("{disk}{goal}"));
        assert!(wrong.contains(part), "{wrong}");
    }
    assert!(refusal("name = \"d\"\ntier = 0\nrule = \"spread\"\nover = \"rack\"\n").contains("no tier 0"));
    assert!(
        refusal("name = \"d\"\ntier = \"may\"\nrule = \"spread\"\nover = \"rack\"\n")
            .contains("no tier `may`")
    );
    let one = "name = \"d\"\ntier = 1\nrule = \"spread\"\nover = \"rack\"\n";
    assert!(refusal(&format!("{one}[[goal]]\n{one}")).starts_with("9: a second goal is named `d`"));
}

#[test]
fn the_head_is_checked() {
    let error = GoalSet::parse("format = \"evenkeel-goals/2\"\nname = \"x\"\n").unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    assert!(GoalSet::parse(HEAD).unwrap_err().to_string().contains("no goals"));
}
