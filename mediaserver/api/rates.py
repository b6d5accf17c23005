"""How often one address may ask for what costs something."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mediaserver.api.problem import ProblemError
from mediaserver.sip.bucket import Bucket
from mediaserver.sip.sources import source_of

_MOST: Final = 10_000
"""Addresses remembered; the one that was not heard for longest is forgotten first."""


class Rates:
    """`per_minute` requests of each address, all at once if it likes; `clock` gives monotonic seconds."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._most = max(1.0, per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self.refused = 0
        """Requests over the limit."""

    def take(self, address: str) -> None:
        """Count a request. Raises ProblemError (429) when there were too many."""
        source, now = source_of(address), self._clock()
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            bucket = Bucket(self._per_s, self._most, now)
        self._buckets[source] = bucket
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        if not bucket.take(now):
            self.refused += 1
            wait = math.ceil(1 / self._per_s)
            raise ProblemError(
                429, f"too many requests from {source}: try again in {wait} s (http.per_source)", retry_after=str(wait)
            )
