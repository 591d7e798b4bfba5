//! A server that is asked over loopback: what it tells, what it tells twice or not at all, and what it says instead.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Mutex;

use super::*;
use crate::base::{BytesPerS, Cores, Millis};
use crate::config::MetricsSettings;
use crate::edge::metrics::source::Sources;
use crate::edge::metrics::test_server::{self, ok};

const URL: &str = "http://SERVER";

fn brokers() -> Brokers {
    [(BrokerId(1), Some("b1".to_owned())), (BrokerId(2), Some("b2".to_owned()))].into()
}

/// The expression of a query, from the form of a request.
fn expression(request: &str) -> String {
    let form = request.split("\r\n\r\n").nth(1).unwrap();
    let mut text = Vec::new();
    let mut bytes = form.strip_prefix("query=").expect(request).bytes();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(text).unwrap()
}

/// Answers like a server that holds these series: each with a part of the query that finds it, its labels, and its value.
fn vector(series: &[(&str, &str, &str)], request: &str) -> String {
    let expression = expression(request);
    let row = |(_, labels, value): &(&str, &str, &str)| {
        format!("{{\"metric\":{{{labels}}},\"value\":[1732900000.5,\"{value}\"]}}")
    };
    let rows: Vec<String> = series.iter().filter(|(part, ..)| expression.contains(part)).map(row).collect();
    ok(&format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{}]}}}}",
        rows.join(",")
    ))
}

const IN: &str = "(bytesinpersec)?";
const OUT: &str = "(bytesoutpersec)?";
const PAGE: &str = "process_cpu_seconds_total";
const B1: &str = "\"instance\":\"b1:11001\",\"job\":\"kafka\"";
const B2: &str = "\"instance\":\"b2:11001\",\"job\":\"kafka\"";

/// Brokers 1 and 2 with traffic and processor time.
fn plain() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        (IN, B1, "100"),
        (OUT, B1, "10"),
        (IN, B2, "200"),
        (OUT, B2, "20"),
        (PAGE, B1, "0.5"),
        (PAGE, B2, "0.25"),
    ]
}

fn settings(server: &test_server::Server) -> PrometheusSettings {
    let mut settings = PrometheusSettings::of(&format!("http://127.0.0.1:{}", server.port())).unwrap();
    settings.timeout = Duration::from_secs(20);
    settings
}

/// What a server tells, and its gaps in words.
fn tells(answer: impl Fn(&str) -> String + Send + 'static) -> (Scraped, Vec<String>) {
    let server = test_server::Server::answering(answer);
    let told = Server::new(&settings(&server)).unwrap().ask(&brokers());
    let url = settings(&server).url;
    let words = told
        .gaps
        .iter()
        .map(|gap| format!("{} {}: {}", gap.kind.name(), gap.subject, gap.reason.replace(&url, URL)));
    let words = words.collect();
    (told, words)
}

fn told_of(series: Vec<(&'static str, &'static str, &'static str)>) -> (Scraped, Vec<String>) {
    tells(move |request| vector(&series, request))
}

fn rate(amount: f64) -> Option<BytesPerS> {
    BytesPerS::new(amount).ok()
}

#[test]
fn what_a_server_tells_goes_to_the_brokers() {
    let p99 = |name: &str, request: &str| {
        format!(
            "\"__name__\":\"kafka_network_requestmetrics_{name}\",\"request\":\"{request}\",\"quantile\":\"0.99\",{B1}"
        )
    };
    let produce: &'static str = p99("totaltimems", "Produce").leak();
    let mut series = vec![
        (IN, "\"topic\":\"orders\",\"instance\":\"b1:11001\",\"job\":\"kafka\"", "90"),
        ("(replicationbytesinpersec)?", B1, "70"),
        ("(reassignmentbytesinpersec)?", B1, "30"),
        ("responsesendtimems", produce, "7.5"),
        (
            "availableprocessors",
            "\"__name__\":\"java_lang_OperatingSystem_AvailableProcessors\",\"instance\":\"b1:11001\",\"job\":\"kafka\"",
            "8",
        ),
        // What else runs on a broker's host, and the rest of the world.
        (PAGE, "\"instance\":\"b1:9100\",\"job\":\"node\"", "4"),
        (PAGE, "\"instance\":\"elsewhere:9100\",\"job\":\"node\"", "4"),
        ("sum without", "\"instance\":\"b2:11002\",\"job\":\"node\"", "3"),
        ("count without", "\"instance\":\"b2:11002\",\"job\":\"node\"", "16"),
        ("count without", "\"instance\":\"elsewhere:11002\",\"job\":\"node\"", "2"),
        (
            "node_network_speed_bytes",
            "\"device\":\"bond0\",\"instance\":\"b2:11002\",\"job\":\"node\"",
            "2.5e+09",
        ),
        (
            "node_network_speed_bytes",
            "\"device\":\"eth1\",\"instance\":\"b2:11002\",\"job\":\"node\"",
            "-125000",
        ),
        (
            "node_network_speed_bytes",
            "\"device\":\"eth1\",\"instance\":\"elsewhere:11002\",\"job\":\"node\"",
            "1",
        ),
    ];
    series.extend(plain());
    let (told, gaps) = told_of(series);
    assert_eq!(gaps, [""; 0]);
    let (one, two) = (&told.metrics[&BrokerId(1)], &told.metrics[&BrokerId(2)]);
    assert_eq!((one.bytes_in_per_s, one.bytes_out_per_s), (rate(100.0), rate(10.0)));
    assert_eq!(one.topic_bytes_in_per_s, [("orders".into(), BytesPerS::new(90.0).unwrap())].into());
    assert_eq!((one.replication_in_per_s, one.reassignment_in_per_s), (rate(70.0), rate(30.0)));
    assert_eq!(one.produce_p99_ms, Millis::new(7.5).ok());
    assert_eq!((one.cpu_cores_used, one.cpu_cores), (Cores::new(0.5).ok(), Cores::new(8.0).ok()));
    assert_eq!((two.cpu_cores_used, two.cpu_cores), (Cores::new(0.25).ok(), Cores::new(16.0).ok()));
    assert_eq!(two.links, [("bond0".to_owned(), BytesPerS::new(2.5e9).unwrap())].into());
}

#[test]
fn what_is_told_twice_or_is_no_amount_counts_for_nothing_and_is_said() {
    let mut series = plain();
    series.push((IN, "\"topic\":\"a\",\"instance\":\"b1:11001\",\"job\":\"kafka\"", "NaN"));
    series.push((IN, "\"instance\":\"b2:11001\",\"job\":\"other\"", "200"));
    series.push((OUT, "\"topic\":\"a b\",\"instance\":\"b2:11001\",\"job\":\"kafka\"", "1"));
    series.push((PAGE, B2, "0.5"));
    let (told, gaps) = told_of(series);
    let one = &told.metrics[&BrokerId(1)];
    assert_eq!((one.bytes_in_per_s, one.bytes_out_per_s), (None, rate(10.0)));
    assert_eq!(told.metrics.get(&BrokerId(2)), None);
    assert_eq!(
        gaps,
        [
            "network-load broker 1: http://SERVER: its bytes in are said to be NaN, which is no amount",
            "network-load broker 2: http://SERVER: two series tell of its bytes in (job `kafka` and `other`), so neither \
             counts; name in `labels` which of them is meant",
            "network-load broker 2: http://SERVER: its bytes out are told of `a b`, which is no topic",
            "cpu-load broker 2: http://SERVER: two series tell of its processor time (with the same labels), so neither \
             counts; name in `labels` which of them is meant",
        ]
    );
}

#[test]
fn strangers_and_brokers_of_whom_nothing_is_told_are_named() {
    let series = vec![
        (IN, B1, "100"),
        (OUT, B1, "10"),
        (PAGE, B1, "1"),
        (IN, "\"instance\":\"c1:11001\"", "5"),
        (IN, "\"instance\":\"c2:11001\"", "5"),
        (IN, "\"pod\":\"c2\"", "5"),
    ];
    let (_, gaps) = told_of(series);
    assert_eq!(
        gaps,
        [
            "network-load broker 2: http://SERVER: nothing is told of it in the last 5 min",
            "cpu-load broker 2: http://SERVER: nothing is told of it in the last 5 min",
            "network-load : http://SERVER: there are series without the label `instance`, by which brokers are told apart",
            "network-load : http://SERVER: 2 of what `instance` names are no live brokers of this cluster, `c1:11001` first; \
             `labels` says which cluster is meant, `broker-label` and `broker-pattern` what brokers are called",
        ]
    );
}

#[test]
fn a_server_that_refuses_is_named_with_the_mend_for_each_broker() {
    let (told, gaps) =
        told_all("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(told.metrics, BTreeMap::new());
    let words = "http://SERVER/api/v1/query: it wants to know who asks (401); give `bearer-token-file`, or `username` and \
                 `password-file`";
    let expected =
        ["network-load broker 1", "cpu-load broker 1", "network-load broker 2", "cpu-load broker 2"];
    assert_eq!(gaps, expected.map(|place| format!("{place}: {words}")));
    let (_, gaps) = told_all(&ok("<html>Sign in</html>"));
    assert!(gaps[0].contains("it answers an HTML page (HTTP status 200)"), "{gaps:?}");

    // A query that fails and leaves nothing unknown is told all the same.
    let (told, gaps) = tells(|request| {
        if expression(request).contains("responsesendtimems") {
            return "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
        }
        vector(&plain(), request)
    });
    assert_eq!(told.metrics.len(), 2);
    assert_eq!(gaps, ["network-load : http://SERVER/api/v1/query: it answers HTTP status 503"]);
}

fn told_all(answer: &str) -> (Scraped, Vec<String>) {
    let answer = answer.to_owned();
    tells(move |_| answer.clone())
}

#[test]
fn a_server_that_is_not_there_or_says_too_much_is_a_gap() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings_of = |url: &str| PrometheusSettings::of(url).unwrap();
    let told = Server::new(&settings_of(&format!("http://{closed}"))).unwrap().ask(&brokers());
    assert_eq!(told.gaps.len(), 4);
    let expected = format!("http://{closed}/api/v1/query: Connection refused");
    assert!(told.gaps.iter().all(|gap| gap.reason.starts_with(&expected)), "{:?}", told.gaps);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings_of(&format!("http://{}", silent.local_addr().unwrap()));
    settings.timeout = Duration::from_millis(200);
    let told = Server::new(&settings).unwrap().ask(&brokers());
    assert!(told.gaps[0].reason.ends_with("/api/v1/query: no answer in time"), "{:?}", told.gaps);

    let server = test_server::Server::answering(|request| vector(&plain(), request));
    let mut client = Server::new(&self::settings(&server)).unwrap();
    client.limit_bytes = 50;
    let told = client.ask(&brokers());
    assert!(told.gaps[0].reason.contains("is larger than 50 bytes; `labels` narrows"), "{:?}", told.gaps);
}

#[test]
fn logins_are_read_anew_each_time_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
    let heads = seen.clone();
    let server = test_server::Server::answering(move |request| {
        let is_it = |line: &&str| line.to_lowercase().starts_with("authorization:");
        heads.lock().unwrap().push(request.lines().find(is_it).unwrap_or_default().to_owned());
        "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let mut settings = settings(&server);
    settings.login = PrometheusLogin::Bearer { token_file: file.display().to_string() };
    let mut client = Server::new(&settings).unwrap();
    let told = client.ask(&brokers());
    assert!(told.gaps[0].reason.starts_with("metrics.prometheus.bearer-token-file `"), "{:?}", told.gaps);
    assert_eq!(server.asked(), 0, "nothing is asked without the login that is wanted");
    for secret in ["hidden-1", "hidden-2"] {
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        let told = client.ask(&brokers());
        assert!(
            told.gaps[0].reason.contains("what is in `bearer-token-file` may be wrong"),
            "{:?}",
            told.gaps
        );
        assert!(!format!("{told:?}").contains("hidden"));
        assert_eq!(seen.lock().unwrap().last().unwrap(), &format!("authorization: Bearer {secret}"));
    }
    settings.login =
        PrometheusLogin::Basic { username: "me".to_owned(), password_file: file.display().to_string() };
    Server::new(&settings).unwrap().ask(&brokers());
    assert_eq!(seen.lock().unwrap().last().unwrap(), "authorization: Basic bWU6aGlkZGVuLTI=");
    std::fs::write(&file, "two\nlines").unwrap();
    let told = Server::new(&settings).unwrap().ask(&brokers());
    assert!(told.gaps[0].reason.ends_with("holds no secret of one line"), "{:?}", told.gaps);
}

/// AWS's own vectors hold the signer; here, that what it signs is what goes over the wire.
#[test]
fn requests_to_aws_are_signed_as_they_are_sent() {
    let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
    let requests = seen.clone();
    let server = test_server::Server::answering(move |request| {
        requests.lock().unwrap().push(request.to_owned());
        "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let mut settings = settings(&server);
    settings.url.push_str("/workspaces/ws-1");
    settings.login = PrometheusLogin::SigV4 { region: "eu-west-1".to_owned(), profile: None };
    let mut client = Server::new(&settings).unwrap();
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
        ("AWS_SESSION_TOKEN", "also-hidden"),
    ];
    let envs = keys.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    client.aws = Some(Identity::in_environment(None, reqsign_core::StaticEnv { home_dir: None, envs }));
    let told = client.ask(&brokers());
    assert!(told.gaps[0].reason.contains("needs the right `aps:QueryMetrics`"), "{:?}", told.gaps);
    assert!(!format!("{told:?}").contains("hidden"));

    let requests = seen.lock().unwrap();
    assert!(requests.len() > 10);
    for request in requests.iter() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let is_it = |line: &&str| line.to_lowercase().starts_with(&format!("{name}: "));
            head.lines().find(is_it).map(|line| line.split_once(": ").unwrap().1).expect(head)
        };
        let form = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
        let at = time::PrimitiveDateTime::parse(header("x-amz-date"), form).unwrap().assume_utc();
        let credentials = crate::edge::aws::Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "hidden".into(),
            session_token: Some("also-hidden".into()),
        };
        let signer =
            crate::edge::aws::Signer { credentials: &credentials, region: "eu-west-1", service: "aps", at };
        let expected = signer.headers(&crate::edge::aws::Unsigned {
            method: "POST",
            host: header("host"),
            path: "/workspaces/ws-1/api/v1/query",
            query: &[],
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: body.as_bytes(),
        });
        for (name, value) in expected {
            assert_eq!(header(name), secrecy::ExposeSecret::expose_secret(&value), "{head}");
        }
    }
}

#[test]
fn a_server_is_not_asked_again_before_it_can_know_more() {
    let server = test_server::Server::answering(|request| vector(&plain(), request));
    let mut client = Server::new(&settings(&server)).unwrap();
    let first = client.ask(&brokers());
    let asked = server.asked();
    assert_eq!(client.ask(&brokers()), first);
    assert_eq!(server.asked(), asked);
    client.ask(&[(BrokerId(1), Some("b1".to_owned()))].into());
    assert_eq!(server.asked(), 2 * asked, "other brokers are another question");
}

#[test]
fn endpoints_count_first_and_the_server_fills_in_what_they_lack() {
    let page = "kafka_server_BrokerTopicMetrics_OneMinuteRate{name=\"BytesInPerSec\"} 7\n";
    let endpoint = test_server::Server::new(vec![ok(page)]);
    let server = test_server::Server::answering(|request| {
        vector(
            &[(IN, "\"instance\":\"127.0.0.1:1\"", "100"), (OUT, "\"instance\":\"127.0.0.1:1\"", "10")],
            request,
        )
    });
    let both = MetricsSettings::of(vec![endpoint.url()]).with_prometheus(Some(settings(&server)));
    let told = Sources::new(&both).unwrap().ask(&[(BrokerId(1), Some("127.0.0.1".to_owned()))].into());
    let one = &told.metrics[&BrokerId(1)];
    assert_eq!((one.bytes_in_per_s, one.bytes_out_per_s), (rate(7.0), rate(10.0)));
}

#[test]
fn a_server_may_ask_for_a_certificate() {
    let issued = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (host, ours) = (issued("localhost"), issued("evenkeel"));
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(ours.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(trusted.into(), provider.clone());
    let key = rustls::pki_types::PrivateKeyDer::try_from(host.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![host.cert.der().clone()], key)
        .unwrap();
    let empty = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}";
    let server = test_server::Server::with_tls(vec![ok(empty)], Some(std::sync::Arc::new(tls)));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let mut settings = PrometheusSettings::of(&format!("https://localhost:{}", server.port())).unwrap();
    settings.ca_file = Some(file("ca.pem", host.cert.pem()));
    let told = Server::new(&settings).unwrap().ask(&brokers());
    assert!(told.gaps[0].reason.contains("/api/v1/query: "), "{:?}", told.gaps);
    let (certificate, key) =
        (file("c.pem", ours.cert.pem()), file("k.pem", ours.signing_key.serialize_pem()));
    settings.identity = Some((certificate.clone(), key));
    let told = Server::new(&settings).unwrap().ask(&brokers());
    assert!(told.gaps[0].reason.ends_with("nothing is told of it in the last 5 min"), "{:?}", told.gaps);

    settings.identity = Some((certificate, file("other.pem", host.signing_key.serialize_pem())));
    let wrong = Server::new(&settings).err().unwrap().to_string();
    assert!(wrong.starts_with("metrics.prometheus.certificate-file `"), "{wrong}");
    assert!(wrong.contains("does not fit its key"), "{wrong}");
}
