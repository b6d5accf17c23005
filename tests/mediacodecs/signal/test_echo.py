from dataclasses import dataclass, field

import numpy as np
import pytest

from mediacodecs.g711 import PCMU
from mediacodecs.pcm import Pcm, silence
from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediacodecs.signal.echo import EchoGuard, State, Verdict
from mediacodecs.signal.tones import dtmf
from mediaproviders.emulators.answers import babble
from support.sound import voice

AGENT = babble(1, 6000, 8000)
CALLER = babble(7, 6000, 8000)
BLOCK = 160


@dataclass
class Line:
    """What a guard said of each block, and what there was in it."""

    guard: EchoGuard
    verdicts: list[Verdict] = field(default_factory=list)
    passed: list[np.ndarray] = field(default_factory=list)
    """What a block is without the echo, as far as it is to be heard."""

    def run(self, agent: Pcm, heard: np.ndarray, begin: int = 0) -> "Line":
        for at in range(begin, begin + min(len(agent), len(heard)) // BLOCK * BLOCK, BLOCK):
            self.guard.played(at, agent[at - begin : at - begin + BLOCK])
            wire = np.rint(heard[at - begin : at - begin + BLOCK]).clip(-32768, 32767).astype(np.int16)
            pcm = PCMU.decode(PCMU.encode(wire))
            rms = float(np.sqrt(np.mean(np.square(pcm.astype(float)))))
            verdict = self.guard.heard(at, pcm, rms)
            self.verdicts.append(verdict)
            own = verdict is Verdict.MIXED
            self.passed.append(self.guard.caller.copy() if own else pcm * (verdict is Verdict.CLEAR))
        return self


def echo(agent: Pcm, delay_ms: float, level_db: float) -> np.ndarray:
    late = round(delay_ms * 8)
    hiss = np.random.default_rng(late).normal(0, 12, len(agent))
    return np.concatenate((np.zeros(late), agent))[: len(agent)] * 10 ** (level_db / 20) + hiss


def loud(blocks: np.ndarray, level: float = 330.0) -> list[int]:
    rows = blocks[: len(blocks) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return [place for place, row in enumerate(rows) if np.sqrt(np.mean(np.square(row))) > level]


@pytest.mark.parametrize("level_db", [-6, -12, -20, -30])
@pytest.mark.parametrize("delay_ms", [20, 120, 400])
def test_nothing_of_an_echo_passes_from_the_first_word_on(delay_ms: float, level_db: float) -> None:
    heard = echo(AGENT, delay_ms, level_db)
    line = Line(EchoGuard()).run(AGENT, heard)
    assert not loud(np.concatenate(line.passed), 100.0)
    assert line.guard.state is State.KNOWN
    assert abs(line.guard.delay - delay_ms * 8) <= 2
    assert 10 * np.log10(line.guard.gain) == pytest.approx(level_db, abs=2)


@pytest.mark.parametrize("over_db", [0.0, 6.0])
def test_a_caller_on_top_of_an_echo_is_heard_within_a_few_blocks(over_db: float) -> None:
    heard = echo(AGENT, 120, -12)
    begin = 24000
    heard[begin:40000] += CALLER[begin:40000] * 10 ** ((-12 + over_db) / 20)
    line = Line(EchoGuard()).run(AGENT, heard)
    assert Verdict.MIXED not in line.verdicts[: begin // BLOCK]
    mixed = [place for place in range(begin // BLOCK, 250) if line.verdicts[place] is Verdict.MIXED]
    assert mixed[0] <= begin // BLOCK + 4
    assert len(mixed) > 60
    # And what is heard is the caller.
    clean = np.concatenate(line.passed)[begin:40000]
    caller = CALLER[begin:40000] * 10 ** ((-12 + over_db) / 20)
    likeness = clean @ caller / np.sqrt((clean @ clean) * (caller @ caller))
    assert likeness > 0.9


def test_a_line_that_gives_nothing_back_is_believed_and_its_caller_passes_at_once() -> None:
    hiss = np.random.default_rng(1).normal(0, 12, len(AGENT))
    caller = hiss.copy()
    caller[24000:] += voice(8000, 3.0)
    line = Line(EchoGuard()).run(AGENT, caller)
    assert line.guard.state is State.AT_EASE
    assert set(line.verdicts[24000 // BLOCK :]) == {Verdict.CLEAR}
    assert np.concatenate(line.passed).astype(np.int16).tolist() == [
        sample for at in range(0, len(caller), BLOCK)
        for sample in PCMU.decode(PCMU.encode(np.rint(caller[at : at + BLOCK]).clip(-32768, 32767).astype(np.int16)))
    ]  # fmt: skip


def test_a_caller_who_interrupts_the_very_first_word_waits_for_a_tenth_of_a_second_at_most() -> None:
    hiss = np.random.default_rng(1).normal(0, 12, len(AGENT))
    hiss[1600:] += CALLER[1600:]
    line = Line(EchoGuard()).run(AGENT, hiss)
    unsure = [place for place, verdict in enumerate(line.verdicts[:40]) if verdict is Verdict.UNSURE]
    assert unsure and len(unsure) <= 5
    assert line.verdicts[unsure[-1] + 1] is Verdict.CLEAR


def test_where_an_echo_is_unlikely_it_is_found_all_the_same() -> None:
    heard = echo(AGENT, 120, -12)
    line = Line(EchoGuard(doubtful=False)).run(AGENT, heard)
    assert Verdict.UNSURE not in line.verdicts
    assert line.guard.state is State.KNOWN
    assert len(loud(np.concatenate(line.passed))) <= 3


def test_an_echo_whose_delay_changes_is_followed() -> None:
    heard = np.concatenate((echo(AGENT, 120, -12)[:24000], echo(AGENT, 180, -12)[24000:]))
    line = Line(EchoGuard()).run(AGENT, heard)
    assert abs(line.guard.delay - 180 * 8) <= 2
    assert len(loud(np.concatenate(line.passed))) <= 1


def test_an_echo_that_becomes_louder_is_no_caller() -> None:
    gains = np.where(np.arange(len(AGENT)) < 24000, 1.0, 2.0)
    line = Line(EchoGuard()).run(AGENT, echo(AGENT, 120, -18) * gains)
    assert not loud(np.concatenate(line.passed))


def test_an_echo_that_stops_for_a_while_is_no_caller() -> None:
    heard = echo(AGENT, 120, -12)
    for at in range(16000, 40000, 3200):
        heard[at : at + 200] = 0.0
    line = Line(EchoGuard()).run(AGENT, heard)
    assert not loud(np.concatenate(line.passed))


def test_keys_pressed_while_an_echo_is_heard_are_still_keys() -> None:
    heard = echo(AGENT, 120, -20)
    for place, key in enumerate("159#"):
        at = 16000 + place * 4000
        heard[at : at + 1600] += dtmf(key, 200, 8000, -14.0)
    line = Line(EchoGuard()).run(AGENT, heard)
    clean = np.rint(np.concatenate(line.passed)).clip(-32768, 32767).astype(np.int16)
    assert "".join(each.digit for each in DtmfDetector().push(clean)) == "159#"


def test_a_pause_in_which_nothing_is_given_to_the_guard() -> None:
    heard = echo(AGENT, 120, -12)
    line = Line(EchoGuard()).run(AGENT, heard)
    line.passed.clear()
    line.run(AGENT, heard, begin=10 * 48000)
    assert not loud(np.concatenate(line.passed))


def test_silence_both_ways_is_nothing() -> None:
    line = Line(EchoGuard()).run(silence(16000), np.zeros(16000))
    assert set(line.verdicts) == {Verdict.CLEAR}
    assert not line.guard.echo_blocks
