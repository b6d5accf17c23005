"""The guard around an uplink: what passes, what is kept back, and that nothing is lost of what is the caller's."""

import numpy as np
import pytest

from mediacodecs.g711 import CODECS, Encoding
from mediacodecs.pcm import Pcm
from mediacodecs.signal.resample import Resampler
from mediaproviders import contract
from mediaproviders.contract import AudioFormat
from mediaproviders.emulators.answers import babble
from mediaserver.rtp.form import form_before, form_of
from mediaserver.talk.echo import Guard
from mediaserver.talk.uplink import Uplink
from support.sound import voice

AGENT, CALLER = babble(1, 4000, 8000), babble(7, 4000, 8000)
G711: dict[Encoding, AudioFormat] = {"PCMU": contract.PCMU, "PCMA": contract.PCMA}


class Line:
    """An uplink with a guard, a stream of frames played, and what the model was sent."""

    def __init__(self, source: AudioFormat = contract.PCMU, *, doubtful: bool = True, codec: str = "PCMU") -> None:
        self.guard = Guard(source, doubtful=doubtful)
        self.source, self.form, self.codec = source, form_of(source), codec
        self.uplink = Uplink(source, source)
        self.uplink.guard = self.guard
        self.out: list[bytes] = []
        self.uplink.sink = self.out.append

    def run(self, agent: Pcm, heard: Pcm, ptime_ms: int = 20, begin: float = 100.0) -> Pcm:
        """Both at 8 kHz; what the model was sent of it, at 8 kHz too."""
        self.out.clear()
        down = form_before(self.codec)
        played = Resampler(8000, down.audio.rate).process(agent)
        said = Resampler(8000, self.source.rate).process(heard)
        frame = 20 * down.audio.rate // 1000
        piece = ptime_ms * self.source.rate // 1000
        ticks = [(begin + at / down.audio.rate, 0, at) for at in range(0, len(played) - frame + 1, frame)]
        ticks += [(begin + (at + piece) / self.source.rate, 1, at) for at in range(0, len(said) - piece + 1, piece)]
        for now, comes, at in sorted(ticks):
            if comes:
                self.uplink.take(self.form.encode(said[at : at + piece]), now)
            else:
                self.guard.played(down.encode(played[at : at + frame]), now, down)
        passed = self.form.decode(b"".join(self.out))
        return Resampler(self.source.rate, 8000).process(passed)


def echo(level_db: float = -10.0, late: int = 960) -> Pcm:
    return (np.concatenate((np.zeros(late), AGENT))[: len(AGENT)] * 10 ** (level_db / 20)).astype(np.int16)


def loudest(pcm: Pcm) -> float:
    rows = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(float)
    return float(np.sqrt(np.square(rows).mean(axis=1)).max())


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA"])
@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_an_echo_does_not_reach_the_model_and_time_goes_on(encoding: Encoding, ptime_ms: int) -> None:
    line = Line(G711[encoding], codec=encoding)
    out = line.run(AGENT, echo(), ptime_ms)
    assert loudest(echo()) > 1000
    assert loudest(out) < 100
    # The model's clock is that of the audio it is sent.
    assert len(AGENT) - 960 <= len(out) <= len(AGENT)
    assert not line.uplink.last_voice
    figures = line.guard.figures()
    assert figures is not None
    assert figures.delay_ms == pytest.approx(120, abs=1)
    assert figures.level_db == pytest.approx(-10, abs=1.5)
    assert 0.5 < figures.share <= 1.0
    assert line.guard.counters() == {
        "echo_delay_ms": figures.delay_ms, "echo_db": figures.level_db, "echo_share": figures.share
    }  # fmt: skip


@pytest.mark.parametrize(("codec", "source"), [("G722", AudioFormat("pcm16", 16000)), ("OPUS", contract.PCM16_24K)])
def test_an_echo_in_another_rate_is_kept_back_too(codec: str, source: AudioFormat) -> None:
    line = Line(source, codec=codec)
    assert loudest(line.run(AGENT, echo())) < 150


def test_a_caller_passes_untouched_where_nothing_comes_back() -> None:
    line = Line()
    line.run(AGENT, np.zeros(len(AGENT), np.int16))
    caller = (CALLER // 2).astype(np.int16)
    line.run(AGENT, caller, begin=104.0)
    assert b"".join(line.out) == CODECS["PCMU"].encode(caller[: len(caller) // 160 * 160])
    assert line.guard.figures() is None
    assert line.guard.counters() == {}


def test_what_is_waited_for_comes_together_and_in_order() -> None:
    line = Line()
    caller = np.concatenate((np.zeros(1600, np.int16), voice(8000, 4.0)))[: len(AGENT)]
    out = line.run(AGENT, caller)
    said = CODECS["PCMU"].decode(CODECS["PCMU"].encode(caller))
    # All of it, from its very first sample on.
    assert np.array_equal(out[:8000], said[:8000])


def test_nobody_is_guarded_while_the_agent_is_silent() -> None:
    line = Line()
    for number in range(50):
        now = 100 + number * 0.02
        assert not line.guard.minds(160, now)
        payload = CODECS["PCMU"].encode(CALLER[number * 160 : number * 160 + 160])
        line.uplink.take(payload, now)
        assert line.out[-1] is payload


def test_what_was_kept_back_passes_when_nothing_can_come_back_any_more() -> None:
    line = Line()
    down = form_before("PCMU")
    line.guard.played(down.encode(AGENT[8000:8160]), 100.0, down)
    payload = CODECS["PCMU"].encode(CALLER[8000:8240])  # 30 ms: half a block is left over
    line.uplink.take(payload, 100.7)
    line.uplink.take(payload, 101.0)
    assert b"".join(line.out) == payload * 2
    assert not line.guard.minds(0, 101.1)


def test_news_of_an_echo_are_told_once() -> None:
    line = Line()
    assert line.guard.news() is None
    line.run(AGENT, echo())
    news = line.guard.news()
    assert news is not None and news["delay_ms"] == pytest.approx(120, abs=1)
    assert line.guard.news() is None


def test_frames_that_nobody_looks_at_are_forgotten() -> None:
    line = Line()
    down = form_before("PCMU")
    for number in range(1000):
        line.guard.played(down.silence * 160, 100 + number * 0.02, down)
    line.uplink.take(down.silence * 160, 120.0)
    assert line.out == [down.silence * 160]
