"""What a model is: its file's digest and size, when and from what it was trained, how good it is (A1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

_TEXTS = ("version", "sha256", "trained_at", "trained_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """The facts of one model version; stored once beside the file and never changed."""

    version: str
    sha256: str
    """Of the file, in hex."""
    size: int
    """Bytes."""
    trained_at: str
    """ISO 8601, as the person who trained it says."""
    trained_from: str
    """The training data, in that person's words: an address, a commit."""
    metrics: Mapping[str, float]
    configuration: Mapping[str, str]

    def text(self) -> str:
        """As it is stored; the same facts are the same text."""
        return json.dumps(asdict(self), sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    def differences(self, other: ModelManifest) -> tuple[str, ...]:
        """The names of the facts in which the two differ."""
        mine, theirs = asdict(self), asdict(other)
        return tuple(name for name in mine if mine[name] != theirs[name])


def parse_manifest(text: str) -> ModelManifest:
    """The manifest in `text`; raises ValueError with every fault."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  (one error for whatever is wrong)
    faults = [f"{name} is no text" for name in _TEXTS if not isinstance(found.get(name), str)]
    size = found.get("size")
    if isinstance(size, bool) or not isinstance(size, int):
        faults.append("size is no whole number")
    pairs = {name: found.get(name) for name in ("metrics", "configuration")}
    faults += [f"{name} is no object" for name, value in pairs.items() if not isinstance(value, dict)]
    if faults:
        raise ValueError("; ".join(faults))
    return ModelManifest(
        size=found["size"],
        metrics={str(key): float(value) for key, value in found["metrics"].items()},
        configuration={str(key): str(value) for key, value in found["configuration"].items()},
        **{name: found[name] for name in _TEXTS},
    )
