"""One machine: embedded PostgreSQL and Valkey, and the supervisor of web, worker and beat.

Promises: no server to install, nothing listening but the web port, data under one folder with one owner, a clean stop,
recovery after kill -9. Knows no business; called by `cli.py`, tests and benches.
"""

from shop.local.servers import LocalError, Running, servers

__all__ = ["LocalError", "Running", "servers"]
