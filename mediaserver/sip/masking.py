"""Secrets in messages, hidden before anybody reads or keeps them: answers to digests, passwords, keys of media, digits.

What is hidden keeps its length, so that Content-Length still counts.
"""

import re

_CREDENTIALS = re.compile(
    rb"^(?P<name>(?:Proxy-)?Authorization|Authentication-Info|Proxy-Authentication-Info)(?P<colon>[ \t]*:[ \t]*)"
    rb"(?P<value>[^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_SECRET_PARAMETER = re.compile(rb'(\b(?:response|cnonce|rspauth)[ \t]*=[ \t]*"?)([^",\s]+)', re.IGNORECASE)
_DIGEST = re.compile(rb"Digest\b|rspauth\b|nextnonce\b|qop\b|nc\b|cnonce\b", re.IGNORECASE)
_SCHEME = re.compile(rb"[^\s]+[ \t]+")
_IN_URI = re.compile(rb"(sips?:[^@\s<>;:?]++:)([^@\s<>;]++)(@?)", re.IGNORECASE)
"""A user and what may be a password. Where no @ follows it is none, nor is any within it: it is not searched again."""
_OTHER_SECRETS = (
    re.compile(rb"(^a=crypto:[^\r\n]*?inline:)([^\s]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(inline:)([^\s;|]{8,})", re.IGNORECASE),
    re.compile(rb"(^a=ice-pwd:)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^k=[a-z-]+:)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^Signal[ \t]*=[ \t]*)([^\s]+)", re.IGNORECASE | re.MULTILINE),
)
"""Keys of SDES in any line, of ICE and of `k=`, the digit of an INFO: it may be of a PIN."""
_DIGIT_ALONE = re.compile(rb"^(Content-Type|c)[ \t]*:[ \t]*application/dtmf[ \t]*(;[^\r\n]*)?\r?$", re.I | re.M)
_IN_TEXT = re.compile(
    r"(sips?:[^@\s<>;:?]+:)([^@\s<>;]+)(?=@)"
    r"|((?:\bresponse|cnonce|rspauth)\s*=\s*\\?\"?)([0-9a-fA-F]{8,})"
    r"|(inline:|ice-pwd:)([^\s;|'\"]{8,})",
    re.IGNORECASE,
)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


def masked(message: bytes) -> bytes:
    """The message with an x in place of every octet that is secret."""
    message = _CREDENTIALS.sub(_credentials, message)
    message = _IN_URI.sub(_password, message)
    for pattern in _OTHER_SECRETS:
        message = pattern.sub(_second, message)
    if _DIGIT_ALONE.search(message) and (end := _HEAD_END.search(message)) is not None:
        message = message[: end.end()] + _hidden(message[end.end() :])
    return message


def masked_text(text: str) -> str:
    """A line of a log likewise: the password of a URI, the answer to a digest, a key of media."""
    if ":" not in text and "=" not in text:
        return text
    return _IN_TEXT.sub(_hidden_text, text)


def _hidden_text(match: re.Match[str]) -> str:
    before = match[1] or match[3] or match[5]
    return before + "x" * (len(match[0]) - len(before))


def _credentials(field: re.Match[bytes]) -> bytes:
    value = field["value"]
    if _DIGEST.match(value):
        value = _SECRET_PARAMETER.sub(_second, value)
    else:
        scheme = _SCHEME.match(value)
        kept = scheme.end() if scheme else 0
        value = value[:kept] + _hidden(value[kept:])
    return field["name"] + field["colon"] + value


def _password(match: re.Match[bytes]) -> bytes:
    return bytes(match[1]) + _hidden(match[2]) + b"@" if match[3] else match[0]


def _second(match: re.Match[bytes]) -> bytes:
    return bytes(match[1]) + _hidden(match[2])


def _hidden(secret: bytes) -> bytes:
    return re.sub(rb"[^\s]", b"x", secret)
