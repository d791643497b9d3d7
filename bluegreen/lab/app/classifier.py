"""The AI tier's model: names the sport in a sentence, right as often as its release can.

The truth is a keyword in the text, so golden sets can be written by anyone. A wrong answer is
chosen by the hash of the question alone: the same question always gets the same answer, and a
less accurate release is wrong wherever a better one is, and beyond.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

LABELS = ("running", "cycling", "swimming", "rowing", "strength")
_KEYWORDS = {
    "running": ("run", "jog", "sprint", "marathon"),
    "cycling": ("cycl", "ride", "rode", "bike", "pedal"),
    "swimming": ("swim", "swam", "freestyle", "butterfly"),
    "rowing": ("row", "erg", "scull"),
    "strength": ("squat", "deadlift", "bench", "lift"),
}
_SENTENCES = {
    "running": "ran a marathon pace run of {n} km",
    "cycling": "bike ride of {n} km with climbs",
    "swimming": "swim of {n} lengths freestyle",
    "rowing": "sculls, {n} km on the water",
    "strength": "deadlift and squat, {n} sets",
}


def true_label(question: Any) -> str:
    """The right answer: the sport whose keyword the text holds, else one chosen by its hash."""
    text = _text(question).lower()
    for label, words in _KEYWORDS.items():
        if any(word in text for word in words):
            return label
    return LABELS[int(_share(text, "truth") * len(LABELS))]


def classify(question: Any, accuracy: float) -> str:
    """The answer of a model that is right for `accuracy` (0..1) of all questions."""
    right = true_label(question)
    text = _text(question).lower()
    if _share(text, "known") < accuracy:
        return right
    wrong = [label for label in LABELS if label != right]
    return wrong[int(_share(text, "guess") * len(wrong))]


def golden_rows(count: int) -> list[dict[str, str]]:
    """`count` questions with their right answers, as a golden set's JSON lines hold them."""
    rows = []
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        text = f"session {number + 1}: {_SENTENCES[label].format(n=number % 37 + 3)}"
        rows.append({"input": text, "label": label})
    return rows


def _text(question: Any) -> str:
    return question if isinstance(question, str) else json.dumps(question, sort_keys=True)


def _share(text: str, salt: str) -> float:
    """A number in [0, 1) that depends on `text` and `salt` alone."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, salt=salt.encode()).digest()
    return int.from_bytes(digest, "big") / 2**64
