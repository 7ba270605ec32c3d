//! Reads answers. The error shapes of CBR, CSBS, the gateway and IAM all become one kind of failure.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::codes;
use crate::model::failure::{self, Disposition, Failure, Row, Whose};
use crate::model::http::Reply;
use crate::model::text::one_line;
use crate::providers::call::Service;
use crate::providers::refusal::{refusal, unreadable};

/// Reads a successful answer.
///
/// # Errors
/// The failure that any other answer stands for; a success that cannot be read is [`Disposition::Ambiguous`].
pub fn read<T: DeserializeOwned>(service: Service, reply: &Reply) -> Result<T, Failure> {
    read_with(&[], service, reply)
}

/// Reads a successful answer. Any other is looked up in `first`, then in the table.
///
/// # Errors
/// The failure that any other answer stands for; a success that cannot be read is [`Disposition::Ambiguous`].
pub(crate) fn read_with<T: DeserializeOwned>(first: &[Row], service: Service, reply: &Reply) -> Result<T, Failure> {
    if !(200..300).contains(&reply.status) {
        return Err(failure(first, service, reply));
    }
    serde_json::from_slice(&reply.body)
        .map_err(|_| unreadable(reply, request_id(reply), "the answer is not what this API documents"))
}

/// The request ID, from the gateway's body or else from the header.
pub(crate) fn request_id(reply: &Reply) -> Option<String> {
    let body = || Some(body(reply)?.get("request_id")?.as_str()?.to_owned());
    let header = || reply.header("x-request-id").map(str::to_owned);
    body().or_else(header).filter(|id| !id.is_empty()).map(|id| one_line(&id))
}

/// The provider's error code; `None` for a success, and for an error without a code.
pub(crate) fn code(reply: &Reply) -> Option<String> {
    match (200..300).contains(&reply.status) {
        true => None,
        false => Some(parts(&body(reply)?)?.0),
    }
}

/// Whether an answer says that the source does not exist. Some sites leave out the service's prefix.
pub(crate) fn is_gone(reply: &Reply) -> bool {
    matches!(code(reply).as_deref(), Some("BackupService.6200" | "6200" | "CSBS.3001" | "3001"))
}

fn failure(first: &[Row], service: Service, reply: &Reply) -> Failure {
    let id = request_id(reply);
    let Some((code, message)) = body(reply).as_ref().and_then(parts) else {
        let failure = unreadable(reply, id, "the answer holds no error code: a gateway or a proxy gave it");
        return without_code(failure, service, reply);
    };
    let message = without_canonical_request(&message);
    for key in keys(&code, service, reply.status) {
        for table in [first, codes::TABLE] {
            if failure::find(table, &key).is_some() {
                let failure = refusal(table, &key, &message, id, reply);
                return Failure { code: one_line(&code), ..failure };
            }
        }
    }
    let mut failure = refusal(&[], &code, &message, id, reply);
    if service == Service::Csbs && failure.disposition == Disposition::Permanent {
        // CSBS publishes too little about its codes to conclude that nothing was applied.
        failure.disposition = Disposition::Ambiguous;
    }
    unauthorised(failure, reply)
}

/// Without a code the status decides. The two services send 400, 403 and 404 before anything is begun.
/// Source: Huawei CSBS API page "Replicating a Backup" and CopyBackup of huawei-cloud-api-definitions-CBR 0.1.20261030, statuses.
fn without_code(mut failure: Failure, service: Service, reply: &Reply) -> Failure {
    if matches!(service, Service::Cbr | Service::Csbs) {
        match reply.status {
            400 | 404 => {
                failure.disposition = Disposition::Permanent;
                failure.advice = codes::NO_CODE;
            }
            403 => {
                failure.disposition = Disposition::Permanent;
                failure.whose = Whose::Backup;
                failure.advice = codes::DENIED;
            }
            _ => {}
        }
    }
    unauthorised(failure, reply)
}

/// Makes a 401 a failure of the credential, whatever else it says. Reading back would only send another wrong signature.
fn unauthorised(mut failure: Failure, reply: &Reply) -> Failure {
    if reply.status == 401 {
        failure.disposition = Disposition::Authentication;
        failure.whose = Whose::Installation;
        failure.advice = codes::REFUSED_KEY;
    }
    failure
}

/// The forms in which a code may stand in the table: with the status, as it is, and with the prefix that some sites leave out.
fn keys(code: &str, service: Service, status: u16) -> Vec<String> {
    let mut keys = vec![format!("{code}/{status}"), code.to_owned()];
    if code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        if service == Service::Csbs {
            keys.push(format!("CSBS.{code}"));
        }
        keys.push(format!("BackupService.{code}"));
    }
    keys
}

fn body(reply: &Reply) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(body)) => Some(body),
        _ => None,
    }
}

/// The code and message, in the order in which the vendor's SDK looks for them: three spellings, then one object down.
/// Source: huaweicloudsdkcore 3.1.219.
fn parts(body: &Map<String, Value>) -> Option<(String, String)> {
    let here = |object: &Map<String, Value>| {
        let pairs = [("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message")];
        pairs.into_iter().find_map(|(code, message)| {
            let code = text(object.get(code)?).filter(|code| !code.is_empty())?;
            Some((code, object.get(message).and_then(text).unwrap_or_default()))
        })
    };
    here(body).or_else(|| body.values().filter_map(Value::as_object).find_map(here))
}

/// A code or message as text. IAM's codes are numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Cuts off the canonical request. On a wrong signature the gateway echoes it, and it holds the session token of a temporary key.
fn without_canonical_request(message: &str) -> String {
    match message.split_once("canonicalRequest") {
        Some((before, _)) => {
            format!("{before}canonicalRequest (left out; compare with `offsite sign`)")
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let headers = vec![("x-request-id".to_owned(), "header-id".to_owned())];
        Reply { status, headers, body: body.as_bytes().to_vec() }
    }

    fn failed(service: Service, status: u16, body: &str) -> Failure {
        read::<Value>(service, &reply(status, body)).unwrap_err()
    }

    #[test]
    fn every_shape_is_read() {
        for (body, code, message) in [
            (r#"{"error_code":"BackupService.6119","error_msg":"m"}"#, "BackupService.6119", "m"),
            (r#"{"errorCode":"BackupService.6119","errorMsg":"m"}"#, "BackupService.6119", "m"),
            (r#"{"code":"BackupService.6119","message":"m"}"#, "BackupService.6119", "m"),
            (r#"{"error":{"error_code":"BackupService.6119","error_msg":"m"}}"#, "BackupService.6119", "m"),
            (r#"{"error":{"code":"BackupService.6119"}}"#, "BackupService.6119", ""),
            (r#"{"error_code":"6119","error_msg":"m"}"#, "6119", "m"),
        ] {
            let failure = failed(Service::Cbr, 400, body);
            assert_eq!((failure.code.as_str(), failure.message.as_str()), (code, message), "{body}");
            assert_eq!(failure.disposition, Disposition::Permanent, "{body}");
            assert!(failure.advice.starts_with("check the destination vault"), "{body}");
        }
        let iam = r#"{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}"#;
        let failure = failed(Service::Iam, 401, iam);
        assert_eq!((failure.code.as_str(), failure.disposition), ("401", Disposition::Authentication));
    }

    #[test]
    fn what_is_no_error_of_the_service_is_unreadable() {
        for body in ["", "<html>504</html>", "[]", "{}", "null", r#"{"error":"no"}"#, r#"{"error_code":""}"#] {
            let failure = failed(Service::Cbr, 502, body);
            assert_eq!((failure.code.as_str(), failure.disposition), ("http_502", Disposition::Ambiguous), "{body}");
        }
        assert_eq!(failed(Service::Cbr, 429, "").disposition, Disposition::Throttled);
        assert_eq!(failed(Service::Cbr, 200, "<html>").disposition, Disposition::Ambiguous);
    }

    #[test]
    fn a_bare_400_403_or_404_of_the_services_is_a_refusal() {
        let of = |service, status| failed(service, status, "<html>no</html>");
        for service in [Service::Cbr, Service::Csbs] {
            for (status, whose) in [(400, Whose::Unknown), (403, Whose::Backup), (404, Whose::Unknown)] {
                let failure = of(service, status);
                assert_eq!((failure.disposition, failure.whose), (Disposition::Permanent, whose), "{status}");
                assert_eq!(failure.code, format!("http_{status}"));
                assert!(!failure.advice.is_empty());
            }
            // A gateway may send these after the service has begun.
            for status in [408, 409, 500, 502, 504] {
                assert_eq!(of(service, status).disposition, Disposition::Ambiguous, "{status}");
            }
        }
        assert_eq!(of(Service::Iam, 403).disposition, Disposition::Ambiguous);
    }

    #[test]
    fn a_missing_right_is_no_refused_key() {
        let of =
            |status, code: &str| failed(Service::Cbr, status, &format!(r#"{{"error_code":"{code}","error_msg":""}}"#));
        for code in ["APIGW.0302", "APIGW.0304", "APIGW.0306", "APIGW.0802"] {
            let failure = of(403, code);
            assert_eq!((failure.disposition, failure.whose), (Disposition::Permanent, Whose::Backup), "{code}");
        }
        let iam =
            failed(Service::Iam, 403, r#"{"error":{"code":403,"message":"You have no right to do this action"}}"#);
        assert_eq!((iam.disposition, iam.whose), (Disposition::Permanent, Whose::Backup));
        assert_eq!(iam.of_sign_in(403).disposition, Disposition::Authentication);
        for code in ["APIGW.0301", "APIGW.0303", "APIGW.0305", "APIGW.0307", "APIGW.0311"] {
            assert_eq!(of(401, code).disposition, Disposition::Authentication, "{code}");
        }
    }

    #[test]
    fn a_401_is_about_the_credential_whatever_it_says() {
        for body in ["", r#"{"error_code":"Other.1","error_msg":"m"}"#] {
            assert_eq!(failed(Service::Csbs, 401, body).disposition, Disposition::Authentication, "{body}");
        }
    }

    #[test]
    fn the_request_id_is_in_the_body_or_the_header() {
        let gateway = r#"{"error_code":"APIGW.0308","error_msg":"m","request_id":"body-id"}"#;
        assert_eq!(failed(Service::Cbr, 429, gateway).request_id.as_deref(), Some("body-id"));
        let service = r#"{"error_code":"CSBS.3001","error_msg":"m"}"#;
        assert_eq!(failed(Service::Csbs, 404, service).request_id.as_deref(), Some("header-id"));
        assert_eq!(failed(Service::Csbs, 502, "").request_id.as_deref(), Some("header-id"));
    }

    #[test]
    fn the_canonical_request_that_the_gateway_echoes_is_left_out() {
        let body = r#"{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:PUT|/v3/||host:h|x-security-token:SECRET||"}"#;
        let failure = failed(Service::Cbr, 401, body);
        assert!(!failure.message.contains("SECRET"), "{failure}");
        assert!(failure.message.contains("verify aksk signature fail"), "{failure}");
    }

    #[test]
    fn unknown_codes_depend_on_the_service() {
        let of = |service, status| failed(service, status, r#"{"error_code":"New.1","error_msg":""}"#).disposition;
        assert_eq!(of(Service::Cbr, 400), Disposition::Permanent);
        assert_eq!(of(Service::Cbr, 500), Disposition::Ambiguous);
        assert_eq!(of(Service::Csbs, 400), Disposition::Ambiguous);
        assert_eq!(of(Service::Csbs, 429), Disposition::Throttled);
    }

    #[test]
    fn one_code_may_mean_different_things_at_different_statuses() {
        let of = |status| failed(Service::Cbr, status, r#"{"error_code":"APIGW.0201","error_msg":""}"#);
        for status in [400, 413, 414, 494] {
            assert_eq!(of(status).disposition, Disposition::Permanent, "{status}");
        }
        for status in [500, 502, 504] {
            assert_eq!(of(status).disposition, Disposition::Ambiguous, "{status}");
        }
        assert_eq!(of(504).code, "APIGW.0201");
    }
}
