//! `evenkeel what-if`: a cluster that might be, against the one that is.

use clap::Args;

use super::args::{Format, parse_broker};
use super::question::{self, QuestionArgs, parse_factor, parse_new_brokers, parse_topic_factor};
use super::source::SourceArgs;
use super::status::to_json;
use super::{Failure, Screen};
use crate::ask::{NewBrokers, Scenario, WhatIfError, what_if};
use crate::base::{BrokerId, RackId};
use crate::goals::TopicPattern;
use crate::report::what_if_text;

const EXAMPLES: &str = "\
Examples:
  evenkeel what-if --bootstrap b-1.example:9092 --lose-rack az1
  evenkeel what-if --snapshot cluster.json --add-broker 2@az1,2@az2,2@az3 --scale 1.5
  evenkeel what-if --snapshot cluster.json --scale-topic 'clicks.*=3' --goals disk-only --format json";

/// Suppose brokers come, go or are lost, or loads grow: what becomes of goals and loads, and what a rebalance takes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WhatIfArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    question: QuestionArgs,
    /// So many brokers join a rack, each with the median capacity of its brokers
    #[arg(long, value_name = "N@RACK", value_delimiter = ',', value_parser = parse_new_brokers, help_heading = "Suppose")]
    add_broker: Vec<NewBrokers>,
    /// These brokers are emptied and leave
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker, help_heading = "Suppose")]
    remove_broker: Vec<BrokerId>,
    /// This rack is lost with all its brokers
    #[arg(long, value_name = "RACK", help_heading = "Suppose")]
    lose_rack: Vec<String>,
    /// These brokers are lost
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_broker, help_heading = "Suppose")]
    lose_broker: Vec<BrokerId>,
    /// Sizes and loads of all topics are multiplied by this
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor, help_heading = "Suppose")]
    scale: Option<f64>,
    /// Sizes and loads of matching topics are multiplied by this (may be repeated)
    #[arg(long, value_name = "PATTERN=FACTOR", value_parser = parse_topic_factor, help_heading = "Suppose")]
    scale_topic: Vec<(TopicPattern, f64)>,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen, or what is supposed cannot be.
pub fn run(args: &WhatIfArgs, screen: &Screen) -> Result<(), Failure> {
    let scenario = Scenario {
        add: args.add_broker.clone(),
        remove: args.remove_broker.clone(),
        lose: args.lose_broker.clone(),
        lose_racks: args.lose_rack.iter().map(|rack| RackId::from(rack.as_str())).collect(),
        scale: args.scale,
        scale_topics: args.scale_topic.clone(),
    };
    if scenario.is_empty() {
        let flags = "--add-broker, --remove-broker, --lose-rack, --lose-broker, --scale or --scale-topic";
        return Err(
            Failure::usage("nothing is supposed").hint(format!("say what is to be different: {flags}"))
        );
    }
    let asked = question::look(&args.source, &args.question, screen)?;
    let view = what_if(&asked.observation, &asked.goals, &scenario, args.question.seed, &asked.limits)?;
    match args.format {
        Format::Text => screen.result(&what_if_text(&view, screen.results)),
        Format::Json => screen.result(&to_json(&view)?),
    }
}

impl From<WhatIfError> for Failure {
    fn from(error: WhatIfError) -> Self {
        match &error {
            WhatIfError::Scenario(wrong) => Self::usage(wrong).hint(wrong.hint()),
            WhatIfError::Model(_) => Self::refused(&error),
        }
    }
}
