//! Cruise Control's capacity files, in each of its forms, as [`CapacitySettings`].
//!
//! `brokerCapacities` names brokers by `brokerId`, of which `-1` stands for all that are not named. `DISK` is in megabytes
//! (of 2^20 bytes), in sum or by log directory; `NW_IN` and `NW_OUT` are in kilobytes (of 2^10 bytes) per second. `CPU` is
//! a share of the machine in percent in one form, which says nothing of cores, and `{"num.cores": "8"}` in the other.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::CapacitySettings;
use crate::base::{BrokerId, Bytes, BytesPerS, Cores, one_line};

/// What is wrong with a capacity file; names the entry and the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CapacityFileError {
    place: String,
    problem: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "brokerCapacities")]
    brokers: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "brokerId")]
    broker: String,
    capacity: BTreeMap<String, Value>,
}

/// Reads the text of a capacity file.
///
/// # Errors
/// It is none, names a broker twice, or holds what is no amount.
pub fn parse_capacity_json(text: &str) -> Result<CapacitySettings, CapacityFileError> {
    let wrong = |place: &str, problem: String| CapacityFileError {
        place: place.to_owned(),
        problem: one_line(&problem, 300),
    };
    let file: File = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        wrong(&place, format!("no capacity file of Cruise Control's: {error}"))
    })?;
    let mut settings = CapacitySettings::default();
    let mut has_default = false;
    for (at, row) in file.brokers.iter().enumerate() {
        let place = format!("brokerCapacities[{at}]");
        let id = row.broker.trim().parse::<i32>().ok().filter(|id| *id >= -1);
        let id = id.ok_or_else(|| wrong(&place, format!("brokerId `{}` is no broker's id", row.broker)))?;
        let capacity = of_row(&row.capacity)
            .map_err(|(key, problem)| wrong(&format!("{place} (broker {id}), {key}"), problem))?;
        let is_twice = if id < 0 {
            let brokers = std::mem::take(&mut settings.brokers);
            settings = CapacitySettings { brokers, ..capacity };
            std::mem::replace(&mut has_default, true)
        } else {
            settings.brokers.insert(BrokerId(id), capacity).is_some()
        };
        if is_twice {
            return Err(wrong(&place, format!("broker {id} is there twice")));
        }
    }
    Ok(settings)
}

type Problem = (&'static str, String);

fn of_row(row: &BTreeMap<String, Value>) -> Result<CapacitySettings, Problem> {
    let rate = |key: &'static str| -> Result<Option<BytesPerS>, Problem> {
        let Some(value) = row.get(key) else { return Ok(None) };
        let kilobytes = amount(key, value)?;
        BytesPerS::new(kilobytes * 1024.0).map(Some).map_err(|error| (key, error.to_string()))
    };
    let disk = match row.get("DISK") {
        None => None,
        Some(Value::Object(dirs)) => {
            let all: Result<Vec<f64>, Problem> = dirs.values().map(|dir| amount("DISK", dir)).collect();
            Some(all?.iter().sum())
        }
        Some(value) => Some(amount("DISK", value)?),
    };
    let cpu_cores = match row.get("CPU") {
        Some(Value::Object(cpu)) => match cpu.get("num.cores") {
            Some(cores) => {
                let cores = amount("CPU", cores)?;
                Some(Cores::new(cores).map_err(|error| ("CPU", error.to_string()))?)
            }
            None => None,
        },
        // A share of a machine of which nothing else is said.
        Some(value) => {
            amount("CPU", value)?;
            None
        }
        None => None,
    };
    Ok(CapacitySettings {
        disk: disk.map(|megabytes: f64| Bytes::whole(megabytes * 1024.0 * 1024.0)),
        network_in: rate("NW_IN")?,
        network_out: rate("NW_OUT")?,
        cpu_cores,
        ..CapacitySettings::default()
    })
}

/// A number above 0, as text (which Cruise Control writes) or as a number.
fn amount(key: &'static str, value: &Value) -> Result<f64, Problem> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    number
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
        .ok_or_else(|| (key, format!("{value} is no amount above 0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse_capacity_json(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn each_of_its_forms_is_read() {
        let plain = r#"{"brokerCapacities":[
            {"brokerId":"-1","capacity":{"DISK":"100000","CPU":"100","NW_IN":"10000","NW_OUT":"20000"},"doc":"x"},
            {"brokerId":"7","capacity":{"DISK":{"/d1":"100","/d2":"50"},"CPU":{"num.cores":"8"},"NW_IN":"1","NW_OUT":"1"}}]}"#;
        let settings = parse_capacity_json(plain).expect("right");
        assert_eq!(settings.disk, Some(Bytes(100_000 * 1024 * 1024)));
        assert_eq!(settings.network_out.map(BytesPerS::get), Some(20_000.0 * 1024.0));
        assert_eq!(settings.cpu_cores, None, "100 % of an unknown machine");
        let seven = settings.of(BrokerId(7));
        assert_eq!(seven.disk, Some(Bytes(150 * 1024 * 1024)));
        assert_eq!(seven.cpu_cores.map(Cores::get), Some(8.0));
        assert_eq!(settings.of(BrokerId(8)).network_in.map(BytesPerS::get), Some(10_000.0 * 1024.0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert!(error("[]").contains("line 1"), "{}", error("[]"));
        let one =
            |capacity: &str| format!(r#"{{"brokerCapacities":[{{"brokerId":"1","capacity":{capacity}}}]}}"#);
        let told = error(&one(r#"{"DISK":"-3"}"#));
        assert_eq!(told, "brokerCapacities[0] (broker 1), DISK: \"-3\" is no amount above 0");
        assert!(error(&one(r#"{"NW_IN":"NaN"}"#)).contains("NW_IN"));
        assert!(error(&one(r#"{"CPU":{"num.cores":"many"}}"#)).contains("CPU"));
        let strange = r#"{"brokerCapacities":[{"brokerId":"x","capacity":{}}]}"#;
        assert!(error(strange).contains("`x` is no broker's id"));
        let twice =
            r#"{"brokerCapacities":[{"brokerId":"-1","capacity":{}},{"brokerId":"-1","capacity":{}}]}"#;
        assert!(error(twice).contains("twice"));
    }
}
