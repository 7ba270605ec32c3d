#!/usr/bin/env python3
"""Breaks the product on purpose, one place at a time, and expects a law to be broken.

    tests/laws/mutations.py                 all of them
    tests/laws/mutations.py gone "law 4"    those whose file or words hold one of these

A row is (file below shared/src, old text, new text, what it does, the laws of which one must be named, and where 300 histories are too few
how many are played). The old text must occur exactly once: a row that no longer applies is a failure, and is to be written anew for the
code as it is. The file is put back after each row, and also when this is interrupted. Standard library only.
"""

import atexit
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "shared/src"
TEST = ["cargo", "run", "--offline", "--quiet", "-p", "offsite-laws", "--bin", "histories"]

ROWS = [
    ("sweep/remember.rs", "None if one.judgement.is_wanting() => {", "None if one.judgement == Judgement::Lost(String::new()) => {",
     "law 1: a backup without a copy is not remembered", "1 soundness equality"),
    ("sweep/remember.rs", "None if one.judgement.is_wanting() => {", "None if one.judgement == Judgement::Missing => {",
     "law 1: a backup whose copy another hand makes is not remembered", "1"),
    ("sweep/remember.rs", "let record = ledger::put_off(&one.replication, about, &me, None);\n                            self.ctx.ports.ledger.put(&record, &Expect::Absent).await?;",
     "let _ = ledger::put_off(&one.replication, about, &me, None);", "law 1: a job that no pair has carried is not remembered", "1"),
    ("sweep/remember.rs", "if ledger::found(&record, seen.clone(), &me).is_none() {", "if ledger::found(&record, seen.clone(), &me).is_none() || !record.key.is_empty() {",
     "law 1: a copy of another hand does not end its record", "equality 5 1 soundness"),
    ("report/resources.rs", "} else if uncopied.is_some_and(|uncopied| due(uncopied.made)) || bare {",
     "} else if uncopied.is_some_and(|uncopied| due(uncopied.made) && uncopied.verdict != Verdict::Ineligible) {",
     "law 2: what cannot be copied makes nothing unprotected", "2 soundness equality"),
    ("report/resources.rs", "let state = if terms.dark.get(at)", "let state = if terms.old.get(at).copied().unwrap_or(true) || terms.dark.get(at)",
     "law 3: what was red becomes unknown by age", "3"),
    ("sweep/losses.rs", "(State::Lost, _) => {", "(State::Abandoned, _) => {", "law 4: a lost copy is not made again", "4 equality"),
    ("sweep/carried.rs", "Some(paired) => paired,\n                None if dark.get(at).is_some_and(Option::is_some) => true,",
     "Some(paired) => paired,\n                None if copied.made > copied.made - std::time::Duration::from_secs(1) => true,",
     "law 4: a copy counts although its destination does not show it", "4 soundness equality"),
    ("sweep/carried.rs", "let Some((before, _)) = summary::read(notes, &self.rule.name).await? else { return Ok(()) };",
     "let Some((before, _)) = summary::read(notes, &self.rule.name).await?.filter(|_| !self.ctx.settings.read_only) else { return Ok(()) };",
     "law 5: a look takes nothing over from earlier sweeps", "5"),
    ("sweep/pages.rs", "self.course.not_covered.entry(reason).or_default().add(&id);", "let _ = (reason, id);",
     "law 6: what is not covered is not counted", "6"),
    ("sweep/pages.rs", "                if !open {\n                    unknown.push((at, backup.size_gib));\n",
     "                unknown.push((at, backup.size_gib));\n                if !open {\n",
     "law 6: what is open in a dark destination is counted twice", "6"),
    ("ledger/observed.rs", "Observation::Awaited(how) | Observation::Gone(how) if overdue",
     "Observation::Awaited(how) | Observation::Running(how) | Observation::Gone(how) if overdue",
     "law 7: what runs for long is given up", "7", 1000),
    ("providers/huawei/observe.rs", "_ => Named::By(0),", "_ => Named::Not(gone()),",
     "law 7: a copy is not found when its source is gone", "7 equality"),
    ("sweep/verdict.rs", "Judgement::Refused(_) => of_state(State::Refused).is_some_and(waited),", "Judgement::Refused(_) => false,",
     "law 8: what was refused is never tried again", "8 equality"),
    ("sweep/copies.rs", "self.darken(at, reason);\n        self.listed(at);\n        Ok(())", "Err(Stop::Failed(reason))",
     "law 9: a dark destination ends the sweep", "9 equality"),
    ("sweep/starts.rs", "self.course.started += if doubt { 0 } else { outcome.started() };", "self.course.started += if doubt { 0 } else { 2 * outcome.started() };",
     "law 10: a start counts twice", "10"),
    ("sweep/mod.rs", "const OUTBOX_KEEPS: f64 = 1.0 / 6.0;", "const OUTBOX_KEEPS: f64 = 1.0;",
     "law 12: the outbox keeps all the time for itself", "12 equality"),
]


held = None


def put_back():
    global held
    if held:
        path, text = held
        path.write_text(text)
        held = None


def broken(histories=300):
    """The laws that so many histories break, or None if the product does not build."""
    ran = subprocess.run([*TEST, "--", "0", str(histories)], cwd=ROOT, capture_output=True, text=True)
    if ran.returncode != 0:
        return None
    return sorted(set(re.findall(r"^law (\S+)", ran.stdout, re.MULTILINE)))


def main():
    global held
    atexit.register(put_back)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    words = sys.argv[1:]
    rows = [row for row in ROWS if not words or any(word in f"{row[0]} {row[3]}" for word in words)]
    if broken() != []:
        print("the histories break laws, or do not build, without any mutation")
        return 1
    missed = []
    for file, old, new, what, wanted, *histories in rows:
        path = SOURCE / file
        text = path.read_text()
        if text.count(old) != 1:
            print(f"STALE   {file}: {what}: the old text occurs {text.count(old)} times")
            missed.append(what)
            continue
        held = (path, text)
        path.write_text(text.replace(old, new))
        began = time.monotonic()
        found = broken(*histories)
        put_back()
        took = time.monotonic() - began
        caught = found is not None and any(law in wanted.split() for law in found)
        word = "caught" if caught else "NO BUILD" if found is None else "MISSED"
        print(f"{word:8}{took:5.0f} s  {file}: {what}; broken: {' '.join(found or [])}", flush=True)
        if not caught:
            missed.append(what)
    print(f"{len(rows) - len(missed)} of {len(rows)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
