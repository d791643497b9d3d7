"""Links to the AWS console: the right pages, and only for terminals that open them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bluegreen.ui.keys import Keys
from bluegreen.ui.links import knows_links, links_of
from bluegreen.ui.live import LiveView
from tests.ui.samples import Script, contract


def test_the_pages_of_a_stack() -> None:
    made = contract("prod")
    balancer, dashboard, logs = links_of(made)
    assert balancer.url.startswith(
        f"https://{made.region}.console.aws.amazon.com/ec2/home?region={made.region}#"
    )
    assert balancer.url.endswith(f"#LoadBalancer:loadBalancerArn={made.load_balancer_arn}")
    assert dashboard.url.endswith("#dashboards/dashboard/sportcoach-prod")
    assert logs.url.endswith("#logsV2:log-groups$3FlogGroupNameFilter$3D$252Fsportcoach$252Fprod")


@pytest.mark.parametrize(
    ("environ", "knows"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7006"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4205"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "new"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "tmux"}, False),
        ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "dumb", "TERM_PROGRAM": "vscode"}, False),
        ({}, False),
    ],
)
def test_which_terminals_are_trusted(environ: dict[str, str], knows: bool) -> None:  # noqa: FBT001  (a column)
    assert knows_links(environ) is knows


def frame(*, width: int = 140, page: str = "", **more: bool) -> str:
    script = Script().until("judge-25").measured(30)
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width, height=50
    )
    view = LiveView(console, clock=lambda: script.at, keys=Keys(acts=True), **more)
    for entry in script.entries:
        view(script.header, entry)
    if page:
        view.press(page)
    return view._frame()


def test_a_link_is_an_escape_for_those_that_know_it_and_nothing_for_others() -> None:
    dashboard = links_of(contract())[1].url
    assert f";{dashboard}\x1b\\" in frame(linked=True)
    assert "\x1b]8;" not in frame()
    assert "\x1b]8;" not in frame(linked=True, addressed=False), "no page of the console knows a lab"
    assert "links " not in frame()


def test_the_help_page_has_the_addresses_for_everybody() -> None:
    assert links_of(contract())[1].url in frame(page="?")
    assert "https://" not in frame(page="?", addressed=False)
