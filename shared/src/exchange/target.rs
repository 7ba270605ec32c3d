//! The target of an exchange: with whom it is made, and for whom.

use crate::model::command::Replication;
use crate::providers::provider::Provider;

/// The provider and account that an exchange is made with, and the rule that it is made for.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The provider that is called.
    pub provider: &'a dyn Provider,
    /// The account whose credential signs.
    pub account: &'a str,
    /// The rule that wants the exchange, for metrics; `None` if no rule does.
    pub rule: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The target for one replication.
    pub(crate) fn of(provider: &'a dyn Provider, replication: &'a Replication) -> Target<'a> {
        Target { provider, account: &replication.account, rule: replication.rule.as_deref() }
    }
}
