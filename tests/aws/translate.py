#!/usr/bin/env python3
"""infra/aws/template.yaml as plain CloudFormation, without an AWS account.

    translate.py --bucket BUCKET [--prefix PREFIX] [--output FILE] [--for-emulator]

The code of each function is expected at s3://BUCKET/PREFIX<binary>.zip (offsite-alibaba.zip and so on); the workflows are put
inline.
The result is larger than the 51,200 bytes that CreateStack takes in its body: put it into S3 and give TemplateURL.

--for-emulator makes of it what MiniStack 1.5.33 judges as AWS would, with AUTH=true. It takes out the "is there at all" half of
two conditions on keys that MiniStack never fills in (dynamodb:LeadingKeys, sts:IdentityTokenAudience), and puts in
sqs:SendMessageBatch, which on AWS is part of sqs:SendMessage. Not for deployments.
"""

import argparse
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra/aws/template.yaml"


def load(path=TEMPLATE):
    """The SAM template as it stands, its short forms (!Ref) written out."""
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(pathlib.Path(path).read_text(encoding="utf-8"))


def with_code(template, bucket, prefix="", folder=TEMPLATE.parent):
    """The same with what `sam package` would have uploaded: code in S3, definitions inline."""
    template = json.loads(json.dumps(template, default=str))
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            properties["CodeUri"] = {"Bucket": bucket, "Key": f"{prefix}{binary}.zip"}
        if resource["Type"] == "AWS::Serverless::StateMachine":
            definition = folder / properties.pop("DefinitionUri")
            properties["Definition"] = json.loads(definition.read_text(encoding="utf-8"))
    return template


def translate(template, region="us-east-1"):
    """What CloudFormation makes of the SAM template."""
    os.environ["AWS_DEFAULT_REGION"] = region
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # No managed policy is used, so none has to be looked up.
    translator = Translator(managed_policy_map={}, sam_parser=Parser())
    return translator.translate(sam_template=template, parameter_values={})


def for_emulator(node):
    """The template as the emulator can judge it; see above."""
    if isinstance(node, list):
        return [for_emulator(item) for item in node]
    if isinstance(node, dict):
        unknown = {"dynamodb:LeadingKeys", "sts:IdentityTokenAudience"}
        if node.get("Action") == "sqs:SendMessage":
            node = {**node, "Action": ["sqs:SendMessage", "sqs:SendMessageBatch"]}
        return {key: for_emulator(value) for key, value in node.items() if not (key == "Null" and set(value) <= unknown)}
    return node


def main():
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bucket", required=True)
    arguments.add_argument("--prefix", default="")
    arguments.add_argument("--output", type=pathlib.Path)
    arguments.add_argument("--for-emulator", action="store_true")
    given = arguments.parse_args()
    template = translate(with_code(load(), given.bucket, given.prefix))
    if given.for_emulator:
        template = for_emulator(template)
    text = json.dumps(template, indent=1)
    if given.output:
        given.output.write_text(text + "\n", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
