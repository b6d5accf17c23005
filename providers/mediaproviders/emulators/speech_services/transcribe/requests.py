"""The head of a stream: who asks, and for what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from mediaproviders.emulators.aws import Refusal, Request, verify
from mediaproviders.emulators.aws.framing import CONTENT_TYPE
from mediaproviders.emulators.aws.signature import STREAMING, Signed
from mediaproviders.emulators.speech import BYTES_PER_MS
from mediaproviders.emulators.speech_services.transcribe.settings import TranscribeSettings

_PREFIX: Final = "x-amzn-transcribe-"
_KNOWN: Final = frozenset(
    {
        "language-code",
        "sample-rate",
        "media-encoding",
        "vocabulary-name",
        "session-id",
        "enable-partial-results-stabilization",
        "partial-results-stability",
        "show-speaker-label",
        "enable-channel-identification",
        "identify-language",
        "identify-multiple-languages",
    }
)
_LANGUAGE: Final = re.compile(r"[a-z]{2}-[A-Z]{2}")
_LEAST_HZ, _MOST_HZ = 8000, 48000


class Worded(Refusal):
    """A refusal as this service words it: with a capital letter."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, refusal.kind, refusal.message)

    @property
    def body(self) -> bytes:
        """The response's body."""
        return orjson.dumps({"Message": self.message})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream is to be."""

    language: str
    rate: int
    vocabulary: str | None

    @property
    def kind(self) -> str:
        """Its format as the detectors of the emulators name it."""
        return f"audio/pcm;rate={self.rate}"


def admit(request: Request, settings: TranscribeSettings, now: float) -> tuple[Signed, Wanted]:
    """Let a stream begin; `now` in s since 1970. Raises Refusal."""
    if (request.method, request.path) != ("POST", "/stream-transcription"):
        raise Refusal(404, "UnknownOperationException", f"There is no {request.method} {request.path}")
    headers = request.headers
    signed = verify(request.method, request.target, headers, settings.keys, service="transcribe", now=now)
    if signed.region != settings.region:
        raise Refusal(403, "InvalidSignatureException", "Credential should be scoped to a valid region.")
    if headers.get("content-type") != CONTENT_TYPE or headers.get("x-amz-content-sha256") != STREAMING:
        raise _bad("The body has to be a signed event stream.")
    return signed, _wanted(headers, settings)


def _wanted(headers: Mapping[str, str], settings: TranscribeSettings) -> Wanted:
    given = {name.removeprefix(_PREFIX): value for name, value in headers.items() if name.startswith(_PREFIX)}
    for name in given.keys() - _KNOWN:
        raise _bad(f"{name} is no parameter of this emulator's.")
    language, encoding = given.get("language-code", ""), given.get("media-encoding")
    if not _LANGUAGE.fullmatch(language):
        raise _bad(f"1 validation error detected: Value '{language}' at 'languageCode' failed to satisfy constraint")
    if encoding != "pcm":
        raise _bad(f"1 validation error detected: Value '{encoding}' at 'mediaEncoding': this emulator hears pcm")
    rate = int(given["sample-rate"]) if given.get("sample-rate", "").isdigit() else 0
    if not _LEAST_HZ <= rate <= _MOST_HZ or f"audio/pcm;rate={rate}" not in BYTES_PER_MS:
        raise _bad("1 validation error detected: Value at 'mediaSampleRateHertz' failed to satisfy constraint")
    vocabulary = given.get("vocabulary-name")
    if vocabulary is not None and vocabulary not in settings.vocabularies:
        raise _bad("The requested vocabulary couldn't be found. Check the vocabulary name and try your request again.")
    return Wanted(language, rate, vocabulary)


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequestException", message)
