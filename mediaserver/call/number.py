"""Telephone numbers as people, models and URIs write them, brought into one form; and which of them call for help."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.uri import SipUri

_SEPARATORS = re.compile(r"[\s\-.()/\u00a0\u00b7\u2010-\u2015\u2212]+")
"""Visual separators (RFC 3966 5.1.1), and those that word processors make of them."""
_HIDDEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff\u20e3]")
"""Signs nobody sees: joiners, marks of direction, the frame of a keycap."""
_DIGITS = re.compile(r"\+?[0-9]{1,20}")
_AFTER = re.compile(r"[;,pPwWxX&?#]|ext", re.ASCII)
"""What begins what is dialled after the answer: pauses, extensions, parameters."""
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"(tel|callto|phone|sips?):(//)?", re.IGNORECASE)
_SOS = re.compile(r"(urn:service:)?sos(\.|$)", re.IGNORECASE)
"""The service URN of emergency calls (RFC 5031), and user names made of it."""
_ABROAD = ("+", "00", "011", "0011", "010")
_LONGEST_COUNTRY = 3


class BadNumberError(ValueError):
    """What was given is no number that can be dialled; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How numbers are dialled in the country we are in."""

    country: str | None = None
    """Country code without +; None: numbers without one stay as they are."""
    national_prefix: str = "0"
    international_prefix: str = "00"

    def national(self, number: str) -> str:
        """`number` as it is dialled within the country; international where it is abroad."""
        if self.country is not None and number.startswith(f"+{self.country}"):
            return self.national_prefix + number[1 + len(self.country) :]
        return self.international(number)

    def international(self, number: str) -> str:
        """`number` with the international prefix in place of +."""
        return self.international_prefix + number[1:] if number.startswith("+") else number


def dialled(text: str, plan: Plan) -> str:
    """The number in one form: "+" and digits where its country is known, else the digits. Raises BadNumberError.

    Nothing is dialled after the number: pauses, extensions and service codes are refused.
    """
    bare = _SEPARATORS.sub("", _plain(text))
    if not bare:
        raise BadNumberError("is empty")
    if _DIGITS.fullmatch(bare) is None:
        raise BadNumberError("is no telephone number: write digits, as in +4930555, and nothing to be dialled after it")
    if bare.startswith("+"):
        return bare
    if bare.startswith(plan.international_prefix) and len(bare) > len(plan.international_prefix) + 3:
        return "+" + bare[len(plan.international_prefix) :]
    if plan.country is not None and plan.national_prefix and bare.startswith(plan.national_prefix):
        return f"+{plan.country}{bare[len(plan.national_prefix) :]}"
    return bare


def is_number(text: str) -> bool:
    """Whether it is a number, and not a name."""
    return _DIGITS.fullmatch(_SEPARATORS.sub("", _plain(text))) is not None


def is_emergency(text: str, emergency: Collection[str]) -> bool:
    """Whether `text`, a number or a URI in any spelling, would reach one of the emergency numbers.

    That is the number itself, alone or with something to dial after it, behind any country code, behind a prefix that
    leads abroad, out of a PBX or to another region; and the service URN.
    """
    return any(_reaches(reading, emergency) for reading in _readings(text))


def begins(number: str, prefixes: Sequence[str]) -> int:
    """How long the longest of `prefixes` is that `number` begins with; -1 if it begins with none."""
    return max((len(prefix) for prefix in prefixes if number.startswith(prefix)), default=-1)


def _readings(text: str) -> Iterator[str]:
    """What a switch may take for the number: the text, its user part, each up to what is dialled after it."""
    plain = _plain(text)
    for part in {plain, plain.partition("@")[0], _user_of(text)}:
        yield _SEPARATORS.sub("", part)
        yield _SEPARATORS.sub("", _AFTER.split(part, maxsplit=1)[0])


def _user_of(text: str) -> str:
    try:
        uri = SipUri.parse_any(_unescaped(text).strip(" \t<>"))
    except RemoteProtocolError:
        return ""
    return _plain(uri.user or "")


def _reaches(number: str, emergency: Collection[str]) -> bool:
    if _SOS.match(number):
        return True
    for prefix in _ABROAD:
        if number.startswith(prefix):
            rest = number[len(prefix) :]
            # Behind a country code, with or without the prefix of a region.
            for length in range(_LONGEST_COUNTRY + 1):
                if rest[length:] in emergency or rest[length:].removeprefix("0") in emergency:
                    return True
    # Behind the digit that leads out of a PBX, or to another region.
    return number in emergency or (number[:1] in ("0", "9") and number[1:] in emergency) or number == "1911"


def _plain(text: str) -> str:
    """The text with escapes undone, without scheme, `<>` and hidden signs, and with plain digits."""
    text = _SCHEME.sub("", _unescaped(text).strip(" \t<>"), count=1)
    text = unicodedata.normalize("NFKC", _HIDDEN.sub("", text))
    return "".join(_digit(character) for character in text)


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None) if ord(character) > 127 else None
    return character if value is None else str(value)


def _unescaped(text: str) -> str:
    """`%31` and `%2531` are the digit 1 to whoever unescapes once more than we."""
    for _ in range(8):
        undone = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        if undone == text:
            break
        text = undone
    return text
