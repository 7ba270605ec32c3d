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

use crate::model::command::Cloud;
use alibaba::Alibaba;
use huawei::Huawei;
use provider::Provider;
use tencent::Tencent;

/// The provider for a cloud.
pub(crate) fn of(cloud: Cloud) -> &'static dyn Provider {
    match cloud {
        Cloud::Alibaba => &Alibaba,
        Cloud::Huawei => &Huawei,
        Cloud::Tencent => &Tencent,
    }
}
