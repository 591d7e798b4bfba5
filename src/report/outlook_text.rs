//! [`Outlook`] as text: when disks pass their limit.

use super::Style;
use super::layout::{Side, prose, table};
use crate::ask::{Confidence, Disk, DiskOutlook, Outlook};
use crate::base::Bytes;

/// What passes its limit within so many days is told in red: a purchase takes about as long.
const SOON_DAYS: f64 = 14.0;

/// So many disks are listed.
const LISTED_MAX: usize = 10;

/// Renders when disks pass their limit, soonest first; nothing where nothing was ever remembered.
pub fn outlook_text(outlook: &Outlook, style: Style) -> String {
    let Some(since) = outlook.known_since else { return String::new() };
    let share = format!("{:.0} %", outlook.limit_share * 100.0);
    if outlook.confidence == Confidence::None {
        let text = format!(
            "not known yet: sizes of topics are remembered since {since}, and a forecast takes six hours"
        );
        return prose(style, &text);
    }
    let coming: Vec<&DiskOutlook> = outlook.disks.iter().filter(|disk| disk.days.is_some()).collect();
    let by = format!(
        "at the growth since {since}{}",
        match outlook.confidence {
            Confidence::Low => ", which is a short time",
            Confidence::None | Confidence::Good => "",
        }
    );
    if coming.is_empty() {
        return prose(
            style,
            &style.good(&format!("no disk passes its limit of {share} within a year, {by}")),
        );
    }
    let rows = coming.iter().take(LISTED_MAX).map(|disk| row(disk, style));
    let columns = [
        ("disk", Side::Left),
        ("passes limit in", Side::Right),
        ("between", Side::Left),
        ("grows a day", Side::Right),
        ("used", Side::Right),
        ("limit", Side::Right),
    ];
    let mut text = prose(style, &format!("the limit is {share} of each disk; {by}"));
    text += &table(style, &columns, rows);
    if coming.len() > LISTED_MAX {
        text += &prose(style, &format!("and {} more within a year", coming.len() - LISTED_MAX));
    }
    text
}

fn row(disk: &DiskOutlook, style: Style) -> Vec<String> {
    let days = |days: Option<f64>| days.map_or_else(|| "over a year".to_owned(), in_days);
    let passes = days(disk.days);
    let is_soon = disk.days.is_some_and(|days| days < SOON_DAYS);
    vec![
        name(&disk.disk),
        if is_soon { style.bad(&passes) } else { passes },
        format!("{} and {}", days(disk.days_soonest), days(disk.days_latest)),
        signed(disk.grows_bytes_a_day),
        disk.used_bytes.to_string(),
        disk.limit_bytes.to_string(),
    ]
}

/// The disk that passes its limit first, in a line; nothing where none does soon.
pub fn outlook_line(outlook: &Outlook) -> Option<String> {
    let first = outlook.disks.iter().find(|disk| disk.days.is_some_and(|days| days < SOON_DAYS))?;
    let days = in_days(first.days?);
    Some(format!(
        "At its growth of {} a day {} passes its disk limit in {days}; `evenkeel status` shows all.",
        signed(first.grows_bytes_a_day),
        name(&first.disk)
    ))
}

fn name(disk: &Disk) -> String {
    match disk {
        Disk::Broker { broker } => format!("broker {broker}"),
        Disk::LogDir { broker, log_dir } => format!("broker {broker} {log_dir}"),
        Disk::Rack { rack } => format!("rack {rack}"),
    }
}

fn in_days(days: f64) -> String {
    match days {
        0.0 => "now".to_owned(),
        days if days < 10.0 => format!("{days:.1} days"),
        days => format!("{days:.0} days"),
    }
}

fn signed(bytes: f64) -> String {
    let sign = if bytes < 0.0 { "-" } else { "" };
    format!("{sign}{}", Bytes::whole(bytes.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BrokerId, TimestampMs};

    fn outlook(confidence: Confidence, days: &[Option<f64>]) -> Outlook {
        let disk = |(id, days): (i32, &Option<f64>)| DiskOutlook {
            disk: Disk::Broker { broker: BrokerId(id) },
            used_bytes: Bytes(700_000_000),
            limit_bytes: Bytes(900_000_000),
            grows_bytes_a_day: 20_000_000.0,
            days: *days,
            days_soonest: days.map(|days| days / 2.0),
            days_latest: None,
        };
        let disks = (1..).zip(days).map(disk).collect();
        Outlook { known_since: Some(TimestampMs(1_700_000_000_000)), limit_share: 0.9, confidence, disks }
    }

    #[test]
    fn the_soonest_is_told_first_and_what_nobody_knows_is_said_to_be_so() {
        let text = |outlook: &Outlook| outlook_text(outlook, Style::default());
        let good = text(&outlook(Confidence::Good, &[Some(9.6), None]));
        assert!(
            good.contains("broker 1") && good.contains("9.6 days") && good.contains("over a year"),
            "{good}"
        );
        assert!(!good.contains("broker 2") && !good.contains("short time"), "{good}");
        assert!(text(&outlook(Confidence::Low, &[Some(1.0)])).contains("a short time"));
        assert!(text(&outlook(Confidence::None, &[])).contains("not known yet"));
        assert!(text(&outlook(Confidence::Good, &[None])).contains("no disk passes its limit of 90 %"));
        let never = Outlook { known_since: None, ..outlook(Confidence::None, &[]) };
        assert_eq!(text(&never), "");
    }

    #[test]
    fn a_proposal_gets_a_line_where_a_disk_fills_within_two_weeks() {
        let line = outlook_line(&outlook(Confidence::Good, &[Some(3.0)])).expect("soon");
        assert!(
            line.starts_with("At its growth of 20.0 MB a day broker 1 passes its disk limit in 3.0 days"),
            "{line}"
        );
        assert_eq!(outlook_line(&outlook(Confidence::Good, &[Some(40.0), None])), None);
    }
}
