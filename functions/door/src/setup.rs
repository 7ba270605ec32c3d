//! What the function holds: its secret, the work queues, and a way to the certificates of SMN.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::io::aws::{Aws, AwsEndpoint};
use offsite_shared::io::http::HttpTransport;
use offsite_shared::io::roots::Roots;
use offsite_shared::io::sqs::SqsEmitter;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::{Error, ErrorName};
use offsite_shared::ports::{Clock, Emitter, Transport};
use offsite_shared::settings::environment::Environment;
use offsite_shared::settings::known;
use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::refused::Refused;
use crate::senders::Senders;
use crate::tally::Tally;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// How long the secret is believed: so long a new key takes to be known, and one that was taken away to be forgotten.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// How long it is believed where it cannot be read again.
const AT_MOST: SignedDuration = SignedDuration::from_mins(15);

/// How long it is not asked for again after it could not be read: knocking must not make it asked for.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// How long one read of it may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many notifications are remembered, so that one that comes again costs no read.
const REMEMBERED: usize = 1_024;

/// What a request is held against, and where it goes.
pub struct Setup {
    /// Gives the time of a request.
    pub clock: Arc<dyn Clock>,
    /// Where the certificates of SMN come from.
    pub certificates: Certificates,
    /// What was refused.
    pub tally: Tally,
    queues: BTreeMap<&'static str, SqsEmitter>,
    aws: Arc<Aws>,
    secrets: AwsEndpoint,
    secret: String,
    known: tokio::sync::Mutex<Known>,
    taken: Mutex<Taken>,
}

/// The secret as it was read last, and when; and when it could not be.
#[derive(Default)]
struct Known {
    senders: Option<(Timestamp, Arc<Senders>)>,
    failed: Option<Timestamp>,
}

/// What was taken lately. Forgetting one makes somebody look once more, and nothing else: claims keep a copy from being made twice.
#[derive(Default)]
struct Taken {
    order: VecDeque<String>,
    ids: HashSet<String>,
}

impl Setup {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_environment(environment: &Environment, clock: Arc<dyn Clock>) -> Result<Setup, Error> {
        let to_aws = Arc::new(HttpTransport::trusting(CONNECT, &Roots::of_aws(environment)?)?);
        // What stands between a stranger and the queue is that this host is the cloud's: no further root vouches for it.
        let to_smn = Arc::new(HttpTransport::trusting(CONNECT, &Roots::built_in())?);
        Setup::new(environment, clock, to_aws, to_smn)
    }

    /// The same with these ways to AWS and to SMN.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn new(
        environment: &Environment,
        clock: Arc<dyn Clock>,
        to_aws: Arc<dyn Transport>,
        to_smn: Arc<dyn Transport>,
    ) -> Result<Setup, Error> {
        known::check(environment)?;
        let aws = Arc::new(Aws::from_environment(environment, to_aws, clock.clone())?);
        let secret = environment.get("OFFSITE_DOOR_SENDERS").ok_or_else(|| {
            Error::configuration(
                "OFFSITE_DOOR_SENDERS is missing: set it to the ARN of the secret that says who may knock",
            )
        })?;
        let mut queues = BTreeMap::new();
        for (cloud, variable) in [
            (Cloud::Alibaba, "OFFSITE_ALIBABA_DOOR_QUEUE_URL"),
            (Cloud::Huawei, "OFFSITE_HUAWEI_DOOR_QUEUE_URL"),
            (Cloud::Tencent, "OFFSITE_TENCENT_DOOR_QUEUE_URL"),
        ] {
            if let Some(url) = environment.get(variable) {
                let queue = SqsEmitter::at(environment, variable, url, aws.clone(), clock.clone())?;
                queues.insert(cloud.name(), queue);
            }
        }
        Ok(Setup {
            certificates: Certificates::new(to_smn, clock.clone()),
            secrets: aws.endpoint(environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "secretsmanager")?,
            secret: secret.to_owned(),
            aws,
            clock,
            tally: Tally::default(),
            queues,
            known: tokio::sync::Mutex::default(),
            taken: Mutex::default(),
        })
    }

    /// Who may knock.
    ///
    /// # Errors
    /// [`Refused::Unavailable`]: the secret cannot be read, or it is wrong; the log says why.
    pub async fn senders(&self) -> Result<Arc<Senders>, Refused> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let within = |at: Timestamp, time: SignedDuration| now.duration_since(at) < time;
        if let Some((at, senders)) = known.senders.as_ref()
            && within(*at, FRESH)
        {
            return Ok(senders.clone());
        }
        if !known.failed.is_some_and(|at| within(at, AGAIN)) {
            match self.read().await {
                Ok(senders) => {
                    let senders = Arc::new(senders);
                    *known = Known { senders: Some((now, senders.clone())), failed: None };
                    return Ok(senders);
                }
                Err(error) => {
                    known.failed = Some(now);
                    tracing::error!("{error}");
                }
            }
        }
        let before = known.senders.as_ref().filter(|(at, _)| within(*at, AT_MOST));
        before.map(|(_, senders)| senders.clone()).ok_or(Refused::Unavailable)
    }

    async fn read(&self) -> Result<Senders, Error> {
        let body = json!({ "SecretId": self.secret });
        let action = "secretsmanager.GetSecretValue";
        let answer = self.aws.call(&self.secrets, "secretsmanager", "1.1", action, &body, PATIENCE).await;
        let answer = answer.map_err(|error| {
            let secret = &self.secret;
            Error::new(
                ErrorName::Unavailable,
                format!(
                    "the secret {secret} cannot be read: {error}; nobody is let in. Check DoorSecretArn, that the secret has a value, and DoorKmsKeyArn if it has a key of its own"
                ),
            )
        })?;
        Senders::read(answer.get("SecretString").and_then(Value::as_str).unwrap_or_default(), &self.secret)
    }

    /// The work queue of a cloud; `None` if that cloud is not installed.
    pub fn queue(&self, cloud: Cloud) -> Option<&dyn Emitter> {
        self.queues.get(cloud.name()).map(|queue| queue as &dyn Emitter)
    }

    /// Whether a notification was taken before, as far as this process remembers.
    pub fn was_taken(&self, id: &str) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(id)
    }

    /// Remembers one that was taken.
    pub fn take(&self, id: String) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.ids.insert(id.clone()) {
            taken.order.push_back(id);
        }
        if taken.order.len() > REMEMBERED
            && let Some(oldest) = taken.order.pop_front()
        {
            taken.ids.remove(&oldest);
        }
    }
}
