//! Answers of every kind: good ones, errors, other kinds of results, what is missing, and bytes of no form at all.

use proptest::prelude::*;

use super::*;

fn read_ok(body: &str) -> Result<Answer, Refusal> {
    read(StatusCode::OK, body.as_bytes(), &PrometheusLogin::None)
}

fn refused(code: u16, body: &str, login: &PrometheusLogin) -> String {
    let status = StatusCode::from_u16(code).unwrap();
    read(status, body.as_bytes(), login).expect_err(body).to_string()
}

fn vector(rows: &str) -> String {
    format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{rows}]}}}}")
}

#[test]
fn a_vector_is_read_with_values_that_are_no_amounts() {
    let rows = r#"{"metric":{"instance":"b1:11001","topic":"a"},"value":[1732900000.123,"12.5"]},
        {"metric":{},"value":[1732900000,"NaN"]},{"metric":{},"value":[1732900000,"+Inf"]},
        {"metric":{},"value":[1732900000,"-Inf"]},{"metric":{},"value":[1732900000,"1e+06"]}"#;
    let series = read_ok(&vector(rows)).unwrap().series;
    assert_eq!(series[0].labels["topic"], "a");
    assert!(series[1].value.is_nan());
    assert!(series[0].value > 12.4 && series[0].value < 12.6);
    let values: Vec<f64> = series[2..].iter().map(|series| series.value).collect();
    assert_eq!(values, [f64::INFINITY, f64::NEG_INFINITY, 1e6]);
    assert_eq!(read_ok(&vector("")), Ok(Answer::default()));
}

#[test]
fn remarks_are_told_and_warnings_make_an_answer_useless() {
    let with = |warning: &str| vector("").replacen('{', &format!("{{\"warnings\":[\"{warning}\"],"), 1);
    let remark = "PromQL info: metric might not be a counter, name does not end in _total";
    assert_eq!(read_ok(&with(remark)).unwrap().remarks, [remark]);
    let refusal = read_ok(&with("fetch series: store-2 is down")).expect_err("partial");
    assert_eq!(refusal, Refusal::Partial("fetch series: store-2 is down".to_owned()));
    let partial = vector("").replacen('{', "{\"isPartial\":true,", 1);
    assert!(matches!(read_ok(&partial), Err(Refusal::Partial(_))));
}

#[test]
fn refusals_name_the_mend() {
    let none = PrometheusLogin::None;
    let bearer = PrometheusLogin::Bearer { token_file: "t".to_owned() };
    let basic = PrometheusLogin::Basic { username: "me".to_owned(), password_file: "p".to_owned() };
    let aws = PrometheusLogin::SigV4 { region: "eu-west-1".to_owned(), profile: None };
    for (code, body, login, words) in [
        (403, "", &aws, "the AWS identity needs the right `aps:QueryMetrics`"),
        (401, "", &none, "give `bearer-token-file`, or `username` and `password-file`"),
        (401, "", &bearer, "what is in `bearer-token-file` may be wrong or expired"),
        (401, "", &basic, "what is in `password-file` may be wrong or expired"),
        (403, "", &bearer, "it does not let us query (403)"),
        (404, "", &none, "`url` ends where `/api/v1/query` begins"),
        (302, "", &none, "it sends us to another page (302), a login most often"),
        (200, "\n <!DOCTYPE html>", &none, "it answers an HTML page (HTTP status 200)"),
        (502, "<html>", &none, "it answers an HTML page (HTTP status 502)"),
        (429, "", &none, "asked too often"),
        (500, "oops", &none, "it answers HTTP status 500"),
        (
            422,
            "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"query processing would load too many samples\"}",
            &none,
            "it answers an error: execution: query processing would load too many samples",
        ),
        (200, "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"slow\"}", &none, "timeout: slow"),
        (200, "", &none, "it does not answer as a query API does"),
        (200, "{}", &none, "it does not answer as a query API does: missing field `status`"),
        (200, "{\"status\":\"success\"}", &none, "it has no data"),
        (
            200,
            "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}}",
            &none,
            "with a scalar where a vector was asked for",
        ),
        (
            200,
            "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[]}]}}",
            &none,
            "with a matrix where a vector was asked for",
        ),
    ] {
        let said = refused(code, body, login);
        assert!(said.contains(words), "{code} {body}: {said}");
    }
    let words = refused(200, &vector("{\"metric\":{},\"value\":[1,\"much\"]}"), &none);
    assert!(words.ends_with("`much` is not a number"), "{words}");
    let histogram = vector("{\"metric\":{},\"histogram\":[1,{}]}");
    assert!(refused(200, &histogram, &none).contains("missing field `value`"));
    let long = format!("{{\"error\":\"{}\"}}", "x".repeat(10_000));
    assert!(refused(503, &long, &none).len() < 300, "a server's words are cut");
}

proptest! {
    #[test]
    fn no_answer_is_too_odd(body in prop::collection::vec(any::<u8>(), 0..300), code in 100_u16..600) {
        let _ = read(StatusCode::from_u16(code).unwrap(), &body, &PrometheusLogin::None);
    }

    #[test]
    fn no_vector_is_too_odd(cut in 0_usize..200, letter in any::<char>()) {
        let whole = vector("{\"metric\":{\"a\":\"b\"},\"value\":[1,\"2\"]},{\"metric\":{},\"value\":[1,\"NaN\"]}");
        let mut odd: String = whole.chars().take(cut).collect();
        odd.push(letter);
        odd.extend(whole.chars().skip(cut + 1));
        let _ = read_ok(&odd);
    }
}
