"""Programs that look for SIP servers to break into, known by what they say of themselves."""

import re
from collections.abc import Callable, Iterable

SCANNERS = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sip-scan",
    "sipscan",
    "sundayddr",
    "iwar",
    "vaxsipuseragent",
    "vaxipuseragent",
    "pplsip",
    "sipcli",
    "siparmyknife",
    "sipptk",
    "smap",
    "@1.1.1.1",
)
"""What they write into User-Agent or From; `@1.1.1.1` is where the probes of sipvicious say they come from."""

_HEAD = 4096
"""Bytes that are looked at: what a scanner says of itself stands near the top."""


def finder(patterns: Iterable[str]) -> Callable[[bytes], bool]:
    """Tells from the bytes of a request whether User-Agent or From has one of `patterns`, as a word and in any case."""
    words = b"|".join(map(_as_word, filter(None, patterns)))
    if not words:
        return lambda data: False
    anywhere = re.compile(words, re.IGNORECASE)
    named = re.compile(rb"\n(?:User-Agent|From|f)[ \t]*:[^\r\n]*?(?:" + words + rb")", re.IGNORECASE)

    def is_scanner(data: bytes) -> bool:
        head = data[:_HEAD]
        # The first search alone is quick, and nearly always all there is to do.
        return anywhere.search(head) is not None and named.search(head) is not None

    return is_scanner


def _as_word(pattern: str) -> bytes:
    """The pattern, not as a part of a longer word: people are called Siwar."""
    before = rb"(?<![A-Za-z0-9])" if pattern[0].isalnum() else b""
    return before + re.escape(pattern.encode()) + rb"(?![A-Za-z0-9])"
