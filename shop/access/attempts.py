"""How often one may try something: sign in, follow an order, order as a guest; for the thing tried, and for an address.

Signing in: 10 times in 15 minutes for an account, 30 times for an address. Counted in Valkey for all web processes;
while it does not answer, each process counts in its own memory. The windows end by themselves, so that a stranger's
guessing never locks an owner out for good. Accounts are kept as hashes.
"""

import hashlib
import math
import time
from collections.abc import Sequence

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from shop.access.errors import TooManyAttempts

PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
PER_ADDRESS = RateLimitItemPerMinute(30, 15)
_SECONDS = 1.0

#: A window, what is counted in it, and of whom. Addresses are kept as they are, everything else as a hash.
Try = tuple[RateLimitItem, str, str]


class Attempts:
    """The counters of one app. `owner` keeps apps apart that share a Valkey."""

    def __init__(self, storage_uri: str, owner: str) -> None:
        storage = storage_from_string(
            storage_uri, wrap_exceptions=True, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
        )
        self._shared = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._owner = _digest(owner)

    def count(self, login: str, address: str) -> None:
        """Count one try. Raises TooManyAttempts, with the seconds to wait, when either window is full."""
        wait = self.wait((PER_ACCOUNT, "account", login), (PER_ADDRESS, "address", address))
        if wait is not None:
            raise TooManyAttempts(retry_after_s=wait)

    def wait(self, *tries: Try) -> int | None:
        """Count one try in each window; the seconds to wait when any is full, else None."""
        hashed = [(item, kind, whose if kind.endswith("address") else _digest(whose)) for item, kind, whose in tries]
        try:
            return self._count(self._shared, hashed)
        except StorageError:
            return self._count(self._alone, hashed)

    def _count(self, limiter: FixedWindowRateLimiter, tries: Sequence[Try]) -> int | None:
        full = [(item, kind, whose) for item, kind, whose in tries if not limiter.hit(item, self._owner, kind, whose)]
        ends = [limiter.get_window_stats(item, self._owner, kind, whose).reset_time for item, kind, whose in full]
        return max(math.ceil(max(ends) - time.time()), 1) if ends else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
