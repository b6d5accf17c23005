"""What became of one call: how it went by SIP, what was said and heard, and how good the stream was."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mediaserver.load.ear import HANGOVER_S, is_loud
from mediaserver.load.recording import RATE, Arrival, Track, stereo, write_wav
from mediaserver.load.reference import Reception, Spread
from mediaserver.load.script import Spoken

FRAME_S = 0.02


@dataclass(slots=True)
class CallReport:
    """Times are monotonic seconds, None for what did not happen. `status` is the final response to INVITE or POST."""

    uri: str
    status: int | None = None
    reason: str = ""
    placed_at: float = 0.0
    ringing_at: float | None = None
    answered_at: float | None = None
    ice_at: float | None = None
    """A browser's call has found its way."""
    dtls_at: float | None = None
    """It has its keys."""
    ended_at: float | None = None
    ended_by: str = ""
    """`caller`, `agent` or `vanished`; empty when there was no call."""
    codec: str = ""
    srtp: str | None = None
    """The suite that media were encrypted by; None: they were not."""
    spoken: list[Spoken] = field(default_factory=list)
    timed_out: list[str] = field(default_factory=list)
    """Waits of the script that were in vain."""
    arrivals: list[Arrival] = field(default_factory=list)
    """Every RTP packet received, of whatever type."""
    sent: Track | None = None
    heard: Track | None = None
    reception: Reception | None = None

    @property
    def answered(self) -> bool:
        """The call was set up."""
        return self.answered_at is not None

    @property
    def first_audio_at(self) -> float | None:
        """The first packet came, loud or not."""
        return self.arrivals[0].at if self.arrivals else None

    @property
    def duration_s(self) -> float:
        """From the answer to the end."""
        if self.answered_at is None or self.ended_at is None:
            return 0.0
        return self.ended_at - self.answered_at

    def record(self, path: Path) -> None:
        """Write what was said and heard as a stereo WAV: caller left, agent right. Nothing if nothing was sent."""
        if self.sent is not None:
            write_wav(path, stereo(self.sent, self.heard)[0])

    def to_json(self) -> dict[str, Any]:
        """Plain values, without audio and packets; times in seconds after INVITE or POST."""
        reception = self.reception

        def since(at: float | None) -> float | None:
            return None if at is None else round(at - self.placed_at, 4)

        return {
            "uri": self.uri,
            "status": self.status,
            "reason": self.reason,
            "ringing_s": since(self.ringing_at),
            "answered_s": since(self.answered_at),
            "ice_s": since(self.ice_at),
            "dtls_s": since(self.dtls_at),
            "first_audio_s": since(self.first_audio_at),
            "ended_s": since(self.ended_at),
            "ended_by": self.ended_by,
            "codec": self.codec,
            "srtp": self.srtp,
            "spoken": [
                {"label": said.label, "began_s": since(said.began_at), "ended_s": since(said.voice_ended_at)}
                for said in self.spoken
            ],
            "agent_spoke": [[since(begin), since(end)] for begin, end in talkspurts(self.heard)],
            "timed_out": self.timed_out,
            "packets": len(self.arrivals),
            "missing": reception.missing if reception else None,
            "reordered": reception.reordered if reception else None,
            "lateness_ms": asdict(Spread.of(reception.lateness_ms)) if reception else None,
            "clock_ms": round(reception.clock_ms, 2) if reception else None,
        }


def talkspurts(track: Track | None, pause_s: float = HANGOVER_S) -> list[tuple[float, float]]:
    """Begin and end (monotonic) of everything said on a track; silences up to `pause_s` are within speech."""
    if track is None:
        return []
    step = round(FRAME_S * RATE)
    spurts: list[tuple[float, float]] = []
    for offset in range(0, len(track.samples), step):
        if not is_loud(track.samples[offset : offset + step]):
            continue
        begin = track.starts_at + offset / RATE
        if spurts and begin - spurts[-1][1] <= pause_s:
            spurts[-1] = (spurts[-1][0], begin + FRAME_S)
        else:
            spurts.append((begin, begin + FRAME_S))
    return spurts


def answer_after(said: Spoken, spurts: Sequence[tuple[float, float]]) -> float | None:
    """Seconds from the last loud frame of what was said to the beginning of the agent's next talkspurt."""
    return next((begin - said.voice_ended_at for begin, _ in spurts if begin >= said.voice_ended_at), None)


def stopped_after(said: Spoken, spurts: Sequence[tuple[float, float]]) -> float | None:
    """Seconds the agent went on speaking after the caller began to speak over it; None if it was not speaking."""
    return next((end - said.began_at for begin, end in spurts if begin < said.began_at <= end), None)
