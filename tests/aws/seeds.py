"""A defect for each rule: what it does to the template, and which rule alone must report it, or which beside it."""

import json

SEEDS = []


def seed(*names):
    """Enters a defect that the rule of the first name must report, and those of the others, which it breaks as well."""

    def enter(function):
        SEEDS.append((names, function.__doc__ or function.__name__.replace("_", " "), function))
        return function

    return enter


def _resource(context, name):
    return context.template["Resources"][name]["Properties"]


def _statement(context, role, sid):
    for policy in _resource(context, role)["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement.get("Sid") == sid:
                return statement
    raise KeyError(sid)


def _optional(context, role, condition):
    """The statement of a role that is there under a condition."""
    statements = _resource(context, role)["Policies"][0]["PolicyDocument"]["Statement"]
    return next(one["Fn::If"][1] for one in statements if one.get("Fn::If", [""])[0] == condition)


def _state(context, name, machine="workflow"):
    return context.workflows[machine]["States"][name]


def _add(context, name, kind, properties):
    context.template["Resources"][name] = {"Type": kind, "Condition": "TencentWanted", "Properties": properties}
    context.template["Resources"]["Ready"]["Metadata"]["WaitsFor"].append({"Fn::If": ["TencentWanted", {"Ref": name}, ""]})


def _alarm_queue(context, name):
    return _resource(context, name)["Dimensions"][0]


@seed("visibility")
def visibility_of_five_timeouts(context):
    context.template["Mappings"]["Visibility"]["300"]["seconds"] = 1500


@seed("visibility")
def a_batch_window_that_the_visibility_forgets(context):
    _resource(context, "HuaweiWorkMapping")["MaximumBatchingWindowInSeconds"] = 5


@seed("receives")
def three_receives(context):
    _resource(context, "TencentWork")["RedrivePolicy"]["maxReceiveCount"] = 3


@seed("partial_batches")
def whole_batches(context):
    del _resource(context, "AlibabaWorkMapping")["FunctionResponseTypes"]


@seed("concurrency")
def a_queue_that_takes_all_concurrency(context):
    context.template["Mappings"]["Pace"]["10"]["workers"] = 9


@seed("concurrency")
def a_reservation_that_is_forgotten(context):
    del _resource(context, "HuaweiFunction")["ReservedConcurrentExecutions"]


@seed("any_account")
def a_report_that_reserves_one(context):
    _resource(context, "ReportFunction")["ReservedConcurrentExecutions"] = 1


@seed("concurrency")
def a_queue_without_a_limit(context):
    del _resource(context, "TencentWorkMapping")["ScalingConfig"]


@seed("pace")
def faster_than_the_cloud_allows(context):
    context.template["Mappings"]["Pace"]["5"]["tencent"] = "5"


@seed("pace")
def a_pace_that_forgets_the_schedules(context):
    context.template["Mappings"]["Pace"]["0"]["tencent"] = "10"


@seed("pace")
def a_pace_of_no_limit(context):
    context.template["Mappings"]["Pace"]["10"]["alibaba"] = "0"


@seed("dead_letters")
def a_rule_without_dead_letters(context):
    del _resource(context, "TencentEvents")["Targets"][0]["DeadLetterConfig"]


@seed("dead_letters")
def a_schedule_without_dead_letters(context):
    del _resource(context, "TencentSweep")["Target"]["DeadLetterConfig"]


@seed("dead_letters")
def asynchronous_calls_without_dead_letters(context):
    del _resource(context, "HuaweiAsync")["DestinationConfig"]


@seed("dead_letters")
def a_work_queue_without_dead_letters(context):
    del _resource(context, "TencentWork")["RedrivePolicy"]


@seed("dead_letter_alarms")
def a_dead_letter_queue_that_nobody_watches(context):
    del context.template["Resources"]["TencentAsyncDeadLettersAlarm"]


@seed("dead_letter_alarms")
def an_alarm_on_the_wrong_queue(context):
    _alarm_queue(context, "TencentEventDeadLettersAlarm")["Value"] = {"Fn::GetAtt": ["TencentWork", "QueueName"]}


@seed("dead_letter_alarms")
def an_alarm_that_waits_for_ten(context):
    _resource(context, "ReceiptsDeadLettersAlarm")["Threshold"] = 10


@seed("wrong_commands_at_once")
def a_function_that_may_not_give_up(context):
    _statement(context, "AlibabaRole", "Send")["Resource"].remove({"Fn::GetAtt": ["AlibabaWorkDeadLetters", "Arn"]})


@seed("wrong_commands_at_once")
def a_function_with_the_dead_letters_of_another(context):
    variables = _resource(context, "HuaweiFunction")["Environment"]["Variables"]
    variables["OFFSITE_DEAD_LETTERS_URL"] = {"Ref": "HuaweiWork"}


@seed("dead_letters_last")
def dead_letters_for_four_days(context):
    del _resource(context, "HuaweiScheduleDeadLetters")["MessageRetentionPeriod"]


@seed("encryption")
def a_queue_in_clear(context):
    _resource(context, "TencentWork")["SqsManagedSseEnabled"] = False


@seed("encryption")
def a_queue_that_forgets_the_key(context):
    del _resource(context, "AlibabaEventDeadLetters")["KmsMasterKeyId"]


@seed("encryption")
def a_table_that_forgets_the_key(context):
    del _resource(context, "HuaweiLedger")["SSESpecification"]


@seed("encryption")
def a_log_that_forgets_the_key(context):
    del _resource(context, "HuaweiLog")["KmsKeyId"]


@seed("no_wildcard_action", "only_these_actions")
def any_message_action(context):
    _statement(context, "TencentRole", "Send")["Action"] = "sqs:SendMessage*"


@seed("no_wildcard_action")
def a_queue_policy_that_allows_all(context):
    _resource(context, "TencentWorkAccess")["PolicyDocument"]["Statement"][1]["Action"] = "sqs:*"


@seed("resources_named")
def every_queue(context):
    _statement(context, "TencentRole", "Send")["Resource"] = "*"


@seed("resources_named")
def every_secret(context):
    _optional(context, "TencentRole", "TencentHasSecrets")["Resource"] = "*"


@seed("resources_named")
def a_token_for_any_audience(context):
    del _optional(context, "HuaweiRole", "HuaweiFederated")["Condition"]


@seed("deletes_notes_only")
def records_can_be_deleted(context):
    del _statement(context, "AlibabaRole", "Notes")["Condition"]


@seed("decisions_are_peoples")
def a_function_that_may_accept_risks(context):
    statements = _resource(context, "HuaweiRole")["Policies"][0]["PolicyDocument"]["Statement"]
    statements.remove(_statement(context, "HuaweiRole", "DecisionsArePeoples"))


@seed("decisions_are_peoples")
def a_denial_that_forgets_the_notes(context):
    condition = _statement(context, "TencentRole", "DecisionsArePeoples")["Condition"]
    condition["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"].remove("note#risk/*")


@seed("decisions_are_peoples")
def a_function_that_may_release_the_brake(context):
    condition = _statement(context, "HuaweiRole", "DecisionsArePeoples")["Condition"]
    condition["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"].remove("note#brake*")


@seed("decisions_are_peoples")
def a_denial_of_new_items_alone(context):
    _statement(context, "AlibabaRole", "DecisionsArePeoples")["Action"] = "dynamodb:PutItem"


@seed("the_report_only_reads")
def a_report_that_writes_anywhere(context):
    _statement(context, "ReportRole", "Reports")["Resource"] = {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Reports}/*"}


@seed("the_report_only_reads", "only_these_actions", "keys_reach")
def a_report_with_a_clouds_key(context):
    statement = {
        "Sid": "Key",
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": {"Ref": "TencentSecretArns"},
    }
    _resource(context, "ReportRole")["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


@seed("the_report_only_reads", "only_these_actions")
def a_report_that_unlocks(context):
    _statement(context, "ReportRole", "Reports")["Action"] = ["s3:PutObject", "s3:BypassGovernanceRetention"]


@seed("asl_fleet_fits")
def a_fleet_of_a_thousand(context):
    _state(context, "Large", "workflow-fleet")["Choices"][0]["Condition"] = "{% $total > 1000 %}"


@seed("asl_fleet_fits")
def a_fleet_that_quotes_at_length(context):
    replicate = _state(context, "Each", "workflow-fleet")["ItemProcessor"]["States"]["Replicate"]
    replicate["Catch"][0]["Output"] = replicate["Catch"][0]["Output"].replace("0, 200)", "0, 2000)")


@seed("asl_fleet_fits")
def a_fleet_that_may_not_start_itself(context):
    _statement(context, "FleetRole", "Start")["Resource"].pop()


@seed("the_door_is_off")
def a_door_that_is_always_there(context):
    del context.template["Resources"]["DoorLog"]["Condition"]


@seed("the_door_is_off")
def a_door_to_a_cloud_that_is_not_there(context):
    variables = _resource(context, "DoorFunction")["Environment"]["Variables"]
    variables["OFFSITE_ALIBABA_DOOR_QUEUE_URL"] = {"Fn::Sub": "https://sqs.example/AlibabaWork"}


@seed("only_these_actions")
def a_door_that_reads_the_ledger(context):
    statement = json.loads(json.dumps(_statement(context, "ReportRole", "Ledger")))
    _resource(context, "DoorRole")["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


@seed("the_door_may_little")
def a_door_that_sends_receipts(context):
    _statement(context, "DoorRole", "Send")["Resource"].append({"Fn::GetAtt": ["Receipts", "Arn"]})


@seed("the_door_may_little")
def a_door_with_a_clouds_key(context):
    _statement(context, "DoorRole", "Senders")["Resource"] = {"Ref": "TencentSecretArns"}


@seed("the_door_is_narrow")
def a_door_without_a_throttle(context):
    del _resource(context, "DoorStage")["DefaultRouteSettings"]


@seed("the_door_is_narrow")
def a_door_for_every_path(context):
    _resource(context, "DoorRoute")["RouteKey"] = "$default"


@seed("the_door_is_narrow")
def a_door_whose_log_holds_its_path(context):
    _resource(context, "DoorStage")["AccessLogSettings"] = {"Format": "$context.path"}


@seed("the_door_is_narrow")
def a_door_that_logs_each_stranger(context):
    _resource(context, "DoorFunction")["LoggingConfig"]["SystemLogLevel"] = "INFO"


@seed("the_door_is_narrow")
def a_door_that_any_api_may_call(context):
    _resource(context, "DoorPermission")["SourceArn"] = {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*"}


@seed("the_door_is_narrow")
def a_door_that_takes_a_minute(context):
    _resource(context, "DoorFunction")["Timeout"] = 60


@seed("the_door_is_watched")
def a_door_whose_refusals_nobody_sees(context):
    del context.template["Resources"]["DoorRefusedAlarm"]
    context.template["Resources"]["Ready"]["Metadata"]["WaitsFor"] = [
        one for one in context.template["Resources"]["Ready"]["Metadata"]["WaitsFor"] if "DoorRefusedAlarm" not in str(one)
    ]


@seed("the_door_is_watched")
def a_door_whose_trouble_is_averaged(context):
    _resource(context, "DoorFailedAlarm")["Statistic"] = "Average"


@seed("starts_last")
def a_door_that_opens_first(context):
    del context.template["Resources"]["DoorStage"]["DependsOn"]


@seed("reports_kept")
def a_bucket_without_versions(context):
    del _resource(context, "Reports")["VersioningConfiguration"]


@seed("reports_kept")
def a_bucket_that_never_locks(context):
    del _resource(context, "Reports")["ObjectLockConfiguration"]


@seed("reports_kept")
def an_open_bucket(context):
    _resource(context, "Reports")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@seed("reports_kept")
def a_bucket_in_clear(context):
    del context.template["Resources"]["ReportsAccess"]


@seed("reports_on_time")
def a_report_once_in_the_time_of_its_alarm(context):
    context.template["Parameters"]["ReportSchedule"]["Default"] = "rate(1 hour)"


@seed("no_managed_policies")
def administrator(context):
    arn = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess"}
    _resource(context, "TencentRole")["ManagedPolicyArns"] = [arn]


@seed("one_role_per_function")
def two_functions_with_one_role(context):
    _resource(context, "HuaweiFunction")["Role"] = {"Fn::GetAtt": ["HuaweiScheduleRole", "Arn"]}


@seed("roles_of_services")
def a_role_for_any_schedule(context):
    del _resource(context, "TencentScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


@seed("only_these_actions")
def a_function_that_may_hide_messages(context):
    _statement(context, "TencentRole", "Work")["Action"].append("sqs:ChangeMessageVisibility")


@seed("only_these_actions")
def a_function_that_may_not_read_its_queue(context):
    _statement(context, "HuaweiRole", "Work")["Action"].remove("sqs:ReceiveMessage")


@seed("keys_reach")
def an_operator_who_cannot_redrive(context):
    _optional(context, "OperatorRole", "AnyKey")["Resource"].pop()


@seed("keys_reach")
def an_operator_who_cannot_write_the_policy(context):
    _optional(context, "OperatorRole", "PolicyHasKey")["Action"] = "kms:Decrypt"


@seed("keys_reach")
def a_reader_who_cannot_read_the_policy(context):
    _optional(context, "ReadOnlyRole", "PolicyHasKey")["Resource"] = {"Ref": "KmsKeyArn"}


@seed("keys_reach")
def a_key_that_is_forgotten_where_it_is_the_only_one(context):
    context.template["Conditions"]["AnyKey"] = {"Condition": "OwnKey"}


@seed("keys_go_no_further")
def a_reader_with_a_clouds_key(context):
    statement = _optional(context, "ReadOnlyRole", "OwnKey")
    statement["Resource"] = [statement["Resource"], {"Fn::If": ["TencentOwnKey", {"Ref": "TencentKmsKeyArn"}, {"Ref": "AWS::NoValue"}]}]


@seed("roles_of_people")
def a_reader_that_writes(context):
    _statement(context, "ReadOnlyRole", "Look")["Action"].append("dynamodb:PutItem")
    statements = _resource(context, "ReadOnlyRole")["Policies"][0]["PolicyDocument"]["Statement"]
    denial = json.loads(json.dumps(_statement(context, "TencentRole", "DecisionsArePeoples")))
    denial["Resource"] = _statement(context, "ReadOnlyRole", "Look")["Resource"]
    statements.append(denial)


@seed("roles_of_people")
def an_operator_role_for_everybody(context):
    trust = _resource(context, "OperatorRole")["AssumeRolePolicyDocument"]["Statement"][0]
    trust["Principal"] = {"AWS": "*"}


@seed("landing_zone")
def a_role_without_its_boundary(context):
    del _resource(context, "HuaweiScheduleRole")["PermissionsBoundary"]


@seed("landing_zone")
def a_function_beside_its_vpc(context):
    del _resource(context, "ReportFunction")["VpcConfig"]


@seed("landing_zone")
def a_function_that_trusts_less_than_its_proxy_needs(context):
    del _resource(context, "AlibabaFunction")["Environment"]["Variables"]["OFFSITE_CA_BUNDLE"]


@seed("landing_zone")
def a_proxy_without_exceptions(context):
    del _resource(context, "HuaweiFunction")["Environment"]["Variables"]["NO_PROXY"]


@seed("logs")
def logs_for_ever(context):
    del _resource(context, "TencentLog")["RetentionInDays"]


@seed("logs")
def a_function_with_a_log_of_its_own(context):
    del _resource(context, "TencentFunction")["LoggingConfig"]["LogGroup"]


@seed("json_logs")
def logs_without_metrics(context):
    _resource(context, "TencentFunction")["LoggingConfig"]["ApplicationLogLevel"] = "WARN"


@seed("tracing")
def an_untraced_function(context):
    _resource(context, "TencentFunction")["TracingConfig"]["Mode"] = "PassThrough"


@seed("table_protected")
def a_table_without_a_past(context):
    _resource(context, "AlibabaLedger")["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = False


@seed("table_protected")
def a_table_that_forgets(context):
    _resource(context, "TencentLedger")["TimeToLiveSpecification"] = {"AttributeName": "ttl", "Enabled": True}


@seed("table_protected")
def a_table_that_no_rollback_can_delete(context):
    _resource(context, "HuaweiLedger")["DeletionProtectionEnabled"] = True


@seed("table_as_documented")
def an_index_that_is_missing(context):
    _resource(context, "TencentLedger")["GlobalSecondaryIndexes"].pop()


@seed("table_as_documented")
def an_index_by_another_attribute(context):
    _resource(context, "AlibabaLedger")["GlobalSecondaryIndexes"][2]["KeySchema"][1]["AttributeName"] = "pk"


@seed("keys_only")
def an_index_that_holds_whole_items(context):
    _resource(context, "HuaweiLedger")["GlobalSecondaryIndexes"][1]["Projection"]["ProjectionType"] = "ALL"


@seed("keys_only", "only_these_actions")
def a_report_that_cannot_read_what_an_index_names(context):
    _statement(context, "ReportRole", "Ledger")["Action"] = "dynamodb:GetItem"


@seed("keys_only")
def a_document_that_makes_a_fatter_index(context):
    text = context.docs["configuration.md"]
    context.docs["configuration.md"] = text.replace("ProjectionType=KEYS_ONLY", "ProjectionType=ALL", 1)


@seed("ledger_of_its_own")
def a_function_over_the_ledger_of_another_cloud(context):
    other = {"Fn::If": ["TencentMakesLedger", {"Ref": "TencentLedger"}, {"Ref": "HuaweiLedger"}]}
    _resource(context, "HuaweiFunction")["Environment"]["Variables"]["OFFSITE_TABLE"] = other


@seed("ledger_of_its_own")
def a_role_that_reaches_the_ledger_of_another_cloud(context):
    other = {"Fn::If": ["TencentMakesLedger", {"Ref": "TencentLedger"}, {"Ref": "AlibabaLedger"}]}
    _statement(context, "AlibabaRole", "Indexes")["Resource"][0]["Fn::Sub"][1]["Table"] = other


@seed("ledger_of_its_own")
def a_report_that_forgets_a_cloud(context):
    _resource(context, "ReportFunction")["Environment"]["Variables"]["OFFSITE_TABLE"]["Fn::Join"][1].pop()


@seed("ledger_of_its_own")
def a_command_that_is_told_of_one_cloud_alone(context):
    context.template["Outputs"]["LedgerTables"]["Value"]["Fn::Join"][1].pop()


@seed("state_retained")
def a_ledger_that_goes_with_the_stack(context):
    context.template["Resources"]["AlibabaLedger"]["DeletionPolicy"] = "Delete"


@seed("state_retained")
def a_failed_deployment_that_leaves_a_table_behind(context):
    context.template["Resources"]["HuaweiLedger"]["DeletionPolicy"] = "Retain"


@seed("state_retained")
def receipts_that_go_with_a_replacement(context):
    del context.template["Resources"]["Receipts"]["UpdateReplacePolicy"]


@seed("starts_last")
def a_schedule_that_waits_for_nothing(context):
    del context.template["Resources"]["TencentSweep"]["DependsOn"]


@seed("starts_last")
def a_queue_that_is_read_before_its_alarm_is_made(context):
    waits = context.template["Resources"]["Ready"]["Metadata"]["WaitsFor"]
    waits.remove({"Fn::If": ["HuaweiWanted", {"Ref": "HuaweiWorkDeadLettersAlarm"}, ""]})


@seed("policy_is_the_operators")
def a_policy_that_the_stack_makes(context):
    policy = {"Type": "String", "Value": "{}", "Name": {"Fn::Sub": "/offsite/${AWS::StackName}/policy"}}
    context.template["Resources"]["Policy"] = {"Type": "AWS::SSM::Parameter", "Properties": policy}
    context.template["Resources"]["Ready"]["DependsOn"].append("Policy")


@seed("policy_is_the_operators", "only_these_actions", "keys_reach")
def a_function_that_may_write_the_policy(context):
    _statement(context, "TencentRole", "Policy")["Action"]["Fn::If"][2] = ["ssm:GetParameter", "ssm:PutParameter"]


@seed("policy_is_the_operators")
def a_name_that_is_passed_over(context):
    variables = _resource(context, "AlibabaFunction")["Environment"]["Variables"]
    variables["OFFSITE_POLICY"] = {"Fn::Sub": "ssm:/offsite/${AWS::StackName}/policy"}


@seed("tls_only")
def a_queue_without_a_policy(context):
    del context.template["Resources"]["TencentAsyncDeadLettersAccess"]


@seed("tls_only")
def a_denial_of_one_action(context):
    _resource(context, "ReceiptsTls")["PolicyDocument"]["Statement"][0]["Action"] = "sqs:SendMessage"


@seed("queues_closed")
def a_queue_for_any_rule(context):
    del _resource(context, "TencentWorkAccess")["PolicyDocument"]["Statement"][1]["Condition"]


@seed("queues_closed")
def a_queue_for_everybody(context):
    _resource(context, "TencentWorkAccess")["PolicyDocument"]["Statement"][1]["Principal"] = "*"


@seed("queues_closed")
def a_dead_letter_queue_for_the_senders(context):
    statement = _resource(context, "TencentWorkAccess")["PolicyDocument"]["Statement"][2]
    copied = {**statement["Fn::If"][1], "Resource": {"Fn::GetAtt": ["TencentEventDeadLetters", "Arn"]}}
    added = {"Fn::If": ["MoreSenders", copied, {"Ref": "AWS::NoValue"}]}
    _resource(context, "TencentEventDeadLettersAccess")["PolicyDocument"]["Statement"].append(added)


@seed("tail_shown")
def a_dashboard_that_forgets_the_looks(context):
    _resource(context, "HuaweiDashboard")["DashboardBody"]["Fn::Sub"][1]["Tail"] = ""


@seed("receipts_unread")
def an_alarm_on_receipts_that_nobody_is_said_to_read(context):
    context.template["Conditions"]["ReceiptsRead"] = {"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}


@seed("workflows_watched")
def a_fleet_whose_failure_nobody_hears_of(context):
    _resource(context, "FleetFailedAlarm")["Threshold"] = 100


@seed("one_ledger")
def an_emptied_ledger_that_is_a_new_one(context):
    emptied = {"Fn::Equals": [{"Ref": "HuaweiExistingLedger"}, ""]}
    context.template["Conditions"]["HuaweiMakesLedger"] = {"Fn::And": [{"Condition": "HuaweiWanted"}, emptied]}


@seed("schedules")
def a_cron_of_five_fields(context):
    context.template["Parameters"]["SweepSchedule"]["Default"] = "cron(0/5 * * * *)"


@seed("schedules")
def a_rate_of_one_minutes(context):
    context.template["Parameters"]["ObserveSchedule"]["Default"] = "rate(1 minutes)"


@seed("schedules")
def a_cron_with_two_kinds_of_day(context):
    context.template["Parameters"]["SweepSchedule"]["Default"] = "cron(0 12 * * * *)"


@seed("schedules")
def a_cloud_without_its_looks(context):
    del context.template["Resources"]["HuaweiTail"]


@seed("schedules")
def looks_once_an_hour(context):
    _resource(context, "TencentTail")["ScheduleExpression"] = "rate(1 hour)"


@seed("sweep_age")
def an_alarm_after_half_a_day_without_a_sweep(context):
    context.template["Parameters"]["SweepAgeSeconds"]["Default"] = 43200


@seed("alarms")
def looks_whose_silence_counts_as_good(context):
    _resource(context, "TencentTailAgeAlarm")["TreatMissingData"] = "notBreaching"


@seed("schedules")
def a_payload_that_no_function_knows(context):
    _resource(context, "TencentObserve")["Target"]["Input"] = '{"action":"look"}'


@seed("schedules")
def a_report_that_nobody_makes(context):
    _resource(context, "ReportTimer")["State"] = "DISABLED"


@seed("few_async_retries")
def two_retries(context):
    del _resource(context, "TencentAsync")["MaximumRetryAttempts"]


@seed("no_secret_in_environment")
def a_key_in_the_environment(context):
    context.docs["configuration.md"] += "`TENCENTCLOUD_SECRET_KEY`"
    _resource(context, "TencentFunction")["Environment"]["Variables"]["TENCENTCLOUD_SECRET_KEY"] = "x"


@seed("no_secret_in_environment")
def a_secret_resolved_into_the_environment(context):
    variables = _resource(context, "HuaweiFunction")["Environment"]["Variables"]
    variables["OFFSITE_HUAWEI_ACCOUNTS"] = "{{resolve:secretsmanager:cloud}}"


@seed("no_secret_in_environment")
def a_parameter_that_must_not_be_shown(context):
    context.sam["Parameters"]["AllowedDestinations"]["NoEcho"] = True


@seed("metrics_exist")
def an_alarm_on_a_metric_that_there_is_not(context):
    alarm = {**_resource(context, "TencentThrottledAlarm"), "MetricName": "Slowed"}
    _add(context, "TencentSlowedAlarm", "AWS::CloudWatch::Alarm", alarm)


@seed("metrics_exist")
def an_alarm_on_another_namespace(context):
    alarm = {**_resource(context, "TencentThrottledAlarm"), "Namespace": "offsite"}
    _add(context, "TencentSlowedAlarm", "AWS::CloudWatch::Alarm", alarm)


@seed("metrics_exist")
def an_alarm_on_a_provider_in_capitals(context):
    _resource(context, "TencentInDoubtAlarm")["Dimensions"][1]["Value"] = "Tencent"


@seed("metrics_exist")
def an_alarm_that_another_stack_can_silence(context):
    _resource(context, "HoldsAlarm")["Dimensions"] = []


@seed("metrics_exist")
def a_dashboard_of_all_stacks_together(context):
    body = _resource(context, "TencentDashboard")["DashboardBody"]["Fn::Sub"]
    body[0] = body[0].replace('"Offsite","Lost","stack","${AWS::StackName}",', '"Offsite","Lost",')


@seed("metrics_exist")
def a_dashboard_of_a_metric_that_there_is_not(context):
    body = _resource(context, "TencentDashboard")["DashboardBody"]["Fn::Sub"]
    body[0] = body[0].replace('"Offsite","Started"', '"Offsite","Begun"')


@seed("alarms")
def silence_that_counts_as_good(context):
    _resource(context, "TencentSweepAgeAlarm")["TreatMissingData"] = "notBreaching"


@seed("alarms")
def a_report_whose_silence_counts_as_good(context):
    _resource(context, "HoldsAlarm")["TreatMissingData"] = "notBreaching"


@seed("statistic_of_the_page")
def a_page_that_names_another_statistic(context):
    context.docs["metrics.md"] = context.docs["metrics.md"].replace("`InDoubt`, Maximum over", "`InDoubt`, Minimum over")


@seed("statistic_of_the_page")
def an_alarm_that_the_page_does_not_know(context):
    context.docs["metrics.md"] = context.docs["metrics.md"].replace("`Throttled`, Sum over", "`Throttled`, over")


@seed("alarms")
def an_alarm_that_one_good_report_ends(context):
    _resource(context, "HoldsAlarm")["Statistic"] = "Maximum"


@seed("alarms")
def no_alarm_on_doubt(context):
    del context.template["Resources"]["HuaweiInDoubtAlarm"]


@seed("alarms")
def an_alarm_that_tells_nobody(context):
    del _resource(context, "AlibabaErrorsAlarm")["AlarmActions"]


@seed("same_blocks")
def a_change_in_one_block_only(context):
    head, found, rest = context.text.partition("  HuaweiWorkMapping:")
    context.text = head + found + rest.replace("BatchSize: 10", "BatchSize: 5", 1)


@seed("nothing_of_the_others")
def a_queue_without_a_condition(context):
    resources = context.template["Resources"]
    for name in ("TencentEventDeadLetters", "TencentEventDeadLettersAlarm"):
        resources[name].pop("Condition")


@seed("nothing_of_the_others")
def an_output_without_a_condition(context):
    context.template["Outputs"]["HuaweiRoleArn"].pop("Condition")


@seed("any_partition")
def an_arn_of_one_partition(context):
    statement = _statement(context, "FleetRole", "Await")
    statement["Resource"] = {"Fn::Sub": "arn:aws:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-replicate:x"}


@seed("constraints_told")
def a_pattern_without_a_word(context):
    del context.sam["Parameters"]["EventBusName"]["ConstraintDescription"]


@seed("brake_lies_in_the_ledger")
def a_brake_that_a_deployment_releases(context):
    context.docs["configuration.md"] += "`OFFSITE_PAUSED`"
    _resource(context, "AlibabaFunction")["Environment"]["Variables"]["OFFSITE_PAUSED"] = "false"


@seed("parameters")
def a_parameter_without_a_word(context):
    del context.sam["Parameters"]["DirectCommands"]["Description"]


@seed("parameters")
def a_parameter_out_of_place(context):
    context.sam["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"][1]["Parameters"].remove("DirectCommands")


@seed("parameters")
def another_question_before_the_clouds(context):
    parameters = context.sam["Parameters"]
    context.sam["Parameters"] = {"Tracing": parameters.pop("Tracing"), **parameters}


@seed("parameters")
def a_parameter_that_nothing_uses(context):
    context.sam["Globals"]["Function"]["Tracing"] = "Active"


@seed("samconfig")
def an_environment_of_a_parameter_that_there_is_not(context):
    context.samconfig = context.samconfig.replace("HuaweiSecretArns", "HuaweiSecrets")


@seed("samconfig")
def an_environment_without_a_cloud(context):
    context.samconfig = context.samconfig.replace('"TencentEnabled=true"', '"TencentEnabled=false"', 1)


@seed("parameters_documented")
def a_default_that_the_page_does_not_know(context):
    context.sam["Parameters"]["LagObjectiveSeconds"]["Default"] = 86400


@seed("variables_documented")
def a_variable_that_nobody_reads(context):
    _resource(context, "TencentFunction")["Environment"]["Variables"]["OFFSITE_PAUSE"] = "true"


@seed("asl_connected")
def a_next_that_dangles(context):
    _state(context, "WaitToLook")["Next"] = "Look"


@seed("asl_connected")
def a_state_that_nothing_leads_to(context):
    context.workflows["workflow-fleet"]["States"]["Spare"] = {"Type": "Succeed"}


@seed("asl_timeouts")
def a_task_without_an_end(context):
    del _state(context, "Each", "workflow-fleet")["ItemProcessor"]["States"]["Replicate"]["TimeoutSeconds"]


@seed("asl_timeouts")
def tasks_shorter_than_the_function(context):
    for name in ("Start", "Reconcile"):
        _state(context, name)["TimeoutSeconds"] = 60


@seed("asl_timeouts")
def a_machine_without_an_end(context):
    del context.workflows["workflow"]["TimeoutSeconds"]


@seed("asl_error_names")
def a_name_that_there_is_not(context):
    text = _state(context, "Verdict")["Choices"][0]
    text["Condition"] = text["Condition"].replace("Offsite.Paused", "Offsite.Stopped")


@seed("asl_no_blind_retry")
def a_blind_retry_of_a_timeout(context):
    for name in ("Start", "Reconcile"):
        _state(context, name)["Retry"][0]["ErrorEquals"].append("States.Timeout")


@seed("asl_no_blind_retry")
def a_blind_retry_of_everything(context):
    for name in ("Start", "Reconcile"):
        _state(context, name)["Retry"].append({"ErrorEquals": ["States.ALL"], "MaxAttempts": 2})


@seed("asl_doubt_is_reconciled")
def a_crash_that_counts_as_refused(context):
    for name in ("Start", "Reconcile"):
        catch = _state(context, name)["Catch"]
        catch[0]["ErrorEquals"].remove("Runtime.ExitError")
        next(one for one in catch if one["Next"] == "Rejected")["ErrorEquals"].append("Runtime.ExitError")


@seed("asl_doubt_is_reconciled")
def a_doubt_asked_again_at_once(context):
    _state(context, "WaitUntilVisible")["Seconds"] = 5


@seed("asl_doubt_is_reconciled")
def another_command_for_reconciling(context):
    _state(context, "Reconcile")["Arguments"]["Payload"] = "{% $states.input %}"


@seed("asl_fails_by_name")
def a_failure_by_another_name(context):
    _state(context, "Rejected")["Error"] = "Refused"


@seed("asl_waits")
def a_wait_without_a_most(context):
    assign = _state(context, "Observe")["Assign"]
    assign["wait"] = "{% $max([30, $states.result[0].answer.next_check_after_s]) %}"


@seed("asl_substitutions")
def a_substitution_that_nobody_gives(context):
    del context.sam["Resources"]["Fleet"]["Properties"]["DefinitionSubstitutions"]["Workflow"]


@seed("asl_substitutions")
def an_integration_of_one_partition(context):
    for state in _state(context, "Observe")["ItemProcessor"]["States"].values():
        if "Resource" in state:
            state["Resource"] = state["Resource"].replace("${Partition}", "aws")


@seed("asl_role", "keys_reach")
def a_workflow_that_may_read_secrets(context):
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "TencentSecretArns"}}
    _resource(context, "WorkflowRole")["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


@seed("asl_undefined")
def a_look_that_takes_what_is_left_out_for_ended(context):
    assign = _state(context, "Observe")["Assign"]
    assign["watch"] = assign["watch"].replace("$not(answer.done = true)", "answer.done = false")


@seed("asl_undefined")
def a_copy_of_unknown_state_that_counts_as_there(context):
    choice = _state(context, "Verdict")["Choices"][2]
    choice["Condition"] = choice["Condition"].replace("$not(state = 'replicated')", "state != 'replicated'")


def _name(context, state, found, put):
    arguments = _state(context, state, "workflow-fleet")["ItemProcessor"]["States"][{"Each": "Replicate", "Fleets": "Fleet"}[state]]["Arguments"]
    arguments["Name"] = arguments["Name"].replace(found, put)


@seed("asl_names")
def a_child_with_a_name_of_82_signs(context):
    _name(context, "Fleets", "<= 70", "<= 78")


@seed("asl_names")
def children_of_two_long_names_that_are_one(context):
    _name(context, "Each", "$hash($name, 'SHA-256')", "$name")


@seed("asl_names")
def a_child_without_a_number(context):
    _name(context, "Each", "$string($states.context.Map.Item.Index)", "'item'")


@seed("asl_fleet_input")
def a_fleet_of_a_word(context):
    choice = _state(context, "Input", "workflow-fleet")["Choices"][0]
    choice["Condition"] = choice["Condition"].replace(" and $type($in.ids) = 'array'", "")


@seed("asl_fleet_input")
def a_fleet_that_begins_without_a_look_at_its_input(context):
    context.workflows["workflow-fleet"]["StartAt"] = "Plan"
    del context.workflows["workflow-fleet"]["States"]["Input"]


@seed("asl_fleet_input")
def a_wrong_input_that_counts_as_a_doubt(context):
    context.workflows["workflow-fleet"]["States"]["NotAFleet"]["Error"] = "Offsite.InDoubt"


@seed("asl_expressions")
def an_expression_that_does_not_parse(context):
    _state(context, "Looked")["Choices"][0]["Condition"] = "{% $count($watch = 0 %}"


@seed("asl_expressions")
def a_variable_that_nothing_assigns(context):
    _state(context, "Looked")["Choices"][0]["Condition"] = "{% $count($watched) = 0 %}"


@seed("asl_expressions")
def a_function_that_there_is_not(context):
    _state(context, "Looked")["Choices"][0]["Condition"] = "{% $length_of($watch) = 0 %}"
