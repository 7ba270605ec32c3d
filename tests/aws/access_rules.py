"""The project's own rules about what a role reaches. As in rules.py: a docstring is a promise, a line yielded is a finding."""

import re

from context import ALL_ON, EVERYTHING, KEYS, PROVIDERS, VARIANTS, items
from rules import rule

NETWORK = {
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
}  # fmt: skip
LINES = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
KEY_USE = {"kms:Decrypt", "kms:GenerateDataKey"}
POLICY = {"ssm:GetParameter", "s3:GetObject"}

# All that the code of each function calls, and what Lambda calls for it.
MAY = {
    "Report": {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "s3:PutObject", "sqs:SendMessage"} | POLICY,
    "Door": {"secretsmanager:GetSecretValue", "sqs:SendMessage"},
    **{
        provider: {
            "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query", "sqs:SendMessage",
            "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "secretsmanager:GetSecretValue", "sts:GetWebIdentityToken",
        } | POLICY
        for provider in PROVIDERS
    },
}  # fmt: skip


def _allowed(role):
    """Each statement of a role that allows something."""
    for policy in role.get("Policies", []):
        yield from (one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow")


@rule
def only_these_actions(context):
    """The role of a function may do what its code calls, and nothing else; what it no longer may is missed as well."""
    for name, called in MAY.items():
        found = set()
        for values in VARIANTS.values():
            role = context.resolved(values)["Resources"][f"{name}Role"]["Properties"]
            found |= {action for one in _allowed(role) for action in items(one["Action"])}
        for action in sorted(found ^ (called | NETWORK | LINES | KEY_USE)):
            yield f"{name}Role: {'may' if action in found else 'may not'} {action}"


# What each action asks of the key that encrypts what it is done to.
# Source: Amazon SQS, DynamoDB, S3 and AWS Systems Manager developer guides, permissions for customer managed keys, 2026.
ASKS = {
    "sqs:SendMessage": {"kms:Decrypt", "kms:GenerateDataKey"},
    "sqs:ReceiveMessage": {"kms:Decrypt"},
    "sqs:StartMessageMoveTask": {"kms:Decrypt"},
    "dynamodb:GetItem": {"kms:Decrypt"},
    "dynamodb:PutItem": {"kms:Decrypt"},
    "s3:GetObject": {"kms:Decrypt"},
    "s3:PutObject": {"kms:Decrypt", "kms:GenerateDataKey"},
    "ssm:GetParameter": {"kms:Decrypt"},
    "ssm:PutParameter": {"kms:Encrypt", "kms:GenerateDataKey"},
    "secretsmanager:GetSecretValue": {"kms:Decrypt"},
}
ENCRYPTED = ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::IAM::Role")
IN_SSM = {name: value for name, value in EVERYTHING.items() if name != "PolicyS3Uri"}


def _key_of(properties):
    """The key of a queue, a table or a bucket; none if it has none of ours."""
    found = re.search(r"'(?:KmsMasterKeyId|KMSMasterKeyI[dD])': '(arn:[^']+)'", str(properties))
    return found and found[1]


def _keys_of(resource, made, given):
    """The keys of all that the resources of a statement name."""
    text = str(resource)
    named = set(re.findall(r"'(\w+)'|\$\{(\w+)\.?\w*\}", text))
    keys = {_key_of(made[name]["Properties"]) for pair in named for name in pair if name in made}
    if "offsite.json" in text or ":parameter/" in text:
        keys.add(given.get("PolicyKmsKeyArn"))
    keys |= {given.get(f"{name}KmsKeyArn") for name in ("Door", *PROVIDERS) if f":secret:{name.lower()}-" in text}
    return keys - {None}


@rule
def keys_reach(context):
    """Whoever reads or writes what has a key of its own may use that key: each queue, ledger and bucket, the policy, and each secret."""
    alone = [{**ALL_ON, "ReadOnlyPrincipals": "x", "OperatorPrincipals": "x", name: key} for name, key in KEYS.items()]
    for given in (EVERYTHING, IN_SSM, *alone):
        made = context.resolved(given, ENCRYPTED)["Resources"]
        for name, resource in made.items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            statements = list(_allowed(resource["Properties"]))
            may = {(key, action) for one in statements for key in items(one["Resource"]) for action in items(one["Action"])
                   if action.startswith("kms:")}  # fmt: skip
            for one in statements:
                wanted = {asked for action in items(one["Action"]) for asked in ASKS.get(action, ())}
                for key in sorted(_keys_of(one["Resource"], made, given)):
                    for asked in sorted(wanted):
                        if (key, asked) not in may:
                            of = next(parameter for parameter, value in KEYS.items() if value == key)
                            yield f"{name} {one.get('Sid', '?')}: lacks {asked} on {of}"


@rule
def keys_go_no_further(context):
    """People who only look have no cloud's key, for they read no message, and the report has none either."""
    for name in ("ReadOnlyRole", "ReportRole"):
        text = str(context.resolved(EVERYTHING)["Resources"][name]["Properties"])
        yield from (f"{name}: {provider}" for provider in PROVIDERS if KEYS[f"{provider}KmsKeyArn"] in text)
