#!/usr/bin/env python3
"""Breaks the product on purpose, one place at a time, and expects the exploration of the protocol to notice.

    tests/protocol/mutations.py                 all of them
    tests/protocol/mutations.py handler F1      those whose file or words hold one of these

A row is (file below shared/src, old text, new text, what it does, the properties of which one must be named). The old text must occur
exactly once: a row that no longer applies is a failure, and is to be written anew for the code as it is. The file is put back after
each row, and also when this is interrupted. Standard library only.
"""

import atexit
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "shared/src"
TEST = ["cargo", "test", "--offline", "-p", "offsite-protocol", "--test", "protocol", "--", "--nocapture"]

ROWS = [
    # F1 to F3, as the code was before they were repaired.
    ("replicate/update.rs", "Put::Conflict(Some(found)) if *found == next =>", "Put::Conflict(Some(found)) if found.version == next.version && found.owner == next.owner =>",
     "F1: equal version and owner count as my own write", "P1 P3"),
    ("replicate/update.rs", "Put::Conflict(Some(found)) if *found == next =>", "Put::Conflict(Some(found)) if found.version > 0 =>",
     "F1: any conflict counts as my own write", "P1 P3"),
    ("ledger/transitions.rs", "if record.owner == by.owner && record.lease_until.is_some()", "if record.owner == by.owner",
     "F2: an owner's record is mine without a lease", "P10"),
    ("observe/mod.rs", "if (found.receipts.last(), found.attempt) != (asked.0.as_ref(), asked.1)", "if asked.1 == 0",
     "F3: the observation is applied to any record that conflicts", "P6"),
    # One attempt.
    ("replicate/attempt.rs", "doubt: record.state == State::InDoubt }", "doubt: false }",
     "a doubt is worked on as if there were none", "P12 P10"),
    ("replicate/attempt.rs", "if intent.doubt || (reads && provider.reads_first(replication))", "if !intent.doubt && provider.reads_first(replication)",
     "no read-back in doubt", "P12 P10"),
    ("replicate/attempt.rs", "replication.operation, &access)) <= ctx.now()", "replication.operation, &access)) > ctx.now()",
     "the wait is compared the wrong way round", "P12 P17"),
    ("replicate/attempt.rs", "let conclusive = !intent.doubt || waited;", "let conclusive = !intent.doubt || waited || intent.doubt;",
     "nothing visible is conclusive at once", "P12 P10"),
    ("replicate/attempt.rs", "if conclusive || provider.settles_at_once(replication) =>", "if conclusive || replication.rule.is_none() =>",
     "a partly visible vault-wide copy settles it", "P18"),
    ("replicate/attempt.rs", "if record.doubtful_calls >= ctx.settings.attempts.limit", "if record.doubtful_calls > 99",
     "the limit of doubts is not looked at", "P11"),
    ("replicate/attempt.rs", "Disposition::Ambiguous | Disposition::Conflict | Disposition::NoWork =>",
     "Disposition::Ambiguous => released(ErrorName::Unavailable, &code, told(&failure), request_id),\n            Disposition::Conflict | Disposition::NoWork =>",
     "silence after a call is certainly not applied", "P12"),
    ("replicate/attempt.rs", "        called: true,\n", "        called: false,\n", "a doubtful call is not told as called", "P11"),
    ("replicate/attempt.rs", "Err(failure) => return failed_read(ctx, target, replication, failure, conclusive).await,", "Err(_) => {}",
     "a failed read-back counts as absent", "P12 P10"),
    # What a sweep has read.
    ("replicate/mod.rs", "|| !is_absent(&record, known, now);", "&& record.version == 0;", "no first attempt reads", "P12 P17 P18"),
    # The exchange.
    ("exchange/wire.rs", "if left < if mutating { LEAST_TO_CONNECT * 2 } else { LEAST_TO_CONNECT }", "if left > Duration::from_secs(9_999)", "no look at the time before sending", "P10"),
    ("exchange/wire.rs", "if mutating { Disposition::Ambiguous }", "if mutating { Disposition::Retryable }",
     "silence after a call may be repeated", "P12 P18"),
    ("exchange/retry.rs", "let again = matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable);",
     "let again = matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable | Disposition::Ambiguous);",
     "the retry loop repeats an ambiguous call", "P12 P18"),
    # Claim, settle, finish.
    ("replicate/update.rs", "match ledger.put(&next, &expect).await? {", "match ledger.put(&next, &expect).await.unwrap_or(Put::Stored) {",
     "a failed write counts as stored", "P10 P1 P7 P15"),
    ("replicate/update.rs", "Put::Conflict(found) => current = found,", "Put::Conflict(_) => return Ok(Written::Stored(Box::new(next))),",
     "a conflicting write counts as stored", "P10 P17 P1 P15"),
    ("replicate/mod.rs", "\"the outcome could not be recorded\");\n            None", "\"the outcome could not be recorded\");\n            Some(record.clone())",
     "an unanswered settle counts as stored", "P1 P15"),
    ("replicate/mod.rs", "!record.outbox || outbox::deliver(ctx", "record.version > 0 || outbox::deliver(ctx",
     "answered as queued without sending", "P15"),
    ("replicate/mod.rs", "                false\n            };", "                true\n            };",
     "F7: an acceptance that could not be recorded is answered as done", "P15 P17"),
    # Transitions.
    ("ledger/transitions.rs", "record.lease_until.filter(|until| *until > by.now)", "record.lease_until.filter(|_| record.version == 0)",
     "a running lease does not make it busy", "P4 P10"),
    ("ledger/transitions.rs", "State::Accepted | State::Replicated | State::NoWork | State::Abandoned | State::Overtaken | State::Ended => {",
     "State::Accepted => { next.state = State::Claimed; next.since = by.now; }\n        State::Replicated | State::NoWork | State::Abandoned | State::Overtaken | State::Ended => {",
     "an accepted record may be claimed", "P12 P14 P17"),
    ("ledger/transitions.rs", "next.state = State::InDoubt;\n            next.doubt_since = record", "next.state = State::Claimed;\n            next.doubt_since = record",
     "an expired lease is claimed anew instead of in doubt", "P4"),
    ("ledger/transitions.rs", "record.doubt_since.max(record.lease_until).or(Some(record.since))", "Some(record.since)",
     "the doubt is as old as the attempt, not as the lease's end", "P12 P10"),
    ("ledger/transitions.rs", "record.doubt_since.max(record.lease_until).or(Some(record.since))", "record.doubt_since",
     "a take-over sets no time of doubt", "P12 P10"),
    ("ledger/transitions.rs", "if record.not_before.is_some_and(|at| at > by.now) {", "if record.not_before.is_some_and(|_| false) {",
     "not_before is not waited for", "P9"),
    ("ledger/transitions.rs", "if waiting || record.attempt >= attempts.limit {", "if waiting {", "no limit on attempts", "P9"),
    ("ledger/transitions.rs", "next.attempt += 1;", "", "a further attempt keeps its number", "P3 P13"),
    ("ledger/transitions.rs", "other.backup_id == receipt.backup_id && other.replication_id == receipt.replication_id", "other.backup_id == receipt.backup_id",
     "known receipts are compared by backup only", "P17 P18"),
    ("ledger/transitions.rs", "if fresh.is_empty() && (settled || !ours) {", "if fresh.is_empty() && settled && ours {",
     "what is known already is written again", "P6"),
    ("ledger/transitions.rs", "next.receipts.extend(fresh);", "next.receipts = if fresh.is_empty() { next.receipts } else { fresh };",
     "receipts are replaced instead of added to", "P1"),
    ("ledger/transitions.rs", "next.outbox = !next.receipts.is_empty();", "", "accepted, but not in the outbox", "P7"),
    ("ledger/transitions.rs", "next.lease_until = None;\n            note(&mut next, by, State::Accepted", "note(&mut next, by, State::Accepted",
     "a late acceptance leaves the new owner's lease", "P4"),
    ("ledger/transitions.rs", "_ if !ours => return None,", "_ if current.version == 0 => return None,",
     "any ending of a lost lease is written", "P4 P10"),
    ("ledger/transitions.rs", "if current.doubt_since.is_some() { State::InDoubt } else { State::Seen }", "State::Seen",
     "released forgets an older doubt", "P5"),
    ("ledger/transitions.rs", "next.doubtful_calls += u32::from(*called);", "", "calls of unknown outcome are not counted", "P11"),
    ("ledger/transitions.rs", "next.not_before = Some(next_attempt(round, attempts.backoff, by.now));", "",
     "a refusal sets no time for the next attempt", "P9"),
    ("ledger/transitions.rs", "next.version += 1;\n    if ours {", "if ours {", "settle does not count the version", "P2"),
    ("ledger/transitions.rs", "next.outbox = false;", "", "marking leaves it in the outbox", "P17"),
    ("ledger/transitions.rs", "next.news.clear();", "", "marking leaves the news", "P17"),
    ("ledger/transitions.rs", "next.news.clear();\n    next.version += 1;", "next.news.clear();", "marking does not count the version", "P2"),
    ("ledger/transitions.rs", "record.owner = by.owner.clone();", "", "a claim does not write its owner", "P10 P17"),
    ("ledger/transitions.rs", "record.lease_until = Some(by.lease_until);", "", "a claim writes no lease", "P4 P10"),
    ("ledger/transitions.rs", "record.lease_until = Some(by.lease_until);\n    record.version += 1;", "record.lease_until = Some(by.lease_until);",
     "a claim does not count the version", "P2"),
    # Looks.
    ("ledger/observed.rs", "next.look_at = Some(later(by.now, interval));", "next.look_at = Some(later(by.now, interval)).filter(|_| next.version == 0);",
     "no next look is set", "P17"),
    ("ledger/observed.rs", "Observation::Unanswered(_) => {}",
     "Observation::Unanswered(_) => enter(&mut next, State::Lost, by, None),",
     "a question without an answer is lost", "P6"),
    ("ledger/observed.rs", "enter(&mut next, State::Replicated, by, None);", "enter(&mut next, State::Replicated, by, None);\n                next.news.pop();",
     "replicated without news", "P8"),
    ("ledger/observed.rs", "Observation::Gone(reason) if current.state == State::Replicated =>", "Observation::Gone(reason) =>",
     "not visible while accepted is lost", "P6"),
    ("ledger/observed.rs", "Observation::Running(_) | Observation::Awaited(_) | Observation::Gone(_) => {}",
     "Observation::Running(_) => enter(&mut next, State::Replicated, by, None),\n        Observation::Awaited(_) | Observation::Gone(_) => {}",
     "a running copy is replicated", "P6"),
    ("ledger/observed.rs", "enter(next, State::Failed, by, Some(reason));", "enter(next, State::Failed, by, Some(reason));\n    next.news.pop();",
     "failed without news", "P8"),
    # The outbox, messages, answers.
    ("replicate/outbox.rs", "    emit(ctx, replication, record, invocation).await && mark(ctx, record).await\n}\n\n/// Emits what the outbox holds",
     "    emit(ctx, replication, record, invocation).await;\n    mark(ctx, record).await\n}\n\n/// Emits what the outbox holds",
     "marked although the queue refused", "P7 P8 P15"),
    ("replicate/outbox.rs", "taken.push(all && mark(ctx, &parcel.record).await);", "taken.push(mark(ctx, &parcel.record).await);",
     "a vault's copies are marked although the queue refused", "P7 P15"),
    ("replicate/outbox.rs", "send(ctx, &messages, invocation).await.into_iter().all(|taken| taken)",
     "send(ctx, &messages, invocation).await.into_iter().any(|taken| taken)", "one taken message counts for all", "P7 P8"),
    ("replicate/outbox.rs", "outcomes.iter().all(|taken| *taken)", "outcomes.iter().any(|taken| *taken)",
     "one taken message counts for all of a record", "P7 P8"),
    ("replicate/outbox.rs", "RecordFilter { outbox: true, ..RecordFilter::default() }", "RecordFilter { outbox: true, state: Some(String::new()), ..RecordFilter::default() }",
     "a sweep does not drain the outbox", "P17"),
    ("replicate/vault.rs", "let (backup, receipt) = of_backup(vault, receipt)?;", "let (backup, receipt) = of_backup(vault, receipt).filter(|_| me.owner.is_empty())?;",
     "backups of a vault-wide call get no record", "P17"),
    ("replicate/vault.rs", "Record { outbox: true, started_by,", "Record { outbox: false, started_by,", "a backup's record is not in the outbox", "P7"),
    ("replicate/vault.rs", "recorded: recorded as u64,", "recorded: receipts.len() as u64,",
     "accepted before each copy has a record (F10)", "P20"),
    ("ledger/transitions.rs", "next.doubt_since = if all { None } else { current.doubt_since.filter(|_| adopted).or(Some(by.now)) };", "next.doubt_since = None;",
     "a vault in doubt forgets since when", "P17 P18"),
    ("replicate/messages.rs", "Some(id) => hash_of(&[&key.0, event_type, \"copy\", id]),", "Some(_) => hash_of(&[&key.0, event_type, \"copy\"]),",
     "F4: the event ID leaves out the copy", "P13"),
    # F5, F6 and F10, as the code was before they were repaired.
    ("ledger/transitions.rs", "fresh.is_empty() && is_among(old, receipts)", "false && is_among(old, receipts)",
     "F5: a copy that is found again is not the one looked at", "P17"),
    ("ledger/transitions.rs", "next.doubtful_calls += u32::from(record.lease_until.is_some());", "",
     "F6: the limit of doubts does not count the dead", "P11"),
    # A person's decisions.
    ("ledger/resolution.rs", "if breakable > now {", "if breakable > later(now, *age * 9) {",
     "person: a lease is broken at any age", "P10"),
    ("ledger/resolution.rs", "next.state = State::InDoubt;\n            next.doubt_since = Some(now);", "next.state = State::Seen;",
     "person: a broken lease is a fresh start", "P4 P12"),
    ("ledger/resolution.rs", "next.lease_until = None;\n    next.version += 1;", "next.version += 1;",
     "person: a broken lease stays", "P17 P4"),
    ("ledger/resolution.rs", "next.lease_until = None;\n    next.version += 1;", "next.lease_until = None;",
     "person: a decision does not count the version", "P2"),
    ("ledger/resolution.rs", "Resolution::Retry => &[InDoubt,", "Resolution::Retry => &[Claimed, InDoubt,",
     "person: a claim whose lease has ended is retried as if nothing was sent", "P11 P12 P5 P10"),
    ("ledger/resolution.rs", "Resolution::Retry => &[InDoubt,", "Resolution::Retry => &[State::Accepted, InDoubt,",
     "person: an accepted copy is retried", "P12 P19"),
    ("ledger/resolution.rs", "next.attempt += u32::from(is_used && !in_doubt);", "let _ = is_used;",
     "person: the retry of a failed copy keeps its number", "P3 P6 P8 P13"),
    ("ledger/resolution.rs", "next.state = if in_doubt { State::InDoubt } else { State::Seen };", "next.state = State::Claimed;",
     "person: a retry claims", "P4"),
    ("replicate/replay.rs", "!record.in_outbox() || deliver", "record.version > 0 || deliver", "a replay says queued without sending", "P15"),
]

held = {}


def restore():
    for path, text in list(held.items()):
        path.write_text(text)
        del held[path]


def stopped(number, _frame):
    sys.exit(128 + number)


def explored(wanted):
    """Runs the quick set; the properties that a violation names. Ends it early once one of those that are wanted is found."""
    found, last = [], []
    # In a group of its own, so that cargo and what it started end together.
    process = subprocess.Popen(TEST, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        for line in process.stdout:
            last = (last + [line.rstrip()])[-15:]
            named = re.match(r"(P\d+): (.*)", line)
            if named:
                found.append((named[1], named[2]))
                if named[1] in wanted:
                    break
            if line.startswith("error: could not compile"):
                return None, last
    finally:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        process.wait()
    return found, last


def run(row):
    file, old, new, what, properties = row
    path = SOURCE / file
    wanted = properties.split()
    text = path.read_text() if path.exists() else ""
    if text.count(old) != 1:
        return f"no longer applies: the old text occurs {text.count(old)} times"
    held[path] = text
    try:
        path.write_text(text.replace(old, new))
        found, last = explored(wanted)
    finally:
        restore()
    if found is None:
        return "does not compile:\n    " + "\n    ".join(last)
    if any(name in wanted for name, _ in found):
        return None
    if found:
        return f"found as {', '.join(sorted({name for name, _ in found}))} only ({found[0][1]})"
    return "NOT FOUND"


def main():
    atexit.register(restore)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stopped)
    words = sys.argv[1:]
    rows = [row for row in ROWS if not words or any(word in row[0] or word in row[3] for word in words)]
    failures = 0
    for row in rows:
        begun = time.monotonic()
        trouble = run(row)
        failures += trouble is not None
        print(f"{'ok  ' if trouble is None else 'FAIL'} {time.monotonic() - begun:5.0f} s  {row[0]}: {row[3]} [{row[4]}]", flush=True)
        if trouble:
            print(f"     {trouble}", flush=True)
    print(f"{len(rows) - failures} of {len(rows)} noticed")
    sys.exit(1 if failures or not rows else 0)


if __name__ == "__main__":
    main()
