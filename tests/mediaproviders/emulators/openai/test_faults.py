"""The fault script, in virtual time."""

import pytest

from mediaproviders.emulators.openai import EmulatorSettings, Fault
from mediaproviders.emulators.openai.mishaps import GARBAGE, NOT_JSON, TRUNCATED_JSON
from mediaproviders.emulators.websocket import Close, Reset, StopReading
from support.openaiemulator import QUICK, Rehearsal, audio_of, one, only, types


def scripted(*faults: Fault, **more: object) -> Rehearsal:
    return Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=2000, faults=faults, **more))  # type: ignore[arg-type]


def test_close_in_the_middle_of_an_answer() -> None:
    rehearsal = scripted(Fault("close", on_turn=2, after_ms=500, code=1013))
    rehearsal.send("response.create")
    assert one(rehearsal.run(3), "response.done")["response"]["status"] == "completed"
    rehearsal.send("response.create")
    events = rehearsal.run(3)
    assert len(audio_of(events)) == 4000
    assert rehearsal.effects[-1] == Close(1013, "as told by the fault script")
    assert rehearsal.session.closed
    # Nothing is said after that, whatever the client does.
    assert rehearsal.send("response.create") == []


def test_reset_at_a_second() -> None:
    rehearsal = scripted(Fault("reset", at_s=2.0))
    rehearsal.run(1.9)
    assert not rehearsal.session.closed
    rehearsal.run(0.2)
    assert rehearsal.effects[-1] == Reset()


@pytest.mark.parametrize(
    ("kind", "frame"), [("binary_garbage", GARBAGE), ("not_json", NOT_JSON), ("truncated_json", TRUNCATED_JSON)]
)
def test_nonsense(kind: str, frame: str | bytes) -> None:
    rehearsal = scripted(Fault(kind, at_s=1.0))  # type: ignore[arg-type]
    rehearsal.run(2)
    assert rehearsal.effects[-1] == frame
    # The session goes on.
    assert types(rehearsal.configure()) == ["session.updated"]


def test_unknown_event_and_error() -> None:
    rehearsal = scripted(Fault("unknown_event", at_s=1.0), Fault("error", at_s=2.0, error_code="rate_limit_exceeded"))
    events = rehearsal.run(3)
    assert types(events) == ["response.dream.delta", "error"]
    assert (events[1]["error"]["code"], events[1]["error"]["type"]) == ("rate_limit_exceeded", "server_error")


def test_failed_response() -> None:
    rehearsal = scripted(Fault("fail_response", on_turn=1, after_ms=250, error_code="rate_limit_exceeded"))
    rehearsal.send("response.create")
    events = rehearsal.run(5)
    done = one(events, "response.done")["response"]
    assert (done["status"], done["status_details"]["error"]["code"]) == ("failed", "rate_limit_exceeded")
    assert done["output"][0]["status"] == "incomplete"
    assert len(audio_of(events)) == 2000
    assert types(rehearsal.send("response.create")) == ["response.created"]


def test_response_failed_at_its_creation() -> None:
    rehearsal = scripted(Fault("fail_response", on_turn=1))
    events = rehearsal.send("response.create") + rehearsal.run(5)
    assert types(events) == ["response.created", "response.done", "rate_limits.updated"]


def test_stalled_answer_goes_on() -> None:
    rehearsal = scripted(Fault("stall", on_turn=1, after_ms=500, seconds=7))
    rehearsal.send("response.create")
    assert len(audio_of(rehearsal.run(7))) == 4000
    assert len(audio_of(rehearsal.run(1))) == 12000


def test_flood() -> None:
    rehearsal = scripted(Fault("flood", on_turn=1, after_ms=250, seconds=20))
    rehearsal.send("response.create")
    events = rehearsal.run(0.13)
    assert len(audio_of(events)) >= 22 * 8000
    one(events, "response.done")


def test_flood_in_the_middle_by_time() -> None:
    rehearsal = scripted(Fault("flood", at_s=0.15, seconds=0))
    rehearsal.send("response.create")
    events = rehearsal.run(0.15)
    assert len(audio_of(events)) == 16000


def test_mute_and_stop_reading() -> None:
    rehearsal = scripted(Fault("stop_reading", at_s=1, seconds=3), Fault("mute", at_s=2))
    rehearsal.run(1.5)
    assert rehearsal.effects[-1] == StopReading(3)
    rehearsal.run(1)
    assert rehearsal.configure() == [] and rehearsal.turn() == []


def test_expiry() -> None:
    rehearsal = Rehearsal(EmulatorSettings(session_s=120))
    assert rehearsal.run(119) == []
    (event,) = rehearsal.run(1.5)
    assert event["error"]["code"] == "session_expired"
    assert event["error"]["message"] == "Your session hit the maximum duration of 2 minutes."
    assert rehearsal.effects[-1] == Close(1001, "session expired")


def test_only_the_connections_named() -> None:
    settings = EmulatorSettings(faults=(Fault("mute", at_s=0, connections=range(1)),))
    first, second = (Rehearsal(settings, connection=each) for each in (0, 1))
    first.run(1), second.run(1)
    assert first.configure() == []
    assert types(second.configure()) == ["session.updated"]


def test_a_fault_needs_one_moment() -> None:
    for wrong in ({}, {"at_s": 1.0, "on_turn": 1}):
        with pytest.raises(ValueError, match="either"):
            Fault("close", **wrong)  # type: ignore[arg-type]


def test_timeline() -> None:
    rehearsal = scripted()
    rehearsal.turn()
    rehearsal.run(3)
    kinds = [each["kind"] for each in rehearsal.timeline.entries]
    assert kinds == [
        "session",
        "speech_started",
        "speech_stopped",
        "committed",
        "response_created",
        "first_delta",
        "last_delta",
        "response_done",
    ]
    times = [each["t"] for each in rehearsal.timeline.entries]
    assert times == sorted(times)
    assert all(each["session"] == "sess_1" and each["call"] == "call-1" for each in rehearsal.timeline.entries)
    stopped = rehearsal.timeline.of("speech_stopped")[0]
    assert stopped["last_append_at"] == stopped["t"]
    assert rehearsal.timeline.appends == 51 and only([], "") == []
    assert [event["type"] for _, event in rehearsal.timeline.client_events] == ["session.update"]


@pytest.mark.parametrize("dialect", ["openai", "azure", "azure-preview", "xai"])
def test_empty_answer(dialect: str) -> None:
    rehearsal = scripted(Fault("empty_answer", on_turn=1), dialect=dialect)
    events = rehearsal.send("response.create") + rehearsal.run(3)
    done = one(events, "response.done")["response"]
    assert (done["status"], done["output"]) == ("completed", [])
    assert audio_of(events) == b""
    # The next one is as usual.
    rehearsal.send("response.create")
    assert len(audio_of(rehearsal.run(5))) == 16000


@pytest.mark.parametrize("dialect", ["openai", "azure", "azure-preview", "xai"])
def test_wrong_order(dialect: str) -> None:
    rehearsal = scripted(Fault("wrong_order", on_turn=1), dialect=dialect)
    events = rehearsal.send("response.create") + rehearsal.run(5)
    started = one(events, "response.created")["response"]["id"]
    ends = [index for index, each in enumerate(events) if each["type"] == "response.done"]
    spoken = [index for index, each in enumerate(events) if each["type"].endswith("audio.delta")]
    assert len(ends) == 2
    assert spoken[0] < ends[0] < spoken[1] < ends[1]
    assert {events[index]["response_id"] for index in spoken} == {"resp_never_announced", started}


def test_faults_within_a_written_answer() -> None:
    rehearsal = scripted(Fault("fail_response", on_turn=1, after_ms=500))
    rehearsal.configure(output_modalities=["text"])
    rehearsal.send("response.create")
    events = rehearsal.run(5)
    assert len(only(events, "response.output_text.delta")) == 2
    assert one(events, "response.done")["response"]["status"] == "failed"
