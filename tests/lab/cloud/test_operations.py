"""Every operation that the simulated cloud answers has a caller: more would be code that nobody checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from botocore import xform_name

from bluegreen.adapters.aws.permissions import USED
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.lab.cloud.cloud import Cloud, service_key

ROOT = Path(__file__).parents[3]
CALLERS = ("bluegreen", "infra", "tools", "benchmarks", "tests")
MODEL = ("bluegreen/lab/cloud", "bluegreen/lab/api", "tests/lab/cloud")
"""The model and its own tests call for themselves alone."""
HANDS = {
    "auto-scaling": (
        "suspend_processes",
        "resume_processes",
        "complete_lifecycle_action",
        "put_lifecycle_hook",
    ),
    "rds": (
        "create_db_instance_read_replica",
        "delete_db_instance",
        "delete_db_snapshot",
        "modify_db_instance",
        "promote_read_replica",
        "restore_db_instance_from_db_snapshot",
    ),
}
"""What only a person does, in the console or with the `aws` command; the lab's pages name each."""
_CALLS = {".py": re.compile(r"[.\"'](\w+)[(\"',]"), ".sh": re.compile(r"\baws [a-z0-9-]+ ([a-z-]+)")}


def modelled() -> dict[str, set[str]]:
    return {service: set(known) for service, known in Cloud(ManualClock())._operations.items()}


@cache
def called() -> frozenset[str]:
    """Operations (snake case) that any source outside the model calls, or names as a string."""
    paths = (path for part in CALLERS for path in (ROOT / part).rglob("*.*"))
    return frozenset(name for path in paths for name in _in(path))


def _in(path: Path) -> Iterator[str]:
    if path.suffix not in _CALLS or path.relative_to(ROOT).as_posix().startswith(MODEL):
        return
    for found in _CALLS[path.suffix].finditer(path.read_text(encoding="utf-8")):
        yield found[1].replace("-", "_")


def used() -> set[tuple[str, str]]:
    return {(service_key(service), xform_name(one)) for service, known in USED.items() for one in known}


def without_caller(known: dict[str, set[str]]) -> set[tuple[str, str]]:
    """(service, operation); what several services call alike counts only where the adapters use it."""
    services = Counter(name for names in known.values() for name in names)
    return {
        (service, name)
        for service, names in known.items()
        for name in names
        if (service, name) not in used()
        and name not in HANDS.get(service, ())
        and (services[name] > 1 or name not in called())
    }


def test_every_operation_has_a_caller() -> None:
    assert without_caller(modelled()) == set()


def test_an_operation_that_nobody_calls_is_found() -> None:
    known = modelled()
    known["ec2"] |= {"describe_tags", "describe_fpga_images"}  # nobody's, but ELBv2 has the first too
    assert without_caller(known) == {("ec2", "describe_tags"), ("ec2", "describe_fpga_images")}


def test_what_people_do_is_modelled_and_on_the_page() -> None:
    page = "".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("lab.md", "lab-database.md")
    )
    known = modelled()
    for service, names in HANDS.items():
        for name in names:
            assert name in known[service]
            camel = "".join(part.upper() if part == "db" else part.title() for part in name.split("_"))
            assert camel in page


def test_what_the_adapters_use_is_modelled_where_the_service_is() -> None:
    known = modelled()
    missing = {one for one in used() if one[0] in known and one[1] not in known[one[0]]}
    assert {name for service, name in missing if service != "ssm" or "parameter" not in name} == set()
