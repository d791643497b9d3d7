"""`checklist` of deploy.toml, and the strategy's own checklists (C1 to C3): its 24 items."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from bluegreen.policy.units import Name

__all__ = ["ITEMS", "Item", "Phase", "Point", "item_of", "items_of"]

_OWN = re.compile(r"([a-z][a-z0-9-]{0,30}): *(\S.*)")
"""An own item: its id, and what it says."""


class Phase(StrEnum):
    """When an item is asked for."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a checklist, in the strategy's words and in English."""

    id: str
    phase: Phase
    words: str
    strategy: str
    """The strategy's own words (chapter 8)."""
    attested: bool = False
    """Nothing here can measure it: a person answers for it, or the check of another system."""


_CHAPTER_8 = {
    Phase.BEFORE: (
        ("tests", "All tests passed", "所有测试通过"),
        ("review", "The code review is done", "代码审查完成"),
        ("configuration", "Parameters and secrets are set", "环境变量配置完成"),
        ("migration-ready", "The database migration is ready", "数据库迁移脚本准备就绪"),
        ("model", "The AI model is validated", "AI模型验证通过"),
        ("security", "The security scan is done", "安全扫描完成"),
        ("performance", "The performance test passed", "性能测试通过"),
        ("backup", "A backup is there", "备份策略确认"),
        ("rollback", "The rollback is prepared", "回滚策略确认"),
        ("team", "The team is in place", "团队成员就位"),
    ),
    Phase.DURING: (
        ("migrated", "The database is migrated", "数据库迁移成功"),
        ("app-deployed", "The application is deployed", "应用服务部署成功"),
        ("ai-deployed", "The AI service is deployed", "AI服务部署成功"),
        ("healthy", "Health checks pass", "健康检查通过"),
        ("load-balancer", "The load balancer is right", "负载均衡器配置正确"),
        ("cdn", "The CDN is right", "CDN配置正确"),
        ("dns", "DNS is right", "DNS配置正确"),
    ),
    Phase.AFTER: (
        ("services", "All services are healthy", "所有服务健康状态正常"),
        ("functions", "Key functions work", "关键功能验证通过"),
        ("ai-functions", "AI functions work", "AI功能验证通过"),
        ("figures", "Performance is normal", "性能指标正常"),
        ("monitoring", "Monitoring works", "监控系统正常工作"),
        ("alerting", "Alerting works", "告警系统正常工作"),
        ("access", "Users reach the service", "用户访问正常"),
    ),
}
_PEOPLE = frozenset({"tests", "review", "model", "performance", "team"})
ITEMS = tuple(
    Item(id=name, phase=phase, words=words, strategy=strategy, attested=name in _PEOPLE)
    for phase, rows in _CHAPTER_8.items()
    for name, words, strategy in rows
)
"""Chapter 8 of the strategy, line by line."""

_BY_ID = {one.id: one for one in ITEMS}


def item_of(point: str) -> Item:
    """What a person answers for by `point` of deploy.toml: an item of the strategy, or one's own `id: words`.

    Raises ValueError where it is neither, or where sc-deploy establishes the item itself.
    """
    if (known := _BY_ID.get(point)) is not None and known.attested:
        return known
    ids = ", ".join(one.id for one in ITEMS if one.attested)
    if known is not None:
        raise ValueError(f"{point!r} is established by sc-deploy itself; people answer for {ids}")
    own = _OWN.fullmatch(point)
    if own is None:
        raise ValueError(f"{point!r} is no item: one of {ids}, or an own one as 'id: what it says'")
    if own[1] in _BY_ID:
        raise ValueError(
            f"{own[1]!r} is an item of the strategy: name it without words, or choose another id"
        )
    return Item(id=own[1], phase=Phase.BEFORE, words=own[2], strategy="", attested=True)


def _point(text: str) -> str:
    item_of(text)
    return text


Point = Annotated[Name, AfterValidator(_point)]
"""A point of the before-checklist that a person answers for."""


def items_of(phase: Phase) -> tuple[Item, ...]:
    """The items of one phase, in the strategy's order."""
    return tuple(one for one in ITEMS if one.phase is phase)
