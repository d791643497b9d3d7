"""A laptop-sized AWS: real processes and sockets, an ALB data plane, faults to inject.

Its packages are those of the extra `lab`; a plain `pip install sc-deploy` does not have them. They are
looked for here, in the one place that every module of the lab is imported through.
"""

from importlib.util import find_spec

from bluegreen.errors import ConfigError

PACKAGES = (
    "asyncpg",
    "flask",
    "flask_cors",
    "httptools",
    "moto",
    "prometheus_client",
    "py_partiql_parser",
    "werkzeug",
)
"""Without these there is no lab; without Envoy or PostgreSQL it says so, and what that means."""
"""What the extra `lab` of pyproject.toml installs, by the names under which it is imported."""

_missing = [name for name in PACKAGES if find_spec(name) is None]
if _missing:
    raise ConfigError(
        f"the lab is not installed: missing {', '.join(_missing)}",
        next_step='pip install "sc-deploy[lab]"',
    )
