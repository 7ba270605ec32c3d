//! The Lambda function of the door: wiring only.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    offsite_door::serve().await
}
