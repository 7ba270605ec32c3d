"""The project's own rules about the template. Each yields one line per finding; its docstring is what it promises.

Every rule has at least one seeded defect in seeds.py that it, and it alone, must report.
"""

import re

import blocks
import schedule
from context import ALL_ON, DOOR, EVERYTHING, PROVIDERS, VARIANTS, items, target, walk

RULES = []


def rule(function):
    """Enters a function into the list of rules."""
    RULES.append(function)
    return function


def _choices(context, parameter):
    return context.sam["Parameters"][parameter]["AllowedValues"]


FEEDING = frozenset({"AWS::Lambda::EventSourceMapping", "AWS::Lambda::Function", "AWS::SQS::Queue"})


def _mappings(context, parameters):
    """(name, mapping, its function, its queue) of each event source mapping."""
    resources = context.resolved(parameters, FEEDING)["Resources"]
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            properties = resource["Properties"]
            function = resources[target(properties["FunctionName"])]["Properties"]
            queue = resources[target(properties["EventSourceArn"])]["Properties"]
            yield name, properties, function, queue


@rule
def visibility(context):
    """A queue that feeds a function hides a message for six times the function's timeout, plus the batch window."""
    for timeout in _choices(context, "FunctionTimeout"):
        for name, mapping, function, queue in _mappings(context, {**ALL_ON, "FunctionTimeout": timeout}):
            least = 6 * int(function["Timeout"]) + int(mapping.get("MaximumBatchingWindowInSeconds", 0))
            if int(queue.get("VisibilityTimeout", 30)) < least:
                yield f"{name}: visibility {queue.get('VisibilityTimeout')} s with a timeout of {timeout} s, at least {least}"


@rule
def receives(context):
    """A message is received often enough, and for long enough, for a doubt to be settled (15 minutes and a lease)."""
    for name, _, _, queue in _mappings(context, ALL_ON):
        count = int(queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0))
        if count and (count < 5 or count * int(queue.get("VisibilityTimeout", 30)) < 1800):
            yield f"{name}: {count} receives"


@rule
def partial_batches(context):
    """Each event source mapping reports failed records one by one."""
    for _, name, mapping in context.made("AWS::Lambda::EventSourceMapping", ALL_ON):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: without ReportBatchItemFailures a failed record is deleted with the rest"


def _with_concurrency(context):
    """(chosen, parameters) of each concurrency that may be chosen."""
    for chosen in _choices(context, "TencentConcurrency"):
        yield int(chosen), {**ALL_ON, **{f"{name}Concurrency": chosen for name in PROVIDERS}}


# What runs beside the work queue: sweep, observe and the look at what is new.
SCHEDULED = 3


@rule
def concurrency(context):
    """The queue leaves two of the reserved concurrency to the schedules; its own limit holds where none is reserved."""
    for chosen, given in _with_concurrency(context):
        for name, mapping, function, _ in _mappings(context, given):
            most = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 1000))
            reserved = function.get("ReservedConcurrentExecutions")
            if str(reserved or 0) != str(chosen):
                yield f"{name}: {reserved} reserved, {chosen} chosen"
            if not 2 <= most <= (chosen - 2 if chosen else 5):
                yield f"{name}: {most} of {chosen}"


@rule
def any_account(context):
    """By default nothing is reserved, so that an account with the quota of a new one, 10, can deploy."""
    for _, name, function in context.made("AWS::Lambda::Function", ALL_ON):
        if "ReservedConcurrentExecutions" in function:
            yield f"{name}: {function['ReservedConcurrentExecutions']} reserved"


@rule
def pace(context):
    """Requests per second times all that runs at once stay within the cloud's limit, and are never 0, which is no limit."""
    limits = context.requests_per_second()
    for chosen, given in _with_concurrency(context):
        for name in PROVIDERS:
            function = context.resolved(given, FEEDING)["Resources"][f"{name}Function"]["Properties"]
            rate = int(function["Environment"]["Variables"].get(f"OFFSITE_{name.upper()}_RPS", 0))
            mapping = context.resolved(given, FEEDING)["Resources"][f"{name}WorkMapping"]["Properties"]
            workers = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0))
            at_once = chosen or workers + SCHEDULED
            if not 1 <= rate or rate * at_once > limits[name]:
                yield f"{name}: {rate} a second × {at_once}, the limit is {limits[name]}"


@rule
def dead_letters(context):
    """What can fail to be delivered has a dead-letter queue: rule targets, schedules, asynchronous calls, queues that are read."""
    for _, name, properties in context.made("AWS::Events::Rule", ALL_ON):
        for one in properties.get("Targets", []):
            if "Arn" not in one.get("DeadLetterConfig", {}):
                yield f"{name}: target {one.get('Id')}"
    for _, name, properties in context.made("AWS::Scheduler::Schedule", ALL_ON):
        if "Arn" not in properties["Target"].get("DeadLetterConfig", {}):
            yield name
    caught = {
        target(properties["FunctionName"])
        for _, _, properties in context.made("AWS::Lambda::EventInvokeConfig", ALL_ON)
        if properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    }
    for _, name, _ in context.made("AWS::Lambda::Function", ALL_ON):
        # The door is called by its API alone, which waits for the answer.
        if name not in caught and name != "DoorFunction":
            yield f"{name}: asynchronous calls"
    read = [queue for _, _, _, queue in _mappings(context, ALL_ON)]
    read.append(context.resolved(ALL_ON)["Resources"]["Receipts"]["Properties"])
    for queue in read:
        if "deadLetterTargetArn" not in queue.get("RedrivePolicy", {}):
            yield "a queue that is read"


def _dead_letter_queues(context):
    found = set()
    for kind, path in (("AWS::Events::Rule", "Targets"), ("AWS::Scheduler::Schedule", "Target")):
        for _, _, properties in context.made(kind, ALL_ON):
            found |= {target(one.get("DeadLetterConfig", {}).get("Arn")) for one in items(properties[path])}
    for _, _, properties in context.made("AWS::SQS::Queue", ALL_ON):
        found.add(target(properties.get("RedrivePolicy", {}).get("deadLetterTargetArn")))
    for _, _, properties in context.made("AWS::Lambda::EventInvokeConfig", ALL_ON):
        found.add(target(properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")))
    return found - {None}


@rule
def dead_letter_alarms(context):
    """Each dead-letter queue has an alarm on its first message."""
    watched = set()
    for _, _, alarm in context.made("AWS::CloudWatch::Alarm", ALL_ON):
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and float(alarm["Threshold"]) == 0:
            watched |= {target(dimension["Value"]) for dimension in alarm["Dimensions"]}
    for name in sorted(_dead_letter_queues(context) - watched):
        yield name


@rule
def wrong_commands_at_once(context):
    """A function may put a wrong command among the dead letters of its own work queue, and knows where they are."""
    resources = context.resolved(ALL_ON)["Resources"]
    for provider in PROVIDERS:
        letters = target(resources[f"{provider}Work"]["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        variables = resources[f"{provider}Function"]["Properties"]["Environment"]["Variables"]
        policies = resources[f"{provider}Role"]["Properties"]["Policies"]
        may = [
            letters if resource == "*" else target(resource)
            for policy in policies
            for one in policy["PolicyDocument"]["Statement"]
            if any(str(action).startswith("sqs:SendMessage") for action in items(one["Action"]))
            for resource in items(one["Resource"])
        ]
        if letters and (target(variables.get("OFFSITE_DEAD_LETTERS_URL")) != letters or letters not in may):
            yield f"{provider}: {variables.get('OFFSITE_DEAD_LETTERS_URL')}, may send to {may}"


@rule
def dead_letters_last(context):
    """A dead-letter queue keeps messages for the fourteen days that SQS allows."""
    resources = context.resolved(ALL_ON)["Resources"]
    for name in sorted(_dead_letter_queues(context)):
        if resources[name]["Properties"].get("MessageRetentionPeriod") != 1209600:
            yield name


@rule
def encryption(context):
    """Each queue is encrypted; with a key given, queues, table, logs, variables and schedules use it."""
    for variant, name, queue in context.made("AWS::SQS::Queue"):
        if variant == "plain" and queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name}: not encrypted without a key"
        if variant == "everything" and ("KmsMasterKeyId" not in queue or "SqsManagedSseEnabled" in queue):
            yield f"{name}: does not use the key"
    with_key = {
        "AWS::DynamoDB::Table": lambda made: made.get("SSESpecification", {}).get("KMSMasterKeyId"),
        "AWS::Logs::LogGroup": lambda made: made.get("KmsKeyId"),
        "AWS::Lambda::Function": lambda made: made.get("KmsKeyArn"),
        "AWS::Scheduler::Schedule": lambda made: made.get("KmsKeyArn"),
        "AWS::S3::Bucket": lambda made: "KMSMasterKeyID" in str(made.get("BucketEncryption")),
    }
    for kind, used in with_key.items():
        for _, name, properties in context.made(kind, EVERYTHING):
            if not used(properties):
                yield f"{name}: does not use the key"


@rule
def no_wildcard_action(context):
    """No statement that allows has a wildcard in an action; a denial may (TLS)."""
    for where, statement in context.statements():
        for action in items(statement.get("Action", "*")):
            if "*" in str(action) or "NotAction" in statement:
                yield f"{where}: {action}"
    for _, name, policy in context.made("AWS::SQS::QueuePolicy", ALL_ON):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow" and any("*" in action for action in items(statement["Action"])):
                yield f"{name}: {statement['Action']}"


# Actions for which AWS knows no resource.
NO_RESOURCE = {
    "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
    "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
    "sts:GetWebIdentityToken",
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
}  # fmt: skip


@rule
def resources_named(context):
    """Each statement names its resource, but for the actions for which AWS knows none; a token names its audience."""
    for where, statement in context.statements():
        bare = items(statement.get("Resource", "*")) == ["*"] or "NotResource" in statement
        actions = set(items(statement["Action"]))
        if bare and not actions <= NO_RESOURCE:
            yield f"{where}: {sorted(actions - NO_RESOURCE)} on *"
        if "sts:GetWebIdentityToken" in actions and "sts:IdentityTokenAudience" not in str(statement.get("Condition")):
            yield f"{where}: a token for any audience"


@rule
def deletes_notes_only(context):
    """DeleteItem is allowed for the sweep's notes and never for a record."""
    for where, statement in context.statements():
        if statement["Effect"] == "Allow" and "dynamodb:DeleteItem" in items(statement["Action"]):
            condition = statement.get("Condition", {})
            if condition.get("ForAllValues:StringLike") != {"dynamodb:LeadingKeys": ["note#*"]} or "Null" not in condition:
                yield where


DECISIONS = ["note#risk/*", "risk#*", "note#brake*", "brake#*"]
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}


@rule
def decisions_are_peoples(context):
    """A function that may write the ledger is denied every write of a risk and of the brake: both are for people with a role of their own."""
    for variant, name, role in context.made("AWS::IAM::Role"):
        if name == "OperatorRole":
            continue
        statements = [one for policy in role.get("Policies", []) for one in policy["PolicyDocument"]["Statement"]]
        allowed = {action for one in statements if one["Effect"] == "Allow" for action in items(one["Action"])}
        tables = [one["Resource"] for one in statements if WRITES & set(items(one["Action"])) and one["Effect"] == "Allow"]
        denied = [
            one["Resource"]
            for one in statements
            if one["Effect"] == "Deny"
            and set(items(one["Action"])) >= WRITES
            and one.get("Condition") == {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": DECISIONS}}
        ]
        if WRITES & allowed and any(table not in denied for table in tables):
            yield f"{name} ({variant}): may write what people decide"


@rule
def the_report_only_reads(context):
    """The function of the report reads the ledger, and writes below one prefix of one bucket; it has no cloud's key."""
    for variant, name, function in context.made("AWS::Lambda::Function"):
        if not name.startswith("Report"):
            continue
        role = context.resolved(VARIANTS[variant])["Resources"][target(function["Role"])]["Properties"]
        for policy in role["Policies"]:
            for one in policy["PolicyDocument"]["Statement"]:
                actions = set(items(one["Action"]))
                if actions & {"secretsmanager:GetSecretValue", "sts:GetWebIdentityToken"}:
                    yield f"{name} ({variant}): a cloud's key"
                if actions & (WRITES | {"s3:DeleteObject", "s3:PutObjectRetention", "s3:BypassGovernanceRetention"}):
                    yield f"{name} ({variant}): {sorted(actions)}"
                if "s3:PutObject" in actions and "/reports/*" not in str(one["Resource"]):
                    yield f"{name} ({variant}): writes to {one['Resource']}"


def _of_the_door(context, parameters):
    """The door's resources, by name."""
    made = context.resolved(parameters)["Resources"]
    return {name: resource.get("Properties", {}) for name, resource in made.items() if name.startswith("Door")}


@rule
def the_door_is_off(context):
    """There is no door unless a secret says who may knock; for one cloud it knows no queue of another."""
    without = {name: value for name, value in EVERYTHING.items() if name not in DOOR}
    if _of_the_door(context, without):
        yield f"without a secret: {sorted(_of_the_door(context, without))}"
    for provider in PROVIDERS:
        text = str(_of_the_door(context, {f"{provider}Enabled": "true", **DOOR})["DoorFunction"])
        for other in PROVIDERS:
            if (f"{other}Work" in text) != (other == provider):
                yield f"only {provider}: {other}"


@rule
def the_door_may_little(context):
    """Of what the door may do (only_these_actions), it reads its one secret and sends to the work queues alone."""
    queues = {f"{provider}Work" for provider in PROVIDERS}
    for parameters in VARIANTS.values():
        for policy in _of_the_door(context, parameters)["DoorRole"]["Policies"]:
            for one in policy["PolicyDocument"]["Statement"]:
                actions = set(items(one["Action"]))
                if "sqs:SendMessage" in actions and {target(queue) for queue in items(one["Resource"])} != queues:
                    yield f"sends to {one['Resource']}"
                if "secretsmanager:GetSecretValue" in actions and items(one["Resource"]) != list(DOOR.values()):
                    yield f"reads {one['Resource']}"


@rule
def the_door_is_narrow(context):
    """One route, its rates bounded, no log of its paths or of each stranger, a function that ends in five seconds, and nobody but this API calls it."""
    door = _of_the_door(context, ALL_ON)
    stage = door["DoorStage"]
    settings = stage.get("DefaultRouteSettings", {})
    if not 0 < settings.get("ThrottlingRateLimit", 0) <= 10 or not 0 < settings.get("ThrottlingBurstLimit", 0) <= 20:
        yield f"rates {settings}"
    if "AccessLogSettings" in stage:
        yield "access logs hold the secret part of the path"
    routes = [properties["RouteKey"] for _, _, properties in context.made("AWS::ApiGatewayV2::Route", ALL_ON)]
    if routes != ["POST /{path}/{sender}"]:
        yield f"routes {routes}"
    if door["DoorFunction"]["LoggingConfig"].get("SystemLogLevel") != "WARN":
        yield "a line in the log for each stranger"
    if int(door["DoorFunction"]["Timeout"]) > 5:
        yield f"{door['DoorFunction']['Timeout']} s"
    for _, name, properties in context.made("AWS::Lambda::Permission", ALL_ON):
        source = str(properties.get("SourceArn"))
        if target(properties["FunctionName"]) == "DoorFunction" and not ("DoorApi" in source and "/POST/" in source):
            yield f"{name}: {source}"


@rule
def the_door_is_watched(context):
    """What the door refuses, and what it cannot take, are alarms."""
    found = {
        (alarm["MetricName"], target(alarm["Dimensions"][0]["Value"]), alarm["Statistic"])
        for _, _, alarm in context.made("AWS::CloudWatch::Alarm", ALL_ON)
        if alarm["Namespace"] == "AWS/ApiGateway"
    }
    if found != {("4xx", "DoorApi", "Sum"), ("5xx", "DoorApi", "Sum")}:
        yield str(sorted(found))


@rule
def reports_kept(context):
    """The bucket of the reports is closed, keeps each version, takes TLS only, and locks where that is asked for."""
    locked = {**EVERYTHING, "ReportLock": "COMPLIANCE", "ReportLockDays": 30}
    for given in (ALL_ON, locked):
        for _, name, bucket in context.made("AWS::S3::Bucket", given):
            if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
                yield f"{name}: versions"
            block = bucket.get("PublicAccessBlockConfiguration", {})
            if len(block) != 4 or not all(block.values()):
                yield f"{name}: open"
            retention = bucket.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
            wanted = {"Mode": "COMPLIANCE", "Days": 30} if given is locked else None
            if retention != wanted or bool(bucket.get("ObjectLockEnabled")) != bool(wanted):
                yield f"{name}: lock {retention}"
            key = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
            if key.get("KMSMasterKeyID") != given.get("KmsKeyArn"):
                yield f"{name}: key {key}"
            policies = [
                statement
                for _, _, policy in context.made("AWS::S3::BucketPolicy", given)
                if target(policy["Bucket"]) == name
                for statement in policy["PolicyDocument"]["Statement"]
            ]
            closed = [one for one in policies if one["Effect"] == "Deny" and one["Action"] == "s3:*"]
            tls = {"Bool": {"aws:SecureTransport": "false"}}
            if [one.get("Condition") for one in closed] != [tls] or len(policies) != 1:
                yield f"{name}: without TLS"


@rule
def reports_on_time(context):
    """The report comes at least twice in the time after which its silence is an alarm, by default."""
    parameters = context.template["Parameters"]
    rate = re.fullmatch(r"rate\((\d+) (minute|hour)s?\)", parameters["ReportSchedule"]["Default"])
    seconds = int(rate[1]) * {"minute": 60, "hour": 3600}[rate[2]] if rate else 0
    if not 0 < 2 * seconds <= int(parameters["ReportAgeSeconds"]["Default"]):
        yield f"{parameters['ReportSchedule']['Default']} and {parameters['ReportAgeSeconds']['Default']} s"


@rule
def no_managed_policies(context):
    """No role has a managed policy."""
    for _, name, role in context.made("AWS::IAM::Role", ALL_ON):
        if role.get("ManagedPolicyArns"):
            yield name


@rule
def one_role_per_function(context):
    """Each function has a role of its own, which nothing but Lambda assumes."""
    roles = {}
    for _, name, function in context.made("AWS::Lambda::Function", ALL_ON):
        roles.setdefault(target(function["Role"]), []).append(name)
    resources = context.resolved(ALL_ON)["Resources"]
    for role, functions in roles.items():
        trust = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if len(functions) > 1 or [one["Principal"] for one in trust] != [{"Service": "lambda.amazonaws.com"}]:
            yield f"{role}: {functions}"


@rule
def roles_of_services(context):
    """A role that Scheduler or Step Functions assumes is bound to this account and its own caller."""
    for _, name, role in context.made("AWS::IAM::Role", ALL_ON):
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            service = statement["Principal"].get("Service")
            if name in PEOPLE:
                continue
            condition = str(statement.get("Condition", ""))
            bound = "aws:SourceAccount" in condition and "aws:SourceArn" in condition
            if service != "lambda.amazonaws.com" and not bound:
                yield f"{name}: {service}"


PEOPLE = {"ReadOnlyRole": "ReadOnlyPrincipals", "OperatorRole": "OperatorPrincipals"}
READS = ("Get", "Query", "Scan", "Describe", "Decrypt", "GenerateDataKey", "BatchGet")


@rule
def roles_of_people(context):
    """The two roles for people are made for whom they are named, no function has them, and the read-only one only reads."""
    for given, wanted in ((ALL_ON, set()), (EVERYTHING, set(PEOPLE))):
        made = {name: role for _, name, role in context.made("AWS::IAM::Role", given) if name in PEOPLE}
        if set(made) != wanted:
            yield f"{sorted(made)} instead of {sorted(wanted)}"
        for name, role in made.items():
            trusted = [one["Principal"] for one in role["AssumeRolePolicyDocument"]["Statement"]]
            if trusted != [{"AWS": EVERYTHING[PEOPLE[name]].split(",")}]:
                yield f"{name}: trusts {trusted}"
    for where, statement in context.statements():
        if where.startswith("ReadOnlyRole"):
            for action in items(statement["Action"]):
                if not action.split(":")[1].startswith(READS):
                    yield f"{where}: {action}"


@rule
def landing_zone(context):
    """Each role has the boundary and the path, each function the VPC, proxy and its exceptions, layers and roots that are asked for, and by default none."""
    for variant, name, role in context.made("AWS::IAM::Role"):
        asked = variant == "everything"
        boundary = EVERYTHING["PermissionsBoundaryArn"] if asked else None
        if (role.get("PermissionsBoundary"), role.get("Path")) != (boundary, EVERYTHING["RolePath"] if asked else "/"):
            yield f"{name} ({variant}): {role.get('PermissionsBoundary')}, {role.get('Path')}"
    for variant, name, function in context.made("AWS::Lambda::Function"):
        variables = function["Environment"]["Variables"]
        found = (
            function.get("VpcConfig"), function.get("Layers"), variables.get("HTTPS_PROXY"), variables.get("NO_PROXY"),
            variables.get("OFFSITE_CA_BUNDLE"),
        )  # fmt: skip
        vpc = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
        given = (vpc, [EVERYTHING["LayerArns"]], EVERYTHING["HttpsProxy"], EVERYTHING["NoProxy"], EVERYTHING["CaBundle"])
        if found != (given if variant == "everything" else (None, None, None, None, "")):
            yield f"{name} ({variant}): {found}"
        role = context.resolved(VARIANTS[variant])["Resources"][target(function["Role"])]["Properties"]
        if "lambda.amazonaws.com" in str(role) and ("ec2:CreateNetworkInterface" in str(role)) != (variant == "everything"):
            yield f"{name} ({variant}): rights to a network interface"


@rule
def logs(context):
    """Each function and workflow has a log group of the template with a retention."""
    resources = context.resolved(ALL_ON)["Resources"]
    for _, name, function in context.made("AWS::Lambda::Function", ALL_ON):
        group = target(function.get("LoggingConfig", {}).get("LogGroup"))
        if group not in resources:
            yield f"{name}: no log group"
    for _, name, machine in context.made("AWS::StepFunctions::StateMachine", ALL_ON):
        if not machine.get("LoggingConfiguration", {}).get("Destinations"):
            yield f"{name}: no log group"
    for _, name, group in context.made("AWS::Logs::LogGroup", ALL_ON):
        if not group.get("RetentionInDays"):
            yield f"{name}: kept for ever"


@rule
def json_logs(context):
    """Logs are JSON and at INFO, below which Lambda would drop the metrics."""
    for _, name, function in context.made("AWS::Lambda::Function", ALL_ON):
        config = function.get("LoggingConfig", {})
        if config.get("LogFormat") != "JSON" or config.get("ApplicationLogLevel") not in ("INFO", "DEBUG"):
            yield f"{name}: {config}"


@rule
def tracing(context):
    """Functions and workflows are traced unless the parameter says otherwise."""
    for _, name, function in context.made("AWS::Lambda::Function", ALL_ON):
        if function.get("TracingConfig", {}).get("Mode") != "Active":
            yield name
    for _, name, machine in context.made("AWS::StepFunctions::StateMachine", ALL_ON):
        if machine.get("TracingConfiguration", {}).get("Enabled") is not True:
            yield name


@rule
def table_protected(context):
    """The ledger has point-in-time recovery and no TTL: finished records are the proof. A rollback can delete it."""
    for _, name, table in context.made("AWS::DynamoDB::Table", ALL_ON):
        if table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is not True:
            yield f"{name}: point-in-time recovery"
        if "DeletionProtectionEnabled" in table:
            yield f"{name}: deletion protection keeps a failed first deployment from rolling back"
        if "TimeToLiveSpecification" in table:
            yield f"{name}: TTL"


@rule
def table_as_documented(context):
    """The table is the one of docs/configuration.md."""
    command = context.docs["configuration.md"].split("aws dynamodb create-table", 1)[1].split("```", 1)[0]
    head, _, indexes = command.partition("--global-secondary-indexes")

    def keys(text):
        return re.findall(r"AttributeName=(\w+),KeyType=(\w+)", text)

    indexed = re.findall(r"IndexName=(\w+),KeySchema=\[(.*?)\]", indexes)

    documented = {
        "attributes": set(re.findall(r"AttributeName=(\w+),AttributeType=(\w)", head)),
        "key": keys(head.split("--key-schema")[1]),
        "billing": re.search(r"--billing-mode (\w+)", head)[1],
        "indexes": {name: keys(schema) for name, schema in indexed},
    }
    for _, name, table in context.made("AWS::DynamoDB::Table", ALL_ON):

        def schema(made):
            return [(one["AttributeName"], one["KeyType"]) for one in made["KeySchema"]]

        found = {
            "attributes": {(one["AttributeName"], one["AttributeType"]) for one in table["AttributeDefinitions"]},
            "key": schema(table),
            "billing": table.get("BillingMode"),
            "indexes": {one["IndexName"]: schema(one) for one in table.get("GlobalSecondaryIndexes", [])},
        }
        for part, value in documented.items():
            if found[part] != value:
                yield f"{name}: {part}: {found[part]} instead of {value}"


@rule
def keys_only(context):
    """An index holds keys alone, as the documents make it, and whoever may query one may read the items that it names."""
    documented = context.docs["configuration.md"].split("aws dynamodb create-table", 1)[1].split("```", 1)[0]
    if set(re.findall(r"ProjectionType=(\w+)", documented)) != {"KEYS_ONLY"}:
        yield "docs/configuration.md makes an index of more than keys"
    for variant, name, table in context.made("AWS::DynamoDB::Table"):
        for index in table["GlobalSecondaryIndexes"]:
            if index["Projection"] != {"ProjectionType": "KEYS_ONLY"}:
                yield f"{name} ({variant}): {index['IndexName']}: {index['Projection']}"
    for variant, name, role in context.made("AWS::IAM::Role"):
        statements = [one for policy in role.get("Policies", []) for one in policy["PolicyDocument"]["Statement"]]
        allowed = {action for one in statements if one["Effect"] == "Allow" for action in items(one["Action"])}
        if "dynamodb:Query" in allowed and "dynamodb:BatchGetItem" not in allowed:
            yield f"{name} ({variant}): may query an index and not read what it names"


def _ledgers(node):
    """The clouds whose ledgers a node names."""
    return set(re.findall(r"'(\w+?)Ledger'", str(node)))


@rule
def ledger_of_its_own(context):
    """A cloud has a table of its own, and nobody but people and the report reaches another's."""
    for name in PROVIDERS:
        alone = {**EVERYTHING, **{f"{other}Enabled": str(other == name).lower() for other in PROVIDERS}}
        listed = context.resolved(alone)["Resources"]["ReportFunction"]["Properties"]["Environment"]["Variables"].get("OFFSITE_TABLE")
        if _ledgers(listed) != {name}:
            yield f"with {name} alone the report reads {listed}"
    for variant, values in VARIANTS.items():
        made = context.resolved(values)
        for name, resource in made["Resources"].items():
            cloud = next((one for one in PROVIDERS if name.startswith(one)), None)
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::Lambda::Function":
                given = properties["Environment"]["Variables"].get("OFFSITE_TABLE")
                wanted = {cloud} if cloud else set(PROVIDERS) if name == "ReportFunction" else set()
                if _ledgers(given) != wanted:
                    yield f"{name} ({variant}): {given}"
            if resource["Type"] == "AWS::IAM::Role":
                reached = _ledgers(properties.get("Policies", []))
                if cloud and reached - {cloud}:
                    yield f"{name} ({variant}): reaches the ledger of {sorted(reached - {cloud})}"
        if _ledgers(made["Outputs"]["LedgerTables"]) != set(PROVIDERS):
            yield f"{variant}: people are told of {made['Outputs']['LedgerTables']['Value']}"


@rule
def state_retained(context):
    """What holds state outlives the stack and not a failed first deployment: table, receipts and their dead letters, reports."""
    wanted = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    ledgers = tuple(f"{name}Ledger" for name in PROVIDERS)
    for name in (*ledgers, "Receipts", "ReceiptsDeadLetters", "Reports"):
        resource = context.template["Resources"][name]
        for policy, value in wanted.items():
            if resource.get(policy) != value:
                yield f"{name}: {policy}"


STARTERS = ("AWS::Scheduler::Schedule", "AWS::Lambda::EventSourceMapping", "AWS::ApiGatewayV2::Stage")


@rule
def starts_last(context):
    """What starts functions by itself is made when all else is there: nothing begins before nothing can fail any more."""
    for variant, values in VARIANTS.items():
        made = context.resolved(values)["Resources"]
        others = {name for name, resource in made.items() if resource["Type"] not in STARTERS}
        for name in sorted(set(made) - others):
            waited, left = set(), [name]
            while left:
                one = made.get(left.pop(), {})
                waits = items(one.get("Metadata", {}).get("WaitsFor", []))
                depends = items(one.get("DependsOn", [])) + [target(node) for node in waits if target(node)]
                left += [other for other in depends if other not in waited]
                waited |= set(depends)
            if not others <= waited:
                yield f"{name} ({variant}): does not wait for {', '.join(sorted(others - waited)[:3])}"


@rule
def policy_is_the_operators(context):
    """The stack reads the policy by the name that it is given, and neither makes nor writes it."""
    name = "/teams/backup/policy"
    for given in (ALL_ON, {**ALL_ON, "PolicyParameterName": name}):
        wanted = given.get("PolicyParameterName", "/offsite/offsite/policy")
        for one, resource in context.resolved(given)["Resources"].items():
            if resource["Type"] == "AWS::SSM::Parameter":
                yield f"{one}: makes a parameter"
        for _, one, function in context.made("AWS::Lambda::Function", given):
            if function["Environment"]["Variables"].get("OFFSITE_POLICY") != f"ssm:{wanted}":
                yield f"{one}: {function['Environment']['Variables'].get('OFFSITE_POLICY')}"
        for _, role, properties in context.made("AWS::IAM::Role", given):
            for statement in (one for policy in properties["Policies"] for one in policy["PolicyDocument"]["Statement"]):
                actions = [action for action in items(statement["Action"]) if action.startswith("ssm:")]
                if actions == ["ssm:GetParameter", "ssm:PutParameter"] and role == "OperatorRole":
                    continue
                if actions and (actions != ["ssm:GetParameter"] or not str(statement["Resource"]).endswith(f"parameter{wanted}")):
                    yield f"{role}: {actions} on {statement['Resource']}"


@rule
def tls_only(context):
    """Each queue refuses what does not come by TLS."""
    closed = set()
    for _, _, policy in context.made("AWS::SQS::QueuePolicy", ALL_ON):
        for statement in policy["PolicyDocument"]["Statement"]:
            condition = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
            if statement["Effect"] == "Deny" and statement["Principal"] == "*" and condition == "false":
                if statement["Action"] == "sqs:*":
                    closed |= {target(queue) for queue in policy["Queues"]} & {target(statement["Resource"])}
    for _, name, _ in context.made("AWS::SQS::Queue", ALL_ON):
        if name not in closed:
            yield name


@rule
def queues_closed(context):
    """A queue policy lets nobody in but EventBridge, for one rule of this template, and the roles that are named to send commands."""
    named = {"AWS": EVERYTHING["WorkSenders"].split(",")}
    for variant, name, policy in context.made("AWS::SQS::QueuePolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                if variant == "everything" and name.endswith("WorkAccess") and statement["Principal"] == named:
                    continue
                source = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn")
                if statement["Principal"] != {"Service": "events.amazonaws.com"} or target(source) is None:
                    yield name


LOOK = '{"action":"sweep","depth":"recent","scheduled":"<aws.scheduler.scheduled-time>"}'


@rule
def schedules(context):
    """Sweep, observe, report and the looks at what is new run, at a time that Scheduler understands, with a payload that the functions know."""
    actions = {}
    for _, name, properties in context.made("AWS::Scheduler::Schedule", ALL_ON):
        wrong = schedule.trouble(properties["ScheduleExpression"])
        if wrong:
            yield f"{name}: {properties['ScheduleExpression']}: {wrong}"
        if properties.get("State", "ENABLED") != "ENABLED":
            yield f"{name}: off"
        actions.setdefault(target(properties["Target"]["Arn"]), set()).add(properties["Target"].get("Input"))
    for _, name, _ in context.made("AWS::Lambda::Function", ALL_ON):
        if name == "DoorFunction":
            continue
        known = ("report",) if name.startswith("Report") else ("sweep", "observe")
        wanted = {f'{{"action":"{action}"}}' for action in known}
        # A pair of vaults on Alibaba needs no look.
        if name.startswith(("Tencent", "Huawei")):
            wanted.add(LOOK)
        if actions.get(name) != wanted:
            yield f"{name}: {actions.get(name)}"
    looks = [
        (name, properties["ScheduleExpression"])
        for _, name, properties in context.made("AWS::Scheduler::Schedule", ALL_ON)
        if properties["Target"].get("Input") == LOOK
    ]
    yield from (f"{name}: {rate}" for name, rate in looks if rate != "rate(1 minute)")


@rule
def sweep_age(context):
    """The age of a sweep alarms after two that did not come: 2.5 times the schedule, as both are by default."""
    defaults = {name: str(context.template["Parameters"][name]["Default"]) for name in ("SweepSchedule", "SweepAgeSeconds")}
    every = re.fullmatch(r"rate\((\d+) minutes?\)", defaults["SweepSchedule"])
    if every and int(defaults["SweepAgeSeconds"]) != int(every[1]) * 150:
        yield str(defaults)


@rule
def few_async_retries(context):
    """An asynchronous call is repeated once at most: a retry within minutes is too soon for a doubt."""
    for _, name, properties in context.made("AWS::Lambda::EventInvokeConfig", ALL_ON):
        if properties.get("MaximumRetryAttempts", 2) > 1 or properties.get("MaximumEventAgeInSeconds", 21600) > 600:
            yield name


@rule
def no_secret_in_environment(context):
    """No variable of a function holds a secret, resolves one, or is named like one."""
    for variant, name, function in context.made("AWS::Lambda::Function"):
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if re.search(r"SECRET|PASSWORD|TOKEN|ACCESS_KEY|_SK$|_AK$|CREDENTIAL", variable):
                yield f"{name} ({variant}): {variable}"
            if re.search(r"resolve:(secretsmanager|ssm-secure)|(AKIA|LTAI|AKID)[0-9A-Za-z]{12}", str(value)):
                yield f"{name} ({variant}): {variable} holds a secret"
    for name, parameter in context.sam["Parameters"].items():
        if str(parameter.get("NoEcho", "false")).lower() == "true":
            yield f"{name}: a parameter that must not be shown is a secret; use Secrets Manager"


STACK = {"Name": "stack", "Value": "offsite"}


@rule
def metrics_exist(context):
    """What alarms and dashboards show of Offsite is in docs/metrics.md, and of this stack and provider."""
    known = context.metrics()
    for _, name, alarm in context.made("AWS::CloudWatch::Alarm", ALL_ON):
        if alarm["Namespace"] != "Offsite":
            if not alarm["Namespace"].startswith("AWS/"):
                yield f"{name}: namespace {alarm['Namespace']}"
            continue
        if alarm["MetricName"] not in known:
            yield f"{name}: no metric {alarm['MetricName']}"
        provider = next((one for one in PROVIDERS if name.startswith(one)), None)
        wanted = [STACK] + ([{"Name": "provider", "Value": provider.lower()}] if provider else [])
        if alarm["Dimensions"] != wanted:
            yield f"{name}: {alarm['Dimensions']}"
    for _, name, board in context.made("AWS::CloudWatch::Dashboard", ALL_ON):
        body = str(board["DashboardBody"])
        provider = next(one for one in PROVIDERS if name.startswith(one)).lower()
        of_provider = f'"stack","(?:offsite|\\$\\{{AWS::StackName\\}})","provider","{provider}"'
        for metric, rest in re.findall(r'\["Offsite","(\w+)",([^{]*(?:\$\{[^{]*)?)', body):
            of_stack = of_provider.split(',"provider"')[0] if metric == "Holds" else of_provider
            if metric not in known or not re.fullmatch(of_stack + ",", rest):
                yield f"{name}: {metric} {rest}"


@rule
def tail_shown(context):
    """The dashboards of the clouds that are looked at every minute show how old the last look is and what waits."""
    for variant, name, board in context.made("AWS::CloudWatch::Dashboard"):
        body = str(board["DashboardBody"])
        shown = [metric in body for metric in ("TailAgeSeconds", "TailPending", "TailAgeAlarm")]
        if shown != [not name.startswith("Alibaba")] * 3:
            yield f"{name} ({variant}): {shown}"


@rule
def receipts_unread(context):
    """Receipts that nobody reads are an alarm only where somebody is said to read them."""
    for given, wanted in (({}, 0), ({"ReceiptsAreRead": "true"}, 1)):
        made = [name for _, name, _ in context.made("AWS::CloudWatch::Alarm", {**ALL_ON, **given}) if name == "ReceiptsUnreadAlarm"]
        if len(made) != wanted:
            yield f"{given}: {made}"


@rule
def workflows_watched(context):
    """Each workflow that fails is an alarm, and so is one that does not end."""
    made = {
        (alarm["MetricName"], target(alarm["Dimensions"][0]["Value"]))
        for _, _, alarm in context.made("AWS::CloudWatch::Alarm", ALL_ON)
        if alarm["Namespace"] == "AWS/States" and alarm["Statistic"] == "Sum" and float(alarm["Threshold"]) == 0
    }
    wanted = {("ExecutionsFailed", "Workflow"), ("ExecutionsTimedOut", "Workflow"), ("ExecutionsFailed", "Fleet")}
    if made != wanted:
        yield str(sorted(wanted - made))


@rule
def one_ledger(context):
    """A ledger that exists is named by two parameters, so that one of them emptied by mistake begins no new one."""
    for name in PROVIDERS:
        asserted = str(context.sam["Rules"].get(f"{name}OneLedger", {}))
        if f"{name}NewLedger" not in asserted or f"{name}ExistingLedger" not in asserted:
            yield f"no rule {name}OneLedger"
        both = {**ALL_ON, f"{name}NewLedger": "false", f"{name}ExistingLedger": ""}
        if f"{name}Ledger" in context.resolved(both)["Resources"]:
            yield f"a table is made with {name}NewLedger=false"


@rule
def alarms(context):
    """The stack and each provider have the alarms that somebody on call needs; silence is one where it means that nobody looks."""
    wanted = {
        ("Offsite", "OldestUnreplicatedSeconds"): ("Maximum", "breaching"),
        ("Offsite", "SweepAgeSeconds"): ("Maximum", "breaching"),
        ("Offsite", "InDoubt"): ("Maximum", "notBreaching"),
        ("Offsite", "Throttled"): ("Sum", "notBreaching"),
        ("AWS/Lambda", "Errors"): ("Sum", "notBreaching"),
        ("AWS/Lambda", "Throttles"): ("Sum", "notBreaching"),
    }
    made = list(context.made("AWS::CloudWatch::Alarm", EVERYTHING))
    for provider in PROVIDERS:
        for (namespace, metric), kind in wanted.items():
            found = [
                (alarm.get("Statistic"), alarm.get("TreatMissingData"))
                for _, name, alarm in made
                if name.startswith(provider) and (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
            ]
            if found != [kind]:
                yield f"{provider}: {metric}: {found}"
        tail = [
            (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"])
            for _, name, alarm in made
            if name.startswith(provider) and (alarm["Namespace"], alarm["MetricName"]) == ("Offsite", "TailAgeSeconds")
        ]
        if tail != ([] if provider == "Alibaba" else [("Maximum", 600, "breaching")]):
            yield f"{provider}: TailAgeSeconds: {tail}"
    # Rules are not known to the template: one number stands for all, and its silence is as bad as 0.
    holds = [
        (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"])
        for _, _, alarm in made
        if (alarm["Namespace"], alarm["MetricName"]) == ("Offsite", "Holds")
    ]
    if holds != [("Minimum", "LessThanThreshold", 1, 1, "breaching")]:
        yield f"Holds: {holds}"
    for _, name, alarm in made:
        if alarm.get("AlarmActions") != [EVERYTHING["AlarmTopicArn"]]:
            yield f"{name}: tells nobody"


# The page is about the alarms of a rule, and these metrics are of no rule.
OF_NO_RULE = {"Holds", "TailAgeSeconds"}


@rule
def statistic_of_the_page(context):
    """An alarm on a metric of Offsite has the statistic that docs/metrics.md names for it."""
    told = dict(re.findall(r"`(\w+)`, (Minimum|Maximum|Sum|Average|p\d+) over", context.docs["metrics.md"].split("## Alarms", 1)[1]))
    for _, name, alarm in context.made("AWS::CloudWatch::Alarm", ALL_ON):
        metric, statistic = alarm["MetricName"], alarm.get("Statistic", alarm.get("ExtendedStatistic"))
        known = metric in told or metric in context.metrics() - OF_NO_RULE
        if alarm["Namespace"] == "Offsite" and known and told.get(metric) != statistic:
            yield f"{name}: {statistic} of {metric}, and the page says {told.get(metric)}"


@rule
def same_blocks(context):
    """The three providers' blocks are the same text up to the name."""
    yield from blocks.differences(context.text)


@rule
def nothing_of_the_others(context):
    """A provider that is not wanted leaves neither a resource nor an output, and nothing that is left names it."""
    for provider in PROVIDERS:
        made = context.resolved({f"{provider}Enabled": "true"})
        for section, things in made.items():
            for name, resource in things.items():
                for other in PROVIDERS:
                    if other == provider:
                        continue
                    # The workflow's definition lists the names that a command may have.
                    leaves = (str(value) for path, value in walk(resource) if "DefinitionString" not in path)
                    named = any(other.lower() in leaf.lower() for leaf in leaves)
                    if name.startswith(other) or named:
                        yield f"only {provider}: {section} {name}"


@rule
def any_partition(context):
    """No ARN or host holds the name of one AWS partition, so that the template serves China and GovCloud as well."""
    for path, value in walk({key: context.template[key] for key in ("Resources", "Outputs")}):
        text = str(value)
        if re.search(r"arn:aws[a-z-]*:", text) or re.search(r"[a-z0-9-]+\.amazonaws\.com\.cn|https?://[^ ]*amazonaws\.com", text):
            yield f"{'.'.join(map(str, path))}: {text[:80]}"
    partitions = set(context.template["Mappings"]["Console"])
    if partitions != {"aws", "aws-cn", "aws-us-gov"}:
        yield f"console of {sorted(partitions)}"


@rule
def constraints_told(context):
    """A parameter that takes a pattern says in words what it takes: CloudFormation shows the bare pattern otherwise."""
    for name, parameter in context.sam["Parameters"].items():
        if "AllowedPattern" in parameter and not parameter.get("ConstraintDescription"):
            yield name


@rule
def brake_lies_in_the_ledger(context):
    """Neither a parameter nor a variable of a function is a brake: a deployment would set or release it."""
    yield from (name for name in context.sam["Parameters"] if "Pause" in name)
    for variant, name, function in context.made("AWS::Lambda::Function"):
        if "OFFSITE_PAUSED" in function["Environment"]["Variables"]:
            yield f"{name} ({variant})"


@rule
def parameters(context):
    """Each parameter is described, has a default, has a place in the console, and is used."""
    interface = context.sam["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [name for group in interface for name in group["Parameters"]]
    everything = str({key: context.sam.get(key) for key in ("Resources", "Conditions", "Globals", "Outputs")})
    used = {name for pair in re.findall(r"'Ref': '(\w+)'|\$\{(\w+)\}", everything) for name in pair}
    for name, parameter in context.sam["Parameters"].items():
        if not parameter.get("Description") or "Default" not in parameter:
            yield f"{name}: description or default"
        if placed.count(name) != 1:
            yield f"{name}: in no group or in several"
        if name not in used:
            yield f"{name}: unused"
    for name in set(placed) - set(context.sam["Parameters"]):
        yield f"{name}: a group names what there is not"
    # `sam deploy --guided` asks in this order, and takes Enter for the default.
    first = [f"{name}Enabled" for name in ("Tencent", "Alibaba", "Huawei")]
    if list(context.sam["Parameters"])[:3] != first:
        yield f"the first parameters are {list(context.sam['Parameters'])[:3]}: which clouds comes first"


@rule
def samconfig(context):
    """Each environment of samconfig.toml enables one cloud by parameters that there are, so that `sam deploy` needs no prompt."""
    parts = re.split(r"^\[(\w+)\.deploy\.parameters\]$", context.samconfig, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2]))
    if sorted(found) != ["alibaba", "default", "huawei", "tencent"]:
        yield f"environments {sorted(found)}"
    for name, text in found.items():
        given = dict(re.findall(r"[\"'](\w+)=(.*)[\"']", text))
        enabled = [one for one, value in given.items() if one.endswith("Enabled") and value == "true"]
        if len(enabled) != 1 or (name != "default" and enabled != [f"{name.capitalize()}Enabled"]):
            yield f"{name}: enables {enabled}"
        for unknown in sorted(set(given) - set(context.sam["Parameters"])):
            yield f"{name}: there is no parameter {unknown}"
        if 'stack_name = "' not in text or "CAPABILITY_IAM" not in text or "resolve_s3 = true" not in text:
            yield f"{name}: would ask"


@rule
def parameters_documented(context):
    """docs/aws.md has a row for each parameter, with its default."""
    rows = {}
    for cells in context.table_rows("aws.md", "## Parameters"):
        rows.update({name: cells[1] for name in re.findall(r"`([^`]+)`", cells[0])})
    for name, parameter in context.sam["Parameters"].items():
        default = str(parameter["Default"])
        general = re.sub(f"^({'|'.join(PROVIDERS)})", "<Cloud>", name)
        found = rows.get(name, rows.get(general))
        if found is None or found.strip("`") != (default or "empty"):
            yield f"{name}: {found!r} instead of {default or 'empty'!r}"


@rule
def variables_documented(context):
    """Each variable that a function gets is in docs/configuration.md or docs/aws.md."""
    known = context.docs["configuration.md"] + context.docs["aws.md"]
    for _, name, function in context.made("AWS::Lambda::Function", ALL_ON):
        for variable in function["Environment"]["Variables"]:
            general = re.sub("ALIBABA|HUAWEI|TENCENT", "<P>", variable)
            if f"`{variable}`" not in known and f"`{general}`" not in known:
                yield f"{name}: {variable}"
