"""How the PostgreSQL server is set up: TLS alone, audit, slow statements (M2, S2)."""

from __future__ import annotations

PARAMETERS = {
    "rds.force_ssl": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "shared_preload_libraries": "pg_stat_statements,pgaudit",
    "pgaudit.log": "ddl,role,write",
    "log_connections": "1",
    "log_disconnections": "1",
    "log_lock_waits": "1",
    "log_min_duration_statement": "1000",
    "log_statement": "ddl",
}
# Read only when the server starts.
STATIC_PARAMETERS = frozenset({"shared_preload_libraries"})


def server_parameters() -> list[dict[str, str]]:
    """The parameters as RDS takes them; static ones wait for the next restart."""
    return [
        {
            "name": key,
            "value": value,
            "apply_method": "pending-reboot" if key in STATIC_PARAMETERS else "immediate",
        }
        for key, value in sorted(PARAMETERS.items())
    ]
