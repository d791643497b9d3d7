"""`sc-deploy models`: AI models as artifacts that are stored once and never changed."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import ConfigError, Refused

if TYPE_CHECKING:
    from bluegreen.adapters.aws.model_store import ModelArchive
    from bluegreen.contract import TierContract

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Version = Annotated[str, typer.Argument(metavar="VERSION", help="The version of the model.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The model's file.")]
TrainedAt = Annotated[
    str, typer.Option("--trained-at", metavar="TIME", help="When it was trained, e.g. 2026-11-20.")
]
TrainedFrom = Annotated[
    str, typer.Option("--trained-from", metavar="TEXT", help="From what: the data's address, a commit.")
]
Metric = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME=NUMBER", help="How good it is; may be given more than once."),
]
Config = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="NAME=TEXT", help="How it was trained; may be given more than once."),
]


@verb
def push(
    settings: Settings,
    version: Version,
    file: File,
    trained_at: TrainedAt,
    trained_from: TrainedFrom,
    metric: Metric = None,
    config: Config = None,
) -> None:
    r"""Store a model with its manifest: digest, size, origin, metrics and configuration.

    A version is stored once. The same push again changes nothing, and continues where an interrupted one
    stood; the version with another file or other facts is refused. It serves nobody until it is promoted.

    For example:
      sc-deploy models push v8 model.bin --stack prod --trained-at 2026-11-20 \
        --trained-from s3://data/2026-11 --metric accuracy=0.93 --config epochs=20
    """
    facts = _facts(version, trained_at, trained_from, metric or [], config or [])
    from bluegreen.adapters.model_file import ModelFile
    from bluegreen.domain.model_manifest import ModelManifest
    from bluegreen.ui.tables.models import model_document, model_view

    with ModelFile(file) as read:
        manifest = ModelManifest(
            version=version,
            sha256=read.sha256,
            size=read.size,
            trained_at=trained_at,
            trained_from=trained_from,
            metrics=facts[0],
            configuration=facts[1],
        )
        archive, _ = _open(settings)
        new = archive.push(read, manifest, _progress(read.size))
    state = "stored" if new else "stored already"
    _terminal.show(settings, model_document(version, state, manifest), model_view(version, state, manifest))


def _facts(
    version: str, trained_at: str, trained_from: str, metrics: list[str], config: list[str]
) -> tuple[dict[str, float], dict[str, str]]:
    """Metrics and configuration; raises ConfigError with every fault of what was given."""
    faults = []
    if not _VERSION.fullmatch(version):
        faults.append(f"VERSION {version!r}: letters, digits, '.', '_' and '-', 64 at most")
    try:
        dt.datetime.fromisoformat(trained_at)
    except ValueError:
        faults.append(f"--trained-at {trained_at!r}: a date or time such as 2026-11-20 or 2026-11-20T08:30Z")
    if not trained_from.strip():
        faults.append("--trained-from is empty: say from what the model was trained")
    figures: dict[str, float] = {}
    words: dict[str, str] = {}
    for given in metrics:
        name, sign, value = given.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (name and sign) or not math.isfinite(number) or name in figures:
            faults.append(f"--metric {given!r}: NAME=NUMBER, each name once")
        figures[name] = number
    for given in config:
        name, sign, value = given.partition("=")
        if not (name and sign) or name in words:
            faults.append(f"--config {given!r}: NAME=TEXT, each name once")
        words[name] = value
    if faults:
        raise ConfigError("; ".join(faults), next_step="correct these; nothing was changed")
    return figures, words


def _progress(size: int) -> Callable[[int], None]:
    """Says each tenth that has arrived, once."""
    told = -1

    def arrived(done: int) -> None:
        nonlocal told
        if (tenth := done * 10 // size) > told:
            told = tenth
            _terminal.say(f"{done / 1e6:,.0f} of {size / 1e6:,.0f} MB")

    return arrived


@verb
def list_(settings: Settings) -> None:
    """Show every model of the stack: state, size, when and from what it was trained, metrics.

    For example:
      sc-deploy models list --stack prod
    """
    from bluegreen.ui.tables.models import models_document, models_view

    archive, current = _open(settings)
    rows = [(one.version, one.state, one.manifest) for one in archive.all()]
    _terminal.show(settings, models_document(rows, current), models_view(rows, current))


@verb
def show(settings: Settings, version: Version) -> None:
    """Show all that is known of one model.

    For example:
      sc-deploy models show v8 --stack prod
    """
    from bluegreen.ui.tables.models import model_document, model_view

    archive, _ = _open(settings)
    found = archive.one(version)
    row = (version, found.state, found.manifest)
    _terminal.show(settings, model_document(*row), model_view(*row))


@verb
def verify(settings: Settings, version: Version) -> None:
    """Read a stored model as a whole and compare it with its manifest.

    Ends with 0 when digest and size agree, 3 when they do not, or when file or manifest is missing.

    For example:
      sc-deploy models verify v8 --stack prod
    """
    from bluegreen.ui.tables.models import model_document, model_view

    archive, _ = _open(settings)
    row = (version, "verified", archive.verify(version))
    _terminal.show(settings, model_document(*row), model_view(*row))


def _open(settings: Settings) -> tuple[ModelArchive, str | None]:
    """The stack's models, and the version that its pointer names."""
    from bluegreen.adapters.aws.model_store import ModelArchive
    from bluegreen.adapters.aws.s3 import S3Models
    from bluegreen.adapters.aws.session import Session

    session = Session(region=settings.region or None)
    contract = _connect.read_contract(settings, session)
    tier: TierContract | None = next((one for one in contract.tiers if one.model is not None), None)
    if tier is None or tier.model is None:
        raise Refused(
            f"stack {contract.stack} has no model store in its contract", next_step="run `pulumi up`"
        )
    return ModelArchive(session, tier.model), S3Models(session).pointer(tier)


VERBS = {"push": push, "list": list_, "show": show, "verify": verify}
