//! The only impure module: clock, environment, HTTP, AWS, standard output, and the Lambda runtime.

pub mod assume;
pub mod aws;
mod aws_error;
mod aws_objects;
mod aws_places;
mod blank;
pub mod caller;
pub mod clock;
pub mod credentials;
pub mod dynamodb;
pub mod environment;
pub mod guard;
pub mod http;
pub mod lambda;
mod log;
pub mod memory;
pub mod meter;
pub mod objects;
pub mod overlay;
pub mod patience;
pub mod policies;
pub mod roots;
pub mod sqs;
pub mod tables;
pub(crate) mod web_identity;
