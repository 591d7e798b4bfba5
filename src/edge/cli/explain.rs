//! `evenkeel explain`: why a partition stands where it does, and why a proposal moves it or leaves it.

use clap::Args;

use super::args::Format;
use super::operation::OperationArgs;
use super::question::{self, QuestionArgs};
use super::source::SourceArgs;
use super::status::to_json;
use super::{Failure, Screen};
use crate::ask::{Explained, explain, find_partition};
use crate::base::TopicPartition;
use crate::control::propose;
use crate::goals::TopicPattern;
use crate::model::ClusterModel;
use crate::report::explain_text;
use crate::solve::Request;

const EXAMPLES: &str = "\
Examples:
  evenkeel explain orders-3 --bootstrap b-1.example:9092
  evenkeel explain orders-3 --snapshot cluster.json --remove-broker 7
  evenkeel explain orders-3 --snapshot cluster.json --goals disk-only --format json | jq .fate";

/// Explain one partition: where it stands, what it weighs, and why a proposal moves it or leaves it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The partition, such as `orders-3`
    #[arg(value_name = "TOPIC-PARTITION")]
    partition: TopicPartition,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    question: QuestionArgs,
    /// Topics that do not move: names, or regular expressions over whole names
    #[arg(long, value_name = "TOPIC", value_delimiter = ',', help_heading = "Plan")]
    exclude_topic: Vec<TopicPattern>,
    #[command(flatten)]
    operation: OperationArgs,
    /// The shape of the result: text or json
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, hide_default_value = true)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// The cluster cannot be seen, there is no such partition, or no proposal.
pub fn run(args: &ExplainArgs, screen: &Screen) -> Result<(), Failure> {
    let asked = question::look(&args.source, &args.question, screen)?;
    // A misspelt name is told before anything is searched.
    let model = ClusterModel::build(&asked.observation)
        .map_err(|error| Failure::refused(format!("the cluster cannot be modelled: {error}")))?;
    let partition = find_partition(&model, &args.partition)
        .map_err(|error| Failure::usage(&error).hint(error.hint().unwrap_or_default()))?;
    let ask = args.operation.ask();
    let request = Request {
        operation: ask.operation,
        also_rebalance: ask.also_rebalance,
        excluded_topics: args.exclude_topic.clone(),
        seed: args.question.seed,
        ..Request::default()
    };
    let proposal = propose(&asked.observation, &asked.goals, &request, &asked.limits)?;
    let explained = Explained {
        model: &proposal.model,
        seen: &asked.observation,
        goals: &asked.goals,
        request: &request,
        solution: &proposal.solution,
        plan: &proposal.plan,
    };
    let view = explain(explained, partition);
    match args.format {
        Format::Text => screen.result(&explain_text(&view, screen.results)),
        Format::Json => screen.result(&to_json(&view)?),
    }
}
