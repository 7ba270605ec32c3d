"""The project's own rules about the two workflows. As in rules.py: a docstring is a promise, a line yielded is a finding."""

import json
import pathlib
import re
import subprocess

from context import ALL_ON, walk
from rules import rule

HERE = pathlib.Path(__file__).resolve().parent

# Nothing was applied, or Lambda never came to the function; the function may be asked again at once.
# Source: AWS Step Functions Developer Guide, "Handle transient Lambda service exceptions", 2026.
SAFE_TO_REPEAT = {
    "Offsite.Throttled", "Offsite.Unavailable", "Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException",
    "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException",
}  # fmt: skip
DOUBTS = {"Offsite.InDoubt", "Sandbox.Timedout", "States.Timeout", "Lambda.Unknown", "Runtime.ExitError"}


def _machines(context):
    """(where, machine) of each machine and of each item processor in it."""
    pending = list(context.workflows.items())
    while pending:
        where, machine = pending.pop()
        yield where, machine
        for name, state in machine["States"].items():
            if "ItemProcessor" in state:
                pending.append((f"{where} {name}", state["ItemProcessor"]))


def _states(context):
    for where, machine in _machines(context):
        for name, state in machine["States"].items():
            yield f"{where} {name}", state


def _nexts(state):
    found = [state.get("Next"), state.get("Default")]
    found += [part.get("Next") for key in ("Choices", "Catch") for part in state.get(key, [])]
    return {name for name in found if name}


def _asks(context):
    """The two states that may start a copy."""
    states = context.workflows["workflow"]["States"]
    return [(name, states[name]) for name in ("Start", "Reconcile") if name in states]


@rule
def asl_connected(context):
    """Each state leads to one that exists, and each can be reached."""
    for where, machine in _machines(context):
        states = machine["States"]
        reached, pending = set(), [machine["StartAt"]]
        while pending:
            name = pending.pop()
            if name in reached:
                continue
            reached.add(name)
            if name not in states:
                yield f"{where}: there is no state {name}"
                continue
            pending += _nexts(states[name])
        for name in sorted(set(states) - reached):
            yield f"{where}: nothing leads to {name}"


@rule
def asl_timeouts(context):
    """Each task ends by itself, each machine too, and a machine outlasts its tasks."""
    for where, machine in context.workflows.items():
        if not isinstance(machine.get("TimeoutSeconds"), int):
            yield where
    for where, state in _states(context):
        if state["Type"] == "Task" and not isinstance(state.get("TimeoutSeconds"), int):
            yield where
    longest = max(int(value) for value in context.sam["Parameters"]["FunctionTimeout"]["AllowedValues"])
    for where, state in _states(context):
        if "lambda:invoke" in state.get("Resource", "") and 0 < state.get("TimeoutSeconds", 0) <= longest:
            yield f"{where}: ends before the function does"


@rule
def asl_error_names(context):
    """Each Offsite error that a workflow names is in docs/errors.md, and starting a copy handles all of them."""
    known = set(context.error_names())
    for where, machine in context.workflows.items():
        for path, value in walk(machine):
            for name in re.findall(r"Offsite\.\w+", str(value)):
                if name not in known:
                    yield f"{where} {'.'.join(map(str, path))}: {name}"
    for where, state in _asks(context):
        handled = {name for catch in state.get("Catch", []) for name in catch["ErrorEquals"]}
        for name in sorted(known - handled):
            yield f"{where}: {name} is not handled"


@rule
def asl_no_blind_retry(context):
    """Retry repeats only what was certainly not applied."""
    for where, state in _states(context):
        for retry in state.get("Retry", []):
            for name in sorted(set(retry["ErrorEquals"]) - SAFE_TO_REPEAT):
                yield f"{where}: {name}"


@rule
def asl_doubt_is_reconciled(context):
    """What may have been applied waits, and then the same command is asked again; so is whatever nobody knows."""
    states = context.workflows["workflow"]["States"]
    for where, state in _asks(context):
        into = {name: catch["Next"] for catch in state.get("Catch", []) for name in catch["ErrorEquals"]}
        for name in sorted(DOUBTS | {"States.ALL"}):
            if into.get(name) != "InDoubtAgain":
                yield f"{where}: {name} leads to {into.get(name)}"
    if len(_asks(context)) < 2:
        yield "there is no state Reconcile"
        return
    left, right = ({key: value for key, value in state.items() if key != "Comment"} for _, state in _asks(context))
    if left != right:
        yield "Reconcile asks otherwise than Start"
    waits = [state for state in states.values() if state.get("Next") == "Reconcile"]
    if not waits or any(state["Type"] != "Wait" or state.get("Seconds", 0) < 300 for state in waits):
        yield "Reconcile is reached without waiting for the visibility"


@rule
def asl_fails_by_name(context):
    """A workflow fails by the names of docs/errors.md only; that of one command has a state for each."""
    known = context.error_names()
    fails = [state for state in context.workflows["workflow"]["States"].values() if state["Type"] == "Fail"]
    if sorted(state.get("Error", "") for state in fails) != sorted(known):
        yield f"{sorted(state.get('Error', '') for state in fails)}"
    for name, state in context.workflows["workflow-fleet"]["States"].items():
        if state["Type"] == "Fail" and state.get("Error") not in [*known, "{% $error %}"]:
            yield f"{name}: {state.get('Error')}"


@rule
def asl_fleet_fits(context):
    """What a fleet answers fits into an execution: 200 items each, with causes of 200 signs and no command; and it may start itself."""
    states = context.workflows["workflow-fleet"]["States"]
    most = set(re.findall(r"\$total > (\d+)|\$partition\([^,]+, (\d+)\)", str([states["Large"], states["Fleets"]["Items"]])))
    if {number for pair in most for number in pair if number} != {"200"}:
        yield f"fleets of {sorted(most)}"
    for name in ("Each", "Fleets"):
        for one in states[name]["ItemProcessor"]["States"].values():
            for text in (str(part) for part in [one.get("Output"), *one.get("Catch", [])]):
                if any(int(cut) > 200 for cut in re.findall(r"Cause, 0, (\d+)\)", text)) or "'command'" in text:
                    yield f"{name}: an answer that is too long"
    start = [
        one
        for policy in context.resolved(ALL_ON)["Resources"]["FleetRole"]["Properties"]["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
        if one["Action"] == "states:StartExecution"
    ]
    if not str(start).rstrip("]}'").endswith("-fleet"):
        yield "it may not start itself"


@rule
def asl_waits(context):
    """A computed wait has a least and a most."""
    for where, state in _states(context):
        if state["Type"] == "Wait" and "{%" in str(state.get("Seconds")):
            variable = re.fullmatch(r"\{% \$(\w+) %\}", state["Seconds"])
            sources = [str(other.get("Assign", {}).get(variable[1], "")) for _, other in _states(context)] if variable else [""]
            computed = [text for text in sources if "{%" in text]
            if not computed or not all("$max([" in text and "$min([" in text for text in computed):
                yield where


@rule
def asl_substitutions(context):
    """Each ${name} of a definition is given by the template, and each that is given is used."""
    machines = {"workflow": "Workflow", "workflow-fleet": "Fleet"}
    for where, machine in context.workflows.items():
        used = set(re.findall(r"\$\{(\w+)\}", json.dumps(machine)))
        given = set(context.sam["Resources"][machines[where]]["Properties"].get("DefinitionSubstitutions", {}))
        for name in sorted(used ^ given):
            yield f"{where}: {name}"
        for path, value in walk(machine):
            if re.search(r"arn:aws[a-z-]*:", str(value)):
                yield f"{where} {'.'.join(map(str, path))}: {value}"


@rule
def asl_role(context):
    """The workflow's role may invoke the functions and do nothing else to anything of the stack."""
    role = context.resolved(ALL_ON)["Resources"]["WorkflowRole"]["Properties"]
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Resource"] != "*" and statement["Action"] != "lambda:InvokeFunction":
                yield f"{statement['Action']}"
            if statement["Action"] == "lambda:InvokeFunction" and len(statement["Resource"]) != 3:
                yield f"invokes {statement['Resource']}"


@rule
def asl_undefined(context):
    """What an answer leaves out counts as not so: both = false and != are false of it, so a copy of unknown state would count as there."""
    for where, machine in context.workflows.items():
        for path, value in walk(machine):
            for found in re.findall(r"!=|= *false", str(value) if str(value).startswith("{%") else ""):
                yield f"{where} {'.'.join(map(str, path))}: {found}; write $not(... = ...)"


# Source: AWS Step Functions API Reference, StartExecution, name, 2026.
LONGEST_NAME = 80


@rule
def asl_names(context):
    """A child's name fits and is its own, of whatever length its parent's is; one of up to 70 signs stays readable in it."""
    short, long = "s" * 70, "l" * LONGEST_NAME
    expressions = {
        where: state["Arguments"].get("Name", "")
        for where, state in _states(context)
        if "startExecution" in state.get("Resource", "")
    }
    asked = [
        (expression, {"context": {"Execution": {"Name": name}, "Map": {"Item": {"Index": index}}}})
        for expression in expressions.values()
        for name in (short, long[:-1] + "a", long[:-1] + "b", *("t" * length for length in range(71, LONGEST_NAME)))
        for index in (0, 199)
    ]
    answers = _evaluated(asked)
    each = len(asked) // max(1, len(expressions))
    for number, where in enumerate(expressions):
        names = [str(answer.get("value", answer)) for answer in answers[number * each : (number + 1) * each]]
        if len(set(names)) < each:
            yield f"{where}: two children have the same name"
        if names[:2] != [f"{short}-0", f"{short}-199"]:
            yield f"{where}: {names[0]}"
        yield from (f"{where}: {name}" for name in names if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}", name))


ONE = {"command": {"action": "replicate"}, "ids": ["snap-1"]}
FLEETS = (ONE, {"commands": [{}]}, {"commands": []}, {**ONE, "max_concurrency": 400, "tolerated_failures": 0, "brief": True})
NO_FLEETS = {
    "give commands, or command and ids": (
        {}, [], "all", {"ids": ["snap-1"]}, {"command": {}}, {"command": {}, "ids": "all"}, {"command": "all", "ids": []}, {"commands": 7},
        {"commands": {}}, {"commands": None}, {"commands": [], **ONE}, {"commands": [], "ids": []},
    ),
    "give max_concurrency and tolerated_failures": (
        {**ONE, "max_concurrency": "10"}, {**ONE, "max_concurrency": 2.5}, {**ONE, "tolerated_failures": None}, {**ONE, "tolerated_failures": []},
    ),
}  # fmt: skip


@rule
def asl_fleet_input(context):
    """What is no fleet fails by the name of a wrong command and in words that say what to give, before anything else is done."""
    machine = context.workflows["workflow-fleet"]
    first = machine["States"][machine["StartAt"]]
    wanted = [(given, None) for given in FLEETS] + [(given, cause) for cause, inputs in NO_FLEETS.items() for given in inputs]
    choices = first.get("Choices", [])
    answers = iter(_evaluated([(one["Condition"], {"input": given}) for given, _ in wanted for one in choices]))
    for given, cause in wanted:
        taken = [one for one, answer in [(one, next(answers)) for one in choices] if answer.get("value") is not False]
        told = taken[0].get("Assign", {}).get("cause", "") if taken else None
        if (told is None) != (cause is None) or not (told or "").startswith(cause or ""):
            yield f"{given}: {told}"
        if taken and machine["States"].get(taken[0]["Next"], {}).get("Error") != "Offsite.InvalidCommand":
            yield f"{given} leads to {taken[0]['Next']}"


_EVALUATED = {}


def _evaluated(asked):
    """The answer to each (expression, what $states is)."""
    keys = [json.dumps(one) for one in asked]
    unknown = {key: {"expression": expression, "states": states} for key, (expression, states) in zip(keys, asked) if key not in _EVALUATED}
    if unknown:
        _EVALUATED.update(zip(unknown, _node(list(unknown.values()))))
    return [_EVALUATED[key] for key in keys]


def _node(asked):
    """What jsonata.mjs says of each."""
    answer = subprocess.run(["node", str(HERE / "jsonata.mjs")], input=json.dumps(asked), capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


_PARSED = {}


@rule
def asl_expressions(context):
    """Each {% %} is JSONata that parses, and reads no $variable that nothing assigns."""
    texts = {}
    for where, machine in context.workflows.items():
        assigned = {"states"}
        for path, value in walk(machine):
            if "Assign" in path:
                assigned.add(path[path.index("Assign") + 1])
            texts.setdefault(str(value), (f"{where} {'.'.join(map(str, path))}", assigned))
    expressions = [text for text in texts if text.startswith("{%") and text.endswith("%}")]
    for text, (where, _) in texts.items():
        if ("{%" in text or "%}" in text) and text not in expressions:
            yield f"{where}: an expression must be the whole string"
    unknown = [text for text in expressions if text not in _PARSED]
    if unknown:
        _PARSED.update(zip(unknown, _node(unknown)))
    for text in expressions:
        where, assigned = texts[text]
        parsed = _PARSED[text]
        if parsed.get("error"):
            yield f"{where}: {parsed['error']}"
        for name in sorted(set(parsed.get("reads", [])) - assigned):
            yield f"{where}: ${name} is assigned nowhere"
