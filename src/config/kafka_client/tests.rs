//! Client settings: both dialects, every problem with its line, no secret in any message.

use secrecy::ExposeSecret as _;

use super::*;

fn read(text: &str) -> (KafkaClientSettings, Vec<KafkaClientProblem>) {
    KafkaClientSettings::parse(text, None).expect("the text is right")
}

fn problems(text: &str) -> Vec<String> {
    let error = KafkaClientSettings::parse(text, None).expect_err("the text is wrong");
    error.problems.iter().map(ToString::to_string).collect()
}

fn path(pem: &Pem) -> &str {
    match pem {
        Pem::File(path) => path.to_str().expect("the test's paths are text"),
        Pem::Inline(_) | Pem::Store { .. } => panic!("a file was expected"),
    }
}

fn password(settings: KafkaClientSettings) -> PasswordLogin {
    match settings.sasl {
        Some(SaslSettings::Password(login)) => login,
        other => panic!("a password was expected: {other:?}"),
    }
}

fn token(settings: KafkaClientSettings) -> TokenLogin {
    match settings.sasl {
        Some(SaslSettings::Token(login)) => login,
        other => panic!("a token was expected: {other:?}"),
    }
}

#[test]
fn plaintext_needs_only_addresses() {
    let settings =
        KafkaClientSettings::plaintext("b1:9092, [::1]:9093,SSL://b3:9094").expect("three addresses");
    let shown: Vec<String> = settings.bootstrap.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["b1:9092", "[::1]:9093", "b3:9094"]);
    assert!(settings.tls.is_none() && settings.sasl.is_none());
    assert_eq!(settings.client_id, "evenkeel");
}

#[test]
fn the_command_line_stands_before_the_file() {
    let text = "metadata.broker.list=a:1\nclient.id = me\nrequest.timeout.ms: 1500";
    let (settings, _) = KafkaClientSettings::parse(text, Some("b:2")).expect("right");
    assert_eq!(settings.bootstrap, [Address { host: "b".to_owned(), port: 2 }]);
    assert_eq!(settings.client_id, "me");
    assert_eq!(settings.request_timeout, Duration::from_millis(1500));
}

#[test]
fn librdkafka_mutual_tls() {
    let (settings, warnings) = read(
        "# mutual TLS\nbootstrap.servers=b:9094\nsecurity.protocol=ssl\nssl.ca.location=/etc/ca.pem\n\
         ssl.certificate.location=/etc/me.pem\nssl.key.location=/etc/me.key\nssl.endpoint.identification.algorithm=https\n\
         enable.ssl.certificate.verification=true\nstatistics.interval.ms=0\n",
    );
    let tls = settings.tls.expect("TLS is on");
    assert_eq!(path(&tls.authorities.expect("an authority")), "/etc/ca.pem");
    let identity = tls.identity.expect("a certificate");
    assert_eq!((path(&identity.certificates), path(&identity.key)), ("/etc/me.pem", "/etc/me.key"));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].to_string(), "line 9: `statistics.interval.ms` has no effect here");
}

#[test]
fn java_stores_in_pem() {
    let (settings, _) = read(
        "bootstrap.servers=b:9094\nsecurity.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=/t.pem\n\
         ssl.keystore.type=PEM\nssl.keystore.location=/k.pem\n",
    );
    let identity = settings.tls.and_then(|tls| tls.identity).expect("a certificate");
    assert_eq!((path(&identity.certificates), path(&identity.key)), ("/k.pem", "/k.pem"));
    let wrong = problems("bootstrap.servers=b:1\nsecurity.protocol=SSL\nssl.truststore.location=/t.jks\n");
    assert_eq!(wrong.len(), 1);
    let told = "line 3: `ssl.truststore.location` must be a PEM file or a PKCS#12 store";
    assert!(wrong[0].starts_with(told) && wrong[0].contains("keytool"), "{wrong:?}");
}

#[test]
fn inline_pem_over_several_lines() {
    let (settings, _) = read(
        "bootstrap.servers=b:9094\nsecurity.protocol=SSL\nssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\n\\\n  abc\\n\\\n  -----END CERTIFICATE-----\n",
    );
    match settings.tls.and_then(|tls| tls.authorities).expect("an authority") {
        Pem::Inline(text) => {
            assert_eq!(text.expose_secret(), "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----");
        }
        other => panic!("it was given inline: {other:?}"),
    }
}

#[test]
fn scram_by_keys_and_by_jaas() {
    let (settings, _) = read(
        "bootstrap.servers=b:9096\nsecurity.protocol=SASL_SSL\nsasl.mechanisms=scram-sha-512\nsasl.username=alice\nsasl.password=p\\w=1#2\n",
    );
    let sasl = password(settings);
    assert_eq!((sasl.mechanism, sasl.username.as_str()), (SaslMechanism::ScramSha512, "alice"));
    assert_eq!(sasl.password.expose_secret(), "p\\w=1#2");
    let (settings, _) = read(
        "bootstrap.servers=b:9096\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  username=\"al\\\"ice\" \\\n  password=\"s;=x\";\n",
    );
    let sasl = password(settings);
    assert_eq!((sasl.username.as_str(), sasl.password.expose_secret()), ("al\"ice", "s;=x"));
}

#[test]
fn jaas_must_fit_the_mechanism() {
    let wrong = problems(
        "bootstrap.servers=b:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\n\
         sasl.jaas.config=a.b.PlainLoginModule required username=\"u\" password=\"p\";\n",
    );
    assert_eq!(
        wrong,
        ["line 4: `sasl.jaas.config` names a login module that does not belong to `sasl.mechanism`"]
    );
    for broken in ["x", "a.PlainLoginModule required username=\"u;", "a.Krb5LoginModule required;", ";"] {
        let text = format!(
            "bootstrap.servers=b:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config={broken}\n"
        );
        assert!(problems(&text)[0].starts_with("line 4: `sasl.jaas.config`"), "{broken}");
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let wrong = problems(
        "bootstrap.servers=b\nsecurity.protcol=SSL\nclient.id=a\nclient.id=b\nnonsense\nzzz=1\nrequest.timeout.ms=-4\n",
    );
    assert_eq!(
        wrong,
        [
            "line 1: `bootstrap.servers` holds `b`, which has no port; write `b:9092`",
            "line 2: `security.protcol` is not a known key; did you mean `security.protocol`?",
            "line 3: `client.id` is given twice, on lines 3 and 4",
            "line 5: `this line` is not of the form `key=value`",
            "line 6: `this line` has a key that is not known",
            "line 7: `request.timeout.ms` is `-4`; it is a whole number of milliseconds from 1 to 3600000",
        ]
    );
}

#[test]
fn nothing_that_weakens_tls_is_accepted() {
    let wrong = problems(
        "bootstrap.servers=b:1\nsecurity.protocol=SSL\nenable.ssl.certificate.verification=false\n\
         ssl.endpoint.identification.algorithm=\nssl.key.password=hunter2\nssl.key.location=/k\n",
    );
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("cannot be turned off"));
    assert!(wrong[1].contains("host names are always verified"));
    assert!(wrong[2].contains("without its certificate"));
    assert!(!wrong.concat().contains("hunter2"));
}

#[test]
fn a_forgotten_protocol_is_warned_about() {
    let (settings, warnings) =
        read("bootstrap.servers=b:1\nssl.ca.location=/ca.pem\nsasl.password=hunter2\n");
    assert!(settings.tls.is_none());
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 2: `ssl.ca.location` has no effect: `security.protocol` is not SSL or SASL_SSL",
            "line 3: `sasl.password` has no effect: `security.protocol` is not SASL_PLAINTEXT or SASL_SSL",
        ]
    );
}

#[test]
fn secrets_are_never_shown() {
    let text = "bootstrap.servers=b:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=hunter2\nssl.key.pem=hunter3\nssl.certificate.pem=x\n";
    let (settings, warnings) = read(text);
    let shown = format!("{settings:?} {warnings:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    let broken = problems("sasl.password hunter2\nsasl.password hunter4:x\nsasl.pasword=hunter3\n").concat();
    assert!(!broken.contains("hunter"), "{broken}");
}

#[test]
fn sasl_without_its_parts_names_each() {
    let wrong = problems("bootstrap.servers=b:1\nsecurity.protocol=SASL_SSL\n");
    assert_eq!(wrong.len(), 3);
    assert!(wrong[0].starts_with("`sasl.mechanism` is missing"));
    let wrong = problems(
        "bootstrap.servers=b:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\nsasl.username=u\nsasl.password=p\n",
    );
    assert_eq!(
        wrong,
        [
            "line 3: `sasl.mechanism` is `GSSAPI`, which is not supported; it can be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM"
        ]
    );
}

const OAUTH: &str = "bootstrap.servers=b:9096\nsecurity.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\n";
const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url=https://idp.example/token\n";

#[test]
fn client_credentials_in_either_dialect() {
    let (settings, warnings) = read(&format!(
        "{OAUTH}{ENDPOINT}sasl.oauthbearer.method=OIDC\nsasl.oauthbearer.client.id=me\nsasl.oauthbearer.client.secret=hunter2\n\
         sasl.oauthbearer.scope=kafka\nsasl.oauthbearer.extensions=logicalCluster=lkc-1, poolId=p-2\nhttps.ca.location=/ca.pem\n"
    ));
    assert!(!format!("{settings:?} {warnings:?}").contains("hunter2"));
    assert_eq!(warnings, []);
    let librdkafkas = token(settings);
    let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
    let (settings, warnings) = read(&format!(
        "{OAUTH}{ENDPOINT}sasl.login.callback.handler.class=org.apache.kafka.OAuthBearerLoginCallbackHandler\nhttps.ca.location=/ca.pem\n\
         sasl.jaas.config={module} required clientId=\"me\" clientSecret=\"hunter2\" scope=\"kafka\" extension_logicalCluster=\"lkc-1\" extension_poolId=\"p-2\";\n"
    ));
    assert_eq!(warnings, []);
    assert_eq!(token(settings), librdkafkas);
    let TokenLogin::Oidc(login) = librdkafkas else { panic!("{librdkafkas:?}") };
    assert_eq!((login.client_id.as_str(), login.scope.as_deref()), ("me", Some("kafka")));
    assert_eq!(login.extensions["poolId"], "p-2");
}

#[test]
fn client_credentials_that_lack_something_are_told() {
    let wrong = problems(OAUTH);
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("token.endpoint.url` is missing"), "{wrong:?}");
    for (line, words) in [
        ("sasl.oauthbearer.token.endpoint.url=http://idp.example/hunter2", "must begin with `https://`"),
        ("sasl.oauthbearer.token.endpoint.url=https://me:hunter2@idp.example/t", "without a user"),
        ("sasl.oauthbearer.method=azure", "only `oidc` is supported"),
        ("sasl.oauthbearer.extensions=auth=hunter2", "is not of the form"),
        (
            "sasl.jaas.config=a.b.PlainLoginModule required username=\"u\" password=\"hunter2\";",
            "does not belong",
        ),
    ] {
        let told = problems(&format!("{OAUTH}{line}\n")).concat();
        assert!(told.contains(words) && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn amazon_msk_by_iam_in_each_of_its_spellings() {
    let start = "bootstrap.servers=b:9098\nsecurity.protocol=SASL_SSL\n";
    let plain = read(&format!("{start}sasl.mechanism=AWS_MSK_IAM\n")).0;
    assert_eq!(plain.sasl.as_ref().map(SaslSettings::mechanism), Some(SaslMechanism::OauthBearer));
    assert_eq!(token(plain), TokenLogin::MskIam(MskIamLogin::default()));
    let java = read(&format!(
        "{start}sasl.mechanism=AWS_MSK_IAM\nsasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsProfileName=\"ops\";\n\
         sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\n"
    ));
    assert_eq!(token(java.0), TokenLogin::MskIam(MskIamLogin { profile: Some("ops".to_owned()) }));
    let role = format!(
        "{start}sasl.mechanism=AWS_MSK_IAM\nsasl.jaas.config=a.IAMLoginModule required awsRoleArn=\"arn:x\";\n"
    );
    assert!(problems(&role)[0].contains("asks for a role"), "{role}");
    let oauth = read(&format!(
        "{start}sasl.mechanism=OAUTHBEARER\nsasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;\n\
         sasl.login.callback.handler.class=software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler\n"
    ));
    assert_eq!(token(oauth.0), TokenLogin::MskIam(MskIamLogin::default()));
}

#[test]
fn what_has_no_effect_is_told() {
    let (_, warnings) = read(&format!(
        "{OAUTH}{ENDPOINT}sasl.username=me\nsasl.jaas.config=a.OAuthBearerLoginModule required clientId=\"me\" clientSecret=\"hunter2\" other=\"hunter3\";\n"
    ));
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 6: `sasl.jaas.config` holds `other`, which has no effect here",
            "line 5: `sasl.username` has no effect beside the other settings",
        ]
    );
}

#[test]
fn what_follows_the_beginning_of_a_key_is_not_repeated() {
    let torn = "sasl.oauthbearer.client.secrethunter2==\nsasl.kerberos.\u{1b}[31m=x\nretries=3\n";
    let login = "sasl.oauthbearer.client.id=me\nsasl.oauthbearer.client.secret=hunter3\n";
    let (_, warnings) = read(&format!("{OAUTH}{ENDPOINT}{login}{torn}"));
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 7: `sasl.oauthbearer...` has no effect here",
            "line 8: `sasl.kerberos...` has no effect here",
            "line 9: `retries` has no effect here",
        ]
    );
}

#[test]
fn stores_in_pkcs12() {
    let (settings, warnings) = read(
        "bootstrap.servers=b:9094\nsecurity.protocol=SSL\nssl.truststore.location=/t.p12\nssl.truststore.password=hunter2\n\
         ssl.keystore.type=PKCS12\nssl.keystore.location=/own.store\nssl.keystore.password=hunter3\n",
    );
    assert_eq!(warnings, []);
    assert!(!format!("{settings:?}").contains("hunter"));
    let tls = settings.tls.expect("TLS is on");
    let store = |pem: &Pem| match pem {
        Pem::Store { path, password } => (path.display().to_string(), password.expose_secret().to_owned()),
        other => panic!("a store was expected: {other:?}"),
    };
    assert_eq!(store(&tls.authorities.expect("authorities")), ("/t.p12".to_owned(), "hunter2".to_owned()));
    let identity = tls.identity.expect("an identity");
    assert_eq!(store(&identity.key), ("/own.store".to_owned(), "hunter3".to_owned()));
    assert_eq!(store(&identity.certificates).0, "/own.store");
    let twice = problems(
        "bootstrap.servers=b:1\nsecurity.protocol=SSL\nssl.ca.location=/ca.pem\nssl.truststore.location=/t.p12\n",
    );
    assert!(twice.len() == 1 && twice[0].contains("says what another key says already"), "{twice:?}");
}

#[test]
fn references_are_looked_up_and_never_shown() {
    let text = "bootstrap.servers=b:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=${env:WHO}\nsasl.password=${file:/s.properties:kafka}\n";
    let lookup = |reference: Reference<'_>| match reference {
        Reference::Variable("WHO") => Ok("me".to_owned()),
        Reference::Property { path: "/s.properties", key: "kafka" } => Ok("hunter2".to_owned()),
        _ => Err("it is not there".to_owned()),
    };
    let (settings, _) = KafkaClientSettings::parse_with(text, None, &lookup).expect("right");
    let login = password(settings);
    assert_eq!((login.username.as_str(), login.password.expose_secret()), ("me", "hunter2"));
    let text = text.replace("kafka}", "other}");
    let error = KafkaClientSettings::parse_with(&text, None, &lookup).expect_err("it is not there");
    assert_eq!(
        error.problems[0].to_string(),
        "line 5: `sasl.password` refers to `${file:/s.properties:other}`: it is not there"
    );
}
