"""Models as tables and documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bluegreen.domain.model_manifest import ModelManifest
from bluegreen.ui.tables.grid import grid

Row = tuple[str, str, ModelManifest | None]
"""Version, state, manifest."""


def models_view(rows: Sequence[Row], current: str | None) -> RenderableType:
    """A line for each version; the one that the pointer names is marked."""
    if not rows:
        return Text("there are no models")
    table = grid("model", "state", "MB", "trained", "from", "metrics", right=("MB",))
    for version, state, manifest in rows:
        table.add_row(
            f"{version} (current)" if version == current else version,
            state,
            "—" if manifest is None else f"{manifest.size / 1e6:,.1f}",
            "—" if manifest is None else manifest.trained_at,
            "—" if manifest is None else manifest.trained_from,
            "—" if manifest is None else ", ".join(f"{k} {v:g}" for k, v in manifest.metrics.items()) or "—",
        )
    return table


def model_view(version: str, state: str, manifest: ModelManifest | None) -> RenderableType:
    """All that is known of one."""
    lines = [f"model {version}: {state}"]
    if manifest is not None:
        lines += [f"SHA-256       {manifest.sha256}", f"size          {manifest.size:,} bytes"]
        lines += [f"trained       {manifest.trained_at} from {manifest.trained_from}"]
        lines += [f"metric        {name} {value:g}" for name, value in manifest.metrics.items()]
        lines += [f"configuration {name} {value}" for name, value in manifest.configuration.items()]
    return Text("\n".join(lines))


def model_document(version: str, state: str, manifest: ModelManifest | None) -> dict[str, Any]:
    """One for `--output json`."""
    facts = None
    if manifest is not None:
        facts = {
            "sha256": manifest.sha256,
            "size": manifest.size,
            "trained_at": manifest.trained_at,
            "trained_from": manifest.trained_from,
            "metrics": dict(manifest.metrics),
            "configuration": dict(manifest.configuration),
        }
    return {"event": "model", "version": version, "state": state, "manifest": facts}


def models_document(rows: Sequence[Row], current: str | None) -> dict[str, Any]:
    """All for `--output json`."""
    return {"event": "models", "current": current, "models": [model_document(*row) for row in rows]}
