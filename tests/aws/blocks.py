#!/usr/bin/env python3
"""The three providers' blocks of infra/aws/template.yaml, which are one text with three names.

    blocks.py            says where they differ
    blocks.py --write    writes Alibaba's and Huawei's anew from Tencent's
"""

import pathlib
import re
import sys

TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "infra/aws/template.yaml"
BLOCK = re.compile(r"^  # >>> (\w+)\n(.*?)^  # <<< \1\n", re.MULTILINE | re.DOTALL)
OWN = re.compile(r"^( *)# own\n(.*?)^\1# end own\n", re.MULTILINE | re.DOTALL)


def _renamed(text, name):
    for form in (str.capitalize, str.upper, str.lower):
        text = text.replace(form("tencent"), form(name))
    return text


def _groups(text):
    """The blocks of each section: three each, Tencent's first."""
    found = list(BLOCK.finditer(text))
    return [found[start : start + 3] for start in range(0, len(found), 3)]


def _expected(model, name, present):
    own = [match[2] for match in OWN.finditer(present)]
    renamed = _renamed(model, name)
    for match, lines in zip(list(OWN.finditer(renamed)), own):
        renamed = renamed.replace(match[0], f"{match[1]}# own\n{lines}{match[1]}# end own\n")
    return renamed


def differences(text):
    """One line for each block that is not what Tencent's says."""
    for number, group in enumerate(_groups(text), 1):
        names = [match[1] for match in group]
        if names != ["tencent", "alibaba", "huawei"]:
            yield f"section {number}: blocks of {names}"
            continue
        for match in group[1:]:
            expected = _expected(group[0][2], match[1], match[2]).splitlines()
            present = match[2].splitlines()
            for offset, (left, right) in enumerate(zip(expected + [""] * len(present), present + [""] * len(expected))):
                if left != right:
                    line = text[: match.start()].count("\n") + 2 + offset
                    yield f"line {line}: {right.strip()!r} instead of {left.strip()!r}; run tests/aws/blocks.py --write"
                    break


def rewritten(text):
    """The text with Alibaba's and Huawei's blocks made from Tencent's."""
    for group in _groups(text):
        for match in group[1:]:
            block = _expected(group[0][2], match[1], match[2])
            text = text.replace(match[0], f"  # >>> {match[1]}\n{block}  # <<< {match[1]}\n")
    return text


def main():
    """The command line."""
    text = TEMPLATE.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--write"]:
        TEMPLATE.write_text(rewritten(text), encoding="utf-8")
        return
    found = list(differences(text))
    print("\n".join(found) or "the blocks are the same")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
