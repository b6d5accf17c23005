"""The names of header fields: their short forms, which are lists, and how they are usually spelt."""

from collections.abc import Mapping

COMPACT_FORMS: Mapping[str, str] = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""One-letter names and the names they stand for, in lower case (RFC 3261 7.3.3 and later extensions)."""

STACKS = frozenset(
    (
        "contact",
        "diversion",
        "history-info",
        "p-asserted-identity",
        "path",
        "record-route",
        "route",
        "service-route",
        "via",
    )
)
"""Lists whose elements are taken one by one, from the front: kept as one field per element."""

LISTS = frozenset(
    (
        "accept",
        "accept-encoding",
        "accept-language",
        "alert-info",
        "allow",
        "allow-events",
        "call-info",
        "content-encoding",
        "content-language",
        "error-info",
        "in-reply-to",
        "proxy-require",
        "reason",
        "require",
        "supported",
        "unsupported",
        "warning",
    )
)
"""Lists of words: kept as they were written, split when asked for."""

_SINGLE = (
    "authorization",
    "date",
    "expires",
    "max-forwards",
    "min-expires",
    "min-se",
    "organization",
    "proxy-authenticate",
    "proxy-authorization",
    "retry-after",
    "server",
    "timestamp",
    "user-agent",
)
_UNLIKE_TITLES = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "min-se": "Min-SE",
    "mime-version": "MIME-Version",
    "p-asserted-identity": "P-Asserted-Identity",
    "rack": "RAck",
    "rseq": "RSeq",
    "www-authenticate": "WWW-Authenticate",
}

USUAL_SPELLING: Mapping[str, str] = {
    **{key: key.title() for key in (*COMPACT_FORMS.values(), *STACKS, *LISTS, *_SINGLE)},
    **_UNLIKE_TITLES,
}
"""Lower-case name to the spelling of the RFCs; names that are not here keep their sender's."""
