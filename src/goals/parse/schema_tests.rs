//! Tests that `goals/schema.json` says what the parser reads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::table::{COMMON_KEYS, RuleName};
use crate::goals::{GOALS_SCHEMA, GoalSet};

fn schema() -> Value {
    serde_json::from_str(GOALS_SCHEMA).expect("the schema is JSON")
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn the_schema_has_the_keys_of_each_rule_and_no_others() {
    let schema = schema();
    assert_eq!(keys(&schema["properties"]), BTreeSet::from(["format", "name", "description", "goal"]));
    for (name, rule) in RuleName::ALL {
        let read: BTreeSet<&str> = COMMON_KEYS.iter().chain(rule.keys()).copied().collect();
        let described = &schema["$defs"][name];
        assert_eq!(keys(&described["properties"]), read, "{name}");
        assert_eq!(described["properties"]["rule"]["const"], name);
        assert_eq!(described["additionalProperties"], false, "{name}");
    }
}

#[test]
fn every_key_that_is_read_belongs_to_a_rule() {
    // The parser names all keys it knows when it meets one that is near to none of them.
    let text = "format = \"evenkeel-goals/1\"\nname = \"x\"\n[[goal]]\nzzzzzzzzzzzzzzzzzzzzzzzzzzzzz = 1\n";
    let error = GoalSet::parse(text).unwrap_err();
    let known = error.hint().unwrap().strip_prefix("known here: ").unwrap();
    let known: BTreeSet<&str> = known.split(", ").collect();
    let of_rules = RuleName::ALL.iter().flat_map(|(_, rule)| rule.keys()).chain(&COMMON_KEYS);
    assert_eq!(known, of_rules.copied().collect());
}

/// What is wrong with a value under a schema, as far as ours goes: a few keywords of JSON Schema, and a panic for others.
fn wrong(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            found.push(format!("{place}: {what}"));
        }
    };
    let number = |limit: &Value| limit.as_f64().expect("a limit is a number");
    let length = value.as_array().map_or(0, Vec::len).max(value.as_object().map_or(0, serde_json::Map::len));
    let length = length.max(value.as_str().map_or(0, str::len)) as u64;
    let mut inner = Vec::new();
    for (keyword, said) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$ref" => {
                let path = said.as_str().and_then(|path| path.strip_prefix('#')).expect("a path below #");
                inner.extend(wrong(root, root.pointer(path).expect("the path exists"), value, place));
            }
            "type" => check(has_type(value, said.as_str().expect("one type")), format!("is no {said}")),
            "const" => check(value == said, format!("is not {said}")),
            "enum" => check(said.as_array().is_some_and(|all| all.contains(value)), format!("not in {said}")),
            "minimum" => check(value.as_f64().is_none_or(|own| own >= number(said)), format!("below {said}")),
            "maximum" => check(value.as_f64().is_none_or(|own| own <= number(said)), format!("above {said}")),
            "minLength" | "minItems" | "minProperties" => {
                check(said.as_u64().is_some_and(|least| length >= least), format!("fewer than {said}"));
            }
            "maxItems" => {
                check(said.as_u64().is_some_and(|most| length <= most), format!("more than {said}"));
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    inner.extend(wrong(root, said, item, &format!("{place}[{at}]")));
                }
            }
            "properties" => {
                for (key, own) in value.as_object().into_iter().flatten() {
                    match said.get(key) {
                        Some(schema) => inner.extend(wrong(root, schema, own, &format!("{place}.{key}"))),
                        None => check(false, format!("has no `{key}`")),
                    }
                }
            }
            "required" => {
                for key in said.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    check(value.get(key).is_some(), format!("lacks `{key}`"));
                }
            }
            "oneOf" => {
                let fits = |schema: &&Value| wrong(root, schema, value, place).is_empty();
                let fitting = said.as_array().expect("a list").iter().filter(fits).count();
                check(fitting == 1, format!("fits {fitting} of its alternatives"));
            }
            "$schema" | "$id" | "$defs" | "title" | "description" | "additionalProperties" => {}
            other => panic!("the test does not know the keyword {other}"),
        }
    }
    found.extend(inner);
    found
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the test does not know the type {other}"),
    }
}

fn wrong_in(text: &str) -> Vec<String> {
    let schema = schema();
    wrong(&schema, &schema, &toml::from_str(text).expect("TOML"), "file")
}

#[test]
fn shipped_sets_fit_the_schema() {
    for name in GoalSet::shipped_names() {
        let text = GoalSet::shipped_text(name).expect("it is shipped");
        assert_eq!(wrong_in(text), Vec::<String>::new(), "{name}");
        assert!(text.starts_with("#:schema ./schema.json\n"), "{name}: editors find the schema by this line");
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let head = "format = \"evenkeel-goals/1\"\nname = \"x\"\n[[goal]]\nname = \"g\"\n";
    for goal in [
        "tier = 10\nrule = \"spread\"\nover = \"rack\"",
        "tier = 1\nrule = \"spread\"\nover = \"shelf\"",
        "tier = 1\nrule = \"spread\"\nover = \"rack\"\nband = 0.1",
        "tier = 1\nrule = \"capacity\"\nresource = \"disk\"",
        "tier = 1\nrule = \"capacity\"\nresource = \"disk\"\nmax-share = 0.5\nmax-count = 5",
        "tier = 1\nrule = \"minimum\"\ntopics = \"a\"\nof = \"leaders\"\nleast = \"even\"",
    ] {
        let text = format!("{head}{goal}\n");
        assert!(GoalSet::parse(&text).is_err() && !wrong_in(&text).is_empty(), "{goal}");
    }
    let good = format!("{head}tier = 1\nrule = \"spread\"\nover = \"rack\"\ntopics = [\"a\", \"b\"]\n");
    assert!(GoalSet::parse(&good).is_ok() && wrong_in(&good).is_empty());
}
