//! The Lambda function of Alibaba Cloud: wiring only.

use offsite_shared::io::lambda;
use offsite_shared::providers::alibaba::Alibaba;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::run(&Alibaba).await
}
