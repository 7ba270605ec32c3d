"""What the rules look at: the template as written, translated, and as it comes out for given parameters; workflows; documents."""

import json
import re

from resolve import Resolver
from translate import ROOT, TEMPLATE, load, translate, with_code

PROVIDERS = ("Alibaba", "Huawei", "Tencent")
DOOR = {"DoorSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:door-AbCdEf"}
ALL_ON = {**{f"{name}Enabled": "true" for name in PROVIDERS}, **DOOR}


def key(number):
    """ARN of a key; each has its own, so that a rule sees which one somebody may use."""
    return f"arn:aws:kms:us-east-1:123456789012:key/{number}{number}111111-2222-3333-4444-555555555555"


# Everything that can be encrypted with a key of its own.
KEYS = {
    "KmsKeyArn": key(0), "PolicyKmsKeyArn": key(1), "DoorKmsKeyArn": key(2),
    **{f"{name}KmsKeyArn": key(number) for number, name in enumerate(PROVIDERS, 3)},
}  # fmt: skip
EVERYTHING = {
    **ALL_ON,
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:on-call",
    "PolicyS3Uri": "s3://policies-of-offsite/offsite.json",
    **KEYS,
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "RolePath": "/teams/backup/",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
    "HttpsProxy": "http://proxy.example.com:3128",
    "NoProxy": ".amazonaws.com",
    "LayerArns": "arn:aws:lambda:us-east-1:123456789012:layer:roots:1",
    "CaBundle": "/opt/roots.pem",
    "ReadOnlyPrincipals": "arn:aws:iam::123456789012:role/auditors",
    "OperatorPrincipals": "arn:aws:iam::123456789012:role/on-call",
    "ReceiptsAreRead": "true",
    "WorkSenders": "arn:aws:iam::210987654321:role/backups",
    **{f"{name}SecretArns": f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name.lower()}-AbCdEf" for name in PROVIDERS},
    **{f"{name}FederationAudiences": "offsite" for name in PROVIDERS},
}
VARIANTS = {"plain": ALL_ON, "everything": EVERYTHING}


class Context:
    """One state of all that is checked; seeded defects change a copy."""

    def __init__(self):
        self.text = TEMPLATE.read_text(encoding="utf-8")
        self.sam = json.loads(json.dumps(load(), default=str))
        self.template = translate(with_code(load(), "code-bucket"))
        folder = TEMPLATE.parent
        self.samconfig = (folder / "samconfig.toml").read_text(encoding="utf-8")
        self.workflows = {
            name: json.loads((folder / f"{name}.asl.json").read_text(encoding="utf-8"))
            for name in ("workflow", "workflow-fleet")
        }
        self._made = {}
        self._base = None
        self.docs = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}

    def copy(self):
        """A copy to seed a defect into."""
        spoilt = object.__new__(Context)
        spoilt.text, spoilt.samconfig = self.text, self.samconfig
        for part in ("sam", "template", "workflows", "docs"):
            setattr(spoilt, part, json.loads(json.dumps(getattr(self, part))))
        spoilt._made = {}
        spoilt._base = self
        return spoilt

    def resolved(self, parameters, kinds=None):
        """Resources (of some kinds, or all) and outputs for these parameters; made once, since rules only read."""
        name = (tuple(sorted(parameters.items())), kinds)
        if name not in self._made:
            known = None
            # A seeded defect changes one place: the rest is taken from where nothing was spoilt.
            deciding = ("Parameters", "Conditions", "Mappings")
            if self._base and all(self.template[part] == self._base.template[part] for part in deciding):
                known = (self._base.template, self._base.resolved(parameters, kinds))
            self._made[name] = Resolver(self.template, parameters).resolved(kinds, known)
        return self._made[name]

    def made(self, kind, parameters=None):
        """(variant, name, properties) of each resource of a kind, in both variants or for given parameters."""
        variants = {"given": parameters} if parameters is not None else VARIANTS
        for variant, values in variants.items():
            for name, resource in self.resolved(values)["Resources"].items():
                if resource["Type"] == kind:
                    yield variant, name, resource.get("Properties", {})

    def statements(self):
        """(where, statement) of each statement of each role."""
        for variant, name, role in self.made("AWS::IAM::Role"):
            for policy in role.get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield f"{name} ({variant}) {statement.get('Sid', '?')}", statement

    def table_rows(self, document, heading):
        """The rows of the first Markdown table after a heading, as lists of cells."""
        text = self.docs[document].split(heading, 1)[1]
        rows = []
        for line in text.splitlines():
            if line.startswith("|"):
                rows.append([cell.strip() for cell in line.strip("|").split("|")])
            elif rows:
                break
        return rows[2:]

    def metrics(self):
        """Names of the metrics that docs/metrics.md has."""
        return {row[0].strip("`") for row in self.table_rows("metrics.md", "# Metrics") if row[0].startswith("`")}

    def error_names(self):
        """Names of the errors that docs/errors.md has, in its order."""
        return [row[0].strip("`") for row in self.table_rows("errors.md", "## Error names")]

    def requests_per_second(self):
        """Each cloud's limit that docs/configuration.md has as default."""
        found = re.findall(r"\| `OFFSITE_([A-Z]+)_RPS` \| (\d+) \|", self.docs["configuration.md"])
        return {name.capitalize(): int(limit) for name, limit in found}


def items(value):
    """A list of what may be one or many."""
    return value if isinstance(value, list) else [value]


def target(node):
    """The resource that a Ref or Fn::GetAtt names, else none."""
    if isinstance(node, dict) and "Ref" in node:
        return node["Ref"]
    if isinstance(node, dict) and "Fn::GetAtt" in node:
        named = node["Fn::GetAtt"]
        return named[0] if isinstance(named, list) else named.split(".")[0]
    return None


def walk(node, path=()):
    """(path, value) of every leaf."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, (*path, index))
    else:
        yield path, node
