"""Opens the metric sources that deploy.toml names, with what the contract knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.metrics.cloudwatch import CloudWatchMetrics
from bluegreen.adapters.metrics.combined import CombinedMetrics
from bluegreen.adapters.metrics.metrics_http import Sign
from bluegreen.adapters.metrics.nerdgraph import NerdGraph, user_key
from bluegreen.adapters.metrics.newrelic import NewRelicMetrics
from bluegreen.adapters.metrics.own_checks import WatchedChecks
from bluegreen.adapters.metrics.prometheus import PrometheusMetrics
from bluegreen.adapters.metrics.prometheus_api import PrometheusApi, sigv4
from bluegreen.contract import Contract
from bluegreen.errors import ConfigError, Fault
from bluegreen.policy import PROMETHEUS_ALERT, Policy, Prometheus, Source
from bluegreen.ports import Clock, Metrics, MetricSource, OwnChecks


def open_metrics(session: Session, contract: Contract, policy: Policy, *, clock: Clock) -> Metrics:
    """The sources in one; makes no call. Raises ConfigError naming everything that is not known."""
    faults = _faults(contract, policy)
    if faults:
        raise ConfigError(
            "the metric sources cannot be asked",
            faults=faults,
            next_step="correct deploy.toml, or let `pulumi up` provision what it names",
        )
    balancer = CloudWatchMetrics(session, contract, policy.judge, clock=clock)
    others: dict[Source, MetricSource] = {}
    feeds = policy.metrics.feeds
    if Source.PROMETHEUS in feeds:
        table = policy.metrics.prometheus
        api = _prometheus(session, contract, table, clock)
        others[Source.PROMETHEUS] = PrometheusMetrics(api, table, feeds=feeds[Source.PROMETHEUS], clock=clock)
    if Source.NEW_RELIC in feeds:
        relic = policy.metrics.newrelic
        sign = user_key(session, relic.secret or contract.new_relic_secret)
        graph = NerdGraph(relic, relic.account or contract.new_relic_account, clock=clock, sign=sign)
        others[Source.NEW_RELIC] = NewRelicMetrics(graph, relic, feeds=feeds[Source.NEW_RELIC], clock=clock)
    return CombinedMetrics(balancer, others, policy.metrics)


def open_checks(session: Session, contract: Contract, policy: Policy, *, clock: Clock) -> OwnChecks:
    """Own checks and watched alarms; makes no call, and `open_metrics` has seen that all is known."""
    api = None
    if _asks_prometheus(policy):
        api = _prometheus(session, contract, policy.metrics.prometheus, clock)
    return WatchedChecks(session, api, contract.stack, policy, clock=clock)


def _prometheus(session: Session, contract: Contract, table: Prometheus, clock: Clock) -> PrometheusApi:
    url = table.url or contract.prometheus_query_url
    return PrometheusApi(url, timeout=table.timeout, clock=clock, sign=_signature(session, table, url))


def _asks_prometheus(policy: Policy) -> list[str]:
    """What else than metrics is asked of Prometheus."""
    checks = [f"check {one.name}" for one in policy.check if one.promql]
    return checks + [one for one in policy.alarms.all if one.startswith(PROMETHEUS_ALERT)]


def silent_series(
    session: Session, contract: Contract, clock: Clock, series: Sequence[str]
) -> tuple[str, ...]:
    """Of these selectors those without a sample lately in the contract's Prometheus.

    Prometheus answers with what is at most 5 minutes old (`query.lookback-delta`).
    """
    if not contract.prometheus_query_url or not series:
        return ()
    api = _prometheus(session, contract, Prometheus(), clock)
    try:
        return tuple(one for one in series if not api.number(f"count({one})", at=clock.now()))
    finally:
        api.close()


def _faults(contract: Contract, policy: Policy) -> list[Fault]:
    metrics = policy.metrics
    relic = metrics.newrelic
    feeds = {source: [f"feeds {', '.join(sorted(fed))}"] for source, fed in metrics.feeds.items()}
    if others := _asks_prometheus(policy):
        feeds.setdefault(Source.PROMETHEUS, []).append(f"is asked for {', '.join(others)}")
    wanted = (
        (Source.PROMETHEUS, "prometheus.url", metrics.prometheus.url or contract.prometheus_query_url),
        (Source.NEW_RELIC, "newrelic.account", relic.account or contract.new_relic_account),
        (Source.NEW_RELIC, "newrelic.secret", relic.secret or contract.new_relic_secret),
    )
    return [
        Fault(
            f"metrics.{name}",
            f"is set neither here nor in the contract of {contract.stack}, and {source} "
            f"{' and '.join(feeds[source])}",
        )
        for source, name, value in wanted
        if source in feeds and not value
    ]


def _signature(session: Session, table: Prometheus, url: str) -> Sign:
    host = urlsplit(url).hostname or ""
    if table.auth == "sigv4" or (table.auth == "auto" and host.endswith(".amazonaws.com")):
        return sigv4(session)
    return lambda _url, _body, headers: headers
