//! Reads the answers of HBR: a success, or the failure that its code stands for.

use super::codes;
use super::model::Envelope;
use crate::model::failure::{self, Disposition, Failure, Whose};
use crate::model::http::Reply;
use crate::providers::refusal::{refusal, unreadable};

/// The failure of a pair that its two vaults rule out.
pub(crate) fn missing(code: &str, message: String) -> Failure {
    let failure = Failure::local(Disposition::Permanent, code, message, "check both vault IDs and their regions");
    Failure { whose: Whose::Backup, ..failure }
}

/// Reads an answer. A success is a 2xx with `Success` true or, if that is absent, with Code "200". With `Success` true and the code of an
/// error it says both, and is no answer.
pub fn read(reply: &Reply) -> Result<Envelope, Failure> {
    let header = reply.header("x-acs-request-id").map(str::to_owned);
    let Ok(mut answer) = serde_json::from_slice::<Envelope>(&reply.body) else {
        return Err(unreadable(reply, header, "the answer is not what this API documents"));
    };
    answer.request_id = answer.request_id.or(header);
    let said = answer.code.as_deref().filter(|code| !code.is_empty());
    // Source: terraform-provider-alicloud 81c43b672, connectivity/client.go: these stand for a success.
    let is_of_success = said.is_some_and(|code| ["200", "0", "ok", "success"].contains(&&*code.to_ascii_lowercase()));
    if (200..300).contains(&reply.status) {
        match answer.success {
            Some(true) if said.is_some() && !is_of_success => {
                let why = "the answer says that it succeeded, and has the code of an error";
                return Err(unreadable(reply, answer.request_id, why));
            }
            Some(true) => return Ok(answer),
            None if said == Some("200") => return Ok(answer),
            _ => {}
        }
    }
    let Some(code) = answer.code.as_deref().filter(|code| !code.is_empty() && *code != "200") else {
        return Err(unreadable(reply, answer.request_id, "the answer says neither success nor a code"));
    };
    // The message about a wrong signature can quote the canonical request, which can hold the security token.
    let message = match code {
        "SignatureDoesNotMatch" | "IncompleteSignature" => {
            "the signature was refused (the provider's text is left out: it may quote a token)"
        }
        _ => answer.message.as_deref().unwrap_or_default(),
    };
    let mut failure = refusal(codes::TABLE, code, message, answer.request_id, reply);
    // Most codes of this young API are unpublished, so after an unknown one the vaults' state decides.
    if failure::find(codes::TABLE, code).is_none() {
        failure.disposition = if code.contains("Throttling") { Disposition::Throttled } else { Disposition::Ambiguous };
    }
    Err(failure)
}
