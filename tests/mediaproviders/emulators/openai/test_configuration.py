"""How updates change a session."""

from support.openaiemulator import Rehearsal, one, only, types


def test_session_created_first_with_everything_in_it() -> None:
    (event,) = Rehearsal().opening
    session = event["session"]
    assert event["type"] == "session.created"
    assert session["model"] == "gpt-realtime"
    assert session["type"] == "realtime"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert {"instructions", "tools", "max_output_tokens", "expires_at", "output_modalities"} <= session.keys()


def test_update_merges_and_echoes_the_whole() -> None:
    rehearsal = Rehearsal()
    rehearsal.configure(instructions="one", tools=[{"type": "function", "name": "f"}])
    rehearsal.detection(threshold=0.7)
    session = one(rehearsal.detection(silence_duration_ms=200), "session.updated")["session"]
    assert session["instructions"] == "one"
    detection = session["audio"]["input"]["turn_detection"]
    assert (detection["threshold"], detection["silence_duration_ms"], detection["prefix_padding_ms"]) == (0.7, 200, 300)
    session = one(rehearsal.configure(tools=[], instructions=""), "session.updated")["session"]
    assert session["tools"] == [] and session["instructions"] == ""


def test_null_clears() -> None:
    rehearsal = Rehearsal()
    heard = {"noise_reduction": {"type": "near_field"}, "transcription": {"model": "whisper-1"}}
    session = one(rehearsal.configure(audio={"input": heard}), "session.updated")["session"]
    assert session["audio"]["input"]["transcription"] == {"model": "whisper-1"}
    cleared = {"noise_reduction": None, "transcription": None, "turn_detection": None}
    session = one(rehearsal.configure(audio={"input": cleared}), "session.updated")["session"]
    assert all(session["audio"]["input"][name] is None for name in cleared)


def test_another_detector_starts_from_its_own_defaults() -> None:
    rehearsal = Rehearsal()
    rehearsal.detection(threshold=0.9)
    changed = rehearsal.configure(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    detection = one(changed, "session.updated")["session"]["audio"]["input"]["turn_detection"]
    assert "threshold" not in detection and detection["eagerness"] == "high" and detection["create_response"]


def test_voice_may_change_until_the_first_audio() -> None:
    rehearsal = Rehearsal()
    voice = {"output": {"voice": "marin"}}
    assert types(rehearsal.configure(audio=voice)) == ["session.updated"]
    rehearsal.send("response.create")
    assert only(rehearsal.run(3), "response.output_audio.delta")
    assert rehearsal.refused_update(audio={"output": {"voice": "ash"}}) == (
        "cannot_update_voice",
        "session.audio.output.voice",
    )
    # The same voice again is no change.
    assert types(rehearsal.configure(audio=voice)) == ["session.updated"]
    error = rehearsal.refusal("response.create", response={"audio": {"output": {"voice": "ash"}}})
    assert error["code"] == "cannot_update_voice"


def test_speed_changes_only_between_responses() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("response.create")
    assert rehearsal.refused_update(audio={"output": {"speed": 1.2}}) == ("invalid_value", "session.audio.output.speed")
    rehearsal.run(3)
    assert types(rehearsal.configure(audio={"output": {"speed": 1.2}})) == ["session.updated"]


def test_the_same_model_again_is_no_change() -> None:
    assert types(Rehearsal().configure(model="gpt-realtime")) == ["session.updated"]
