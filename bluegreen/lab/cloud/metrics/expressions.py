"""Metric math: a parser and evaluator for the part of CloudWatch's language that releases need.

    + - * / ^   comparison   AND OR   numbers   ids   METRICS()   METRICS("text")
    SUM AVG MIN MAX   FILL(m, v | REPEAT)   IF(c, a, b)   ABS CEIL FLOOR   PERIOD(m)

A time series lacks the moments at which it has no datapoint; an operation on two series gives
a value only where both have one, as in CloudWatch.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bluegreen.lab.cloud.errors import validation

__all__ = ["Scope", "Series", "Value", "evaluate"]

Series = dict[int, float]
Value = float | Series | list[Series] | str
_TOKEN = re.compile(
    r'\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?)|([A-Za-z_]\w*)|("[^"]*")|(<=|>=|==|!=|&&|\|\||[-+*/^(),<>]))'
)
_BINARY: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"OR": lambda a, b: float(bool(a or b)), "||": lambda a, b: float(bool(a or b))},
    {"AND": lambda a, b: float(bool(a and b)), "&&": lambda a, b: float(bool(a and b))},
    {
        "<": lambda a, b: float(a < b),
        "<=": lambda a, b: float(a <= b),
        ">": lambda a, b: float(a > b),
        ">=": lambda a, b: float(a >= b),
        "==": lambda a, b: float(a == b),
        "!=": lambda a, b: float(a != b),
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": lambda a, b: a / b if b else math.nan},
    {"^": operator.pow},
)
_EACH: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_FOLD: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an expression may refer to."""

    series: dict[str, Series]
    labels: dict[str, str]
    grid: Sequence[int]
    """Every period of the asked range; where FILL fills."""
    period: int


def evaluate(text: str, scope: Scope) -> Value:
    """The value of `text`; raises CloudError (ValidationError) for what cannot be parsed."""
    parser = _Parser(_tokens(text), scope)
    value = parser.binary(0)
    if parser.token() is not None:
        raise validation(f"Error in expression '{text}': unexpected '{parser.token()}'")
    return value


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise validation(f"Error in expression '{text}': cannot read '{text[place:]}'")
        tokens.append(found[0].strip())
        place = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], scope: Scope) -> None:
        self._tokens = tokens
        self._at = 0
        self._scope = scope

    def token(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, wanted: str | None = None) -> str:
        found = self.token()
        if found is None or (wanted is not None and found != wanted):
            raise validation(
                f"Error in expression: expected {wanted or 'a value'}, found {found or 'its end'}"
            )
        self._at += 1
        return found

    def binary(self, level: int) -> Value:
        if level == len(_BINARY):
            return self._unary()
        left = self.binary(level + 1)
        while (found := self.token()) is not None and found in _BINARY[level]:
            self._take()
            left = _combine(_BINARY[level][found], left, self.binary(level + 1))
        return left

    def _unary(self) -> Value:
        if self.token() == "-":
            self._take()
            return _combine(operator.mul, -1.0, self._unary())
        found = self._take()
        if found == "(":
            inner = self.binary(0)
            self._take(")")
            return inner
        if found[0].isdigit():
            return float(found)
        if found[0] == '"':
            return found.strip('"')
        return self._call(found) if self.token() == "(" else self._named(found)

    def _named(self, name: str) -> Value:
        if name in self._scope.series:
            return self._scope.series[name]
        if name == "REPEAT":
            return name
        raise validation(f"Error in expression: unknown id '{name}'")

    def _call(self, name: str) -> Value:
        self._take("(")
        arguments: list[Value] = []
        while self.token() != ")":
            arguments.append(self.binary(0))
            if self.token() != ")":
                self._take(",")
        self._take(")")
        return _apply(name, arguments, self._scope)


def _apply(name: str, arguments: list[Value], scope: Scope) -> Value:
    if name == "METRICS":
        wanted = str(arguments[0]) if arguments else ""
        return [one for key, one in scope.series.items() if wanted in scope.labels.get(key, "")]
    if name == "PERIOD":
        return float(scope.period)
    if not arguments:
        raise validation(f"Error in expression: {name} needs an argument")
    if name == "FILL" and len(arguments) == 2:
        return _fill(arguments[0], arguments[1], scope)
    if name == "IF" and len(arguments) == 3:
        return _choose(*arguments)
    if name in _FOLD:
        return _fold(_FOLD[name], arguments[0])
    if name in _EACH:
        each = _EACH[name]
        return _combine(lambda value, _: float(each(value)), arguments[0], 0.0)
    raise validation(f"Error in expression: {name} with {len(arguments)} arguments is not supported")


def _combine(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        raise validation("Error in expression: a text is no operand")
    if isinstance(left, list):
        return [_series(_combine(function, one, right)) for one in left]
    if isinstance(right, list):
        return [_series(_combine(function, left, one)) for one in right]
    if isinstance(left, dict):
        others = dict.fromkeys(left, right) if not isinstance(right, dict) else right
        pairs = {at: function(value, others[at]) for at, value in left.items() if at in others}
        return {at: value for at, value in pairs.items() if not math.isnan(value)}
    if isinstance(right, dict):
        return _combine(function, dict.fromkeys(right, left), right)
    return function(left, right)


def _series(value: Value) -> Series:
    if not isinstance(value, dict):
        raise validation("Error in expression: a time series is needed here")
    return value


def _fill(value: Value, filler: Value, scope: Scope) -> Value:
    """A metric without a single datapoint in the range stays empty, as in CloudWatch."""
    if isinstance(value, list):
        return [_series(_fill(one, filler, scope)) for one in value]
    series = _series(value)
    if not series:
        return {}
    filled: Series = {}
    last: float | None = None
    for at in scope.grid:
        last = series.get(at, last)
        other = last if filler == "REPEAT" else _moment(filler, at)
        found = series.get(at, other)
        if found is not None:
            filled[at] = found
    return filled


def _moment(value: Value, at: int) -> float | None:
    if isinstance(value, dict):
        return value.get(at)
    if isinstance(value, float):
        return value
    raise validation("Error in expression: a number or a time series is needed here")


def _choose(condition: Value, yes: Value, no: Value) -> Value:
    if not isinstance(condition, dict):
        return yes if _moment(condition, 0) else no
    chosen = {at: _moment(yes if holds else no, at) for at, holds in condition.items()}
    return {at: value for at, value in chosen.items() if value is not None}


def _fold(function: Callable[[Sequence[float]], float], value: Value) -> Value:
    """Over a list of series: at each moment; over one series: the whole of it, a number."""
    if isinstance(value, dict):
        return function(list(value.values())) if value else {}
    if not isinstance(value, list):
        return value
    moments = sorted({at for one in value for at in one})
    return {at: function([one[at] for one in value if at in one]) for at in moments}
