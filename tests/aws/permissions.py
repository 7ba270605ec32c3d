"""The clouds' permission files: they allow what the documents name and nothing else, and deny deletion."""

import json
import re

from translate import ROOT

FOLDER = ROOT / "infra/aws/permissions"
SERVICES = ("hbr", "cbr", "cbs", "cvm", "iam")


def _part(statement, name):
    """A member of a statement; Tencent writes it in lower case."""
    found = statement.get(name, statement.get(name.lower(), []))
    return found if isinstance(found, list) else [found]


def documented():
    """Actions that docs/configuration.md and docs/doctor.md name, and the names that these say are inferred."""
    text = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("configuration.md", "doctor.md"))
    text += (FOLDER / "README.md").read_text(encoding="utf-8")
    names = set(re.findall(rf"`((?:{'|'.join(SERVICES)}):[\w:]+)`", text))
    return names | {"cvm:" + name[4:] for name in names if name.startswith("cbs:")}


def of_file(name, policy, known):
    """What is wrong with one file."""
    allowed, denied = set(), set()
    for statement in _part(policy, "Statement"):
        effect = _part(statement, "Effect")[0].lower()
        (allowed if effect == "allow" else denied).update(_part(statement, "Action"))
    if name.endswith("-trust.json"):
        if denied or any("*" in action for action in allowed) or "AUDIENCE" not in json.dumps(policy):
            yield f"{name}: a trust names one action and the audience"
        return
    for action in sorted(allowed):
        if action not in known:
            yield f"{name}: {action} is named by no document"
        if re.search(r"\*|[Dd]elete", action):
            yield f"{name}: allows {action}"
    if "doctor" not in name and not any(re.search("[Dd]elete", action) for action in denied):
        yield f"{name}: deletion is not denied"


def trouble():
    """What is wrong with the files as they are, or with these checks."""
    known = documented()
    paths = sorted(FOLDER.glob("*.json"))
    if len(paths) != 9:
        yield f"{len(paths)} files instead of nine"
    for path in paths:
        yield from of_file(path.name, json.loads(path.read_text(encoding="utf-8")), known)
    # Each check must be able to fail.
    deny = {"Effect": "Deny", "Action": ["hbr:Delete*"]}
    defects = (("hbr:DescribeVaults", []), ("hbr:*", [deny]), ("hbr:DeleteVault", [deny]), ("hbr:Describe", [deny]))
    for action, others in defects:
        if not list(of_file("x-policy.json", {"Statement": [{"Effect": "Allow", "Action": [action]}, *others]}, known)):
            yield f"the check of {action} cannot fail"
    if not list(of_file("x-trust.json", {"Statement": [{"Effect": "Allow", "Action": "sts:*"}]}, known)):
        yield "the check of a trust cannot fail"
