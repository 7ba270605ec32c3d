//! What one look is about: all rules whose backups lie in one place.

use serde::Serialize;

use crate::context::Context;
use crate::exchange::{Target, credential};
use crate::model::command::{Cloud, Operation, Replication};
use crate::policy::{Policy, Rule};
use crate::providers::inventory::InventoryQuery;
use crate::providers::provider::Provider;
use crate::replicate::outcome::not_ready;

/// A cloud, account, source region and project, with the rules that cover backups there.
pub(super) struct Scope<'c> {
    pub(super) provider: &'static dyn Provider,
    pub(super) account: &'c str,
    pub(super) query: InventoryQuery,
    pub(super) rules: Vec<&'c Rule>,
}

/// How a look at one scope ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// It was looked at.
    Done,
    /// Another look is at it.
    Busy,
    /// A pair of vaults stands, and the provider itself carries what is new.
    Standing,
    /// What is new cannot be told from the rest of the list, so full sweeps find it.
    LeftToSweep,
    /// Something could not be read.
    Failed,
}

/// The scopes of the rules whose clouds this process serves, in the order of the policy.
pub(super) fn all<'c>(ctx: &Context, policy: Option<&'c Policy>) -> Vec<Scope<'c>> {
    let mut scopes: Vec<Scope<'c>> = Vec::new();
    for rule in policy.into_iter().flat_map(|policy| &policy.rules) {
        let Some(provider) = ctx.provider(rule.operation.cloud()) else { continue };
        let source = provider.complete(&rule.command_of("*"), &ctx.settings.defaults).source;
        let query = InventoryQuery::of(rule.operation, &rule.source.region, source.project_id);
        let same = |scope: &&mut Scope<'c>| scope.account == rule.account && scope.query == query;
        match scopes.iter_mut().find(same) {
            Some(scope) => scope.rules.push(rule),
            None => scopes.push(Scope { provider, account: &rule.account, query, rules: vec![rule] }),
        }
    }
    scopes
}

impl Scope<'_> {
    pub(super) fn cloud(&self) -> Cloud {
        self.provider.cloud()
    }

    /// The name of its note.
    pub(super) fn name(&self) -> String {
        let project = self.query.project_id.as_deref().unwrap_or("-");
        let service = if self.query.operation == Operation::CopyCheckpointItem { "/csbs" } else { "" };
        format!("tail/{}/{}/{}/{project}{service}", self.cloud().name(), self.account, self.query.region)
    }

    /// The word for a scope at which nothing is looked, without a request.
    pub(super) fn needs_none(&self) -> Option<Word> {
        match self.query.operation {
            Operation::CreateVaultReplication => Some(Word::Standing),
            _ if !self.provider.inventory().is_newest_first(&self.query) => Some(Word::LeftToSweep),
            _ => None,
        }
    }

    pub(super) fn target(&self) -> Target<'_> {
        Target { provider: self.provider, account: self.account, rule: None }
    }

    /// A replication that stands for the scope, for what is asked of its credential.
    fn whole(&self, ctx: &Context) -> Option<Replication> {
        let command = self.provider.complete(&self.rules.first()?.command_of("*"), &ctx.settings.defaults);
        command.replications().into_iter().next()
    }

    /// Whether its credential is there and not paused.
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) async fn may_begin(&self, ctx: &Context) -> Result<(), String> {
        let Some(whole) = self.whole(ctx) else { return Ok(()) };
        match credential::ready(ctx, self.target(), self.query.realm()).await {
            Ok(_) => Ok(()),
            Err(why) => Err(not_ready(&whole, why).message()),
        }
    }
}
