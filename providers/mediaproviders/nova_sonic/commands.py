"""What is said to the service: events as JSON, audio by hand."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from mediaproviders.contract import AudioFormat

_PLAIN: Final = {"mediaType": "text/plain"}
_QUOTE: Final = b'"}}}'


def event(kind: str, **fields: Any) -> bytes:
    """One event."""
    return orjson.dumps({"event": {kind: fields}})


def audio_format(audio: AudioFormat) -> dict[str, object]:
    """How the service is told of a format."""
    return {
        "mediaType": "audio/lpcm",
        "sampleRateHertz": audio.rate,
        "sampleSizeBits": 16,
        "channelCount": 1,
        "encoding": "base64",
        "audioType": "SPEECH",
    }


class Prompt:
    """The one prompt of a session, and the contents in it."""

    def __init__(self) -> None:
        self.name = str(uuid4())
        self._audio = str(uuid4())
        self._append = (
            f'{{"event":{{"audioInput":{{"promptName":"{self.name}","contentName":"{self._audio}","content":"'.encode()
        )

    def text(self, role: str, parts: Iterable[str], *, interactive: bool = False) -> list[bytes]:
        """A whole TEXT content."""
        name = str(uuid4())
        ids = {"promptName": self.name, "contentName": name}
        start = event(
            "contentStart", **ids, type="TEXT", interactive=interactive, role=role, textInputConfiguration=_PLAIN
        )
        return [start, *(event("textInput", **ids, content=part) for part in parts), event("contentEnd", **ids)]

    def tool_result(self, use: str, result: str) -> list[bytes]:
        """A whole TOOL content; `result` is a JSON object."""
        name = str(uuid4())
        ids = {"promptName": self.name, "contentName": name}
        configuration = {"toolUseId": use, "type": "TEXT", "textInputConfiguration": _PLAIN}
        start = event(
            "contentStart",
            **ids,
            type="TOOL",
            interactive=False,
            role="TOOL",
            toolResultInputConfiguration=configuration,
        )
        return [start, event("toolResult", **ids, content=result), event("contentEnd", **ids)]

    def begin_audio(self, audio: AudioFormat) -> bytes:
        """Open the AUDIO content; it stays open."""
        return event(
            "contentStart",
            promptName=self.name,
            contentName=self._audio,
            type="AUDIO",
            interactive=True,
            role="USER",
            audioInputConfiguration=audio_format(audio),
        )

    def audio(self, data: bytes) -> bytes:
        """A piece of audio."""
        return b"".join((self._append, base64.b64encode(data), _QUOTE))

    def end(self, *, audio_begun: bool) -> list[bytes]:
        """Close everything."""
        closed = [event("contentEnd", promptName=self.name, contentName=self._audio)] if audio_begun else []
        return [*closed, event("promptEnd", promptName=self.name), event("sessionEnd")]


def as_object(output: str) -> str:
    """A tool's output as the JSON object the service insists on."""
    try:
        value = orjson.loads(output)
    except orjson.JSONDecodeError:
        value = output
    return output if isinstance(value, dict) else orjson.dumps({"result": value}).decode()


def decoded_arguments(content: object) -> str:
    """A tool's arguments as JSON object text; the service at times encodes them twice, or not at all."""
    if isinstance(content, Mapping):
        return orjson.dumps(content).decode()
    text = str(content)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, str) else text
