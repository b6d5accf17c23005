"""Turns: commits, transcripts, interruptions, the user's silence."""

from mediaproviders.emulators.openai import EmulatorSettings
from support.openaiemulator import QUICK, Rehearsal, one, only, types

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def transcribing(**settings: object) -> Rehearsal:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=1000, **settings))  # type: ignore[arg-type]
    rehearsal.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
    return rehearsal


def test_manual_turns() -> None:
    rehearsal = Rehearsal()
    rehearsal.configure(audio={"input": {"turn_detection": None}})
    assert rehearsal.hear(rehearsal.speech(400) + rehearsal.silence(2000)) == []
    events = rehearsal.send("input_audio_buffer.commit")
    assert types(events) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert rehearsal.run(5) == []
    assert types(rehearsal.send("response.create")) == ["response.created"]


def test_commit_needs_100_ms() -> None:
    rehearsal = Rehearsal()
    rehearsal.append(rehearsal.silence(99))
    error = rehearsal.refusal("input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "99.00ms" in error["message"]
    rehearsal.append(rehearsal.silence(1))
    one(rehearsal.send("input_audio_buffer.commit"), "input_audio_buffer.committed")
    assert rehearsal.refusal("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_commit_after_the_detectors_own_is_refused() -> None:
    rehearsal = Rehearsal()
    rehearsal.turn(500)
    assert rehearsal.refusal("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_clear_forgets_the_speech_under_way() -> None:
    rehearsal = Rehearsal()
    rehearsal.hear(rehearsal.speech(300))
    assert types(rehearsal.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert rehearsal.hear(rehearsal.silence(1000)) == []


def test_transcript_comes_after_the_answer_began() -> None:
    rehearsal = transcribing(hears=("book a table",))
    events = rehearsal.turn() + rehearsal.run(3)
    order = types(events)
    assert order.index("response.output_audio.delta") < order.index(f"{TRANSCRIPTION}.delta")
    completed = one(events, f"{TRANSCRIPTION}.completed")
    assert completed["transcript"] == "book a table"
    assert "".join(each["delta"] for each in only(events, f"{TRANSCRIPTION}.delta")) == "book a table"
    usage = completed["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    retrieved = rehearsal.send("conversation.item.retrieve", item_id=completed["item_id"])
    assert retrieved[0]["item"]["content"][0]["transcript"] == "book a table"


def test_transcript_says_how_long_it_was_by_default() -> None:
    rehearsal = transcribing()
    events = rehearsal.turn(700) + rehearsal.run(2)
    assert one(events, f"{TRANSCRIPTION}.completed")["transcript"] == "(speech, 1.2 s)"


def test_transcription_can_fail_and_be_off() -> None:
    rehearsal = transcribing(transcription_fails_on=frozenset({1}))
    events = rehearsal.turn() + rehearsal.run(2)
    assert one(events, f"{TRANSCRIPTION}.failed")["error"]["code"]
    assert only(events, f"{TRANSCRIPTION}.completed") == []
    rehearsal = Rehearsal()
    assert not [each for each in rehearsal.turn() + rehearsal.run(2) if each["type"].startswith(TRANSCRIPTION)]


def test_interrupting() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=4000, late_ms=0))
    rehearsal.send("response.create")
    rehearsal.run(0.2)
    events = rehearsal.hear(rehearsal.speech(200))
    done = one(events, "response.done")["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert types(events).index("input_audio_buffer.speech_started") < types(events).index("response.output_audio.done")
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_token_details"]["audio_tokens"] > 0
    assert only(rehearsal.run(5), "response.output_audio.delta") == []


def test_not_interrupting() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=4000))
    rehearsal.detection(interrupt_response=False, create_response=False)
    rehearsal.send("response.create")
    events = rehearsal.turn() + rehearsal.run(3)
    one(events, "input_audio_buffer.speech_started")
    one(events, "input_audio_buffer.committed")
    assert one(events, "response.done")["response"]["status"] == "completed"
    # create_response false: the turn is not answered.
    assert only(events, "response.created") == []


def test_turn_that_ends_while_the_model_goes_on_talking() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=20000))
    rehearsal.detection(interrupt_response=False)
    rehearsal.send("response.create")
    error = one(rehearsal.turn(), "error")["error"]
    assert error["code"] == "conversation_already_has_active_response" and error["event_id"] is None


def test_idle_user_is_prompted() -> None:
    rehearsal = Rehearsal()
    rehearsal.detection(idle_timeout_ms=5000)
    rehearsal.turn()
    # Answered after 100 ms; a second of audio then plays, then five seconds of silence pass.
    events = rehearsal.hear(rehearsal.silence(6000))
    assert only(events, "input_audio_buffer.timeout_triggered") == []
    events = rehearsal.hear(rehearsal.silence(300))
    triggered = one(events, "input_audio_buffer.timeout_triggered")
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == 5000
    assert one(events, "input_audio_buffer.committed")["item_id"] == triggered["item_id"]
    one(events, "response.created")


def test_speech_stops_the_wait() -> None:
    rehearsal = Rehearsal()
    rehearsal.detection(idle_timeout_ms=5000, create_response=False)
    rehearsal.send("response.create")
    rehearsal.run(3)
    events = rehearsal.turn() + rehearsal.run(10)
    assert only(events, "input_audio_buffer.timeout_triggered") == []


def test_semantic_detection_waits_longer() -> None:
    rehearsal = Rehearsal()
    rehearsal.configure(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}})
    events = rehearsal.hear(rehearsal.speech(400) + rehearsal.silence(1180))
    assert types(events) == ["input_audio_buffer.speech_started"]
    one(rehearsal.hear(rehearsal.silence(40)), "input_audio_buffer.speech_stopped")
