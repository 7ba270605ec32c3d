#!/usr/bin/env python3
"""infra/aws/template.yaml as plain CloudFormation, without an AWS account.

    translate.py --bucket BUCKET [--prefix PREFIX] [--output FILE]

The code of each function is expected at s3://BUCKET/PREFIX<binary>.zip (offsite-alibaba.zip and so on); the workflows are put inline.
The result is larger than the 51,200 bytes that CreateStack takes in its body: put it into S3 and give TemplateURL.
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


def main():
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bucket", required=True)
    arguments.add_argument("--prefix", default="")
    arguments.add_argument("--output", type=pathlib.Path)
    given = arguments.parse_args()
    text = json.dumps(translate(with_code(load(), given.bucket, given.prefix)), indent=1)
    if given.output:
        given.output.write_text(text + "\n", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
