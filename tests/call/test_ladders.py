"""Ladders as files: which legs are in one, how many refusals are written, and what happens when nothing can be."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from mediaserver.call.ladders import LadderFiles, ladder_files
from mediaserver.config.ladder import Ladder as LadderConfig
from mediaserver.errors import ConfigurationError
from mediaserver.sip.ladder import Ladders
from mediaserver.sip.masking import masked
from support.sip_rig import UDP, request


def files(directory: Path) -> LadderFiles:
    return LadderFiles(directory, Ladders(), lambda leg: f"call-{leg}" if leg else None, lambda: 100.0)


def written(path: str | None) -> list[dict[str, object]]:
    assert path is not None
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def count(directory: Path, pattern: str) -> int:
    return len(list(directory.glob(pattern)))


async def test_all_legs_of_a_call_are_in_its_file(tmp_path: Path) -> None:
    kept = files(tmp_path)
    for leg in (1, 2, 3):
        kept.wire.received(request(call_id=f"call-{leg}"), UDP, 10.0 - leg)
    kept.joined("a", 1)
    kept.joined("a", 2)
    kept.joined("a", 1)
    path = kept.ended("a", {"result": "completed", "with": "b"})
    kept.wire.sent(request("BYE", call_id="call-1", to_tag="x"), UDP, 50.0)  # within the time of grace
    kept.close()
    about, *rungs = written(path)
    assert about == {"ladder": 1, "call": "a", "result": "completed", "with": "b", "call_ids": ["call-1", "call-2"]}
    assert [str(rung["message"])[:3] for rung in rungs] == ["INV", "INV", "BYE"]
    assert "call-2" in str(rungs[0]["message"]) and len(kept.wire) == 1


async def test_secrets_are_masked_by_the_thread_that_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noted(message: bytes) -> bytes:
        threads.append(threading.get_ident())
        return masked(message)

    monkeypatch.setattr("mediaserver.sip.ladder.masked", noted)
    kept = files(tmp_path)
    kept.wire.received(request(extra=['Authorization: Digest response="deadbeef00"']), UDP, 10.0)
    kept.joined("a", 1)
    path = kept.ended("a", {})
    kept.close()
    _, invitation = written(path)
    assert "INVITE" in str(invitation["message"]) and "deadbeef" not in str(invitation["message"])
    assert threads and threading.get_ident() not in threads


async def test_a_leg_that_has_ended_and_a_call_that_never_had_one_have_no_file(tmp_path: Path) -> None:
    kept = files(tmp_path)
    kept.joined("a", 0)
    assert kept.ended("a", {}) is None and kept.refused(0, {}) is None
    kept.close()
    assert count(tmp_path, "*") == 0


async def test_of_a_flood_of_refusals_sixty_are_written(tmp_path: Path) -> None:
    kept = files(tmp_path)
    for leg in range(1, 200):
        kept.wire.received(request(call_id=f"call-{leg}"), UDP, 10.0)
        kept.refused(leg, {"reason": "max-calls"})
    kept.close()
    assert count(tmp_path, "*/refused-*.jsonl") == 60


async def test_what_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    kept = files(tmp_path)
    kept.wire.received(request(), UDP, 10.0)
    kept.joined("a", 1)
    path = kept.ended("a", {})
    assert path is not None
    await asyncio.to_thread(Path(path).parent.write_text, "in the way")
    kept.close()
    assert count(tmp_path, "*/*") == 0


def test_a_directory_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"ladder\.directory"):
        files(tmp_path / "file" / "ladders")
    assert ladder_files(LadderConfig(), lambda leg: None, lambda: 0.0) is None
