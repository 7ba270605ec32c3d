//! Reads the answers of CBS: a success, or the failure that its code stands for.

use super::codes;
use super::model::{Answer, Envelope, Head, Response};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::refusal::{refusal, unreadable};

/// The code for a snapshot that is asked for by its ID and does not exist. Source: API page 315/15647, error codes, 2026.
pub(crate) const NOT_FOUND: &str = "InvalidSnapshotId.NotFound";

/// Reads an answer. HTTP 200 may be a failure, and any other status means trouble at a gateway.
pub fn read<T: Answer>(reply: &Reply) -> Result<Response<T>, Failure> {
    // A page of a listing is parsed once. An answer that is not as documented may still say why.
    let (head, body) = match serde_json::from_slice::<Envelope<T>>(&reply.body) {
        Ok(Envelope { response: mut body }) => (Some(body.head()), Some(body)),
        Err(_) => (serde_json::from_slice::<Envelope<Head>>(&reply.body).ok().map(|envelope| envelope.response), None),
    };
    if let Some(Head { error: Some(error), request_id }) = head {
        return Err(refusal(codes::TABLE, &error.code, &error.message, request_id, reply));
    }
    if reply.status != 200 {
        return Err(unreadable(reply, None, "a gateway answered instead of the service"));
    }
    match (head, body) {
        (Some(head), Some(body)) => Ok(Response { request_id: head.request_id, body }),
        _ => Err(unreadable(reply, None, "the answer is not what this API documents")),
    }
}
