"""Where messages come from, as far as it matters to the guard: how much, how well known, how often at fault."""

from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from mediaserver.sip.bucket import Bucket


@lru_cache(4096)
def source_of(address: str) -> str:
    """What is counted as one source: an IPv4 address, or the /64 that a customer of IPv6 has whole."""
    if ":" not in address:
        return address
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


class Source:
    """One source. Times in seconds; `credit` in bytes that may be sent to it before it has proved to be there."""

    __slots__ = (
        "banned_until",
        "calls",
        "checked_at",
        "credit",
        "failed_at",
        "failures",
        "others",
        "proven_until",
        "strikes",
        "told_at",
        "trusted",
    )

    def __init__(self, calls: Bucket, others: Bucket) -> None:
        self.calls = calls
        """For requests that make us keep something."""
        self.others = others
        self.trusted = False
        self.checked_at = float("-inf")
        """When it was last looked up whether it is trusted."""
        self.proven_until = float("-inf")
        self.banned_until = float("-inf")
        self.strikes = 0
        """How often it was banned."""
        self.failures = 0
        self.failed_at = float("-inf")
        self.told_at = float("-inf")
        self.credit = 0.0


class Sources:
    """The sources heard last, at most `most`: those that were not heard for longest are forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_name: OrderedDict[str, Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Source | None:
        """The source, which counts as heard now."""
        source = self._by_name.get(name)
        if source is not None:
            self._by_name.move_to_end(name)
        return source

    def peek(self, name: str) -> Source | None:
        """The source, without counting it as heard."""
        return self._by_name.get(name)

    def put(self, name: str, source: Source) -> None:
        """Keep a source."""
        self._by_name[name] = source
        if len(self._by_name) > self._most:
            self._by_name.popitem(last=False)

    def pop(self, name: str) -> Source | None:
        """Take a source out."""
        return self._by_name.pop(name, None)
