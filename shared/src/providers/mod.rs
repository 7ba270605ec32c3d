//! The clouds. A provider plans calls and interprets replies with plain functions over values; only `exchange` sends and waits.
//!
//! Each cloud is a folder with the same files: `calls` (the planned requests), `model` (the wire format), `codes` (the table of error
//! codes, each with its source), `errors` (reading answers), `readback`, `observe`, `inventory`, `probe`, `sts`, and what only this cloud
//! needs. Its `mod.rs` implements [`Provider`]. A new cloud is one folder, its entries here, and what CONTRIBUTING
//! lists.

pub mod alibaba;
pub mod asked;
pub mod call;
pub mod huawei;
pub mod inventory;
pub(crate) mod on_wire;
pub mod probe;
pub mod provider;
pub(crate) mod reading;
pub(crate) mod refusal;
pub mod sts;
pub mod tencent;

use crate::model::command::{Cloud, Command};
use crate::model::fields::FieldError;
use alibaba::Alibaba;
use huawei::Huawei;
use provider::Provider;
use tencent::Tencent;

/// Whether the cloud of a command could make the call that it asks for. A function with one cloud reads rules of all of them, so this
/// asks for no more than the check: a provider as a whole would bring the other clouds into each function.
///
/// # Errors
/// The field that is wrong, and why.
pub(crate) fn check(command: &Command) -> Result<(), FieldError> {
    match command.operation.cloud() {
        Cloud::Alibaba => Alibaba.check(command),
        Cloud::Huawei => Huawei.check(command),
        Cloud::Tencent => Tencent.check(command),
    }
}
