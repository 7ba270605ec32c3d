"""Runs one attempt of a task that docs/workflows.md shows, as its tool would: `tasks.py airflow|argo SAMPLE COMMAND`.

Prints what the task gives, and ends with 0 if it is done, 1 if its tool would repeat it, 2 if it has failed for good. The function is asked
through boto3, which reads address, region and key from the environment. No Airflow and no Argo is installed: what the samples use of
them is written down here, and anything else fails.
"""
import json
import os
import re
import subprocess
import sys
import types

import boto3
import yaml
from botocore.config import Config


class AirflowException(Exception):
    """The attempt has failed. Source: apache-airflow-task-sdk 1.3.2, airflow/sdk/exceptions.py."""


class AirflowFailException(AirflowException):
    """The task has failed and is not repeated."""


class LambdaHook:
    """Source: apache-airflow-providers-amazon 9.39.0, hooks/lambda_function.py and hooks/base_aws.py."""

    def __init__(self, aws_conn_id="aws_default", *, verify=None, region_name=None, config=None):
        config = Config(**config) if isinstance(config, dict) else config
        self.conn = boto3.client("lambda", config=config)

    def invoke_lambda(self, *, function_name, invocation_type=None, log_type=None, client_context=None, payload=None, qualifier=None):
        assert isinstance(payload, (str, bytes)), payload
        return self.conn.invoke(FunctionName=function_name, Payload=payload)


def task(*, retries, retry_delay):
    """Source: apache-airflow-task-sdk 1.3.2, `retry_delay: timedelta | float`, in seconds."""
    assert isinstance(retries, int) and isinstance(retry_delay, (int, float))
    return lambda function: function


def airflow(sample, command):
    modules = {
        "airflow.exceptions": {"AirflowException": AirflowException, "AirflowFailException": AirflowFailException},
        "airflow.providers.amazon.aws.hooks.lambda_function": {"LambdaHook": LambdaHook},
        "airflow.sdk": {"task": task},
    }
    for name, content in modules.items():
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:depth]), types.ModuleType(".".join(parts[:depth])))
        vars(sys.modules[name]).update(content)
    space = {}
    exec(compile(sample, "docs/workflows.md", "exec"), space)
    try:
        print(json.dumps(space["replicate"](json.loads(command))))
    except AirflowFailException as error:
        print(error)
        return 2
    except AirflowException as error:
        print(error)
        return 1
    return 0


# What the sample may use. Source: Argo Workflows 3.7, docs/fields.md: Template, RetryStrategy, Backoff, ScriptTemplate, EnvVar.
TEMPLATE = {"name", "inputs", "retryStrategy", "script"}
RETRY = {"limit", "backoff", "expression"}
SCRIPT = {"image", "command", "source", "env"}


def argo(sample, command):
    [template] = yaml.safe_load(sample)
    retry, script = template["retryStrategy"], template["script"]
    for found, known in [(template, TEMPLATE), (retry, RETRY), (retry["backoff"], {"duration", "factor"}), (script, SCRIPT)]:
        assert set(found) <= known, set(found) - known
    assert int(retry["limit"]) > 0 and re.fullmatch(r"\d+[smh]", retry["backoff"]["duration"])
    final = re.fullmatch(r'lastRetry\.exitCode != "(\d+)"', retry["expression"])
    given = {"command": command}
    assert {one["name"] for one in template["inputs"]["parameters"]} == set(given)

    # Tags are filled in before the pod is made, in the environment as in the source.
    def filled(text):
        return re.sub(r"\{\{inputs\.parameters\.(\w+)\}\}", lambda found: given[found[1]], text)

    environment = {one["name"]: filled(one["value"]) for one in script["env"]}
    # The image's Python stands for this one, which has the same library.
    assert script["command"] == ["python3"], script["command"]
    ended = subprocess.run([sys.executable, "-"], input=filled(script["source"]), text=True, env={**os.environ, **environment})
    if ended.returncode == 0:
        return 0
    return 2 if str(ended.returncode) == final[1] else 1


tool, path, command = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    sys.exit({"airflow": airflow, "argo": argo}[tool](file.read(), command))
