"""The service's content blocks, and its bill."""

import uuid
from typing import Any, Final

import orjson

from mediaproviders.emulators.nova.outbox import Outbox

MARKER: Final = '{ "interrupted" : true }'
"""The text that stands for an interruption."""
_PLAIN: Final = {"mediaType": "text/plain"}
_JSON: Final = {"mediaType": "application/json"}
_MS_PER_TOKEN: Final = 40
_LETTERS_PER_TOKEN: Final = 4


class Bill:
    """Tokens of a stream, told as totals and as what came since the last time."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._total = {"input": {"speechTokens": 0, "textTokens": 0}, "output": {"speechTokens": 0, "textTokens": 0}}
        self._told = {side: dict(counts) for side, counts in self._total.items()}
        self._heard_ms = self._spoken_ms = 0.0

    def read(self, text: str) -> None:
        """The model read text."""
        self._total["input"]["textTokens"] += -(-len(text) // _LETTERS_PER_TOKEN)

    def heard(self, ms: float) -> None:
        """The model heard audio."""
        self._heard_ms += ms
        self._total["input"]["speechTokens"] = int(self._heard_ms // _MS_PER_TOKEN)

    def wrote(self, text: str) -> None:
        """The model wrote text."""
        self._total["output"]["textTokens"] += -(-len(text) // _LETTERS_PER_TOKEN)

    def spoke(self, ms: float) -> None:
        """The model spoke."""
        self._spoken_ms += ms
        self._total["output"]["speechTokens"] = int(self._spoken_ms // _MS_PER_TOKEN)

    def tell(self) -> None:
        """Send a usage event, if there is anything new."""
        delta = {
            side: {kind: count - self._told[side][kind] for kind, count in counts.items()}
            for side, counts in self._total.items()
        }
        if not any(count for counts in delta.values() for count in counts.values()):
            return
        self._told = {side: dict(counts) for side, counts in self._total.items()}
        read, written = (sum(self._total[side].values()) for side in ("input", "output"))
        self._outbox.emit(
            "usageEvent",
            details={"delta": delta, "total": self._told},
            totalInputTokens=read,
            totalOutputTokens=written,
            totalTokens=read + written,
        )


class Blocks:
    """Opens, fills and closes content blocks."""

    def __init__(self, outbox: Outbox, bill: Bill) -> None:
        self._emit = outbox.emit
        self.outbox = outbox
        self.bill = bill

    def text(self, role: str, stage: str, text: str, stop: str) -> None:
        """A whole TEXT block."""
        content = str(uuid.uuid4())
        self._emit(
            "contentStart",
            additionalModelFields=orjson.dumps({"generationStage": stage}).decode(),
            contentId=content,
            role=role,
            textOutputConfiguration=_PLAIN,
            type="TEXT",
        )
        self._emit("textOutput", content=text, contentId=content, role=role)
        self.end(content, "TEXT", stop)

    def tool(self, name: str, arguments: str) -> str:
        """A whole TOOL block. Returns the id of the use."""
        content, use = str(uuid.uuid4()), str(uuid.uuid4())
        self._emit("contentStart", contentId=content, role="TOOL", toolUseOutputConfiguration=_JSON, type="TOOL")
        self._emit("toolUse", content=arguments, contentId=content, role="TOOL", toolName=name, toolUseId=use)
        self.end(content, "TOOL", "TOOL_USE")
        return use

    def begin_audio(self, rate: int) -> str:
        """Open an AUDIO block. Returns its id."""
        content = str(uuid.uuid4())
        configuration = {
            "audioType": "SPEECH",
            "channelCount": 1,
            "encoding": "base64",
            "mediaType": "audio/lpcm",
            "sampleRateHertz": rate,
            "sampleSizeBits": 16,
        }
        self._emit(
            "contentStart", audioOutputConfiguration=configuration, contentId=content, role="ASSISTANT", type="AUDIO"
        )
        return content

    def end(self, content: str, kind: str, stop: str) -> None:
        """Close a block."""
        details: dict[str, Any] = {"contentId": content, "stopReason": stop, "type": kind}
        self._emit("contentEnd", **details)
        self.bill.tell()

    def interrupted(self, form: str, said: str) -> None:
        """Tell that the user interrupted; `said` is what of the answer had been said by then."""
        if form == "stop_reason":
            self.text("ASSISTANT", "FINAL", said, "INTERRUPTED")
        else:
            self.text("ASSISTANT", "FINAL", MARKER, "INTERRUPTED" if form == "both" else "PARTIAL_TURN")
