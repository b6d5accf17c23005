import asyncio
import json

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
    ],
)
async def test_whatever_goes_wrong_is_told_to_the_model(name: str, arguments: str, expected: str) -> None:
    box = Toolbox([f"{HERE}:opening_hours", f"{HERE}:broken", f"{HERE}:never"])
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


def test_end_call_is_built_in() -> None:
    box = Toolbox(["end_call"])
    assert box.ends_calls
    assert [spec.name for spec in box.specs] == ["end_call"]
