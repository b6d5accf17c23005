"""What the matrix promises, and that it can fail."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from matrix import table
from matrix.cells import CELLS, MODEL_NAMES, Cell, definition, refusal
from matrix.phone import Judge
from mediaserver.agents.checks import examine
from mediaserver.load.report import CallReport
from mediaserver.load.script import Spoken
from mediaserver.load.server_process import LogLine

SPEECH = {"access": {"base_url": "http://127.0.0.1:1/v1", "api_key": "sk-x"}}


def test_every_model_in_every_way() -> None:
    assert len(CELLS) == 3 * len(MODEL_NAMES) == 39
    realtime = [name for name in MODEL_NAMES if not name.startswith("chat/")]
    assert len(realtime) == 12


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_is_promised_to_work_can_be_saved_and_what_is_not_is_refused_with_the_reason(cell: Cell) -> None:
    _, found = examine(definition(cell, SPEECH))
    if cell.works:
        assert found.faults == [] and refusal(cell) is None
    else:
        assert [fault.field for fault in found.faults] == ["voice_streaming"]
        assert cell.model in str(refusal(cell))


def judged(report: CallReport, *lines: LogLine, mode: str = "off") -> Any:
    sessions: list[Any] = []
    return Judge(Cell("gpt-realtime", cast(Any, mode)), cast(Any, None), report, list(lines), sessions).outcome()


def test_a_call_that_was_not_answered_keeps_no_promise() -> None:
    outcome = judged(CallReport("sip:x", status=503))
    assert set(outcome.values()) == {"the call was answered by 503"}
    assert table.shown(Cell("gpt-realtime", "on"), outcome).startswith("✗ greeting")


def test_a_silent_agent_keeps_no_promise() -> None:
    report = CallReport("sip:x", status=200, ended_by="caller", spoken=[Spoken("question", 1.0, 2.0, 2.0)])
    outcome = judged(report)
    assert None not in outcome.values()


def test_an_agent_that_says_nothing_of_what_was_heard_is_found_out() -> None:
    spoken = [Spoken(label, at, at + 1, at + 1) for label, at in (("question", 1.0), ("barge-in", 5.0))]
    report = CallReport("sip:x", status=200, ended_by="agent", spoken=spoken)
    judge = Judge(Cell("gpt-realtime", "off"), cast(Any, None), report, [_line("barge_in", heard_ms=700)], [])
    judge._spurts = [(4.0, 5.3), (7.0, 8.0)]
    assert "transcript" in str(judge._barge_in())
    judge._lines.append(_line("transcript", speaker="agent", interrupted=True, heard_text="This is"))
    assert "it remembers []" in str(judge._barge_in())
    told = {"type": "conversation.item.create", "item": {"role": "assistant", "content": [{"text": "This is"}]}}
    judge._sessions = [cast(Any, SimpleNamespace(client_events=[(0.0, told)]))]
    assert judge._barge_in() is None
    judge._spurts = [(4.0, 6.1), (7.0, 8.0)]
    assert "spoke on" in str(judge._barge_in())


def _line(event: str, **fields: object) -> LogLine:
    return LogLine(0.0, event, fields)
