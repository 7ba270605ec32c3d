//! Providers plan calls and interpret replies: plain functions over values. `exchange` awaits.
//!
//! Each cloud is a folder of the same files: `calls` (the requests as planned), `model` (the wire), `codes` (the table of error codes, each
//! with its source), `errors` (answers, read), `readback`, `observe`, `inventory`, `probe` and `sts`, and what is its own. Its `mod.rs`
//! is the trait. A new cloud is one folder, and one line here.

pub mod alibaba;
pub mod asked;
pub mod call;
pub mod huawei;
pub mod inventory;
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

/// The clouds, in the order of the documents.
pub const ALL: [&dyn Provider; 3] = [&Alibaba, &Huawei, &Tencent];

/// The provider of a cloud.
pub fn of(cloud: Cloud) -> &'static dyn Provider {
    match cloud {
        Cloud::Alibaba => &Alibaba,
        Cloud::Huawei => &Huawei,
        Cloud::Tencent => &Tencent,
    }
}
