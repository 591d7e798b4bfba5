//! The shape of a goal file: its tables, their keys, and the words that stand for something.

use std::fmt;
use std::ops::Range;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::goals::{Attribute, Counted, Per, Scope, Side};
use crate::model::Resource;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub format: Spanned<String>,
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub goal: Vec<Spanned<Table>>,
}

/// The keys that every goal takes.
#[cfg(test)]
pub(super) const COMMON_KEYS: [&str; 4] = ["name", "rule", "tier", "weight"];

/// Makes [`Table`] and the list of its keys from one list.
macro_rules! table {
    ($($field:ident: $type:ty = $key:literal,)*) => {
        /// One `[[goal]]`, with the keys of all rules; which of them a rule takes is checked afterwards.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Table {
            pub name: Spanned<String>,
            pub rule: Spanned<RuleName>,
            pub tier: Spanned<NumberOrWord>,
            pub weight: Option<Spanned<f64>>,
            $(#[serde(rename = $key)] pub $field: Option<Spanned<$type>>,)*
        }

        impl Table {
            /// The keys of rules that are given, and where.
            pub fn given(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
                let keys = [$(($key, self.$field.as_ref().map(Spanned::span)),)*];
                keys.into_iter().filter_map(|(key, span)| Some((key, span?)))
            }
        }
    };
}

table! {
    over: Over = "over",
    topics: OneOrMany = "topics",
    except_topics: OneOrMany = "except-topics",
    resource: Resource = "resource",
    max_share: f64 = "max-share",
    max_count: f64 = "max-count",
    max_count_by_cores: Vec<Spanned<(f64, f64)>> = "max-count-by-cores",
    scope: ScopeName = "scope",
    survive: SurviveName = "survive",
    band: f64 = "band",
    aim: f64 = "aim",
    per: PerName = "per",
    side: SideName = "side",
    min_gap: f64 = "min-gap",
    max_gap: f64 = "max-gap",
    floor_share: f64 = "floor-share",
    of: Of = "of",
    least: NumberOrWord = "least",
    demand: DemandName = "demand",
    by: By = "by",
    brokers: Vec<Spanned<i64>> = "brokers",
    racks: Vec<Spanned<String>> = "racks",
    sets: Vec<Spanned<BrokersTable>> = "sets",
}

/// Brokers of one of several sets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokersTable {
    pub brokers: Option<Spanned<Vec<Spanned<i64>>>>,
    pub racks: Option<Spanned<Vec<Spanned<String>>>>,
}

/// The rules by name.
#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RuleName {
    Spread,
    Capacity,
    Balance,
    Minimum,
    Placement,
    Leadership,
}

impl RuleName {
    /// All of them, with their names.
    #[cfg(test)]
    pub const ALL: [(&str, Self); 6] = [
        ("spread", Self::Spread),
        ("capacity", Self::Capacity),
        ("balance", Self::Balance),
        ("minimum", Self::Minimum),
        ("placement", Self::Placement),
        ("leadership", Self::Leadership),
    ];

    /// The keys that goals of this rule take, besides those of all goals.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Spread => &["over", "topics", "except-topics"],
            Self::Capacity => {
                &["resource", "max-share", "max-count", "max-count-by-cores", "scope", "survive"]
            }
            Self::Balance => &[
                "resource",
                "band",
                "aim",
                "per",
                "scope",
                "side",
                "min-gap",
                "max-gap",
                "floor-share",
                "topics",
                "except-topics",
            ],
            Self::Minimum => &["topics", "except-topics", "of", "least"],
            Self::Placement => &["topics", "except-topics", "demand", "brokers", "racks", "sets"],
            Self::Leadership => &["topics", "except-topics", "by", "brokers", "racks"],
        }
    }
}

/// Makes an enum of words, each of which stands for a value.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $type:ty { $($word:literal $variant:ident = $value:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name {
            $(#[serde(rename = $word)] $variant,)*
        }

        impl From<$name> for $type {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => $value,)*
                }
            }
        }
    };
}

words! {
    /// What replicas are spread over.
    Over: Attribute { "rack" Rack = Attribute::Rack, "host" Host = Attribute::Host, }
}
words! {
    /// What a limit or a band is about.
    ScopeName: Scope {
        "broker" Broker = Scope::Broker,
        "host" Host = Scope::Host,
        "rack" Rack = Scope::Rack,
        "log-dir" LogDir = Scope::LogDir,
    }
}
words! {
    /// What is levelled against what.
    PerName: Per { "cluster" Cluster = Per::Cluster, "rack" Rack = Per::Rack, "topic" Topic = Per::Topic, }
}
words! {
    /// Which side of a band counts.
    SideName: Side { "both" Both = Side::Both, "above" Above = Side::Above, }
}
words! {
    /// What a minimum counts.
    Of: Counted { "leaders" Leaders = Counted::Leaders, "replicas" Replicas = Counted::Replicas, }
}

/// A loss to survive.
#[derive(Debug, Deserialize, Clone, Copy)]
pub(super) enum SurviveName {
    #[serde(rename = "any one rack")]
    AnyOneRack,
}

/// What a placement asks for.
#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DemandName {
    On,
    Off,
    WithinOneOf,
    Hold,
}

/// Who should lead.
#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
    FirstReplica,
    On,
    Off,
}

/// A whole number, or a word in its place.
pub(super) enum NumberOrWord {
    Number(i64),
    Word(String),
}

/// One text, or a list of them.
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for NumberOrWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = NumberOrWord;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a whole number or a word")
            }

            fn visit_i64<E>(self, number: i64) -> Result<NumberOrWord, E> {
                Ok(NumberOrWord::Number(number))
            }

            fn visit_str<E>(self, word: &str) -> Result<NumberOrWord, E> {
                Ok(NumberOrWord::Word(word.to_owned()))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a pattern in quotes, or a list of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany::Many(texts))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}
