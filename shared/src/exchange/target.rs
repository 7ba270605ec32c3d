//! With whom an exchange is made, and for whom.

use crate::model::command::Replication;
use crate::providers::provider::Provider;

/// With whom an exchange is made, and for whom.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The cloud that is asked.
    pub provider: &'a dyn Provider,
    /// The account whose credential signs.
    pub account: &'a str,
    /// The rule that wants it, for what is measured.
    pub rule: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// For one replication.
    pub fn of(provider: &'a dyn Provider, replication: &'a Replication) -> Target<'a> {
        Target { provider, account: &replication.account, rule: replication.rule.as_deref() }
    }
}
