//! The Lambda function that writes the report to S3: wiring only.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    offsite_report::serve().await
}
