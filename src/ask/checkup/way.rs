//! The way in: bootstrap addresses, TLS, SASL.

use std::collections::BTreeMap;

use super::facts::{Certificate, Facts, Knock, Refusal, Stage};
use super::{Step, StepVerdict};
use crate::base::TimestampMs;

/// A certificate that ends sooner is warned of.
const SOON_DAYS: u64 = 30;

const DAY_MS: u64 = 86_400_000;

/// The connection to each bootstrap address. One that leads to the cluster is enough; the others are for the day on which
/// that one is down.
pub(super) fn connection(facts: &Facts) -> Step {
    let mut step = Step::new("connection");
    let mut reached = 0;
    for knock in &facts.bootstrap {
        step.see(words(knock));
        match &knock.came_of {
            Some(Err(refusal)) if refusal.stage == Stage::Connection || refusal.stage == Stage::Protocol => {
                step.find(StepVerdict::Warning, refusal.hint.clone());
            }
            // TCP is open; what comes after it is the matter of a later step.
            Some(_) => reached += 1,
            None => {}
        }
    }
    if reached == 0 {
        step.verdict = StepVerdict::Fails;
    }
    step
}

/// An address, and what came of it.
pub(super) fn words(knock: &Knock) -> String {
    let who = match knock.broker {
        Some(id) => format!("broker {id} ({})", knock.address),
        None => knock.address.clone(),
    };
    match &knock.came_of {
        Some(Ok(_)) => format!("{who}: reached in {} ms", knock.took_ms),
        Some(Err(refusal)) => format!("{who}: {}", refusal.message),
        None => format!("{who}: not tried"),
    }
}

/// The refusals of one stage, bootstrap addresses first.
fn refusals<'a>(facts: &'a Facts, stage: Stage) -> impl Iterator<Item = (&'a Knock, &'a Refusal)> {
    let knocks = facts.bootstrap.iter().chain(facts.brokers.iter().flatten());
    knocks.filter_map(move |knock| match &knock.came_of {
        Some(Err(refusal)) if refusal.stage == stage => Some((knock, refusal)),
        _ => None,
    })
}

/// Whether anybody came as far as this stage: got through, or failed there or later.
fn was_tried(facts: &Facts, reaches: impl Fn(Stage) -> bool) -> bool {
    facts.bootstrap.iter().any(|knock| match &knock.came_of {
        Some(Ok(_)) => true,
        Some(Err(refusal)) => reaches(refusal.stage),
        None => false,
    })
}

/// TLS: versions, the brokers' certificates and our own.
pub(super) fn tls(facts: &Facts) -> Step {
    if !facts.way.tls {
        // A port with TLS that we speak to without fails here: the mend is about TLS.
        return match refusals(facts, Stage::Tls).next() {
            None => Step::not_needed("tls", "the connection is not encrypted (`security.protocol`)"),
            Some(_) => failed("tls", facts, Stage::Tls),
        };
    }
    let mut step = if was_tried(facts, |stage| stage != Stage::Connection) {
        failed("tls", facts, Stage::Tls)
    } else {
        Step::not_tried("tls")
    };
    add_certificates(&mut step, facts);
    if let Some(own) = &facts.way.own_certificate {
        step.see(format!("our own certificate: {}", certificate_words(own, facts.now)));
        watch(&mut step, own, facts.now, "our own certificate");
    } else if step.verdict == StepVerdict::Ok {
        step.see("we show no certificate of our own");
    }
    step
}

/// What failed at a stage: all of it where nobody got through, else a warning.
fn failed(name: &'static str, facts: &Facts, stage: Stage) -> Step {
    let mut step = Step::new(name);
    let through = facts.bootstrap.iter().any(|knock| matches!(knock.came_of, Some(Ok(_))));
    for (knock, refusal) in refusals(facts, stage) {
        step.see(words(knock));
        step.find(if through { StepVerdict::Warning } else { StepVerdict::Fails }, refusal.hint.clone());
    }
    step
}

/// The brokers' certificates: one line for each issuer, with the one that ends first.
fn add_certificates(step: &mut Step, facts: &Facts) {
    let knocks = facts.brokers.iter().flatten().chain(&facts.bootstrap);
    let mut by_issuer: BTreeMap<(&str, &str), BTreeMap<&str, &Certificate>> = BTreeMap::new();
    for knock in knocks {
        if let Some(Ok(greeting)) = &knock.came_of
            && let Some((protocol, certificate)) = &greeting.tls
        {
            let of_issuer = by_issuer.entry((protocol, &certificate.issuer)).or_default();
            of_issuer.insert(&knock.address, certificate);
        }
    }
    for ((protocol, issuer), certificates) in by_issuer {
        let Some((address, first)) = certificates.iter().min_by_key(|(_, certificate)| certificate.until)
        else {
            continue;
        };
        let count = certificates.len();
        let whose = if count == 1 { "1 broker".to_owned() } else { format!("{count} brokers") };
        step.see(format!(
            "{protocol}; certificates of {whose} signed by {issuer}; the first to end is that of {address}: {}",
            until_words(first, facts.now)
        ));
        watch(step, first, facts.now, &format!("the certificate of {address}"));
    }
}

fn certificate_words(certificate: &Certificate, now: TimestampMs) -> String {
    format!("{}, signed by {}; {}", certificate.subject, certificate.issuer, until_words(certificate, now))
}

fn until_words(certificate: &Certificate, now: TimestampMs) -> String {
    if certificate.from > now {
        return format!("holds only from {}", certificate.from);
    }
    if certificate.until < now {
        return format!("ended on {}", certificate.until);
    }
    let days = (certificate.until.0 - now.0) / DAY_MS;
    let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    format!("holds until {}, {days} from now", certificate.until)
}

fn watch(step: &mut Step, certificate: &Certificate, now: TimestampMs, whose: &str) {
    if certificate.until < now || certificate.from > now {
        step.find(StepVerdict::Fails, format!("renew {whose}, or set the clock of this machine right"));
    } else if (certificate.until.0 - now.0) / DAY_MS < SOON_DAYS {
        step.find(StepVerdict::Warning, format!("renew {whose} before it ends"));
    }
}

/// Logging in.
pub(super) fn sasl(facts: &Facts) -> Step {
    let Some((mechanism, user)) = &facts.way.sasl else {
        return match refusals(facts, Stage::Sasl).next() {
            None => Step::not_needed("sasl", "nobody logs in by name (`security.protocol`)"),
            Some(_) => failed("sasl", facts, Stage::Sasl),
        };
    };
    if !was_tried(facts, |stage| stage == Stage::Sasl) {
        return Step::not_tried("sasl");
    }
    let mut step = failed("sasl", facts, Stage::Sasl);
    if step.verdict == StepVerdict::Ok {
        let as_whom = if user.is_empty() { String::new() } else { format!(" as `{user}`") };
        step.see(format!("logged in with {mechanism}{as_whom}"));
    }
    step
}
