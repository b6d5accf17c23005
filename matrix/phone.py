"""A call to the agent of a cell, and what it showed."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from matrix.cells import GREETING, Cell
from matrix.world import ANSWER_MS, World
from mediacodecs.g711 import PCMU
from mediaproviders.emulators.answers import babble
from mediaproviders.emulators.timeline import Timeline
from mediaserver.load.caller import Caller, CallerSettings
from mediaserver.load.recording import RATE, Samples
from mediaserver.load.report import CallReport, stopped_after, talkspurts
from mediaserver.load.script import Play, Silence, WaitForAnswer, WhileAgentSpeaks
from mediaserver.load.server_process import LogLine

FITS: Final = 0.9
"""Correlation from which a sound is the expected one: it went through G.711, and for some through resampling."""
INTERRUPT_AFTER_S: Final = 0.8
SILENT_WITHIN_S: Final = 0.8
"""From the first sound of an interruption to the agent's last: the service needs some of it to hear speech."""
PATIENCE: Final = WaitForAnswer(quiet_s=1.0, timeout_s=15.0)
TOLERANCE_MS: Final = 60
ANSWERS: Final = 8
"""After so many the emulators' answers repeat themselves."""

type Outcome = Mapping[str, str | None]
"""Promise to what is wrong with it; None: it was kept."""


async def call(cell: Cell, world: World) -> Outcome:
    """Place the call and judge it."""
    provider, model = cell.known.provider, cell.known.provider_model
    before = 0 if provider == "openai-chat" else len(world.sessions(provider, model))
    caller = Caller(CallerSettings(host="127.0.0.1"))
    steps = (
        PATIENCE,
        Play(_speech(1), "question"),
        PATIENCE,
        Play(_speech(2), "tool"),
        PATIENCE,
        Play(_speech(3), "long"),
        WhileAgentSpeaks(INTERRUPT_AFTER_S, timeout_s=15.0),
        Play(_speech(4), "barge-in"),
        PATIENCE,
        Play(_speech(5), "goodbye"),
        Silence(15.0),
    )
    report = await caller.place(f"sip:{cell.agent}@{world.address}", steps, max_s=90.0)
    lines = await _log(world, cell)
    sessions = world.sessions(provider, model)[before:]
    return Judge(cell, world, report, lines, sessions).outcome()


async def _log(world: World, cell: Cell) -> list[LogLine]:
    """The call's log lines, once it has ended."""
    call: str | None = None
    found: list[LogLine] = []
    async for line in world.server.events():
        if line.event == "call.incoming" and line.fields.get("agent") == cell.agent:
            call, found = line.fields["call"], []
        if call is not None and line.fields.get("call") == call:
            found.append(line)
            if line.event == "call.ended":
                return found
    return found


def _speech(seed: int) -> Samples:
    return babble(40 + seed, 1100, RATE)


class Judge:
    """What one call showed of what is promised."""

    def __init__(
        self, cell: Cell, world: World, report: CallReport, lines: list[LogLine], sessions: list[Timeline]
    ) -> None:
        self._cell = cell
        self._world = world
        self._report = report
        self._lines = lines
        self._sessions = sessions
        self._spurts = talkspurts(report.heard)
        self._heard_last = 0

    def outcome(self) -> Outcome:
        """Everything promised, with what is wrong."""
        if self._report.status != 200:
            return dict.fromkeys(self._cell.promises, f"the call was answered by {self._report.status}")
        checks = {
            "greeting": self._greeting,
            "question": lambda: self._answered("question"),
            "tool": self._tool,
            "barge-in": self._barge_in,
            "goodbye": self._goodbye,
        }
        return {promise: checks[promise]() for promise in self._cell.promises}

    # --- promises ---

    def _greeting(self) -> str | None:
        asked = self._said("question")
        spurt = next((begin for begin, _ in self._spurts if asked is None or begin < asked.began_at), None)
        if spurt is None:
            return "no greeting was heard"
        if self._cell.mode == "on":
            return self._is_heard(0, before=asked.began_at if asked else None)
        said = [line.fields["text"] for line in self._of("transcript", speaker="agent")][:1]
        asked_for = str(self._commands("response.create")[:1])
        # A text model need not be asked: the words are spoken as they are.
        return None if said and (said == [GREETING] or GREETING in asked_for) else f"it said {said} to {asked_for}"

    def _answered(self, label: str) -> str | None:
        said = self._said(label)
        if said is None:
            return f"{label} was never asked: {self._report.timed_out}"
        if not any(begin > said.voice_ended_at for begin, _ in self._spurts):
            return "no answer was heard"
        if self._cell.mode == "off":  # the voice is a speech service's; its words are in the log
            return None
        for number in range(self._heard_last + 1, ANSWERS):
            if self._is_heard(number, after=said.voice_ended_at) is None:
                self._heard_last = number
                return None
        return "what was heard is none of its answers"

    def _tool(self) -> str | None:
        if not self._of("tool", name="opening_hours"):
            return "the tool was not run"
        return self._answered("tool")

    def _barge_in(self) -> str | None:
        said = self._said("barge-in")
        if said is None:
            return f"there was nothing to interrupt: {self._report.timed_out}"
        stopped = stopped_after(said, self._spurts)
        if stopped is None or stopped > SILENT_WITHIN_S:
            return f"the agent spoke on for {stopped} s"
        cut = self._of("barge_in")
        if not cut:
            return "the server did not notice"
        heard_ms = int(cut[-1].fields["heard_ms"])
        parted = [line for line in self._of("transcript", speaker="agent") if line.fields.get("interrupted")]
        if not parted:
            return "the transcript does not tell what was heard of what was generated"
        return self._consequence(heard_ms, parted[-1].fields["heard_text"]) or self._answered("barge-in")

    def _consequence(self, heard_ms: int, heard_text: str) -> str | None:
        """What the service was told, or itself decided."""
        if not 0 < heard_ms < ANSWER_MS:
            return f"{heard_ms} ms were heard, it says"
        provider = self._cell.known.provider
        if self._cell.mode == "off":
            remembered = self._remembered()
            return None if heard_text in remembered else f"it remembers {remembered}, and {heard_text!r} was heard"
        if provider in ("google", "amazon"):
            return None if any(each.of("interrupted") for each in self._sessions) else "the model was not interrupted"
        ends = [entry["audio_end_ms"] for each in self._sessions for entry in each.of("truncate")]
        near = any(abs(end - heard_ms) <= TOLERANCE_MS for end in ends)
        return None if near else f"it was truncated at {ends}, and {heard_ms} ms were heard"

    def _goodbye(self) -> str | None:
        ended = self._of("call.ended")
        reason = ended[-1].fields["reason"] if ended else "?"
        fine = self._report.ended_by == "agent" and reason == "agent-hung-up"
        return None if fine else f"it ended by {self._report.ended_by}: {reason}"

    # --- evidence ---

    def _of(self, event: str, **fields: object) -> list[LogLine]:
        return [
            line
            for line in self._lines
            if line.event == event and all(line.fields.get(name) == value for name, value in fields.items())
        ]

    def _commands(self, kind: str) -> list[dict[str, Any]]:
        return [event for each in self._sessions for _, event in each.client_events if event.get("type") == kind]

    def _remembered(self) -> list[str]:
        """What the model was told that it has said."""
        items = [event["item"] for event in self._commands("conversation.item.create")]
        spoken = [item["content"][0]["text"] for item in items if item.get("role") == "assistant"]
        requests = [event for each in self._sessions for _, event in each.client_events if "messages" in event]
        messages = [message for request in requests for message in request["messages"]]
        return spoken + [said["content"] for said in messages if said["role"] == "assistant" and "content" in said]

    def _said(self, label: str) -> Any:
        return next((said for said in self._report.spoken if said.label == label), None)

    def _is_heard(self, number: int, after: float | None = None, before: float | None = None) -> str | None:
        """Answer `number` of the emulator, or its first half, is in what was heard between two moments."""
        track = self._report.heard
        if track is None:
            return "nothing was heard"
        sound = self._world.answers(self._cell.known.provider).pcm(number, RATE)[: RATE * ANSWER_MS // 2000]
        sound = PCMU.decode(PCMU.encode(sound)).astype(float)
        begin = 0 if after is None else max(0, round((after - track.starts_at) * RATE))
        end = len(track.samples) if before is None else round((before - track.starts_at) * RATE)
        fit = _fit(sound, track.samples[begin:end].astype(float))
        return None if fit >= FITS else f"what was heard fits answer {number} by {fit:.2f}"


def _fit(sound: Any, heard: Any) -> float:
    """The best normalised correlation of `sound` with any place in `heard`."""
    if len(heard) < len(sound):
        return 0.0
    size = 1 << (len(sound) + len(heard)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)), size)
    at = int(np.argmax(product[: len(heard) - len(sound) + 1]))
    part = heard[at : at + len(sound)]
    return float(product[at] / (np.linalg.norm(sound) * np.linalg.norm(part) + 1e-9))
