//! Values that all folders above this one use. They know no provider, no store and no clock.

pub mod access;
pub mod backup;
pub mod command;
pub(crate) mod duration;
pub mod error;
pub mod evidence;
pub mod failure;
pub mod fields;
pub mod http;
pub mod json;
pub mod name;
pub mod order;
pub mod receipt;
pub mod text;
pub mod time;
