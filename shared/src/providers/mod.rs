//! Providers plan calls and interpret replies: plain functions over values. `handler.rs` awaits.

pub mod alibaba;
pub mod call;
pub mod huawei;
pub mod inventory;
pub mod probe;
pub mod provider;
mod reading;
mod refusal;
pub mod sts;
pub mod tencent;

pub(crate) use reading::{lenient, scalar, time_in};
