//! The Lambda function of Huawei Cloud: wiring only.

use offsite_shared::io::lambda;
use offsite_shared::providers::huawei::Huawei;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::run(&Huawei).await
}
