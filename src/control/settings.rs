//! From the settings file to what an execution takes.

use crate::config::{ExecutionSettings, Throttle};
use crate::execute::{ExecuteSettings, ThrottleRate};

impl From<&ExecutionSettings> for ExecuteSettings {
    /// What the settings file leaves open keeps its default.
    fn from(settings: &ExecutionSettings) -> Self {
        let default = Self::default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite and at least 0")]
        let throttle = match settings.throttle {
            Throttle::Auto => ThrottleRate::Derived,
            Throttle::Unlimited => ThrottleRate::Unlimited,
            Throttle::Rate(rate) => ThrottleRate::BytesPerS(rate.get() as u64),
        };
        Self {
            throttle,
            latency_objective: settings.latency_objective,
            adjust_interval: settings.adjust_interval.unwrap_or(default.adjust_interval),
            moves_in_flight_per_broker: settings
                .moves_per_broker
                .unwrap_or(default.moves_in_flight_per_broker),
            moves_in_flight: settings.moves_in_flight.unwrap_or(default.moves_in_flight),
            no_progress: settings.stall_timeout.unwrap_or(default.no_progress),
            poll: settings.poll_interval.unwrap_or(default.poll),
            windows: settings.windows.clone(),
            ..default
        }
    }
}
