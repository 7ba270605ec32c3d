//! What answers of all services of this cloud have in common.

use jiff::Timestamp;
use serde_json::json;

use crate::cloud::{Answer, Refusal};

/// An error in the shape of the layer it comes from.
pub(super) fn error(request_id: &str, action: &str, refusal: &Refusal) -> Answer {
    let gateway = refusal.code.starts_with("APIGW.");
    let body = if gateway {
        json!({"error_code": refusal.code, "error_msg": refusal.message, "request_id": request_id})
    } else if action == "CreateToken" {
        let title = if refusal.status == 401 { "Unauthorized" } else { "Bad Request" };
        json!({"error": {"code": refusal.status, "message": refusal.message, "title": title}})
    } else {
        json!({"error_code": refusal.code, "error_msg": refusal.message})
    };
    Answer::json(refusal.status, &body, refusal.code.clone()).with_header("x-request-id", request_id)
}

/// CBR's answer to a parameter it does not like.
pub(super) fn verification_failed(why: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, "BackupService.9900", format!("Parameter verification failed: {why}."))
}

/// Naive UTC with microseconds. Source: recorded traffic, reference section 2.6; 2026-11-21.
pub(super) fn naive_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}
