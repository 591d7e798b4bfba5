//! SASL OAUTHBEARER on real brokers, with tokens of a small provider of our own, over TLS: they are fetched, renewed while
//! sessions go on, and shared with librdkafka.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use evenkeel::config::{KafkaClientSettings, LeaseTopic};
use evenkeel::control::{Scope, World, WorldError};
use evenkeel::edge::lease::{Holder, open};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::client::connect;
use crate::on_the_newest_at_least;
use crate::support::lab::{Lab, Security, Who};

type Properties = BTreeMap<&'static str, String>;

const SECRET: &str = "right-horse-of-the-client";

/// How long a token holds.
const LIFETIME_S: u64 = 6;

/// A provider that gives tokens to one client. Dropping it ends it.
struct Provider {
    url: String,
    given: Arc<AtomicU64>,
    forms: Arc<Mutex<Vec<String>>>,
    stops: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Provider {
    /// With the certificate of broker 1, at its address.
    fn start(lab: &Lab) -> Self {
        let ca = &lab.client_settings(Who::Evenkeel)["ssl.ca.location"];
        let pem = std::fs::read(ca.replace("ca.pem", "broker-1.pem")).expect("the lab's file");
        let chain = CertificateDer::pem_slice_iter(&pem).map(|one| one.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_slice(&pem).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        let bootstrap = lab.bootstrap();
        let host = bootstrap.split(':').next().expect("a host").to_owned();
        let listener = TcpListener::bind((host.as_str(), 0)).expect("a free port");
        let url = format!("https://{host}:{}/token", listener.local_addr().expect("bound").port());
        listener.set_nonblocking(true).expect("a listener");
        let (given, stops) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let forms = Arc::new(Mutex::new(Vec::new()));
        let (counting, stopping, noting) = (Arc::clone(&given), Arc::clone(&stops), Arc::clone(&forms));
        let config = Arc::new(config);
        let serving = std::thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                match listener.accept() {
                    // A client that does not trust us breaks off: that is its right.
                    Ok((stream, _)) => drop(serve(stream, &config, &counting, &noting)),
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        Self { url, given, forms, stops, serving: Some(serving) }
    }

    fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        if let Some(serving) = self.serving.take() {
            drop(serving.join());
        }
    }
}

fn serve(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    given: &AtomicU64,
    forms: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let connection = ServerConnection::new(Arc::clone(config)).expect("a connection");
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let (mut length, mut basic) = (0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().expect("a length"),
            "authorization" => value.trim().clone_into(&mut basic),
            _ => {}
        }
    }
    let mut form = vec![0; length];
    stream.read_exact(&mut form)?;
    let form = String::from_utf8_lossy(&form).into_owned();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("client-1:{SECRET}"));
    let (status, body) = if basic == format!("Basic {pair}") {
        given.fetch_add(1, Ordering::Relaxed);
        let token = token(if form.contains("past") { 0 } else { LIFETIME_S });
        ("200 OK", format!(r#"{{"access_token":"{token}","expires_in":{LIFETIME_S},"token_type":"Bearer"}}"#))
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client","error_description":"who is that?"}"#.to_owned())
    };
    forms.lock().unwrap_or_else(PoisonError::into_inner).push(form);
    write!(
        stream.get_mut(),
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.get_mut().flush()?;
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush()
}

/// A token for `evenkeel` that nobody signed; one of no seconds ended an hour ago.
fn token(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a date").as_secs();
    let (issued, ends) = if seconds == 0 { (now - 7_200, now - 3_600) } else { (now, now + seconds) };
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"sub":"evenkeel","iat":{issued},"exp":{ends}}}"#);
    format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims))
}

fn properties(lab: &Lab, provider: &Provider) -> Properties {
    let ca = lab.client_settings(Who::Evenkeel)["ssl.ca.location"].clone();
    Properties::from([
        ("security.protocol", "SASL_SSL".to_owned()),
        ("ssl.ca.location", ca.clone()),
        ("https.ca.location", ca),
        ("sasl.mechanism", "OAUTHBEARER".to_owned()),
        ("sasl.oauthbearer.method", "oidc".to_owned()),
        ("sasl.oauthbearer.client.id", "client-1".to_owned()),
        ("sasl.oauthbearer.client.secret", SECRET.to_owned()),
        ("sasl.oauthbearer.scope", "kafka".to_owned()),
        ("sasl.oauthbearer.token.endpoint.url", provider.url.clone()),
    ])
}

#[test]
fn tokens_let_us_in_and_are_renewed() {
    on_the_newest_at_least(|version| {
        let lab = Lab::builder(version).brokers(3).security(Security::ScramOverTls).start();
        let provider = Provider::start(&lab);
        let good = properties(&lab, &provider);
        sessions_outlive_their_tokens(&lab, &provider, &good);
        librdkafka_shares_them(&lab, &provider, &good);
        javas_keys_do_as_well(&lab, &good);
        what_is_wrong_is_told(&lab, &good);
    });
}

fn sessions_outlive_their_tokens(lab: &Lab, provider: &Provider, good: &Properties) {
    let mut world =
        connect(&lab.bootstrap(), good).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let until = Instant::now() + Duration::from_secs(2 * LIFETIME_S);
    while Instant::now() < until {
        let seen = world.observe(&Scope::Full).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
        assert_eq!((seen.brokers.len(), seen.gaps), (3, Vec::new()));
        world.sleep(Duration::from_millis(250));
    }
    // Without renewal each broker would end its connection every four seconds. One may end when the machine is late with that.
    let opened = world.client().connections_opened();
    assert!((3..=4).contains(&opened), "{opened} connections, where one to each broker serves throughout");
    let given = provider.given();
    assert!((2..=4).contains(&given), "{given} tokens in two lifetimes, for three connections");
    let forms = provider.forms.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(forms.iter().all(|form| form == "grant_type=client_credentials&scope=kafka"), "{forms:?}");
}

fn settings(lab: &Lab, properties: &Properties) -> KafkaClientSettings {
    let lines: Vec<String> = properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    KafkaClientSettings::parse(&lines.concat(), Some(&lab.bootstrap())).expect("right settings").0
}

/// The lease is written and read by librdkafka, whose clients ask us for each token.
fn librdkafka_shares_them(lab: &Lab, provider: &Provider, good: &Properties) {
    let before = provider.given();
    let lease = open(&settings(lab, good), &LeaseTopic::default(), Holder::this_process("test"))
        .unwrap_or_else(|error| panic!("{error}"));
    let (journal, standing) = lease.take().unwrap_or_else(|error| panic!("{error}"));
    assert!(standing.recollection.unfinished().next().is_none());
    journal.release().expect("released");
    let standing = lease.look().unwrap_or_else(|error| panic!("{error}"));
    assert!(standing.last.is_some_and(|beat| beat.released), "what was written is read again");
    let more = provider.given() - before;
    assert!(more <= 4, "{more} tokens for a few clients at once");
}

fn javas_keys_do_as_well(lab: &Lab, good: &Properties) {
    let mut java = good.clone();
    java.retain(|key, _| {
        !matches!(
            *key,
            "sasl.oauthbearer.method"
                | "sasl.oauthbearer.client.id"
                | "sasl.oauthbearer.client.secret"
                | "sasl.oauthbearer.scope"
        )
    });
    let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
    java.insert(
        "sasl.jaas.config",
        format!("{module} required clientId=\"client-1\" clientSecret=\"{SECRET}\" scope=\"kafka\";"),
    );
    java.insert(
        "sasl.login.callback.handler.class",
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler".to_owned(),
    );
    let mut world =
        connect(&lab.bootstrap(), &java).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    assert_eq!(world.observe(&Scope::Full).expect("a look").brokers.len(), 3);
}

fn what_is_wrong_is_told(lab: &Lab, good: &Properties) {
    let nowhere = format!("https://{}/token", lab.nobodys_address());
    for (key, value, words) in [
        ("sasl.oauthbearer.client.secret", "wrong-horse", ["invalid_client (who is that?)", "401"]),
        ("sasl.oauthbearer.token.endpoint.url", nowhere.as_str(), ["cannot be reached", "refused"]),
        (
            "https.ca.location",
            &good["https.ca.location"].replace("ca.pem", "other-ca.pem"),
            ["cannot be reached", "certificate"],
        ),
        // The endpoint gives it, and the broker does not take it.
        ("sasl.oauthbearer.scope", "past", ["it refused user `evenkeel`", "clocks"]),
    ] {
        let mut wrong = good.clone();
        wrong.insert(key, value.to_owned());
        let Err(error) = connect(&lab.bootstrap(), &wrong) else { panic!("{key}={value} was let in") };
        let told = format!("{error}\n{}", error.hint());
        eprintln!("{told}\n");
        assert!(matches!(error, WorldError::Unauthenticated { .. }), "{error:?}");
        for word in words {
            assert!(told.contains(word), "{word} in {told}");
        }
        assert!(!told.contains("horse") && !told.contains("eyJ"), "{told}");
    }
}
