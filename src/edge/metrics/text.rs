//! A metrics page as text, line by line.
//!
//! Most of a page is of no interest, and those of large brokers have tens of thousands of lines: a line is taken apart only where
//! its name may be one that is known, and kept only where its labels agree. What is kept `prometheus-parse` reads: a regular
//! expression for each line, which would be most of the time that a page takes if it read all of them. It drops what does not
//! fit, so lines are put together again for it in a form that it reads in full: colons in names, spaces round braces, names in
//! quotes and escaped characters in label values are all legal, and all beyond it. What cannot be read is counted, with
//! the first line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prometheus_parse::{Scrape, Value};

use super::PageError;
use super::names::{is_of_use, is_wanted};

/// A line longer than this is no metric.
const LONGEST_LINE_BYTES: usize = 64 << 10;

/// A value of a metric that may be of use; its name in small letters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    pub line: usize,
}

/// What was wrong with lines of a page: how many, and the number of the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fault {
    pub count: usize,
    pub first_line: usize,
}

impl Fault {
    pub fn note(&mut self, line: usize) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }
}

/// A page as read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Page {
    pub readings: Vec<Reading>,
    /// Lines that are no metrics, or metrics that may be of use and cannot be read.
    pub unreadable: Fault,
    /// How many metrics of no interest there are.
    pub others: usize,
}

/// Reads of a page what tells of loads; the rest is only counted.
pub(super) fn read(page: &[u8]) -> Result<Page, PageError> {
    read_where(page, |name, label| is_of_use(name, label))
}

/// Finds a label's value by its name.
type Labels<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// Reads of a page what has a name that may be of use, given in small letters, and labels by which `keep` says so, too.
pub(super) fn read_where(page: &[u8], keep: impl Fn(&str, &Labels<'_>) -> bool) -> Result<Page, PageError> {
    let text = std::str::from_utf8(page).map_err(|_| PageError::NotText)?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') {
        return Err(PageError::Html);
    }
    let mut read = Page::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match read_line(line, index + 1, &keep) {
            Line::Wanted(reading) => read.readings.push(reading),
            Line::Other => read.others += 1,
            Line::Unreadable => read.unreadable.note(index + 1),
        }
    }
    if read.readings.is_empty() && read.others <= read.unreadable.count {
        return Err(PageError::NoMetrics);
    }
    Ok(read)
}

enum Line {
    Wanted(Reading),
    Other,
    Unreadable,
}

fn read_line(line: &str, number: usize, keep: impl Fn(&str, &Labels<'_>) -> bool) -> Line {
    let bare = name_of(line);
    let is_name = bare.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b':'))
        && bare.bytes().next().is_some_and(|c| !c.is_ascii_digit());
    if is_name && !is_wanted(bare) && (!bare.contains(':') || !is_wanted(&plain(bare))) {
        // Not taken apart, but it should look like a metric: else this may be no page of metrics at all.
        let last = line.bytes().rposition(|c| c.is_ascii_whitespace()).map_or("", |at| &line[at + 1..]);
        return if is_number(last) { Line::Other } else { Line::Unreadable };
    }
    if line.len() > LONGEST_LINE_BYTES || !(is_name || bare.is_empty()) {
        return Line::Unreadable;
    }
    let Some(sample) = Sample::split(line) else { return Line::Unreadable };
    let name = plain(&sample.name).to_ascii_lowercase();
    if !is_wanted(&name) {
        return Line::Other;
    }
    if !sample.is_sound() {
        return Line::Unreadable;
    }
    if !keep(&name, &|key| sample.label(key)) {
        return Line::Other;
    }
    match sample.parse(&name) {
        Some((labels, value)) => Line::Wanted(Reading { name, labels, value, line: number }),
        None => Line::Unreadable,
    }
}

/// What stands before labels and value. A byte that is no ASCII ends no name, and is in none.
fn name_of(line: &str) -> &str {
    let end = line.bytes().position(|c| c == b'{' || c.is_ascii_whitespace());
    end.map_or(line, |end| &line[..end])
}

fn is_number(word: &str) -> bool {
    word.parse::<f64>().is_ok()
}

/// Colons stand for recording rules, dots come from names in quotes; both are underscores elsewhere.
fn plain(name: &str) -> String {
    name.replace([':', '.'], "_")
}

/// A line taken apart.
struct Sample<'a> {
    name: Cow<'a, str>,
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn split(line: &'a str) -> Option<Self> {
        let bare = name_of(line);
        let mut name = Cow::Borrowed(bare);
        let mut rest = line[bare.len()..].trim_start();
        let mut labels: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            loop {
                if let Some(after) = rest.strip_prefix('}') {
                    rest = after;
                    break;
                }
                let key;
                (key, rest) = label_key(rest)?;
                rest = rest.trim_start();
                if let Some(after) = rest.strip_prefix('=') {
                    let value;
                    (value, rest) = quoted(after.trim_start())?;
                    if labels.iter().any(|(known, _)| *known == key) {
                        return None;
                    }
                    labels.push((key, value));
                } else if name.is_empty() {
                    name = key;
                } else {
                    return None;
                }
                rest = rest.trim_start();
                match rest.strip_prefix(',') {
                    Some(after) => rest = after.trim_start(),
                    None if rest.starts_with('}') => {}
                    None => return None,
                }
            }
        }
        // A time may follow the value, and an exemplar after `#`.
        let mut words = rest.split_whitespace();
        let value = words.next()?;
        match words.next() {
            None => {}
            Some(next) if next.starts_with('#') || is_number(next) => {}
            Some(_) => return None,
        }
        (!name.is_empty()).then_some(Self { name, labels, value })
    }

    /// Whether the value and all names of labels are what they should be.
    fn is_sound(&self) -> bool {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        let is_key = |key: &str| !key.is_empty() && key.bytes().all(is_plain);
        is_number(self.value) && self.labels.iter().all(|(key, _)| is_key(key))
    }

    /// Has the crate read the sample, and checks that nothing was lost on the way.
    fn parse(&self, name: &str) -> Option<(BTreeMap<String, String>, f64)> {
        let mut line = name.to_owned();
        for (index, (key, value)) in self.labels.iter().enumerate() {
            line.push(if index == 0 { '{' } else { ',' });
            line.extend([key.as_ref(), "=\"", &disguise(value)?, "\""]);
        }
        line.push_str(if self.labels.is_empty() { " " } else { "} " });
        line.push_str(self.value);
        let sample = Scrape::parse(std::iter::once(Ok(line))).ok()?.samples.pop()?;
        let Value::Untyped(value) = sample.value else { return None };
        let labels: BTreeMap<String, String> =
            sample.labels.iter().map(|(key, value)| (key.clone(), reveal(value))).collect();
        let is_there = |(key, value): &(Cow<'_, str>, Cow<'_, str>)| {
            labels.get(key.as_ref()).is_some_and(|known| *known == **value)
        };
        let complete =
            sample.metric == name && labels.len() == self.labels.len() && self.labels.iter().all(is_there);
        complete.then_some((labels, value))
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_ref())
    }
}

/// A label's name, or a name in quotes; and what follows it.
fn label_key(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if text.starts_with('"') {
        return quoted(text);
    }
    let end = text.find(|c: char| matches!(c, '=' | ',' | '}') || c.is_whitespace())?;
    (end > 0).then(|| (Cow::Borrowed(&text[..end]), &text[end..]))
}

/// Text in quotes, its escapes resolved; and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inside = text.strip_prefix('"')?;
    let end = inside.bytes().position(|c| matches!(c, b'"' | b'\\'))?;
    if inside.as_bytes()[end] == b'"' {
        return Some((Cow::Borrowed(&inside[..end]), &inside[end + 1..]));
    }
    let mut value = inside[..end].to_owned();
    let mut letters = inside[end..].char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((Cow::Owned(value), &inside[end + at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other @ ('\\' | '"') => value.push(other),
                // The format knows no other escape; the JMX exporter leaves what it finds.
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

/// Letters that the crate takes for syntax inside label values, and letters of the private use area in their place.
const DISGUISES: [(char, char); 6] = [
    ('"', '\u{e000}'),
    ('}', '\u{e001}'),
    (',', '\u{e002}'),
    ('=', '\u{e003}'),
    ('\n', '\u{e004}'),
    ('\r', '\u{e005}'),
];

fn disguise(value: &str) -> Option<String> {
    let swap =
        |letter: char| match DISGUISES.iter().find(|(open, hidden)| *open == letter || *hidden == letter) {
            Some((open, hidden)) if *open == letter => Some(*hidden),
            Some(_) => None,
            None => Some(letter),
        };
    value.chars().map(swap).collect()
}

fn reveal(value: &str) -> String {
    let swap = |letter: char| {
        DISGUISES.iter().find(|(_, hidden)| *hidden == letter).map_or(letter, |(open, _)| *open)
    };
    value.chars().map(swap).collect()
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
