"""A CloudFormation template for given parameters: conditions decided, choices made, parameters and mappings filled in.

What only a deployment knows (Ref and Fn::GetAtt of a resource, Fn::Sub that names one) stays as it is.
"""

import re

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "offsite",
    "AWS::URLSuffix": "amazonaws.com",
}
NOTHING = object()


class Resolver:
    """One template under one set of parameters."""

    def __init__(self, template, given):
        self.template = template
        self.values = dict(PSEUDO)
        for name, parameter in template.get("Parameters", {}).items():
            value = given.get(name, parameter.get("Default"))
            if parameter["Type"] == "CommaDelimitedList":
                value = value.split(",")
            self.values[name] = value
        unknown = set(given) - set(template.get("Parameters", {}))
        if unknown:
            raise KeyError(f"no such parameter: {sorted(unknown)}")

    def condition(self, name):
        """Whether this condition holds."""
        return self._decide(self.template["Conditions"][name])

    def _decide(self, node):
        (function, argument), = node.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Equals":
            left, right = (self.value(side) for side in argument)
            return str(left) == str(right)
        if function == "Fn::Not":
            return not self._decide(argument[0])
        if function == "Fn::And":
            return all(self._decide(one) for one in argument)
        if function == "Fn::Or":
            return any(self._decide(one) for one in argument)
        raise ValueError(f"{function} in a condition")

    def value(self, node):
        """The node with everything in it that is known."""
        if isinstance(node, list):
            kept = [self.value(item) for item in node]
            return [item for item in kept if item is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), = node.items()
            if function == "Ref":
                if argument == "AWS::NoValue":
                    return NOTHING
                return self.values.get(argument, node)
            if function == "Fn::If":
                name, yes, no = argument
                return self.value(yes if self.condition(name) else no)
            if function == "Fn::FindInMap":
                mapping, first, second = (self.value(part) for part in argument)
                return self.template["Mappings"][mapping][str(first)][second]
            if function == "Fn::Join":
                glue, parts = argument[0], self.value(argument[1])
                if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
                    return glue.join(parts)
                return {"Fn::Join": [glue, parts]}
            if function == "Fn::Split":
                text = self.value(argument[1])
                return text.split(argument[0]) if isinstance(text, str) else node
            if function == "Fn::Select":
                items = self.value(argument[1])
                return items[int(argument[0])] if isinstance(items, list) else node
            if function == "Fn::Sub":
                return self._substitute(argument)
        kept = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in kept.items() if item is not NOTHING}

    def _substitute(self, argument):
        text, local = (argument, {}) if isinstance(argument, str) else argument
        local = {name: self.value(item) for name, item in local.items()}
        known = {**self.values, **local}

        def filled(match):
            value = known.get(match[1])
            return str(value) if isinstance(value, (str, int)) else match[0]

        text = re.sub(r"\$\{([^!{}]+)\}", filled, text)
        left = {name: value for name, value in local.items() if "${" + name + "}" in text}
        if "${" not in text:
            return text
        return {"Fn::Sub": [text, left] if left else text}

    def resolved(self, kinds=None, known=None):
        """Resources (of some kinds, or all) and outputs that would be made.

        What is the same in `known`, another template and what came of it, is taken from there.
        """
        made = {}
        template, before = known or ({}, {})
        for section in ("Resources", "Outputs"):
            made[section] = {}
            for name, item in self.template.get(section, {}).items():
                if kinds is not None and item.get("Type") not in kinds:
                    continue
                if "Condition" in item and not self.condition(item["Condition"]):
                    continue
                if name in before.get(section, {}) and template[section][name] == item:
                    made[section][name] = before[section][name]
                else:
                    made[section][name] = self.value({key: part for key, part in item.items() if key != "Condition"})
        return made
