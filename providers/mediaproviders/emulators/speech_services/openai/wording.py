"""A transcript as the service words it: in one piece, or as server-sent events."""

import math
from collections.abc import Iterator
from typing import Any, Final

import orjson

from mediaproviders.emulators.speech_services.recogniser import Hearing
from mediaproviders.emulators.speech_services.visits import Visit

BROKEN_EVENT: Final = b'data: {"type":"transcript.text.delta","del\n\n'


def whole(text: str, hearing: Hearing) -> bytes:
    """The JSON of an answer in one piece."""
    return orjson.dumps({"text": text, "usage": _usage(text, hearing)})


async def events(text: str, hearing: Hearing, words: int, visit: Visit) -> Any:
    """The events of a streamed answer, with its misfortunes."""
    for piece in _script(text, hearing, words, visit):
        yield piece
    visit.note("closed")


def _script(text: str, hearing: Hearing, words: int, visit: Visit) -> Iterator[bytes]:
    deltas = [_event(type="transcript.text.delta", delta=piece) for piece in _pieces(text, words)]
    done = _event(type="transcript.text.done", text=text, usage=_usage(text, hearing))
    if visit.strikes("truncate"):
        yield from deltas
        return
    if visit.strikes("unknown_events"):
        yield b": a comment\n\n"
        yield _event(type="transcript.dream.delta", delta="zzz")
        yield _event(type="transcript.dream.done")
    if visit.strikes("wrong_order"):
        yield done
        yield from deltas
    else:
        yield from deltas
        yield done
    yield b"data: [DONE]\n\n"


def _event(**fields: object) -> bytes:
    return b"data: " + orjson.dumps(fields) + b"\n\n"


def _pieces(text: str, words: int) -> Iterator[str]:
    said = text.split(" ") if text else []
    for start in range(0, len(said), words):
        yield (" " if start else "") + " ".join(said[start : start + words])


def _usage(text: str, hearing: Hearing) -> dict[str, object]:
    heard = math.ceil(hearing.length_ms / 100)
    written = math.ceil(len(text) / 4)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        "output_tokens": written,
        "total_tokens": heard + written,
    }
