"""Responses: the order of their events, one at a time, their end and their bill."""

import json
import math

import pytest

from mediaproviders.emulators.openai import BURST, EmulatorSettings, Pace
from support.openaiemulator import QUICK, Rehearsal, audio_of, one, only, types

BEFORE = ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
AFTER = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
FULL = EmulatorSettings(pace=QUICK, answer_ms=4000)


def test_order_of_a_spoken_answer() -> None:
    rehearsal = Rehearsal(FULL)
    assert types(rehearsal.send("response.create")) == ["response.created"]
    events = rehearsal.run(5)
    order = types(events)
    assert order[:3] == BEFORE and order[-7:] == AFTER
    assert set(order[3:-7]) == {"response.output_audio.delta", "response.output_audio_transcript.delta"}
    assert order[3:-7].count("response.output_audio.delta") == 17
    text = "".join(each["delta"] for each in only(events, "response.output_audio_transcript.delta"))
    assert text == one(events, "response.output_audio_transcript.done")["transcript"]
    assert text == "This is answer number 1 of the emulated model."
    done = one(events, "response.done")["response"]
    assert done["status"] == "completed" and done["status_details"] is None
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": text}]
    assert {each["item_id"] for each in events if "item_id" in each} == {done["output"][0]["id"]}


def test_every_event_has_an_id_of_its_own() -> None:
    rehearsal = Rehearsal(FULL)
    events = rehearsal.turn() + rehearsal.run(5)
    assert len({each["event_id"] for each in events}) == len(events) > 20


@pytest.mark.parametrize(("kind", "per_ms"), [("audio/pcmu", 8), ("audio/pcma", 8), ("audio/pcm", 48)])
def test_audio_is_the_answer_in_the_sessions_format(kind: str, per_ms: int) -> None:
    rehearsal = Rehearsal(kind=kind)
    rehearsal.send("response.create")
    audio = audio_of(rehearsal.run(3))
    assert len(audio) == 1000 * per_ms
    assert audio == rehearsal.answers.audio(0, kind)


def test_a_response_may_have_its_own_format_and_metadata() -> None:
    rehearsal = Rehearsal()
    output = {"format": {"type": "audio/pcm"}}
    created = rehearsal.send("response.create", response={"audio": {"output": output}, "metadata": {"a": "b"}})
    assert one(created, "response.created")["response"]["metadata"] == {"a": "b"}
    assert len(audio_of(rehearsal.run(3))) == 48000
    rehearsal.send("response.create")
    assert len(audio_of(rehearsal.run(3))) == 8000


def test_one_active_response() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("response.create")
    assert rehearsal.refusal("response.create")["code"] == "conversation_already_has_active_response"
    rehearsal.run(3)
    assert types(rehearsal.send("response.create")) == ["response.created"]


def test_out_of_band_responses_run_beside_and_join_nothing() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("response.create")
    beside = {"conversation": "none", "output_modalities": ["text"], "input": []}
    created = rehearsal.send("response.create", response=beside)
    assert one(created, "response.created")["response"]["conversation_id"] is None
    events = rehearsal.run(5)
    assert len(only(events, "response.done")) == 2
    assert len(only(events, "conversation.item.added")) == 1


def test_unknown_reference_in_the_input() -> None:
    error = Rehearsal().refusal("response.create", response={"input": [{"type": "item_reference", "id": "x"}]})
    assert error["param"] == "response.input[0].id"


def test_cancel() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=4000, late_ms=0, settle_ms=0))
    rehearsal.send("response.create")
    rehearsal.run(0.2)
    events = rehearsal.send("response.cancel")
    assert types(events) == AFTER
    done = one(events, "response.done")["response"]
    assert (done["status"], done["status_details"]) == (
        "cancelled",
        {"type": "cancelled", "reason": "client_cancelled"},
    )
    assert rehearsal.run(5) == []


def test_cancel_without_a_response() -> None:
    rehearsal = Rehearsal()
    assert rehearsal.refusal("response.cancel")["code"] == "response_cancel_not_active"
    created = rehearsal.send("response.create")
    assert rehearsal.refusal("response.cancel", response_id="resp_x")["code"] == "response_cancel_not_active"
    response_id = one(created, "response.created")["response"]["id"]
    assert rehearsal.send("response.cancel", response_id=response_id) == []
    # It is being cancelled already.
    assert rehearsal.refusal("response.cancel")["code"] == "response_cancel_not_active"


def test_cancelled_before_its_first_audio() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("response.create")
    rehearsal.send("response.cancel")
    events = rehearsal.run(3)
    assert types(events) == ["response.done", "rate_limits.updated"]
    assert events[0]["response"]["output"] == []


def test_audio_in_flight_arrives_after_the_cancel() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=4000, late_ms=500, settle_ms=30))
    rehearsal.send("response.create")
    rehearsal.run(0.13)
    late = rehearsal.send("response.cancel")
    assert types(late) == ["response.output_audio.delta"] * 2
    # Until it has settled, it is still the active one.
    assert rehearsal.refusal("response.create")["code"] == "conversation_already_has_active_response"
    assert types(rehearsal.run(0.05)) == AFTER
    assert types(rehearsal.send("response.create")) == ["response.created"]


def test_audio_in_flight_even_after_done() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=4000, late_ms=500, late_after_done=True))
    rehearsal.send("response.create")
    rehearsal.run(0.13)
    assert rehearsal.send("response.cancel") == []
    events = rehearsal.run(1)
    assert types(events) == [*AFTER, "response.output_audio.delta", "response.output_audio.delta"]
    assert types(rehearsal.send("response.create")) == ["response.created"]


def test_usage_adds_up() -> None:
    rehearsal = Rehearsal(FULL)
    usages = []
    for _ in range(2):
        events = rehearsal.turn(1000) + rehearsal.run(5)
        usages.append(one(events, "response.done")["response"]["usage"])
    for usage in usages:
        given, made = usage["input_token_details"], usage["output_token_details"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert usage["input_tokens"] == given["text_tokens"] + given["audio_tokens"]
        assert usage["output_tokens"] == made["text_tokens"] + made["audio_tokens"]
        cached = given["cached_tokens_details"]
        assert given["cached_tokens"] == cached["text_tokens"] + cached["audio_tokens"] <= usage["input_tokens"]
        assert made["audio_tokens"] == 80
    # Padding and trailing silence belong to the turn: 1.5 s make 15 tokens; then the answer's 80 are context too.
    assert usages[0]["input_token_details"]["audio_tokens"] == 15
    assert usages[1]["input_token_details"]["audio_tokens"] >= 15 + 80 + 15
    assert usages[1]["input_token_details"]["cached_tokens"] == usages[0]["input_tokens"]


def test_max_output_tokens() -> None:
    rehearsal = Rehearsal(FULL)
    rehearsal.send("response.create", response={"max_output_tokens": 20})
    events = rehearsal.run(5)
    done = one(events, "response.done")["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
    assert 0 < done["usage"]["output_tokens"] <= 20
    assert 0 < len(audio_of(events)) <= 20 * 50 * 8


def test_text_only() -> None:
    rehearsal = Rehearsal()
    rehearsal.configure(output_modalities=["text"])
    rehearsal.send("response.create")
    events = rehearsal.run(2)
    assert only(events, "response.output_audio.delta") == []
    text = "".join(each["delta"] for each in only(events, "response.output_text.delta"))
    done = one(events, "response.done")["response"]
    assert text == one(events, "response.output_text.done")["text"] == done["output"][0]["content"][0]["text"]
    assert done["usage"]["output_token_details"]["audio_tokens"] == 0


# --- functions ----------------------------------------------------------------------------------------------------

TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
SCRIPTED = EmulatorSettings(pace=QUICK, answer_ms=500, tool_on_turn={1: ("get_weather", '{"city":"Ulm"}')})


def test_function_call_and_going_on() -> None:
    rehearsal = Rehearsal(SCRIPTED)
    rehearsal.configure(tools=[TOOL])
    events = rehearsal.turn() + rehearsal.run(3)
    made = one(events, "response.function_call_arguments.done")
    assert (made["name"], json.loads(made["arguments"])) == ("get_weather", {"city": "Ulm"})
    deltas = "".join(each["delta"] for each in only(events, "response.function_call_arguments.delta"))
    assert deltas == made["arguments"]
    done = one(events, "response.done")["response"]
    assert done["output"][0]["call_id"] == made["call_id"]
    assert rehearsal.run(10) == []
    output = {"type": "function_call_output", "call_id": made["call_id"], "output": "22 degrees"}
    assert types(rehearsal.send("conversation.item.create", item=output)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert rehearsal.run(10) == []
    rehearsal.send("response.create")
    spoken = one(rehearsal.run(3), "response.output_audio_transcript.done")
    assert spoken["transcript"] == "The function returned 22 degrees."


def test_going_on_without_the_result() -> None:
    rehearsal = Rehearsal(SCRIPTED)
    rehearsal.configure(tools=[TOOL])
    rehearsal.turn()
    rehearsal.run(3)
    rehearsal.send("response.create")
    assert "waiting for get_weather" in one(rehearsal.run(3), "response.output_audio_transcript.done")["transcript"]


def test_a_result_needs_its_call() -> None:
    output = {"type": "function_call_output", "call_id": "call_x", "output": "1"}
    error = Rehearsal().refusal("conversation.item.create", item=output)
    assert (error["code"], error["param"]) == ("invalid_tool_call_id", "item.call_id")


@pytest.mark.parametrize("configuration", [{}, {"tools": [TOOL], "tool_choice": "none"}])
def test_only_declared_functions_are_called(configuration: dict[str, object]) -> None:
    rehearsal = Rehearsal(SCRIPTED)
    rehearsal.configure(**configuration)
    events = rehearsal.turn() + rehearsal.run(3)
    assert only(events, "response.function_call_arguments.done") == []
    assert audio_of(events)


def test_forced_function() -> None:
    rehearsal = Rehearsal()
    choice = {"type": "function", "name": "get_weather"}
    rehearsal.send("response.create", response={"tools": [TOOL], "tool_choice": choice})
    assert one(rehearsal.run(2), "response.function_call_arguments.done")["name"] == "get_weather"


# --- pace ---------------------------------------------------------------------------------------------------------


def arrivals(pace: Pace, seconds: float = 10.0) -> list[tuple[float, int]]:
    """(s after creation, bytes of audio so far) at each moment audio arrives."""
    rehearsal = Rehearsal(EmulatorSettings(pace=pace, answer_ms=2000))
    rehearsal.send("response.create")
    start, total, found = rehearsal.now, 0, []
    while (due := rehearsal.session.next_deadline()) is not None and due < start + seconds:
        events = rehearsal.run(due - rehearsal.now)
        total += len(audio_of(events))
        if audio_of(events):
            found.append((rehearsal.now - start, total))
    return found


def test_default_sizes_and_rate() -> None:
    found = arrivals(Pace(first_audio_ms=300, rate=5.0))
    assert found[0][0] == pytest.approx(0.3)
    sizes = [after - before for (_, before), (_, after) in zip([(0.0, 0), *found], found, strict=False)]
    assert sizes == [800, 1200, *[2000] * 7]
    assert found[-1][0] == pytest.approx(0.3 + 2.0 / 5 - 0.25 / 5)


def test_whole_answer_at_once() -> None:
    assert arrivals(BURST) == [(pytest.approx(0.3), 16000)]


def test_stall() -> None:
    found = arrivals(Pace(first_audio_ms=0, rate=math.inf, stall_after_ms=1000, stall_ms=3000))
    assert found == [(0.0, 8000), (pytest.approx(3.0), 16000)]


def test_jitter_delays_but_never_reorders() -> None:
    pace = Pace(first_audio_ms=100, rate=5.0, jitter_ms=200)
    found = arrivals(pace)
    assert found == arrivals(pace)
    assert [each for each, _ in found] == sorted(each for each, _ in found)
    assert found[-1][1] == 16000
    plain = arrivals(Pace(first_audio_ms=100, rate=5.0))
    assert [each for each, _ in found] != [each for each, _ in plain]


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"deltas_ms": ()}, {"deltas_ms": (0,)}, {"first_audio_ms": -1}])
def test_impossible_pace(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="pace"):
        Pace(**wrong)  # type: ignore[arg-type]
