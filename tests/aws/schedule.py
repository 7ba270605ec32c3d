"""Whether EventBridge Scheduler would take an expression. MiniStack takes any, and a bad one stops the others.

Source: EventBridge Scheduler User Guide, "Schedule types", 2026.
"""

import re

FIELDS = (
    ("minutes", 0, 59, {}),
    ("hours", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {n: i + 1 for i, n in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())}),
    ("day of week", 1, 7, {n: i + 1 for i, n in enumerate("SUN MON TUE WED THU FRI SAT".split())}),
    ("year", 1970, 2199, {}),
)


def trouble(expression):
    """What is wrong with it; empty when nothing is."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression)
    if rate:
        count, plural = int(rate[1]), rate[3] == "s"
        return "" if count >= 1 and plural == (count != 1) else "the unit does not fit the number"
    cron = re.fullmatch(r"cron\(([^()]*)\)", expression)
    if not cron:
        return "neither rate() nor cron()"
    parts = cron[1].split(" ")
    if len(parts) != 6:
        return f"{len(parts)} fields instead of six"
    for text, field in zip(parts, FIELDS):
        wrong = _field(text, *field)
        if wrong:
            return wrong
    if (parts[2] == "?") == (parts[4] == "?"):
        return "exactly one of day of month and day of week must be ?"
    return ""


def _field(text, name, low, high, names):
    days = name.startswith("day")
    if text == "?":
        return "" if days else f"{name}: ? is for days only"
    for part in text.split(","):
        if days and re.fullmatch(r"L|\d+W|LW|\d+L|\d#[1-5]", part):
            continue
        match = re.fullmatch(r"(\*|[A-Z0-9]+)(?:-([A-Z0-9]+))?(?:/(\d+))?", part)
        if not match:
            return f"{name}: {part!r}"
        for value in (match[1], match[2]):
            if value is None or value == "*":
                continue
            number = names.get(value, int(value) if value.isdigit() else None)
            if number is None or not low <= number <= high:
                return f"{name}: {value!r} is not within {low} to {high}"
        if match[3] == "0":
            return f"{name}: a step of 0"
    return ""
