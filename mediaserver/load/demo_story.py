"""The demonstration as it unfolds: the server's log and the caller's acts become a transcript, a picture, a verdict."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from mediaserver.load.picture import BargeIn, CallPicture, Latency, Utterance
from mediaserver.load.recording import stereo
from mediaserver.load.reference import Spread
from mediaserver.load.report import CallReport, stopped_after, talkspurts
from mediaserver.load.screen import Entry, Screen, stages
from mediaserver.load.server_process import LogLine, ServerProcess

SETTLE_S = 1.5
"""How long the last lines of a call's log may take."""


@dataclass(slots=True)
class AgentText:
    """What the agent said, logged `at` (monotonic): when it had been played, or was cut off."""

    at: float
    text: str
    heard: str | None = None

    @property
    def interrupted(self) -> bool:
        """The caller did not hear all of it."""
        return self.heard is not None


@dataclass(slots=True)
class Story:
    """Follows one call. All times are monotonic seconds."""

    screen: Screen
    answered_at: float | None = None
    agent: list[AgentText] = field(default_factory=list)
    latencies: list[tuple[float, Latency]] = field(default_factory=list)
    barge_ins: list[tuple[float, float]] = field(default_factory=list)
    """When the server cut itself short, and how long after the caller's voice began, in ms."""
    _caller_entry: Entry | None = None
    _agent_entry: Entry | None = None
    """Of what the agent is saying; its words come when they have been played."""
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def happened(self, what: str) -> None:
        """The caller's telephone reports."""
        if what == "answered":
            self.answered_at = time.monotonic()
            self._agent_begins(self.answered_at)
        self.screen.doing(
            {"ringing": "ringing", "answered": "in the call", "ended": "the call is over"}.get(what, what)
        )

    def said(self, text: str) -> None:
        """The caller begins to say something."""
        self._caller_entry = Entry(self._since(time.monotonic()), "caller", text)
        self.screen.say(self._caller_entry)

    async def follow(self, server: ServerProcess) -> None:
        """Read the server's log."""
        async for line in server.events():
            self._read(line)

    async def settled(self) -> None:
        """Until the server has logged the end of the call, or should have."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._ended.wait()
        except TimeoutError:
            pass

    def _since(self, at: float) -> float:
        return max(0.0, at - self.answered_at) if self.answered_at is not None else 0.0

    def _read(self, line: LogLine) -> None:
        fields = line.fields
        match line.event:
            case "transcript" if fields["speaker"] == "agent":
                self._agent_said(line)
            case "transcript" if self._caller_entry is not None:
                self.screen.note(self._caller_entry, f"heard: {fields['text']}")
            case "turn":
                latency = Latency(0.0, fields["endpoint_ms"], fields["think_ms"], fields["playout_ms"])
                self.latencies.append((line.at, latency))
                self._agent_begins(line.at)
                if self._caller_entry is not None:
                    self.screen.note(self._caller_entry, stages(latency))
            case "barge_in":
                self.barge_ins.append((line.at, fields["stop_ms"]))
                if self._caller_entry is not None:
                    note = f"interrupts: the agent is silent {fields['stop_ms']:.0f} ms after the caller's voice"
                    self.screen.note(self._caller_entry, note, alarming=True)
            case "call.ended":
                self._ended.set()

    def _agent_begins(self, at: float) -> None:
        self._agent_entry = Entry(self._since(at), "agent", "…")
        self.screen.expect(self._agent_entry)

    def _agent_said(self, line: LogLine) -> None:
        text, heard = line.fields["text"], line.fields.get("heard_text")
        if not text:
            return
        self.agent.append(AgentText(line.at, text, heard))
        shown = text if heard is None else f"{heard} —"
        entry, self._agent_entry = self._agent_entry or Entry(self._since(line.at), "agent", ""), None
        entry.text = shown
        self.screen.say(entry)
        if heard is not None:
            self.screen.note(entry, "interrupted here", alarming=True)

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def picture(self, report: CallReport) -> CallPicture:
        """All of it on one time axis."""
        assert report.sent is not None
        rows, begin = stereo(report.sent, report.heard)
        turns = self._agent_turns(report)
        return CallPicture(
            rows=rows,
            title="A call to Riverside Clinic",
            subtitle=f"{report.codec} 8 kHz over SIP and RTP · offline model",
            caller=[Utterance(s.began_at - begin, s.voice_ended_at - begin, s.label) for s in report.spoken],
            agent=[Utterance(b - begin, e - begin, text, cut) for b, e, text, cut in turns],
            barge_ins=[BargeIn(at - begin, stop * 1000) for at, stop in self._interruptions(report)],
            latencies=[
                Latency(at - begin, lat.endpoint_ms, lat.think_ms, lat.playout_ms) for at, lat in self.latencies
            ],
        )

    def _agent_turns(self, report: CallReport) -> list[tuple[float, float, str, bool]]:
        """Begin, end, text of what the agent said between two utterances of the caller."""
        spurts = talkspurts(report.heard)
        borders = [said.began_at for said in report.spoken]
        turns: list[tuple[float, float, str, bool]] = []
        for first, last in zip([float("-inf"), *borders], [*borders, float("inf")], strict=True):
            within = [spurt for spurt in spurts if first <= spurt[0] < last]
            if not within:
                continue
            begin, end = within[0][0], within[-1][1]
            following = [
                each for each in self.agent if begin <= each.at and each.at < last + 1.0 and each.at > first + 1.0
            ]
            text = " ".join(each.heard or each.text for each in following)
            turns.append((begin, end, text, any(each.interrupted for each in following)))
        return turns

    def _interruptions(self, report: CallReport) -> list[tuple[float, float]]:
        """When the caller began to speak over the agent, and after how many seconds the agent was silent in its ear."""
        spurts = talkspurts(report.heard)
        stops = [(said.began_at, stopped_after(said, spurts)) for said in report.spoken]
        return [(at, stop) for at, stop in stops if stop is not None]

    def summary(self, report: CallReport) -> str:
        """One line of figures."""
        totals = Spread.of([latency.total_ms for _, latency in self.latencies])
        parts = [f"{report.duration_s:.0f} s of call"]
        if totals.count:
            parts.append(f"{totals.count} answers after {totals.p50:.0f} ms at the median, {totals.max:.0f} at most")
        for _, stop in self._interruptions(report):
            parts.append(f"silent {stop * 1000:.0f} ms after being interrupted, at the caller's ear")
        if report.reception is not None:
            parts.append(f"{report.reception.packets} packets received, {report.reception.missing} missing")
        return "; ".join(parts)

    def faults(self, report: CallReport, expected: Sequence[tuple[str, str, bool]]) -> list[str]:
        """What did not happen as expected, in sentences."""
        if not report.answered:
            return [f"the call was not answered: {report.status} {report.reason}"]
        faults = [f"the caller waited in vain ({step})" for step in report.timed_out]
        everything = " ".join(each.text for each in self.agent)
        for text, answer_has, interrupts in expected:
            if answer_has.lower() not in everything.lower():
                faults.append(f"no answer with “{answer_has}” to “{text}”")
            if interrupts and not self.barge_ins:
                faults.append("the server did not notice the interruption")
            if interrupts and not self._interruptions(report):
                faults.append("the caller did not speak over the agent")
        if not talkspurts(report.heard):
            faults.append("the caller heard nothing")
        if report.reception is not None and report.reception.missing:
            faults.append(f"{report.reception.missing} packets were lost")
        return faults
