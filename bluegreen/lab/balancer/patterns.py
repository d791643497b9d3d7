"""ELBv2's wildcards as regular expressions of Envoy (RE2).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import re


def regex(text: str, *, ignore_case: bool = False) -> str:
    r"""A whole-value pattern: `*` any characters, `?` exactly one, `\` before either the character itself."""
    parts = []
    for escaped, wildcard, plain in re.findall(r"\\([*?])|([*?])|(.)", text, re.DOTALL):
        if wildcard:
            parts.append(".*" if wildcard == "*" else ".")
        else:
            parts.append(re.escape(escaped or plain))
    return ("(?is)" if ignore_case else "(?s)") + "".join(parts)
