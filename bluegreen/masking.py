"""Credentials taken out of text before anybody sees it.

Better to hide a harmless word than to print a password: what merely looks like a secret is masked.
"""

from __future__ import annotations

import re

_HIDDEN = "****"
_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key(?:[-_]?id)?|private[-_]?key"
    r"|credentials?|x-amz-signature|x-amz-security-token|x-amz-credential"
)
_ASSIGNS = r"(?:[\"']\s*[:=]\s*|\s*=\s*|\s*:\s+)"
"""A bare colon between two words does not count: `secretsmanager:GetSecretValue` names a permission."""
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        _HIDDEN,
    ),
    # https://user:password@host, postgres://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE), rf"\1:{_HIDDEN}@"),
    (
        re.compile(
            r"(\bauthorization\b[\"']?\s*[:=]\s*[\"']?)(?:(basic|bearer)\s+)?[^\s\"',;]+", re.IGNORECASE
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(\bbearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{_HIDDEN}"),
    # DB_PASSWORD=..., "apiKey": "...", --token ...
    (
        re.compile(rf"((?:{_NAMES})\w*{_ASSIGNS})(\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)", re.IGNORECASE),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(rf"(--[\w-]*(?:{_NAMES})[\w-]*\s+)(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), _HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), _HIDDEN),  # JSON Web Token
    (re.compile(r"(\bhooks\.slack(?:-gov)?\.com/)[\w/.-]+", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"\bNRAK-\w{8,}"), _HIDDEN),  # New Relic user key
    (re.compile(r"\b(?:ghp|gho|ghs|github_pat|xox[abp]|sk)[-_][\w-]{16,}"), _HIDDEN),
)


def mask(text: str) -> str:
    """`text` with everything that looks like a credential replaced by `****`."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
