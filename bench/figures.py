"""From packet logs and the model's timeline to figures: all on one monotonic clock, turn by turn."""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.services import StopEvent
from mediaserver.load.recording import RATE
from mediaserver.load.reference import Reception, Spread, judge

TURN_S = 3.0
"""An event later than this after its cause belongs to another turn, unless turns follow sooner."""
BARGE_IN_S = 1.6
"""From the beginning of a barge-in: the agent is silent by then, and does not answer before."""

ANSWERED_S = 1.0
"""An answer begins sooner than this after the turn's end, on any program worth measuring."""


@dataclass(slots=True)
class CallLog:
    """What one caller sent and received: columns in order of arrival, and the monotonic times of its marked frames."""

    at: NDArray[np.float64]
    sequence: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    payload_type: NDArray[np.int64]
    loud: NDArray[np.bool_]
    clock_rate: int = RATE
    """Hz; of the timestamps."""
    marks: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class SessionLog:
    """What the model saw and did in one session, in monotonic seconds."""

    speech_started: list[float] = field(default_factory=list)
    """When it heard the caller begin; not every service says so."""
    interrupted: list[float] = field(default_factory=list)
    """When it gave up an answer because of that."""
    first_deltas: list[float] = field(default_factory=list)
    """When the first audio of each response was sent."""
    responses: list[float] = field(default_factory=list)
    """When each response was created: at once if the model decides, on the server's word if that does."""
    speech_stopped: list[float] = field(default_factory=list)
    """On the arrival of the message that made the silence after speech long enough."""


@dataclass(frozen=True, slots=True)
class Media:
    """The media figures of a round; milliseconds unless named otherwise."""

    calls: int
    packets: int
    missing: int
    lateness: Spread
    uplink: Spread
    decision: Spread
    """From the model's end of turn to its response, where the server decides whether there is one: a round trip."""
    downlink: Spread
    added_path: Spread
    barge_in_stop: Spread
    """After the model's event that decides; not measured where the server does."""
    barge_in_stop_from_onset: Spread
    """After the sending of the caller's first loud packet."""
    clock: Spread
    """RTP clock ahead of the wall at the end, absolute, one value per call."""
    turns: int
    unanswered: int
    callers_late: Spread
    """How late the callers' own clock was: figures are no better than this."""


def read_callers(path: Path) -> dict[int, CallLog]:
    """The log a callers' process wrote, by call number."""
    with np.load(path) as columns:
        header = columns["header"].astype(np.int64)
        sequence = header[:, 2] << 8 | header[:, 3]
        timestamp = header[:, 4] << 24 | header[:, 5] << 16 | header[:, 6] << 8 | header[:, 7]
        calls: dict[int, CallLog] = {}
        for call in np.unique(columns["call"]):
            rows = columns["call"] == call
            calls[int(call)] = CallLog(
                columns["at"][rows], sequence[rows], timestamp[rows], header[rows, 1] & 127, columns["loud"][rows],
                int(columns["clock_rate"]),
            )  # fmt: skip
        for call, kind, at in zip(columns["mark_call"], columns["mark_kind"], columns["mark_at"], strict=True):
            calls[int(call)].marks[str(kind)].append(float(at))
    return calls


def read_own_lateness(path: Path) -> NDArray[np.float64]:
    """How late each turn of a callers' process was, in ms."""
    with np.load(path) as columns:
        return np.asarray(columns["own_lateness"], dtype=np.float64) * 1000


def measure(
    calls: dict[int, CallLog],
    sessions: list[SessionLog],
    own_lateness: Sequence[NDArray[np.float64]] = (),
    turn_s: float = TURN_S,
    stop_event: StopEvent | None = "speech_started",
) -> Media:
    """All figures; the nth session belongs to the nth call, for calls are placed one after the other.

    `turn_s`: what happens later after its cause belongs to another turn. `stop_event`: what the model says that stops
    the agent; None: the server stops it, and decides whether there is an answer.
    """
    receptions = {
        number: judge(call.at, call.sequence, call.timestamp, call.clock_rate) for number, call in calls.items()
    }
    uplink: list[float] = []
    decision: list[float] = []
    downlink: list[float] = []
    added: list[float] = []
    stops: list[float] = []
    onset_stops: list[float] = []
    questions = unanswered = 0
    for number, call in calls.items():
        session = sessions[number]
        for name in ("question", "barge_in"):
            for sent, decided in zip(call.marks[f"{name}_end"], call.marks[f"{name}_decided"], strict=False):
                if len(call.at) == 0 or decided + ANSWERED_S > call.at[-1]:
                    continue  # the call ended before the answer was due
                questions += 1
                up = _uplink(decided, session)
                wait = _decision(decided, session) if stop_event is None else None
                down = _downlink(sent, call, receptions[number], session, turn_s)
                uplink += [] if up is None else [up]
                decision += [] if wait is None else [wait]
                downlink += [] if down is None else [down]
                unanswered += down is None
                if up is not None and down is not None and (wait is not None or stop_event is not None):
                    added.append(up + (wait or 0.0) + down)
        for begun in call.marks["barge_in"]:
            events = [] if stop_event is None else getattr(session, stop_event)
            if (stop := _stop(begun, call, events)) is not None:
                stops.append(stop)
            if (stop := _stop_from_onset(begun, call)) is not None:
                onset_stops.append(stop)
    return Media(
        calls=len(calls),
        packets=sum(reception.packets for reception in receptions.values()),
        missing=sum(reception.missing for reception in receptions.values()),
        lateness=Spread.of(np.concatenate([r.lateness_ms for r in receptions.values()]) if receptions else []),
        uplink=Spread.of(uplink),
        decision=Spread.of(decision),
        downlink=Spread.of(downlink),
        added_path=Spread.of(added),
        barge_in_stop=Spread.of(stops),
        barge_in_stop_from_onset=Spread.of(onset_stops),
        clock=Spread.of([abs(reception.clock_ms) for reception in receptions.values()]),
        turns=questions,
        unanswered=unanswered,
        callers_late=Spread.of(np.concatenate(own_lateness) if own_lateness else []),
    )


def _uplink(decided: float, session: SessionLog) -> float | None:
    """From the sending of the packet that completes the silence to the model's speech-stop on its arrival."""
    stopped = _after(session.speech_stopped, decided, 1.0)
    return None if stopped is None else (stopped - decided) * 1000


def _decision(decided: float, session: SessionLog) -> float | None:
    """From the model's speech-stop to the creation of its response."""
    stopped = _after(session.speech_stopped, decided, 1.0)
    response = None if stopped is None else _after(session.responses, stopped, 1.0)
    return None if stopped is None or response is None else (response - stopped) * 1000


def _downlink(sent: float, call: CallLog, reception: Reception, session: SessionLog, turn_s: float) -> float | None:
    """From the model's first delta of the answer to the scheduled playout of its first loud packet."""
    delta = _after(session.first_deltas, sent, turn_s)
    if delta is None:
        return None
    first = int(np.searchsorted(call.at, delta))
    loud = np.flatnonzero(call.loud[first:])
    if len(loud) == 0 or call.at[first + loud[0]] - delta > turn_s:
        return None
    return float(reception.playout[first + loud[0]] - delta) * 1000


def _stop(begun: float, call: CallLog, events: list[float]) -> float | None:
    """From the model's event that stops the agent to the last loud packet before the silence that follows it."""
    event = _after(events, begun, 1.0)
    if event is None:
        return None
    near = np.flatnonzero(call.loud & (call.at > event - 1.0) & (call.at < event + 0.9))
    if len(near) == 0:
        return None  # the agent had nothing to be interrupted in
    return float(call.at[near[-1]] - event) * 1000


def _stop_from_onset(begun: float, call: CallLog) -> float | None:
    """From the sending of the barge-in's first loud packet to the agent's last: what the caller goes through."""
    if not np.any(call.loud & (call.at > begun - 0.3) & (call.at <= begun)):
        return None  # the agent had nothing to be interrupted in
    if len(call.at) == 0 or call.at[-1] < begun + BARGE_IN_S:
        return None  # hung up in the middle of it
    loud = np.flatnonzero(call.loud & (call.at < begun + BARGE_IN_S))
    return float(call.at[loud[-1]] - begun) * 1000


def _after(times: list[float], begin: float, within: float) -> float | None:
    index = bisect_left(times, begin)
    return times[index] if index < len(times) and times[index] - begin < within else None


def read_timeline(path: Path) -> list[SessionLog]:
    """What the emulator's process wrote, by session in order of opening."""
    sessions: dict[str, SessionLog] = {}
    for line in path.read_text().splitlines():
        moment = json.loads(line)
        session = sessions.setdefault(moment["session"], SessionLog())
        match moment["kind"]:
            case "speech_started":
                session.speech_started.append(moment["at"])
            case "interrupted":
                session.interrupted.append(moment["at"])
            case "speech_stopped":
                session.speech_stopped.append(moment["at"])
            case "response_created":
                session.responses.append(moment["at"])
            case "first_delta":
                session.first_deltas.append(moment["at"])
    return list(sessions.values())
