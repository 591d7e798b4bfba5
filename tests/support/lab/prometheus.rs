//! A real Prometheus server that scrapes the lab's exporters, and lets nobody in without a password.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use super::process::Guarded;
use super::{Builder, Lab, METRICS_PORT, host_of};

/// `lab-password`, as bcrypt has it at its least cost.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuRmh8HtELSGLRIbn8Tav9ZLLfCC8wwMW";

/// A running server; it ends when dropped.
pub struct Prometheus {
    server: Guarded,
    url: String,
    password_file: PathBuf,
}

impl Builder {
    /// The exporters of these brokers show counters of traffic alone, as many people's rules have it.
    pub fn counting(mut self, brokers: &[i32]) -> Self {
        self.counting = brokers.to_vec();
        self
    }
}

impl Lab {
    /// Where each broker's metrics are, in evenkeel's words.
    pub fn metrics_url() -> String {
        format!("http://{{host}}:{METRICS_PORT}/metrics")
    }

    /// Starts a server that scrapes all brokers every two seconds, under the label `cluster="lab"`, and itself.
    pub fn prometheus(&self) -> Prometheus {
        let mut config = "global: { scrape_interval: 2s, scrape_timeout: 2s }\nscrape_configs:\n".to_owned();
        let targets: Vec<String> = self
            .running()
            .iter()
            .map(|id| format!("\"{}\"", self.net.address(host_of(*id), METRICS_PORT)))
            .collect();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("a free port").to_string();
        for (job, labels, targets) in
            [("kafka", "cluster: lab", targets.join(", ")), ("prometheus", "", format!("\"{address}\""))]
        {
            let basic = "basic_auth: { username: evenkeel, password: lab-password }";
            writeln!(
                config,
                "- {{ job_name: {job}, {basic}, static_configs: [{{ targets: [{targets}], labels: {{{labels}}} }}] }}"
            )
            .expect("writing to a string does not fail");
        }
        let write = |name: &str, text: &str| {
            let file = self.file(name);
            fs::write(&file, text).expect("the lab's folder is writable");
            file
        };
        let config = write("prometheus.yml", &config);
        let web = write("prometheus-web.yml", &format!("basic_auth_users: {{ evenkeel: \"{HASH}\" }}\n"));
        let password_file = write("prometheus-password", "lab-password\n");
        // A missing server fails the test: on Debian it comes with `apt-get install prometheus`.
        let words = [
            "prometheus".to_owned(),
            format!("--config.file={}", config.display()),
            format!("--web.config.file={}", web.display()),
            format!("--storage.tsdb.path={}", self.file("prometheus-data").display()),
            format!("--web.listen-address={address}"),
        ];
        let server = Guarded::spawn(&words, &self.file("prometheus.log"));
        server.wait_for_line("Server is ready to receive web requests", Duration::from_secs(30));
        Prometheus { server, url: format!("http://{address}"), password_file }
    }
}

impl Prometheus {
    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with the password of the user `evenkeel`.
    pub fn password_file(&self) -> String {
        self.password_file.display().to_string()
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.server.stop(Duration::from_secs(20));
    }
}
