//! The proof can fail: without any one of its safeguards the matrix finds a double or a loss. Nothing in the product is switched off;
//! the safeguards are taken away by wrappers around its ports.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // The lints' exceptions know test functions only, not their helpers.

use std::sync::Arc;

use jiff::Timestamp;
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::{Expect, LedgerError, Put};
use offsite_shared::model::access::Access;
use offsite_shared::model::command::{Cloud, Command, Replication};
use offsite_shared::model::evidence::{Evidence, Observation};
use offsite_shared::model::failure::Failure;
use offsite_shared::model::fields::FieldError;
use offsite_shared::model::http::Reply;
use offsite_shared::model::receipt::Receipt;
use offsite_shared::ports::{Boxed, Ledger};
use offsite_shared::providers::asked::Reading;
use offsite_shared::providers::call::{Call, Service};
use offsite_shared::providers::inventory::Inventory;
use offsite_shared::providers::provider::{Acceptance, AttemptContext, Defaults, Provider, ReadBack, Unseen};
use offsite_shared::providers::sts::Sts;
use offsite_shared::sign::{Nonce, RequestDraft, SignError, Signed};

use crate::faults::cells::{Cell, Deliveries, matrix, run_all};
use crate::faults::ports::Step;
use crate::faults::world::{Home, Store, Weakness, seed};
use crate::over::goes_on;

/// A provider that never finds a copy, and knows no question for many.
pub struct Blind(pub &'static dyn Provider);

impl Provider for Blind {
    fn read_back<'a>(&'a self, _replication: &'a Replication, _intent: &'a AttemptContext) -> Reading<'a, ReadBack> {
        Box::new(|_| Ok(ReadBack::Absent))
    }

    fn cloud(&self) -> Cloud {
        self.0.cloud()
    }

    fn inventory(&self) -> &dyn Inventory {
        self.0.inventory()
    }

    fn sts(&self) -> &dyn Sts {
        self.0.sts()
    }

    fn check(&self, command: &Command) -> Result<(), FieldError> {
        self.0.check(command)
    }

    fn complete(&self, command: &Command, defaults: &Defaults) -> Command {
        self.0.complete(command, defaults)
    }

    fn start(&self, replication: &Replication, intent: &AttemptContext) -> Call {
        self.0.start(replication, intent)
    }

    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure> {
        self.0.started(replication, reply)
    }

    fn refused(&self, call: &Call, reply: &Reply) -> Option<Failure> {
        self.0.refused(call, reply)
    }

    fn observe<'a>(
        &'a self,
        replication: &'a Replication,
        receipt: &'a Receipt,
        known: Option<&'a Evidence>,
    ) -> Reading<'a, Observation> {
        self.0.observe(replication, receipt, known)
    }

    fn settles_at_once(&self, replication: &Replication) -> bool {
        self.0.settles_at_once(replication)
    }

    fn reads_first(&self, replication: &Replication) -> bool {
        self.0.reads_first(replication)
    }

    fn sign(
        &self,
        call: &Call,
        draft: RequestDraft,
        access: &Access,
        at: Timestamp,
        nonce: &Nonce,
    ) -> Result<Signed, SignError> {
        self.0.sign(call, draft, access, at, nonce)
    }

    fn endpoint(&self, service: Service, region: &str) -> String {
        self.0.endpoint(service, region)
    }

    fn unseen(&self) -> Unseen {
        self.0.unseen()
    }

    fn requests_per_second(&self) -> u32 {
        self.0.requests_per_second()
    }
}

/// A ledger that is weaker than it says.
struct Weak {
    inner: Arc<dyn Ledger>,
    /// Writes whatever the store holds.
    ignores_owner: bool,
    /// Forgets that the queue has not taken the receipts.
    forgets_outbox: bool,
}

impl Weak {
    async fn write(&self, record: &Record, expect: &Expect) -> Result<Put, LedgerError> {
        let mut record = record.clone();
        record.outbox &= !self.forgets_outbox;
        if !self.ignores_owner {
            return self.inner.put(&record, expect).await;
        }
        loop {
            let expect = match self.inner.get(&record.key()).await? {
                Some(found) => Expect::Was { version: found.version, owner: found.owner },
                None => Expect::Absent,
            };
            if self.inner.put(&record, &expect).await? == Put::Stored {
                return Ok(Put::Stored);
            }
        }
    }
}

impl Ledger for Weak {
    goes_on!(get list count pauses);

    fn put<'a>(&'a self, record: &'a Record, expect: &'a Expect) -> Boxed<'a, Result<Put, LedgerError>> {
        Box::pin(self.write(record, expect))
    }
}

/// Runs the part of the matrix that the safeguard is for, without it, and demands that doubles or losses are found.
async fn is_noticed(safeguard: &str, weakness: Weakness, concerned: impl Fn(&Cell) -> bool) {
    let seed = seed();
    for home in [Home::Sqlite, Home::Dynamo] {
        let cells: Vec<Cell> = matrix(seed).into_iter().filter(|cell| concerned(cell)).collect();
        let count = cells.len();
        let failed = run_all(Store::open(home).await, cells, weakness).await;
        let of = |what: &str| {
            let mut found = failed.iter().filter_map(|(cell, problems)| {
                Some((cell, problems.iter().find(|problem| problem.starts_with(what))?))
            });
            (found.next().map(|(cell, problem)| format!("{cell:?}: {problem}")), found.count() + 1)
        };
        let (doubles, losses) = (of("double"), of("loss"));
        for (what, (first, many)) in [("doubles", &doubles), ("losses", &losses)] {
            if let Some(first) = first {
                println!("without {safeguard}, {home:?}: {many} of {count} cells with {what}, such as {first}");
            }
        }
        assert!(
            doubles.0.is_some() || losses.0.is_some(),
            "without {safeguard} nothing was noticed in {count} cells over {home:?}, OFFSITE_TEST_SEED={seed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_read_back_the_matrix_notices() {
    let blind: fn(&'static dyn Provider) -> &'static dyn Provider = |provider| Box::leak(Box::new(Blind(provider)));
    let weakness = Weakness { provider: Some(blind), ..Weakness::default() };
    is_noticed("read-back", weakness, |cell| cell.step == Step::Call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_owner_check_the_matrix_notices() {
    let weak: fn(Arc<dyn Ledger>) -> Arc<dyn Ledger> =
        |inner| Arc::new(Weak { inner, ignores_owner: true, forgets_outbox: false });
    let weakness = Weakness { ledger: Some(weak), ..Weakness::default() };
    is_noticed("the owner check", weakness, |cell| cell.deliveries == Deliveries::TwoAtOnce).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_outbox_the_matrix_notices() {
    let weak: fn(Arc<dyn Ledger>) -> Arc<dyn Ledger> =
        |inner| Arc::new(Weak { inner, ignores_owner: false, forgets_outbox: true });
    let weakness = Weakness { ledger: Some(weak), ..Weakness::default() };
    is_noticed("the outbox", weakness, |cell| cell.step == Step::Emit).await;
}

/// A nonce is also what tells one claim from another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_nonce_for_all_the_matrix_notices() {
    let weakness = Weakness { nonce: true, ..Weakness::default() };
    is_noticed("fresh nonces", weakness, |cell| cell.deliveries == Deliveries::TwoAtOnce).await;
}
