"""Where else to look at a deployment: pages of the AWS console, as links that a terminal can open.

Links are OSC 8 escapes (https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda). Some terminals
show the escape itself, so it is sent only to those that are known to open it; the help page has the
addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from rich.style import Style
from rich.text import Text

from bluegreen.contract import Contract

_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "Tabby")
_TERMS = re.compile(r"kitty|alacritty|foot|ghostty|wezterm")
_MARKS = ("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "DOMTERM", "ALACRITTY_WINDOW_ID")
_VTE = 5000
"""VTE 0.50 (GNOME Terminal, Tilix ...) and newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page and what it is called."""

    name: str
    url: str


def links_of(contract: Contract) -> tuple[Link, ...]:
    """The pages of a stack: load balancer, dashboard and log groups."""
    region = contract.region
    console = f"https://{region}.console.aws.amazon.com"
    # The console's own way to write a slash of a fragment: percent signs as dollars, twice over.
    groups = quote(quote(f"/sportcoach/{contract.stack}", safe=""), safe="").replace("%", "$")
    balancer, stack = quote(contract.load_balancer_arn, safe=":/"), f"sportcoach-{contract.stack}"
    return (
        Link(
            name="load balancer",
            url=f"{console}/ec2/home?region={region}#LoadBalancer:loadBalancerArn={balancer}",
        ),
        Link(name="dashboard", url=f"{console}/cloudwatch/home?region={region}#dashboards/dashboard/{stack}"),
        Link(
            name="log groups",
            url=f"{console}/cloudwatch/home?region={region}#logsV2:log-groups$3FlogGroupNameFilter$3D{groups}",
        ),
    )


def knows_links(environ: Mapping[str, str]) -> bool:
    """Whether the terminal of this environment opens OSC 8 links; a multiplexer may not pass them on."""
    term = environ.get("TERM", "")
    if "TMUX" in environ or term.startswith(("screen", "tmux", "dumb", "linux")):
        return False
    vte = environ.get("VTE_VERSION", "")
    return (
        environ.get("TERM_PROGRAM") in _PROGRAMS
        or any(mark in environ for mark in _MARKS)
        or bool(_TERMS.search(term))
        or (vte.isdigit() and int(vte) >= _VTE)
    )


def links_line(links: Iterable[Link]) -> Text:
    """`links     load balancer   dashboard   log groups`, each of which opens its page."""
    parts = [Text(one.name, style=Style(link=one.url, underline=True)) for one in links]
    return Text.assemble(("links     ", "dim"), Text("   ").join(parts))
