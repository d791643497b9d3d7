"""moto parses each expression of DynamoDB once a process: it did three times a call, a tenth of what a
simulated release costs.

What a parsed expression is depends on its text and its names; the values are put in at every call.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser, OpDefault
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

_Names = tuple[tuple[str, str], ...] | None
_AS_VALUE = ConditionExpressionParser.Kind.EXPRESSION_ATTRIBUTE_VALUE
_OPERAND = ConditionExpressionParser._make_operand  # noqa: SLF001  # what is replaced below
_parse_condition = ConditionExpressionParser.parse


@dataclass(frozen=True, slots=True)
class _Parsed:
    node: Any
    names: tuple[str, ...]
    values: tuple[str, ...]


class _Unbound(ConditionExpressionParser):  # type: ignore[misc]  # moto has no types
    """Ends with the tree of the expression, whatever the values."""

    def _lookup_expression_attribute_value(self, name: str) -> None:
        pass

    def _make_op_condition(self, node: Any) -> Any:
        return node


@lru_cache(maxsize=256)
def _parsed(expression: str, names: _Names) -> _Parsed:
    parser = _Unbound(expression, None if names is None else dict(names), None)
    node = _parse_condition(parser)
    return _Parsed(node, tuple(parser.expr_attr_names_found), tuple(parser.expr_attr_values_found))


def _parse(self: Any) -> Any:
    if not self.condition_expression:
        return OpDefault(None, None)
    names = self.expression_attribute_names
    found = _parsed(self.condition_expression, None if names is None else tuple(sorted(names.items())))
    self.expr_attr_names_found.extend(found.names)
    self.expr_attr_values_found.extend(found.values)
    return self._make_op_condition(found.node)


def _make_operand(self: Any, node: Any) -> Any:
    if node.kind != _AS_VALUE:
        return _OPERAND(self, node)
    return AttributeValue(self._lookup_expression_attribute_value(node.text))


def install() -> None:
    """Replace moto's parsers; an update's tree may be shared, for moto copies it before it changes it."""
    ConditionExpressionParser.parse = _parse
    ConditionExpressionParser._make_operand = _make_operand  # noqa: SLF001
    UpdateExpressionParser.make = staticmethod(lru_cache(maxsize=256)(UpdateExpressionParser.make))
