//! Reading the parameters of a call.

use crate::cloud::{Call, Refusal};

pub(super) fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, Refusal> {
    call.parameter(name)
        .ok_or_else(|| Refusal::new(400, format!("Missing{name}"), format!("{name} is mandatory for this action.")))
}

pub(super) fn number(call: &Call, name: &str) -> Result<Option<i64>, Refusal> {
    call.parameter(name).map(|text| text.parse().map_err(|_| invalid(name))).transpose()
}

pub(super) fn invalid(name: &str) -> Refusal {
    Refusal::new(400, format!("Invalid{name}"), format!("The specified {name} is invalid."))
}
