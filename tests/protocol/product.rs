//! What the exploration uses of the product, in one place: when the product's files move, only this list changes.

pub use offsite_shared::context::metrics::Metrics;
pub use offsite_shared::context::{Context, Invocation, Ports};
pub use offsite_shared::handler::handle;
pub use offsite_shared::ledger::brake::{Brake, Held, NOTE as BRAKE, Scope};
pub use offsite_shared::ledger::limits::Attempts;
pub use offsite_shared::ledger::store::{Expect, LedgerError, Note, Put, RecordFilter, RecordPage};
pub use offsite_shared::ledger::{
    About, Absent, Claim, Claimant, Ending, Parting, Record, Resolution, State, claim, part, put_off, resolve, settle,
    wanted,
};
pub use offsite_shared::model::access::{Access, CredentialName, Pause};
pub use offsite_shared::model::command::{Cloud, Command, Key, Operation, Realm, Replication};
pub use offsite_shared::model::error::{EmitError, Error};
pub use offsite_shared::model::evidence::{Evidence, How, Observation};
pub use offsite_shared::model::failure::{Disposition, Failure};
pub use offsite_shared::model::fields::FieldError;
pub use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
pub use offsite_shared::model::receipt::{Message, Receipt};
pub use offsite_shared::policy::Policy;
pub use offsite_shared::ports::{Boxed, Clock, Emitter, Ledger, Notes, Policies, Secrets, Transport};
pub use offsite_shared::providers::alibaba::Alibaba;
pub use offsite_shared::providers::asked::{Need, Reading};
pub use offsite_shared::providers::call::{Call, Effect, Service};
pub use offsite_shared::providers::huawei::Huawei;
pub use offsite_shared::providers::inventory::Inventory;
pub use offsite_shared::providers::provider::{Acceptance, AttemptContext, FoundCopy, Provider, ReadBack, Unseen};
pub use offsite_shared::providers::sts::Sts;
pub use offsite_shared::providers::tencent::Tencent;
pub use offsite_shared::settings::Settings;
pub use offsite_shared::settings::environment::Environment;
pub use offsite_shared::sign::{Credential, Nonce, RequestDraft, SignError, Signed, SigningTrace};
