import asyncio
import json
from pathlib import Path

import pytest

from mediaserver.errors import ConfigurationError
from mediaserver.talk.tools import Toolbox

HERE = "support.phone_tools"


async def test_described_from_signature_and_docstring() -> None:
    (spec,) = Toolbox([f"{HERE}:opening_hours"]).specs
    assert spec.name == "opening_hours"
    assert spec.description == "When the shop is open."
    assert spec.parameters["properties"]["day"]["type"] == "string"  # type: ignore[index]
    assert spec.parameters["required"] == ["day"]


async def test_run_with_arguments_and_defaults() -> None:
    box = Toolbox([f"{HERE}:opening_hours"])
    assert json.loads(await box.run("opening_hours", '{"day": "monday"}', 1)) == {"day": "monday", "from": 9}
    assert json.loads(await box.run("opening_hours", '{"day": "monday", "holidays": true}', 1))["from"] == 11


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("opening_hours", "{}", "day"),
        ("opening_hours", "not json", "JSON"),
        ("opening_hours", '{"day": "monday", "colour": 1}', "colour"),
        ("nothing_of_the_kind", "{}", "no tool named"),
        ("broken", "{}", "ZeroDivisionError"),
        ("never", "{}", "no result within 0.05 s"),
        ("times_out_itself", "{}", "TimeoutError: no route"),
        ("tuple_keys", "{}", "TypeError"),
        ("circular", "{}", "ValueError"),
        ("gives_up", "{}", "cancelled"),
        ("leaves", "{}", "SystemExit"),
    ],
)
async def test_whatever_goes_wrong_is_told_to_the_model(name: str, arguments: str, expected: str) -> None:
    names = {"opening_hours", name} - {"nothing_of_the_kind"}
    box = Toolbox([f"{HERE}:{each}" for each in names])
    assert expected in json.loads(await box.run(name, arguments, 0.05))["error"]


async def test_cancellation_is_not_an_error_to_swallow() -> None:
    box = Toolbox([f"{HERE}:never"])
    task = asyncio.create_task(box.run("never", "{}", 10))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_every_tool_that_cannot_be_used_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Toolbox(["no.such.module:f", f"{HERE}:missing", f"{HERE}:not_async"])
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize("name", [f"{HERE}:unspeakable", f"{HERE}:unknown_kind", "", ":", ".x:y", f"{HERE}:"])
def test_whatever_loading_raises_is_a_fault_that_names_the_tool(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Toolbox([name, f"{HERE}:opening_hours"])
    (fault,) = caught.value.faults
    assert fault.startswith(f"agent.tools {name!r}: ")


@pytest.mark.parametrize("source", ["def broken(:", "raise SystemExit(3)", "raise RuntimeError('no key')", "nowhere"])
def test_a_module_that_cannot_be_imported_is_a_fault(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tools_that_break.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match="tools_that_break:f"):
        Toolbox(["tools_that_break:f"])


def test_end_call_is_built_in() -> None:
    box = Toolbox(["end_call"])
    assert box.ends_calls
    assert [spec.name for spec in box.specs] == ["end_call"]
