"""The minutes of a conversation, in the log: who said what, by which sessions, and what it cost."""

from collections import Counter
from typing import Final

from structlog.typing import FilteringBoundLogger

from mediaproviders.contract import (
    AgentTranscript,
    CallerTranscript,
    Event,
    Fault,
    Reconnected,
    RolledOver,
    TookOver,
    Usage,
)
from mediaserver.talk.feed import Notes
from mediaserver.talk.spoken import Record, Spoken

_MOST_FAULTS: Final = 25
"""Lines for faults of one kind. A service that does nothing else must not fill the log; they are counted on."""


class Minutes:
    """Writes lines to `log`, one for each thing said, when it is settled; `notes` tell of it as it grows."""

    def __init__(self, log: FilteringBoundLogger, notes: Notes) -> None:
        self._log = log
        self._notes = notes
        self._record = Record()
        self.usage = {"input_tokens": 0, "output_tokens": 0}
        """Tokens so far."""
        self.sessions = {"rollovers": 0, "reconnects": 0, "failovers": 0}
        """Sessions replaced ahead of their end or after a loss, and how often by another model."""
        self.faults: Counter[str] = Counter()
        """Errors that a session has survived, by their code."""

    def take(self, event: Event) -> None:
        """Note an event that is only for the record; any other is left alone."""
        match event:
            case CallerTranscript(item=item, text=text, final=final):
                if final:
                    self._log.info("transcript", speaker="caller", item=item, text=text.strip())
                self._notes.caller_said(item, text, final)
            case AgentTranscript(item=item, text=text, final=final):
                if (spoken := self._record.text(item, text, final)) is not None:
                    self._write(spoken)
                elif self._notes.on:
                    self._notes.agent_says(item, self._record.so_far(item))
            case Usage():
                self.usage["input_tokens"] += event.input_tokens
                self.usage["output_tokens"] += event.output_tokens
            case Fault(code=code, message=message):
                self._fault(code, message)
            case Reconnected(reason=reason):
                self.sessions["reconnects"] += 1
                self._log.warning("provider.reconnected", reason=reason)
                self._notes.tell("session", what="reconnected")
            case RolledOver():
                self.sessions["rollovers"] += 1
                self._log.info("provider.rolled_over")
            case TookOver(model=model, instead_of=before):
                self.sessions["failovers"] += 1
                self._log.warning("provider.took_over", model=model, instead_of=before)
                self._notes.tell("session", what="took_over", model=model)
            case _:
                pass

    def played(self, item: str) -> None:
        """The caller has heard all of `item`."""
        if (spoken := self._record.played(item)) is not None:
            self._write(spoken)

    def cut(self, item: str, heard_ms: float, received_ms: float, *, audible: bool) -> None:
        """The caller has heard a part of `item`; what was not even begun (`audible` false) was never said."""
        spoken = self._record.cut(item, heard_ms, received_ms)
        if audible:
            self._write(spoken)
        elif spoken.text:
            self._notes.agent_said(item, spoken.text, "")

    def broken_off(self, item: str) -> None:
        """No more of `item` will come, not even its words as a whole."""
        if (spoken := self._record.broken_off(item)) is not None:
            self._write(spoken)

    def _fault(self, code: str, message: str) -> None:
        self.faults[code] += 1
        if self.faults[code] <= _MOST_FAULTS:
            self._log.warning("provider.fault", code=code, message=message)

    def _write(self, spoken: Spoken) -> None:
        cut = {} if spoken.heard_share is None else {"interrupted": True, "heard_text": spoken.heard_text}
        broken = {"broken_off": True} if spoken.broken_off else {}
        self._log.info("transcript", speaker="agent", item=spoken.item, text=spoken.text.strip(), **cut, **broken)
        heard = None if spoken.heard_share is None else spoken.heard_text
        self._notes.agent_said(spoken.item, spoken.text, heard)
