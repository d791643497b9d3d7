"""The side of Envoy that clients see: HTTP settings, own answers, the log that everything is counted from."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from bluegreen.lab.balancer.clusters import source
from bluegreen.lab.balancer.routes import NAME
from bluegreen.lab.balancer.timing import Timing

Document = dict[str, Any]

FIELDS = (
    "%START_TIME(%s.%3f)%",
    "%DURATION%",
    "%ROUTE_NAME%",
    "%UPSTREAM_CLUSTER%",
    "%UPSTREAM_HOST%",
    "%RESPONSE_CODE%",
    "%RESPONSE_FLAGS%",
    "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%",
)
"""A line of the access log: when it began (epoch seconds), for how many ms, the route, the target group, the
target, the status that the client got, Envoy's flags, and the microseconds from sending to the first byte."""

_ANSWERS = (
    # The target refused or cut the connection, or answered no HTTP.
    (("UF", "UC", "UR", "LR", "UPE"), 502),
    # No registered target, or no such target group.
    (("UH", "NC", "NR", "UO"), 503),
    # The target accepted and stayed silent.
    (("UT", "SI"), 504),
)
"""Envoy's flags and what an Application Load Balancer answers instead.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""


def listener(directory: str, timing: Timing, *, port: int, listening: bool) -> Document:
    """Bound all the time; without a listener in AWS no connection is served."""
    manager = _manager(directory, timing)
    chains = [{"filters": [{"name": "http", "typed_config": manager}]}]
    closed = [{"filters": [{"name": "closed", "typed_config": _closed()}]}]
    return {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": NAME,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        # With it a second Envoy could take the same port without a word.
        "enable_reuse_port": False,
        "tcp_backlog_size": 4096,
        "filter_chains": chains if listening else closed,
    }


def _closed() -> Document:
    """Ends each connection: there is no cluster of this name."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "closed",
        "cluster": "none",
    }


def _manager(directory: str, timing: Timing) -> Document:
    file = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    line = "\t".join(FIELDS) + "\n"
    log = {
        "@type": file,
        "path": "/dev/stdout",
        "log_format": {"text_format_source": {"inline_string": line}},
    }
    lua = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": Path(__file__).with_name("filter.lua").read_text("utf-8")},
    }
    router = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    }
    hcm = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "@type": f"type.googleapis.com/{hcm}",
        "stat_prefix": NAME,
        "rds": {"route_config_name": NAME, "config_source": source(directory, "rds.json")},
        "http_filters": [
            {"name": "envoy.filters.http.lua", "typed_config": lua},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        "access_log": [{"name": "envoy.access_loggers.file", "typed_config": log}],
        "local_reply_config": {"mappers": _mappers()},
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "stream_idle_timeout": f"{timing.idle:.3f}s",
        "max_request_headers_kb": 64,
        "common_http_protocol_options": {
            "idle_timeout": f"{timing.idle:.3f}s",
            "max_connection_duration": "3600s",
            "max_headers_count": 1000,
        },
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "localhost"},
        "http2_protocol_options": {"max_concurrent_streams": 128},
    }


def page(status: int) -> str:
    """The page of the load balancer's own error."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )


def _mappers() -> list[Document]:
    """Envoy's own answers as the load balancer's; a fixed response has no flag and stays as it is."""
    cel = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    late = {
        "name": "connection timeout",
        "typed_config": {"@type": cel, "expression": "response.code_details.contains('connection_timeout')"},
    }
    too_large = {"comparison": {"op": "EQ", "value": {"default_value": 431, "runtime_key": "none"}}}
    by_flag = [({"response_flag_filter": {"flags": list(flags)}}, status) for flags, status in _ANSWERS]
    rules: list[tuple[Document, int]] = [
        ({"extension_filter": late}, 504),
        ({"status_code_filter": too_large}, 400),
        *by_flag,
    ]
    return [_mapper(found, status) for found, status in rules]


def _mapper(found: Document, status: int) -> Document:
    server = {"key": "server", "value": "awselb/2.0"}
    return {
        "filter": found,
        "status_code": status,
        "body": {"inline_string": page(status)},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "text/html",
        },
        "headers_to_add": [{"header": server, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }
