"""The fuzzer itself: its targets take what a corpus begins with, and what hypothesis finds can be played again."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.choices import FromHypothesis, FromOctets
from fuzz.run import main
from fuzz.target import TARGETS, load


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds(name: str) -> None:
    target = load(name)
    seeds = target.seeds()
    assert len(seeds) >= 30
    for seed in seeds[:: len(seeds) // 15]:
        target.run(FromOctets(seed))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_was_drawn_is_played_by_its_octets(data: st.DataObject) -> None:
    drawn = FromHypothesis(data, 10)
    given: list[object] = []
    while drawn.more():
        given += [drawn.below(300), drawn.pick("abc"), drawn.flag(), drawn.octets(20), drawn.below(100_000)]
    played = FromOctets(bytes(drawn.octets_so_far))
    again: list[object] = []
    while played.more():
        again += [played.below(300), played.pick("abc"), played.flag(), played.octets(20), played.below(100_000)]
    assert again == given


def test_a_finding_is_played_again_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = tmp_path / "finding"
    finding.write_bytes(bytes((0, 0)))
    assert main(["sdp", "--replay", str(finding)]) == 0
    monkeypatch.setattr("fuzz.sdp.sdp_text.described", None)
    finding.write_bytes(bytes((3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1)))
    assert main(["sdp", "--replay", str(finding)]) == 1


def test_hypothesis_runs_for_its_time_and_finds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzz.drawn._ROUND", 20)
    assert main(["sdp", "--hypothesis", "--minutes", "0.001", "--out", str(tmp_path)]) == 0
    assert "nothing found" in capsys.readouterr().out
