//! The Lambda function of Tencent Cloud: wiring only.

use offsite_shared::io::lambda;
use offsite_shared::providers::tencent::Tencent;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::run(&Tencent).await
}
