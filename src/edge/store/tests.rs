//! The journal's file: whole after every append, a prefix of it after any cut, and refused after any damage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::journal::History;
use super::{ClusterDir, Holder, JournalReader, Lock, LockError, Role, SqliteJournal};
use crate::base::{BrokerId, Bytes, TimestampMs, TopicPartition};
use crate::control::{Entry, ExecutionId, Journal, JournalError, Record};
use crate::execute::{End, ExecuteSettings, Fact, OperatorRequest, Outcome, StopMode};
use crate::plan::{MoveStep, Plan, Price, Step, Wave, bare_plan};

fn holder() -> Holder {
    Holder {
        pid: std::process::id(),
        by: "tester@here: test".to_owned(),
        since: TimestampMs(5_000),
        troubles: Vec::new(),
    }
}

fn open(dir: &ClusterDir) -> SqliteJournal {
    let lock = Lock::take(dir, Role::Act, &holder()).expect("nobody else is there");
    SqliteJournal::open(dir, lock).expect("the journal opens").0
}

fn dir(folder: &tempfile::TempDir) -> ClusterDir {
    ClusterDir::of(folder.path(), Some("c-1"))
}

fn plan() -> Plan {
    let step = MoveStep {
        partition: TopicPartition::new("orders", 0),
        from: vec![BrokerId(1)],
        stages: vec![vec![BrokerId(2)]],
        size_bytes: Bytes(10),
        reason: "why".to_owned(),
    };
    Plan {
        cluster_id: Some("c-1".to_owned()),
        observed_at: TimestampMs(1_000),
        goal_set: "default".to_owned(),
        replication_factors: BTreeMap::from([("orders".into(), 3)]),
        price: Price { forecast_s: 0.1 + 0.2, ..Price::default() },
        ..bare_plan(vec![Wave { steps: vec![Step::Move(step)] }])
    }
}

fn entry(at_ms: u64, record: Record) -> Entry {
    Entry { at_ms, record }
}

fn id(at: u64) -> ExecutionId {
    ExecutionId::new(TimestampMs(at), plan().id)
}

fn began(at: u64) -> Entry {
    let (plan, settings) = (Box::new(plan()), Box::new(ExecuteSettings::default()));
    entry(at, Record::Began { execution: id(at), plan, settings, by: "tester@here: test".to_owned() })
}

fn theirs(at: u64, name: &str) -> Entry {
    let fact = Fact::Theirs { settings: BTreeSet::from([name.to_owned()]) };
    entry(at, Record::Fact { execution: id(at), fact })
}

fn happened(at: u64, text: &str) -> Entry {
    entry(at, Record::Happened { execution: id(at), text: text.to_owned() })
}

fn ended(at: u64) -> Entry {
    let (took, bytes_copied) = (Duration::from_secs(7), Bytes(10));
    let outcome = Outcome { end: End::Done, steps: Vec::new(), bytes_copied, took, left: Vec::new() };
    entry(at, Record::Ended { execution: id(at), outcome: Box::new(outcome) })
}

fn entries(dir: &ClusterDir) -> Result<Vec<Entry>, JournalError> {
    JournalReader::open(dir)?.map_or(Ok(Vec::new()), |reader| reader.entries())
}

fn copy(from: &ClusterDir, to: &Path) -> ClusterDir {
    let copy = ClusterDir::of(to, Some("c-1"));
    fs::create_dir_all(copy.path()).expect("a folder can be made");
    for name in ["journal.db", "journal.db-wal"] {
        let bytes = fs::read(from.path().join(name)).expect("the file can be read");
        fs::write(copy.path().join(name), bytes).expect("it can be written");
    }
    drop(fs::remove_file(copy.path().join("journal.db-shm")));
    copy
}

#[test]
fn what_was_appended_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    assert_eq!(entries(&dir), Ok(Vec::new()), "no journal is an empty one");
    let mut journal = open(&dir);
    let all = [began(1), theirs(1, "a"), happened(1, "it began"), theirs(1, "b")];
    for entry in &all {
        journal.append(std::slice::from_ref(entry)).unwrap();
    }
    // Of two facts with one key the last one counts, and the other is gone.
    let kept = vec![all[0].clone(), all[2].clone(), all[3].clone()];
    assert_eq!(entries(&dir), Ok(kept.clone()));
    drop(journal);
    assert_eq!(entries(&dir), Ok(kept), "and when its process is gone");
    let known = open(&dir).recollection().unwrap();
    let unfinished: Vec<_> = known.unfinished().collect();
    assert_eq!((unfinished.len(), &unfinished[0].plan), (1, &plan()));
    let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(rights(dir.path()), 0o700);
    for name in ["journal.db", "act.lock"] {
        assert_eq!(rights(&dir.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_log_cut_at_any_byte_is_a_prefix_of_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    let mut journal = open(&dir);
    let wal = dir.path().join("journal.db-wal");
    let size = |path: &Path| usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
    // After each append: how long the log is, and what the journal holds.
    let mut states = vec![(0, Vec::new())];
    for append in
        [vec![began(1), happened(1, "one")], vec![theirs(1, "a")], vec![theirs(1, "b"), happened(1, "two")]]
    {
        journal.append(&append).unwrap();
        states.push((size(&wal), entries(&dir).unwrap()));
    }
    let (before_last, whole) = (states[states.len() - 2].0, size(&wal));
    let other = tempfile::tempdir().unwrap();
    // Every byte of the last record, and every hundredth of those before it.
    let cuts = (0..before_last).step_by(101).chain(before_last..=whole);
    let copied = copy(&dir, other.path());
    for cut in cuts.rev() {
        let log = fs::OpenOptions::new().write(true).open(copied.path().join("journal.db-wal")).unwrap();
        log.set_len(cut as u64).unwrap();
        let (_, expected) = states.iter().rev().find(|(length, _)| *length <= cut).unwrap();
        assert_eq!(entries(&copied).as_ref(), Ok(expected), "cut at byte {cut} of {whole}");
    }
}

#[test]
fn a_flipped_bit_gives_a_prefix_or_a_refusal_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    let mut states = vec![Vec::new()];
    let mut journal = open(&dir);
    for append in [vec![began(1)], vec![theirs(1, "a"), happened(1, "one")]] {
        journal.append(&append).unwrap();
        states.push(entries(&dir).unwrap());
    }
    // The first half stands in the file itself, the second in the log beside it.
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    journal.connection().query_row(checkpoint, [], |_| Ok(())).unwrap();
    for append in [vec![theirs(1, "b")], vec![happened(1, "two")]] {
        journal.append(&append).unwrap();
        states.push(entries(&dir).unwrap());
    }
    let other = tempfile::tempdir().unwrap();
    let (mut refused, mut read) = (0, 0);
    for name in ["journal.db", "journal.db-wal"] {
        let length = fs::metadata(dir.path().join(name)).unwrap().len();
        // The first hundred bytes are the header; of the rest a sample.
        for at in (0..100).chain((100..length).step_by(37)) {
            let copied = copy(&dir, other.path());
            let path = copied.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            bytes[usize::try_from(at).unwrap()] ^= 1 << (at % 8);
            fs::write(&path, bytes).unwrap();
            match entries(&copied) {
                Ok(found) => {
                    read += 1;
                    assert!(states.contains(&found), "{name}, byte {at}: {found:?}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("journal.db"), "{error}");
                }
            }
        }
    }
    assert!(refused > 10 && read > 10, "{refused} refused, {read} read");
}

#[test]
fn a_newer_journal_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    let journal = open(&dir);
    journal.connection().pragma_update(None, "user_version", 2).unwrap();
    drop(journal);
    let error = entries(&dir).unwrap_err();
    assert!(matches!(&error, JournalError::Unreadable(text) if text.contains("newer")), "{error}");
    let lock = Lock::take(&dir, Role::Act, &holder()).unwrap();
    assert_eq!(SqliteJournal::open(&dir, lock).map(|_| ()), Err(error));
}

#[test]
fn an_execution_that_is_over_leaves_its_history_and_no_facts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    let mut journal = open(&dir);
    let removed = entry(2, Record::Removed { broker: BrokerId(7), removed: true });
    journal.append(&[began(1), theirs(1, "a"), happened(1, "x"), removed.clone(), ended(1)]).unwrap();
    assert_eq!(entries(&dir), Ok(vec![began(1), happened(1, "x"), removed.clone(), ended(1)]));
    let known = journal.recollection().unwrap();
    assert_eq!((known.unfinished().count(), known.removed().collect::<Vec<_>>()), (0, vec![BrokerId(7)]));

    // Only so many are remembered; what is unfinished always is.
    journal.keep(History { executions_max: 3, bytes_max: i64::MAX });
    journal.append(&[began(2)]).unwrap();
    (3..9).for_each(|at| journal.append(&[began(at), ended(at)]).unwrap());
    let reader = JournalReader::open(&dir).unwrap().unwrap();
    let listed: Vec<_> = reader.executions().unwrap().into_iter().map(|listed| listed.execution).collect();
    assert_eq!(listed, [id(2), id(6), id(7), id(8)]);
    journal.keep(History { executions_max: 1_000, bytes_max: 1 });
    journal.append(&[began(9), ended(9)]).unwrap();
    let listed: Vec<_> = reader.executions().unwrap().into_iter().map(|listed| listed.execution).collect();
    assert_eq!(listed, [id(2), id(9)]);
    assert!(entries(&dir).unwrap().contains(&removed));
}

#[test]
fn a_full_disk_holds_back_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    let mut journal = open(&dir);
    journal.append(&[began(1)]).unwrap();
    let pages: i64 = journal.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    journal.connection().pragma_update(None, "max_page_count", pages).unwrap();
    let large = happened(1, &"x".repeat(100_000));
    let error = journal.append(&[happened(1, "small"), large.clone()]).unwrap_err();
    assert!(matches!(&error, JournalError::Unwritable(text) if text.contains("full")), "{error}");
    assert!(error.to_string().contains(&dir.journal().display().to_string()), "{error}");
    assert_eq!(entries(&dir), Ok(vec![began(1)]), "all of them or none");
    journal.connection().pragma_update(None, "max_page_count", pages + 1_000).unwrap();
    journal.append(std::slice::from_ref(&large)).unwrap();
    assert_eq!(entries(&dir), Ok(vec![began(1), large]));
}

#[test]
fn one_process_at_a_time_may_act_and_says_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    assert_eq!(Lock::holder(&dir, Role::Act).unwrap(), None);
    let lock = Lock::take(&dir, Role::Act, &holder()).unwrap();
    assert_eq!(Lock::holder(&dir, Role::Act).unwrap(), Some(holder()));
    let refused = Lock::take(&dir, Role::Act, &holder());
    assert!(matches!(&refused, Err(LockError::Held(Some(by))) if *by == holder()), "{refused:?}");
    Lock::take(&dir, Role::Daemon, &holder()).expect("another lock");
    drop(lock);
    assert_eq!(Lock::holder(&dir, Role::Act).unwrap(), None);
    let mut journal = open(&dir);
    fs::remove_file(dir.path().join("act.lock")).unwrap();
    assert!(matches!(journal.append(&[began(1)]), Err(JournalError::Unwritable(_))));
    let taken_over = Lock::take(&dir, Role::Act, &holder()).unwrap();
    assert!(matches!(journal.append(&[began(1)]), Err(JournalError::Fenced(_))));
    drop(taken_over);
}

#[test]
fn requests_reach_the_execution_they_are_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(&folder);
    let mut journal = open(&dir);
    journal.append(&[began(1)]).unwrap();
    let mut reader = JournalReader::open(&dir).unwrap().unwrap();
    let stop = OperatorRequest::Stop { mode: StopMode::Cancel };
    let number = reader.ask(&id(1), &OperatorRequest::Pause, "anna").unwrap();
    reader.ask(&id(2), &stop, "anna").unwrap();
    assert_eq!(journal.take_requests(), Ok(vec![OperatorRequest::Pause]));
    let asked = |reader: &JournalReader| reader.requests(&id(1)).unwrap();
    assert_eq!(
        (asked(&reader)[0].id, asked(&reader)[0].taken_at),
        (number, None),
        "its effect is not durable yet"
    );
    drop(journal);
    // The process was killed before it could write down what it was asked: the next one is asked again.
    let mut journal = open(&dir);
    assert_eq!(journal.take_requests(), Ok(vec![OperatorRequest::Pause]));
    journal.append(&[happened(1, "paused")]).unwrap();
    assert!(asked(&reader)[0].taken_at.is_some());
    assert_eq!(journal.take_requests(), Ok(Vec::new()));
    reader.ask(&id(1), &stop, "anna").unwrap();
    journal.append(&[ended(1), began(2)]).unwrap();
    assert_eq!(journal.take_requests(), Ok(vec![stop]), "what was asked of the first is not for the second");
    journal.withdraw_requests().unwrap();
    assert_eq!(reader.requests(&id(2)).unwrap().len(), 1);
}
