//! Logs, on stderr. Rooms below the rim return facts; what is logged is decided here and in the loops of the rim.

use tracing_subscriber::EnvFilter;

use super::LogFormat;

/// Starts logging: warnings by default, more with each `-v`; `EVENKEEL_LOG` says it in full (`evenkeel=debug`).
pub fn start(verbose: u8, format: LogFormat, colour: bool) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("EVENKEEL_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => builder.with_ansi(colour).init(),
        LogFormat::Json => builder.json().init(),
    }
}
