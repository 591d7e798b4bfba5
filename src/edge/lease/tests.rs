//! Keys, pieces and deletions: what stands in the topic, without one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::holder::{Beat, Holder};
use super::message::{self, Message, VALUE_MAX};
use super::shelf::{Ledger, Shelf};
use super::standing::{Standing, retell};
use crate::base::{BrokerId, Bytes, TopicPartition};
use crate::control::{Entry, ExecutionId, Recollection, Record};
use crate::execute::{End, ExecuteSettings, Fact, Outcome, StepEnd};
use crate::plan::{Plan, bare_plan};

fn id(text: &str) -> ExecutionId {
    ExecutionId::from_text(text)
}

fn at(at_ms: u64, record: Record) -> Entry {
    Entry { at_ms, record }
}

/// The beginning of an execution whose plan is as large as `words`.
fn began(execution: &ExecutionId, words: &str) -> Entry {
    let plan = Plan { operation: words.to_owned(), is_empty: false, ..bare_plan(Vec::new()) };
    let (plan, settings) = (Box::new(plan), Box::<ExecuteSettings>::default());
    at(1, Record::Began { execution: execution.clone(), plan, settings, by: "a test".to_owned() })
}

fn theirs(execution: &ExecutionId, settings: &[&str]) -> Entry {
    let settings: BTreeSet<String> = settings.iter().map(ToString::to_string).collect();
    at(2, Record::Fact { execution: execution.clone(), fact: Fact::Theirs { settings } })
}

fn ended(execution: &ExecutionId) -> Entry {
    let steps = vec![(TopicPartition::new("t", 0), StepEnd::Done)];
    let (bytes_copied, took) = (Bytes(7), Duration::from_secs(9));
    let outcome = Outcome { end: End::Done, steps, bytes_copied, took, left: Vec::new() };
    at(3, Record::Ended { execution: execution.clone(), outcome: Box::new(outcome) })
}

fn messages(entries: &[Entry]) -> Vec<Message> {
    entries.iter().flat_map(|entry| Message::of(entry).expect("JSON")).collect()
}

fn keys(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.key.as_str()).collect()
}

fn shelf(messages: &[Message]) -> Shelf {
    let mut shelf = Shelf::default();
    for (offset, message) in (0..).zip(messages) {
        shelf.take(offset, &message.key, message.value.as_deref()).expect("readable");
    }
    shelf
}

#[test]
fn entries_stand_under_their_keys_and_history_stays_at_home() {
    let run = id("1-a");
    let happened = at(2, Record::Happened { execution: run.clone(), text: "moved".to_owned() });
    let intent = at(2, Record::Intent { execution: run.clone(), commands: Vec::new() });
    let removed = at(2, Record::Removed { broker: BrokerId(7), removed: true });
    let all = messages(&[began(&run, "x"), happened, intent, theirs(&run, &["a"]), removed, ended(&run)]);
    assert_eq!(keys(&all), ["entry/1-a/began", "entry/1-a/theirs", "entry/removed/7", "entry/1-a/ended"]);
    let told = String::from_utf8_lossy(all[3].value.as_deref().expect("a value"));
    assert!(told.contains("\"steps\":[]"), "how each step ended is history: {told}");
    assert_eq!(message::execution_ended("entry/1-a/ended"), Some(run.clone()));
    assert_eq!(message::execution_ended("entry/1-a/list/t/ended"), None);
    assert!(message::is_about("part/1-a/began/0", &run) && !message::is_about("entry/1-ab/began", &run));
}

#[test]
fn what_is_too_large_for_a_record_is_cut_and_put_together() {
    let run = id("1-a");
    let entries = [began(&run, &"wörter ".repeat(VALUE_MAX / 4)), theirs(&run, &["a"])];
    let all = messages(&entries);
    let parts: Vec<&str> = keys(&all).into_iter().filter(|key| key.starts_with("part/")).collect();
    assert_eq!(parts, ["part/1-a/began/0", "part/1-a/began/1", "part/1-a/began/2"]);
    assert!(all.iter().all(|message| message.value.as_ref().is_some_and(|value| value.len() <= VALUE_MAX)));
    let standing = shelf(&all).standing().expect("readable");
    assert_eq!(standing.recollection, Recollection::of(entries));

    let mut torn = all.clone();
    torn.remove(1);
    let told = shelf(&torn).standing().expect_err("a piece is missing").to_string();
    assert!(told.contains("1-a/began") && told.contains("piece 1 of 3"), "{told}");
    let mut short = all.clone();
    short[2].value.as_mut().expect("a value").pop();
    assert!(shelf(&short).standing().is_err(), "a piece is not whole");
}

#[test]
fn what_is_shorter_now_leaves_no_piece_behind() {
    let run = id("1-a");
    let long = messages(&[began(&run, &"x".repeat(VALUE_MAX * 2))]);
    let mut ledger = Ledger::default();
    assert_eq!(ledger.overhang(&long), []);
    ledger.note(&long);
    let middle = messages(&[began(&run, &"x".repeat(VALUE_MAX))]);
    assert_eq!(keys(&ledger.overhang(&middle)), ["part/1-a/began/2"]);
    let short = messages(&[began(&run, "x")]);
    assert_eq!(keys(&ledger.overhang(&short)), ["part/1-a/began/0", "part/1-a/began/1", "part/1-a/began/2"]);
}

#[test]
fn an_execution_that_has_ended_leaves_its_end_and_nothing_else() {
    let (run, next) = (id("1-a"), id("2-a"));
    let all = messages(&[
        began(&run, &"x".repeat(VALUE_MAX)),
        theirs(&run, &["a"]),
        began(&next, "y"),
        ended(&run),
    ]);
    let mut ledger = Ledger::default();
    ledger.note(&all);
    let doomed = ["entry/1-a/began", "entry/1-a/theirs", "part/1-a/began/0", "part/1-a/began/1"];
    assert_eq!(keys(&ledger.deletions(500)), doomed);
    assert_eq!(keys(&ledger.deletions(3)), &doomed[..3], "not more at once than is asked for");
    let mut shelf = shelf(&[all, ledger.deletions(3)].concat());
    ledger.deleted(3);
    assert_eq!(keys(&ledger.deletions(3)), &doomed[3..]);
    // A holder that died before it had tidied up: the next one goes on with it.
    assert_eq!(keys(&Ledger::of(shelf.keys()).deletions(500)), &doomed[3..]);
    for message in ledger.deletions(500) {
        shelf.take(99, &message.key, None).expect("readable");
    }
    assert_eq!(shelf.keys(), ["entry/1-a/ended", "entry/2-a/began"].map(str::to_owned).into());
    let standing = shelf.standing().expect("readable");
    assert_eq!(standing.ended.keys().collect::<Vec<_>>(), [&run]);
    let unfinished: Vec<_> = standing.recollection.unfinished().map(|found| &found.execution).collect();
    assert_eq!(unfinished, [&next]);
}

#[test]
fn only_the_latest_ends_are_kept() {
    let mut ledger = Ledger::default();
    for run in 0..40 {
        ledger.note(&messages(&[ended(&id(&format!("{run:02}-a")))]));
    }
    let doomed = ledger.deletions(500);
    assert_eq!(doomed.len(), 8);
    assert_eq!((doomed[0].key.as_str(), doomed[7].key.as_str()), ("entry/00-a/ended", "entry/07-a/ended"));
}

#[test]
fn the_sign_of_life_is_no_entry_and_what_nobody_can_read_is_not_guessed() {
    let beat = Beat::first(Holder::this_process("test"));
    let sign = Message::beat(&beat).expect("JSON");
    let found = shelf(std::slice::from_ref(&sign));
    assert_eq!(found.beat(), Some(&beat));
    assert_eq!(found.inheritance().expect("readable").last, None, "nobody was there before");
    let heir = Beat::first(Holder::this_process("heir"));
    let [claim, again] = [&heir, &heir.next()].map(|beat| Message::beat(beat).expect("JSON"));
    let found = shelf(&[sign, claim, again]);
    assert_eq!(found.inheritance().expect("readable").last, Some(beat));
    assert_eq!(found.standing().expect("readable").last.map(|beat| beat.beat), Some(1));
    assert!(found.keys().is_empty());
    let strange = Message { key: "entry/x".to_owned(), value: Some(b"{\"novel\":1}".to_vec()) };
    let told = shelf(&[strange]).standing().expect_err("unreadable").to_string();
    assert!(told.contains("`entry/x`"), "{told}");
    // What a later version keeps beside is left alone.
    let beside = Message { key: "novel/x".to_owned(), value: Some(b"?".to_vec()) };
    assert!(shelf(&[beside]).standing().is_ok());
}

#[test]
fn the_topic_knows_better_than_a_machine_that_was_away() {
    let (over, on, here) = (id("1-a"), id("2-a"), id("3-a"));
    let shared =
        [began(&over, "x"), began(&on, "y"), theirs(&on, &["late"]), ended(&over)].into_iter().collect();
    let standing = Standing::of(shared, None);
    // This machine was gone when the first ended and the second went on; the third ran without a lease.
    let local = Recollection::of([began(&over, "x"), began(&on, "y"), began(&here, "z")]);
    let unfinished = standing.unfinished(&local);
    assert_eq!(unfinished.iter().map(|found| &found.execution).collect::<Vec<_>>(), [&on, &here]);
    assert_eq!(
        Some(&unfinished[0]),
        standing.recollection.unfinished().next(),
        "with what it must not forget"
    );

    let mut caught_up = local.clone();
    let told = standing.ended.values().cloned().chain(unfinished.iter().flat_map(retell));
    told.for_each(|entry| caught_up.take(entry));
    assert_eq!(caught_up.unfinished().cloned().collect::<Vec<_>>(), unfinished);
}

/// What both journals come to when they were told the news.
fn told(standing: &Standing, local: &Recollection, ended_here: &[Entry]) -> (Recollection, Recollection) {
    let ended = ended_here.iter().filter_map(|end| Some((end.record.execution()?.clone(), end.clone())));
    let news = standing.news(local, &ended.collect());
    let (mut here, mut there) = (local.clone(), standing.recollection.clone());
    for entry in news.local {
        here.take(entry);
    }
    for entry in news.shared {
        there.take(entry);
    }
    (here, there)
}

#[test]
fn two_journals_that_were_told_the_news_know_the_same() {
    let (over, on, here, gone) = (id("1-a"), id("2-a"), id("3-a"), id("4-a"));
    let mark = |at_ms, broker, removed| at(at_ms, Record::Removed { broker: BrokerId(broker), removed });
    let shared = vec![
        began(&over, "x"),
        began(&on, "y"),
        theirs(&on, &["late"]),
        ended(&over),
        began(&gone, "g"),
        mark(10, 1, true),
        mark(30, 2, false),
    ];
    let standing = Standing::of(shared, None);
    let local = Recollection::of([
        began(&over, "x"),
        began(&on, "y"),
        began(&here, "z"),
        mark(20, 1, false),
        mark(10, 2, true),
        mark(5, 3, true),
    ]);
    // The fourth ended here while there was no lease.
    let (mine, theirs) = told(&standing, &local, &[ended(&gone)]);
    assert_eq!(mine, theirs);
    assert_eq!(mine.unfinished().map(|found| &found.execution).collect::<Vec<_>>(), [&on, &here]);
    assert_eq!(mine.unfinished().next(), standing.recollection.unfinished().next(), "as far as it got");
    assert_eq!(mine.removed().collect::<Vec<_>>(), [BrokerId(3)], "the later word counts");

    // What both know is not told again.
    let same = Standing { recollection: mine.clone(), ..standing };
    let again = same.news(&mine, &BTreeMap::new());
    assert!(again.local.is_empty() && again.shared.is_empty(), "{again:?}");
}

#[test]
fn what_began_and_did_not_end_is_worth_a_wakeful_standby() {
    let run = id("1-a");
    assert!(!shelf(&messages(&[])).has_unfinished());
    assert!(shelf(&messages(&[began(&run, "x")])).has_unfinished());
    assert!(!shelf(&messages(&[began(&run, "x"), ended(&run)])).has_unfinished());
    assert!(shelf(&messages(&[ended(&run), began(&id("2-a"), "x")])).has_unfinished());
}
