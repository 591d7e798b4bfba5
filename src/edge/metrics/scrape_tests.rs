//! Scrapes over loopback: good answers, bad ones, and none.

use std::net::TcpListener;

use super::*;
use crate::base::Cores;
use crate::edge::metrics::test_server::{Server, ok};

fn settings(endpoints: &[String]) -> MetricsSettings {
    MetricsSettings { timeout: Duration::from_secs(20), ..MetricsSettings::of(endpoints.to_vec()) }
}

fn host(id: i32, host: &str) -> BTreeMap<BrokerId, Option<String>> {
    [(BrokerId(id), Some(host.to_owned()))].into()
}

/// The gaps of one broker behind a server.
fn told(answers: Vec<String>) -> Vec<String> {
    let server = Server::new(answers);
    let mut scraper = Scraper::new(&settings(&[server.url()])).unwrap();
    let seen = scraper.scrape_all(&host(4, "127.0.0.1"));
    let port = server.port().to_string();
    seen.gaps
        .iter()
        .map(|gap| format!("{:?} {}: {}", gap.kind, gap.subject, gap.reason.replace(&port, "PORT")))
        .collect()
}

const PAGE: &str = "\
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"} 10
kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesOutPerSec\"} 20
java_lang_OperatingSystem_ProcessCpuLoad 0.25
java_lang_OperatingSystem_AvailableProcessors 4
";

#[test]
fn a_brokers_page_is_scraped() {
    let server = Server::new(vec![ok(PAGE)]);
    let mut scraper = Scraper::new(&settings(&[server.url()])).unwrap();
    let seen = scraper.scrape_all(&host(4, "127.0.0.1"));
    assert_eq!(seen.gaps, []);
    assert_eq!(seen.metrics[&BrokerId(4)].cpu_cores_used, Cores::new(1.0).ok());
    assert_eq!(server.asked(), 1, "one look is enough");
}

#[test]
fn counters_are_looked_at_twice_the_first_time() {
    let page = |count: u32| {
        ok(&format!(
            "kafka_server_brokertopicmetrics_bytesin_total {count}\nkafka_server_brokertopicmetrics_bytesout_total 0\n"
        ))
    };
    let server = Server::new(vec![page(0), page(1_000_000)]);
    let settings = settings(&[server.url()]);
    let mut scraper = Scraper::new(&settings).unwrap().with_second_look_after(Duration::from_millis(600));
    let seen = scraper.scrape_all(&host(4, "127.0.0.1"));
    assert!(seen.metrics[&BrokerId(4)].bytes_in_per_s.unwrap().get() > 0.0);
    assert_eq!(server.asked(), 2);
    std::thread::sleep(Duration::from_millis(600));
    scraper.scrape_all(&host(4, "127.0.0.1"));
    assert_eq!(server.asked(), 3, "the last look is kept for the next round");
}

#[test]
fn answers_that_are_no_metrics_are_gaps() {
    assert_eq!(
        told(vec![ok("<html>Sign in</html>")]),
        [
            "NetworkLoad broker 4: http://127.0.0.1:PORT/metrics: the answer is an HTML page, not metrics",
            "CpuLoad broker 4: http://127.0.0.1:PORT/metrics: the answer is an HTML page, not metrics",
        ]
    );
    assert_eq!(
        told(vec![ok("up 1\n")])[0],
        "NetworkLoad broker 4: the metrics page holds none of the metrics that evenkeel knows"
    );
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n".to_owned();
    assert_eq!(told(vec![moved])[0], "NetworkLoad broker 4: http://127.0.0.1:PORT/metrics: HTTP status 302");
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nup 1\n".to_owned();
    assert!(told(vec![cut])[0].starts_with("NetworkLoad broker 4: http://127.0.0.1:PORT/metrics: "));
    assert_eq!(
        told(vec![ok(&format!("{PAGE}kafka_server_brokertopicmetrics_bytesin_total{{topic=\n"))]),
        ["NetworkLoad broker 4: lines that cannot be read: 1, the first is line 5"]
    );
}

#[test]
fn a_page_without_end_is_left() {
    let server = Server::new(vec![ok(&"up 1\n".repeat(1000))]);
    let mut scraper = Scraper::new(&settings(&[server.url()])).unwrap();
    scraper.limit_bytes = 4000;
    let seen = scraper.scrape_all(&host(4, "127.0.0.1"));
    assert!(seen.gaps[0].reason.ends_with("the page is larger than 4000 bytes"), "{:?}", seen.gaps);
}

#[test]
fn silence_is_a_gap_after_the_time_limit() {
    // A socket that listens and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{{host}}:{}/metrics", listener.local_addr().unwrap().port());
    let settings = MetricsSettings { timeout: Duration::from_millis(200), ..settings(&[url]) };
    let seen = Scraper::new(&settings).unwrap().scrape_all(&host(4, "127.0.0.1"));
    assert!(seen.gaps[0].reason.ends_with("/metrics: no answer in time"), "{:?}", seen.gaps);
}

#[test]
fn brokers_out_of_reach_do_not_hold_the_others() {
    let server = Server::new(vec![ok(PAGE)]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let template = "http://user:secret@127.0.0.1:{host}/{id}?token=secret".to_owned();
    let mut scraper = Scraper::new(&settings(&[template])).unwrap();
    let targets = [
        (BrokerId(1), Some(closed.to_string())),
        (BrokerId(2), Some(server.port().to_string())),
        (BrokerId(3), None),
    ];
    let seen = scraper.scrape_all(&targets.into());
    assert_eq!(seen.metrics.keys().collect::<Vec<_>>(), [&BrokerId(2)]);
    let reasons: Vec<&str> = seen.gaps.iter().map(|gap| gap.reason.as_str()).collect();
    assert!(
        reasons[0].starts_with(&format!("http://127.0.0.1:{closed}/1: Connection refused")),
        "{reasons:?}"
    );
    assert_eq!(reasons[2], "http://127.0.0.1:{host}/{id}: the host of broker 3 is not known");
    assert!(!format!("{seen:?}").contains("secret"));
}

#[test]
fn https_is_checked_against_the_authority() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let server = Server::with_tls(vec![ok(PAGE)], Some(Arc::new(config)));
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let endpoint = server.url().replace("http:", "https:");
    let trusting = MetricsSettings {
        ca_file: Some(ca_file.display().to_string()),
        ..settings(std::slice::from_ref(&endpoint))
    };
    let seen = Scraper::new(&trusting).unwrap().scrape_all(&host(4, "localhost"));
    assert_eq!(seen.gaps, []);
    assert!(seen.metrics.contains_key(&BrokerId(4)));

    let seen = Scraper::new(&settings(&[endpoint])).unwrap().scrape_all(&host(4, "localhost"));
    assert!(seen.gaps[0].reason.contains("invalid peer certificate"), "{:?}", seen.gaps);
    let nothing = folder.path().join("empty.pem");
    std::fs::write(&nothing, "").unwrap();
    let wrong = MetricsSettings { ca_file: Some(nothing.display().to_string()), ..trusting };
    let error = Scraper::new(&wrong).err().unwrap().to_string();
    assert!(error.ends_with("holds no certificate in PEM form"), "{error}");
}

#[test]
fn addresses_are_made_and_shown_without_secrets() {
    let made = |host: &str| address("http://{host}:11001/{id}", BrokerId(3), Some(host)).unwrap();
    assert_eq!(made("b3"), "http://b3:11001/3");
    assert_eq!(made("::1"), "http://[::1]:11001/3");
    assert_eq!(made("[::1]"), "http://[::1]:11001/3");
    assert_eq!(shown("https://me:pw@b3:1/m@x?key=pw"), "https://b3:1/m@x");
}
