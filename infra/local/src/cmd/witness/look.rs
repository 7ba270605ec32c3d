//! Looks at sources and destinations, with the key of each account.
//!
//! **Invariant:** each account's key is tried by one request before anything else is sent with it. What one place or account cannot answer
//! is said of it and keeps no other waiting.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use offsite_shared::context::Context;
use offsite_shared::exchange::{self, Target};
use offsite_shared::model::backup::{Backup, DestinationCopy};
use offsite_shared::model::command::{Cloud, Destination, Realm, Replication};
use offsite_shared::model::failure::{Disposition, Failure};
use offsite_shared::model::http::Reply;
use offsite_shared::model::time::later;
use offsite_shared::policy::Rule;
use offsite_shared::providers::asked::over;
use offsite_shared::providers::huawei::project_of;
use offsite_shared::providers::inventory::{Cursor, InventoryQuery, Pairing, VaultPair};
use offsite_shared::providers::provider::Provider;

use crate::home;
use crate::report::witness::Place;

/// How long one page may be tried for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the question whose a key is may be tried for: without its answer everything else goes on.
const PATIENCE_FOR_OWNER: Duration = Duration::from_secs(10);

/// Added to the age at which a listing may stop, because clocks disagree.
const SLACK: Duration = Duration::from_secs(3_600);

/// Looks at all that these rules name. `named`: the rules come from a policy, and each place is told with the name of its rule.
pub(super) async fn look(context: &Context, rules: &[Rule], named: bool) -> Vec<Place> {
    let mut accounts: Vec<Account<'_>> = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let cloud = rule.operation.cloud();
        let Some(provider) = provider(cloud) else { continue };
        match accounts.iter_mut().find(|one| one.provider.cloud() == cloud && one.name == rule.account) {
            Some(account) => account.rules.push((at, rule)),
            None => accounts.push(Account { context, provider, name: &rule.account, rules: vec![(at, rule)], named }),
        }
    }
    let mut places: Vec<(usize, Place)> =
        join_all(accounts.iter().map(Account::places)).await.into_iter().flatten().collect();
    places.sort_by_key(|(at, _)| *at);
    places.into_iter().map(|(_, place)| place).collect()
}

/// The ID of the project that bears a region's name, asked with the key of an account of Huawei.
///
/// # Errors
/// Why it cannot be told.
pub(super) async fn project(context: &Context, account: &str, region: &str) -> Result<String, String> {
    let Some(provider) = provider(Cloud::Huawei) else { return Err("Huawei is not served here".to_owned()) };
    let realm = Realm { region, project: None };
    context.ports.secrets.access(Cloud::Huawei, account, realm, None).await.map_err(|error| error.message)?;
    let target = Target { provider, account, rule: None };
    let call = provider.sts().whose(region);
    let found =
        exchange::read_as(context, target, &call, soon(context, PATIENCE_FOR_OWNER), |reply| project_of(&reply));
    match found.await {
        Ok(Some(project)) => Ok(project),
        Ok(None) => Err(format!("the account has no project named {region}")),
        Err(failure) => Err(format!("the project of {region} could not be asked for: {failure}")),
    }
}

fn provider(cloud: Cloud) -> Option<&'static dyn Provider> {
    home::PROVIDERS.into_iter().find(|provider| provider.cloud() == cloud)
}

fn soon(context: &Context, patience: Duration) -> Timestamp {
    later(context.now(), patience)
}

/// One account and all that is looked at with its key.
pub(super) struct Account<'a> {
    pub(super) context: &'a Context,
    pub(super) provider: &'static dyn Provider,
    name: &'a str,
    /// The rules, each with its position.
    rules: Vec<(usize, &'a Rule)>,
    named: bool,
}

/// What was listed, and what kept the listing from its end.
pub(super) struct Listing<T> {
    pub(super) items: Vec<T>,
    pub(super) broken: Vec<String>,
}

impl Account<'_> {
    async fn places(&self) -> Vec<(usize, Place)> {
        let number = match self.owner().await {
            Ok(number) => number,
            Err(reason) => {
                let of_rule = |(at, rule): &(usize, &Rule)| {
                    let unseen = |destination| Place { unseen: vec![reason.clone()], ..self.place(rule, destination) };
                    rule.destinations.iter().map(|destination| (*at, unseen(destination))).collect::<Vec<_>>()
                };
                return self.rules.iter().flat_map(of_rule).collect();
            }
        };
        let looked = self.rules.iter().map(|(at, rule)| async {
            let mut places = self.of_rule(rule).await;
            places.iter_mut().for_each(|place| place.account_number.clone_from(&number));
            places.into_iter().map(|place| (*at, place)).collect::<Vec<_>>()
        });
        join_all(looked).await.into_iter().flatten().collect()
    }

    /// The number of the account that the key belongs to; `None` if the cloud does not tell it. A key that is refused is not tried again.
    ///
    /// # Errors
    /// Why nothing can be asked with this account's key.
    async fn owner(&self) -> Result<Option<String>, String> {
        let Some((_, rule)) = self.rules.first() else { return Ok(None) };
        let region = rule.source.region.as_str();
        let secrets = &self.context.ports.secrets;
        let realm = Realm { region, project: rule.source.project_id.as_deref() };
        secrets.access(self.provider.cloud(), self.name, realm, None).await.map_err(|error| error.message)?;
        let call = self.provider.sts().whose(region);
        let stop = soon(self.context, PATIENCE_FOR_OWNER);
        let read = |reply: Reply| self.provider.sts().owner(&reply);
        match exchange::read_as(self.context, self.target(None), &call, stop, read).await {
            Ok(number) => Ok(Some(number)),
            Err(failure) if failure.disposition == Disposition::Authentication => Err(failure.to_string()),
            Err(_) => self.proof().await.map(|()| None),
        }
    }

    /// Tries the key by one page of backups, where the cloud does not tell whose it is.
    ///
    /// # Errors
    /// The key is refused, and why.
    async fn proof(&self) -> Result<(), String> {
        let Some((_, rule)) = self.rules.first() else { return Ok(()) };
        let project_id = self.project_id(rule);
        if self.provider.cloud() == Cloud::Huawei && project_id.is_none() {
            return Ok(());
        }
        let scope = self.scope(rule, &rule.source.region, project_id);
        let inventory = self.provider.inventory();
        let call = inventory.list(&scope, None);
        let listed = |reply: Reply| inventory.listed(&scope, None, &reply);
        let stop = soon(self.context, PATIENCE_FOR_OWNER);
        match exchange::read_as(self.context, self.target(Some(rule)), &call, stop, listed).await {
            Err(failure) if failure.disposition == Disposition::Authentication => Err(failure.to_string()),
            _ => Ok(()),
        }
    }

    fn target<'t>(&'t self, rule: Option<&'t Rule>) -> Target<'t> {
        Target { provider: self.provider, account: self.name, rule: rule.map(|rule| rule.name.as_str()) }
    }

    /// The project of a rule's source, if the rule or a setting names it.
    fn project_id(&self, rule: &Rule) -> Option<String> {
        let named = rule.source.project_id.clone();
        let is_huawei = self.provider.cloud() == Cloud::Huawei;
        named.or_else(|| self.context.settings.defaults.huawei_project_id.clone().filter(|_| is_huawei))
    }

    pub(super) fn place(&self, rule: &Rule, destination: &Destination) -> Place {
        let scope = InventoryQuery::of(rule.operation, &rule.source.region, None);
        let hidden = self.provider.inventory().hidden_kinds(&scope);
        Place {
            rule: self.named.then(|| rule.name.clone()),
            cloud: self.provider.cloud(),
            account: self.name.to_owned(),
            account_number: None,
            source: rule.source.region.clone(),
            destination: destination.region.clone(),
            unseen: Vec::new(),
            notes: Vec::new(),
            not_covered: BTreeMap::new(),
            hidden: hidden.iter().map(|kind| (kind.name, kind.why)).collect(),
            backups: Vec::new(),
        }
    }

    async fn of_rule(&self, rule: &Rule) -> Vec<Place> {
        let project_id = match (self.provider.cloud(), self.project_id(rule)) {
            (Cloud::Huawei, None) => project(self.context, self.name, &rule.source.region).await.map(Some),
            (_, known) => Ok(known),
        };
        let (sources, pair, copies) = futures_util::join!(
            self.sources(rule, project_id),
            self.pair(rule),
            join_all(rule.destinations.iter().map(|destination| self.copies(rule, destination))),
        );
        let looked = rule.destinations.iter().zip(&copies);
        looked.map(|(destination, copies)| self.judged(rule, destination, &sources, &pair, copies)).collect()
    }

    /// Lists the backups of a rule's source.
    async fn sources(&self, rule: &Rule, project_id: Result<Option<String>, String>) -> Listing<Backup> {
        let inventory = self.provider.inventory();
        let mut listing = Listing { items: Vec::new(), broken: Vec::new() };
        let project_id = match project_id {
            Ok(project_id) => project_id,
            Err(reason) => {
                listing.broken.push(reason);
                return listing;
            }
        };
        let region = &rule.source.region;
        let scope = InventoryQuery {
            vault_id: rule.source.vault_id.clone().filter(|_| self.provider.cloud() == Cloud::Alibaba),
            ..self.scope(rule, region, project_id)
        };
        let (mut seen, mut cursor) = (HashSet::new(), None::<Cursor>);
        loop {
            let call = inventory.list(&scope, cursor.as_ref());
            let listed = |reply: Reply| inventory.listed(&scope, cursor.as_ref(), &reply);
            let stop = soon(self.context, PATIENCE);
            match exchange::read_as(self.context, self.target(Some(rule)), &call, stop, listed).await {
                Ok(page) => {
                    listing.broken.extend(page.refusal().map(|failure| failure.message));
                    listing.items.extend(page.backups.into_iter().filter(|backup| seen.insert(backup.id.clone())));
                    cursor = page.next;
                }
                Err(failure) => {
                    listing.broken.push(unread("backups", region, &failure));
                    cursor = None;
                }
            }
            if cursor.is_none() {
                return listing;
            }
        }
    }

    /// Lists the copies in a destination.
    async fn copies(&self, rule: &Rule, destination: &Destination) -> Listing<DestinationCopy> {
        let inventory = self.provider.inventory();
        let scope = self.scope(rule, &destination.region, destination.project_id.clone());
        let mut listing = Listing { items: Vec::new(), broken: Vec::new() };
        let (mut seen, mut cursor) = (HashSet::new(), None::<Cursor>);
        loop {
            let Some(call) = inventory.list_copies(&scope, cursor.as_ref()) else { return listing };
            let listed = |reply: Reply| inventory.listed_copies(&scope, cursor.as_ref(), &reply);
            let stop = soon(self.context, PATIENCE);
            match exchange::read_as(self.context, self.target(Some(rule)), &call, stop, listed).await {
                Ok(page) => {
                    listing.items.extend(page.copies.into_iter().filter(|copy| seen.insert(copy.id.clone())));
                    cursor = page.next;
                }
                Err(failure) => {
                    listing.broken.push(unread("copies", &destination.region, &failure));
                    cursor = None;
                }
            }
            if cursor.is_none() {
                return listing;
            }
        }
    }

    /// Reads the pair of vaults, where a cloud's lists show no copies.
    async fn pair(&self, rule: &Rule) -> Result<Option<VaultPair>, String> {
        let command = self.provider.complete(&rule.command_of("*"), &self.context.settings.defaults);
        let Some(whole): Option<Replication> = command.replications().into_iter().next() else { return Ok(None) };
        let says = |replies: &[Reply]| self.provider.inventory().read_pair(&whole, replies);
        let read = exchange::ask_on(over(says), |call| async move {
            exchange::read(self.context, self.target(Some(rule)), &call, soon(self.context, PATIENCE)).await
        });
        match read.await {
            Ok(Some(VaultPair { pairing: Pairing::Missing(vault), .. })) => {
                Err(format!("the vault {vault} is not there"))
            }
            Ok(Some(pair)) => {
                let target = whole.destination.vault_id.as_deref().unwrap_or_default();
                pair.conclusive(target, self.context.now()).map(Some)
            }
            Ok(None) => Ok(None),
            Err(failure) => Err(unread("vaults", &whole.destination.region, &failure)),
        }
    }

    fn scope(&self, rule: &Rule, region: &str, project_id: Option<String>) -> InventoryQuery {
        let oldest = |age: Duration| {
            let age = jiff::SignedDuration::try_from(age.saturating_add(SLACK)).ok()?;
            self.context.now().checked_sub(age).ok()
        };
        InventoryQuery {
            since: rule.source.select.max_age.and_then(oldest),
            ..InventoryQuery::of(rule.operation, region, project_id)
        }
    }
}

fn unread(what: &str, region: &str, failure: &Failure) -> String {
    format!("the {what} in {region} could not be listed to the end: {failure}")
}
