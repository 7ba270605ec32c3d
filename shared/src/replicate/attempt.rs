//! One attempt: read back where there is reason to, call where nothing speaks against it, and say how it ended.

use std::time::Duration;

use jiff::Timestamp;

use super::adopted;
use super::together::Reads;
use crate::context::{Context, Invocation, RESERVE};
use crate::exchange::{self, Target, brake, credential};
use crate::ledger::limits::OnDoubt;
use crate::ledger::{About, Ending, Record, State};
use crate::model::command::{Key, Replication};
use crate::model::error::ErrorName;
use crate::model::failure::{Disposition, Failure, Whose};
use crate::model::http::Reply;
use crate::model::time::later;
use crate::providers::inventory::InventoryQuery;
use crate::providers::provider::{AttemptContext, ReadBack};

/// Makes one attempt at a claimed replication, and returns how it ended. A doubt is always read back; else an attempt does not read where
/// there are no `reads`, since a sweep has just done so.
/// What it sees of the source goes into `about`, if nothing is known yet.
pub(crate) async fn work(
    ctx: &Context,
    target: Target<'_>,
    replication: &Replication,
    record: &Record,
    (on_doubt, reads): (OnDoubt, Option<Reads<'_>>),
    invocation: &Invocation,
    about: &mut About,
) -> Ending {
    let provider = target.provider;
    let intent = AttemptContext { attempt: record.attempt, since: record.since, doubt: record.state == State::InDoubt };
    let stop = invocation.stop();
    if intent.doubt || (reads.is_some() && provider.reads_first(replication)) {
        let conclusive = !intent.doubt || has_waited(ctx, target, replication, record).await;
        match read(ctx, target, replication, &intent, reads.unwrap_or_default(), stop, about).await {
            Ok(ReadBack::Found(acceptance)) if conclusive || provider.settles_at_once(replication) => {
                if !intent.doubt {
                    adopted::note(ctx, replication, record).await;
                }
                return Ending::Accepted(acceptance.receipts(intent.attempt, true, ctx.now()));
            }
            Ok(ReadBack::Found(_)) => {
                return still_in_doubt("partly_visible", "further copies may still become visible");
            }
            Ok(ReadBack::Running) => {
                return still_in_doubt(
                    "running",
                    "a copy to this destination is running, but its ID cannot be seen yet",
                );
            }
            Ok(ReadBack::Absent) if !conclusive => {
                return still_in_doubt(
                    "not_visible_yet",
                    "no copy can be seen; it may take the provider some time to show one",
                );
            }
            Ok(ReadBack::Absent) if record.doubtful_calls >= ctx.settings.attempts.limit => {
                return still_in_doubt(
                    "too_many_doubts",
                    "every call so far had an unknown outcome, and no copy can be seen; a person must look (`offsite ledger resolve` with --retry, --adopt or --abandon)",
                );
            }
            // A person's retry has put the count of calls back.
            Ok(ReadBack::Absent) if intent.doubt && on_doubt == OnDoubt::Hold && record.doubtful_calls > 0 => {
                return still_in_doubt(
                    "held",
                    "no copy can be seen, and this provider's doubts are held for a person (`offsite ledger resolve` with --retry, --adopt or --abandon)",
                );
            }
            Ok(ReadBack::Absent) => {}
            Ok(ReadBack::NotReady(reason)) => return released(ErrorName::Unavailable, "not_ready", reason, None),
            Ok(ReadBack::Ineligible(reason) | ReadBack::NoSource(reason)) if !conclusive => {
                return still_in_doubt("not_visible_yet", &reason);
            }
            Ok(ReadBack::Ineligible(reason)) => return Ending::Ineligible { code: None, reason },
            // This is not final: a backup that was just made may not be listed yet, so a later attempt asks again.
            Ok(ReadBack::NoSource(note)) => {
                return Ending::Refused {
                    code: "source_not_found".into(),
                    note,
                    request_id: None,
                    whose: Whose::Backup,
                };
            }
            Err(failure) => return failed_read(ctx, target, replication, failure, conclusive).await,
        }
    }
    let call = provider.start(replication, &intent);
    let start = exchange::with_retry(ctx, target, &call, stop, || async {
        still_claimed(ctx, record).await?;
        // Last, since a person who stops something means now. Mostly it was read a moment ago, and this waits for nothing.
        brake::pass(ctx, replication).await?;
        let reply = exchange::send_once(ctx, target, &call, true, stop).await?;
        provider.started(replication, &reply)?.bounded(&reply)
    });
    let failure = match start.await {
        Ok(acceptance) => return Ending::Accepted(acceptance.receipts(intent.attempt, false, ctx.now())),
        Err(failure) => failure,
    };
    let (code, request_id) = (failure.code.clone(), failure.request_id.clone());
    match failure.disposition {
        _ if code == brake::PAUSED => released(ErrorName::Paused, &code, failure.message, None),
        _ if code == NOT_CLAIMED => released(ErrorName::Unavailable, &code, failure.message, None),
        // What a wrong setting causes is not charged to the backup.
        Disposition::Permanent if failure.is_of_settings() => {
            released(failure.error_name(), &code, describe_failure(&failure), request_id)
        }
        Disposition::Permanent => {
            Ending::Refused { code, note: describe_failure(&failure), request_id, whose: failure.whose }
        }
        Disposition::Unfit => Ending::Ineligible { code: Some(code), reason: describe_failure(&failure) },
        Disposition::Throttled => released(ErrorName::Throttled, &code, describe_failure(&failure), request_id),
        Disposition::Retryable => released(failure.error_name(), &code, describe_failure(&failure), request_id),
        Disposition::Authentication => {
            credential::pause(ctx, target, replication.source.realm(), &failure).await;
            released(ErrorName::Rejected, &code, describe_failure(&failure), request_id)
        }
        Disposition::Ambiguous | Disposition::Conflict | Disposition::NoWork => {
            second_look(ctx, target, replication, &intent, failure, stop, about).await
        }
    }
}

/// Lets the call of a doubt pass while the record is as this claim left it. The call before may have been settled since the take-over, its copy
/// seen, and that one deleted before it was looked for: a copy that is made after that would be named by no record.
///
/// # Errors
/// Another has written the record, or it cannot be read: nothing was sent.
async fn still_claimed(ctx: &Context, record: &Record) -> Result<(), Failure> {
    if record.state != State::InDoubt {
        return Ok(());
    }
    let why = match ctx.ports.ledger.get(&Key(record.key.clone())).await {
        Ok(Some(found)) if found.version == record.version && found.owner == record.owner => return Ok(()),
        Ok(_) => "another has written its record meanwhile".to_owned(),
        Err(error) => format!("whether its record is still claimed cannot be read: {error}"),
    };
    Err(Failure::local(Disposition::Permanent, NOT_CLAIMED, why, ""))
}

/// The code of what was not started because its claim may be gone.
const NOT_CLAIMED: &str = "not_claimed";

/// Whether a doubt is old enough, so that what its call did would be seen by now.
async fn has_waited(ctx: &Context, target: Target<'_>, replication: &Replication, record: &Record) -> bool {
    let (Target { provider, account, .. }, realm) = (target, replication.source.realm());
    let Some(since) = record.doubt_since else { return true };
    // Nobody can tell how long without knowing what authenticates the calls.
    let Ok(access) = ctx.ports.secrets.access(provider.cloud(), account, realm, None).await else { return false };
    later(since, ctx.settings.visibility_wait(provider, replication.operation, &access)) <= ctx.now()
}

/// Reads back after a call of unknown outcome: only the provider's records can tell what became of it.
async fn second_look(
    ctx: &Context,
    target: Target<'_>,
    replication: &Replication,
    intent: &AttemptContext,
    failure: Failure,
    stop: Timestamp,
    about: &mut About,
) -> Ending {
    let nothing_to_do = failure.disposition == Disposition::NoWork;
    let intent = AttemptContext { doubt: true, ..intent.clone() };
    let looks = std::iter::once(Duration::ZERO).chain(ctx.settings.second_looks.iter().copied());
    for wait in looks {
        if later(ctx.now(), wait + RESERVE) >= stop {
            break;
        }
        ctx.ports.clock.sleep(wait).await;
        match read_back(ctx, target, replication, &intent, stop, about).await {
            Ok(ReadBack::Found(acceptance)) if target.provider.settles_at_once(replication) || nothing_to_do => {
                return Ending::Accepted(acceptance.receipts(intent.attempt, true, ctx.now()));
            }
            Ok(ReadBack::Absent) if nothing_to_do => {
                return Ending::NoWork { code: failure.code, request_id: failure.request_id };
            }
            _ => {}
        }
    }
    Ending::InDoubt {
        code: failure.code.clone(),
        note: describe_failure(&failure),
        request_id: failure.request_id,
        called: true,
    }
}

async fn failed_read(
    ctx: &Context,
    target: Target<'_>,
    replication: &Replication,
    failure: Failure,
    conclusive: bool,
) -> Ending {
    let note = format!("reading back failed: {}", describe_failure(&failure));
    let (code, request_id) = (failure.code.clone(), failure.request_id.clone());
    match failure.disposition {
        Disposition::Permanent if conclusive && !failure.is_of_settings() => {
            Ending::Refused { code, note: describe_failure(&failure), request_id, whose: failure.whose }
        }
        Disposition::Authentication => {
            credential::pause(ctx, target, replication.source.realm(), &failure).await;
            released(ErrorName::Rejected, &code, note, request_id)
        }
        _ if failure.is_of_settings() => released(ErrorName::Configuration, &code, note, request_id),
        Disposition::Throttled => released(ErrorName::Throttled, &code, note, request_id),
        _ => released(ErrorName::Unavailable, &code, note, request_id),
    }
}

/// Asks the provider, page by page, whether the copy exists already. What a reply says of the source goes into `about`, if nothing is known yet.
///
/// # Errors
/// A read failed, or the provider's state forbids this copy.
pub(crate) async fn read_back(
    ctx: &Context,
    target: Target<'_>,
    replication: &Replication,
    intent: &AttemptContext,
    stop: Timestamp,
    about: &mut About,
) -> Result<ReadBack, Failure> {
    read(ctx, target, replication, intent, Reads::default(), stop, about).await
}

/// The same with reads that are under way.
async fn read(
    ctx: &Context,
    target: Target<'_>,
    replication: &Replication,
    intent: &AttemptContext,
    reads: Reads<'_>,
    stop: Timestamp,
    about: &mut About,
) -> Result<ReadBack, Failure> {
    let mut reading = target.provider.read_back(replication, intent);
    let mut seen = None;
    let says = |reply: Option<&Reply>| {
        seen = reply.and_then(|reply| sighted(target, replication, reply)).or(seen.take());
        reading(reply)
    };
    let read = reads.converse(ctx, target, stop, says).await;
    if read.is_ok() && about.made.is_none() {
        *about = seen.unwrap_or_default();
    }
    read
}

/// What this reply says of the source, if it is about it.
fn sighted(target: Target<'_>, replication: &Replication, reply: &Reply) -> Option<About> {
    let source = &replication.source;
    let scope = InventoryQuery::of(replication.operation, &source.region, source.project_id.clone());
    let shown = target.provider.inventory().shown(&scope, &source.id, reply).ok().flatten();
    shown.map(|backup| About::of(&backup))
}

fn describe_failure(failure: &Failure) -> String {
    match failure.advice {
        "" => failure.message.clone(),
        advice => format!("{}; {advice}", failure.message.trim_end_matches('.')),
    }
}

fn released(name: ErrorName, code: &str, note: String, request_id: Option<String>) -> Ending {
    Ending::Released { name, code: code.to_owned(), note, request_id }
}

fn still_in_doubt(code: &str, note: &str) -> Ending {
    Ending::InDoubt { code: code.to_owned(), note: note.to_owned(), request_id: None, called: false }
}
