"""Rule conditions as ELBv2 evaluates them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bluegreen.lab.http1.message import Request

_CASE_SENSITIVE = ("path-pattern", "http-request-method")


def pattern(text: str, *, ignore_case: bool) -> re.Pattern[str]:
    r"""A whole-value pattern: `*` any characters, `?` exactly one, `\` before either the character itself."""
    parts = []
    for escaped, wildcard, plain in re.findall(r"\\([*?])|([*?])|(.)", text, re.DOTALL):
        if wildcard:
            parts.append(".*" if wildcard == "*" else ".")
        else:
            parts.append(re.escape(escaped or plain))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


class Condition:
    """One condition: any of its values matches. Paths and methods are compared with their case.

    `query-string` and `source-ip` are not modelled: such a condition never matches.
    """

    __slots__ = ("_header", "_patterns", "field")

    def __init__(self, *, field: str, values: Sequence[str], name: str = "") -> None:
        self.field = field
        self._header = name.lower().encode("latin-1")
        ignore_case = field not in _CASE_SENSITIVE
        self._patterns = tuple(
            pattern(value, ignore_case=ignore_case) for value in values if isinstance(value, str)
        )

    def matches(self, request: Request) -> bool:
        return any(one.fullmatch(value) for value in self._compared(request) for one in self._patterns)

    def _compared(self, request: Request) -> Iterator[str]:
        if self.field == "path-pattern":
            yield request.path
        elif self.field == "http-header":
            yield from (value.decode("latin-1") for name, value in request.headers if name == self._header)
        elif self.field == "host-header":
            yield (request.header(b"host") or b"").decode("latin-1").partition(":")[0]
        elif self.field == "http-request-method":
            yield request.method.decode("latin-1")
