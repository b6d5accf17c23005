"""What is heard and said, and in which order."""

import base64

import pytest

from mediaproviders.emulators.gemini import BURST, Pace
from support.geminiemulator import Rehearsal, contents, order, settings, silence, speech

WEATHER = [{"functionDeclarations": [{"name": "weather"}]}]
MANUAL = {"automaticActivityDetection": {"disabled": True}}


def ready(script=None, **fields):
    rehearsal = Rehearsal(script)
    rehearsal.setup(**fields)
    assert rehearsal.closed is None
    return rehearsal


def played(messages):
    parts = [part for turn in contents(messages, "modelTurn") for part in turn["parts"]]
    return b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts)


def said(messages):
    return "".join(each["text"] for each in contents(messages, "outputTranscription"))


def test_a_turn_is_heard_and_answered():
    rehearsal = ready(settings(hears=("good morning",)))
    messages = rehearsal.turn() + rehearsal.run(2)
    kinds = order(messages)
    assert kinds[0] == "inputTranscription"
    assert kinds[-2:] == ["generationComplete", "turnComplete"]
    assert "".join(each["text"] for each in contents(messages, "inputTranscription")) == " good morning"
    assert said(messages) == "This is answer number 1 of the emulated model."
    assert len(played(messages)) == 400 * 48


def test_the_turn_is_complete_when_it_is_taken_to_be_played():
    rehearsal = ready(settings(answer_ms=2000, pace=BURST))
    rehearsal.type("Hello")
    messages = rehearsal.run(0.4)
    assert contents(messages, "generationComplete") == [True]
    assert not contents(messages, "turnComplete")
    messages = rehearsal.run(1.8)
    assert contents(messages, "turnComplete") == []
    messages = rehearsal.run(0.2)
    assert contents(messages, "turnComplete") == [True]


def test_a_barge_in_while_it_generates():
    rehearsal = ready(settings(answer_ms=4000, pace=Pace(first_audio_ms=60.0, rate=1.0)))
    rehearsal.type("Hello")
    rehearsal.run(0.5)
    messages = rehearsal.hear(speech(400))
    assert order(messages)[-2:] == ["interrupted", "turnComplete"]
    assert not contents(messages, "generationComplete")
    assert contents(rehearsal.hear(silence(200)), "modelTurn") == []
    assert contents(rehearsal.hear(silence(600)), "modelTurn")


def test_a_barge_in_while_it_is_only_played():
    rehearsal = ready(settings(answer_ms=4000, pace=BURST))
    rehearsal.type("Hello")
    assert contents(rehearsal.run(0.5), "generationComplete")
    assert contents(rehearsal.hear(speech(400)), "interrupted") == [True]


def test_a_barge_in_before_it_begins():
    rehearsal = ready(settings(pace=Pace(first_audio_ms=5000.0)))
    rehearsal.type("Hello")
    assert contents(rehearsal.hear(speech(400)), "interrupted") == [True]


def test_without_interruption_it_goes_on():
    rehearsal = ready(
        settings(answer_ms=4000, pace=Pace(first_audio_ms=60.0, rate=1.0)),
        realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"},
    )
    rehearsal.type("Hello")
    rehearsal.run(0.5)
    messages = rehearsal.hear(speech(400))
    assert contents(messages, "interrupted") == []
    assert contents(messages, "modelTurn")


def test_what_was_heard_of_an_interrupted_answer_is_remembered():
    rehearsal = ready(settings(answer_ms=4000, pace=BURST))
    rehearsal.type("Hello")
    rehearsal.run(0.3 + 2.0)
    rehearsal.hear(speech(100))
    assert rehearsal.session.live.memory.turns[1] == ("model", "This is answer number")


def test_its_detector_takes_its_settings():
    slow = ready(realtimeInputConfig={"automaticActivityDetection": {"silenceDurationMs": 2000}})
    slow.turn()
    assert not slow.timeline.of("speech_stopped")
    deaf = ready(realtimeInputConfig={"automaticActivityDetection": {"prefixPaddingMs": 800}})
    deaf.turn(500)
    assert not deaf.timeline.of("speech_started")


def test_the_end_of_the_stream_ends_a_turn():
    rehearsal = ready()
    rehearsal.hear(speech(400))
    rehearsal.send(realtimeInput={"audioStreamEnd": True})
    assert rehearsal.timeline.of("committed")


def test_transcripts_only_if_they_are_wanted():
    rehearsal = Rehearsal()
    rehearsal.setup(inputAudioTranscription=None, outputAudioTranscription=None)
    messages = rehearsal.turn() + rehearsal.run(2)
    assert played(messages)
    assert not contents(messages, "inputTranscription")
    assert not contents(messages, "outputTranscription")


# --- marks of the client -------------------------------------------------------------------------------------------


def test_with_its_detector_off_it_hears_only_what_is_marked():
    rehearsal = ready(realtimeInputConfig=MANUAL)
    rehearsal.turn()
    assert not rehearsal.timeline.of("committed")
    assert rehearsal.session.live.listening.discarded_ms == 1020
    rehearsal.send(realtimeInput={"activityStart": {}})
    rehearsal.hear(speech(500))
    messages = rehearsal.send(realtimeInput={"activityEnd": {}}) + rehearsal.run(1)
    assert rehearsal.timeline.of("committed")[0]["audio_ms"] == 500
    assert contents(messages, "modelTurn")


def test_a_mark_interrupts():
    rehearsal = ready(settings(answer_ms=4000, pace=BURST), realtimeInputConfig=MANUAL)
    rehearsal.type("Hello")
    rehearsal.run(0.5)
    assert contents(rehearsal.send(realtimeInput={"activityStart": {}}), "interrupted") == [True]


@pytest.mark.parametrize("mark", ["activityStart", "activityEnd"])
def test_with_its_detector_on_marks_are_refused(mark):
    rehearsal = ready()
    rehearsal.send(realtimeInput={mark: {}})
    assert rehearsal.refused()[0] == 1007
    assert "Explicit activity control is not supported" in rehearsal.refused()[1]


# --- malformed input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"audio": {"data": "AAAA", "mimeType": "audio/pcm"}, "activityStart": {}},
        {"audio": {"data": "AAA", "mimeType": "audio/pcm"}},
        {"audio": {"data": "????", "mimeType": "audio/pcm"}},
        {"audio": {"mimeType": "audio/pcm"}},
        {"audio": {"data": "AAAA", "mimeType": "audio/pcmu"}},
        {"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=11000"}},
        {"audio": "AAAA"},
        {"mediaChunks": [{"data": "AAAA", "mimeType": "audio/pcm"}]},
        {"sound": {}},
    ],
)
def test_input_it_refuses(given):
    rehearsal = ready()
    rehearsal.send(realtimeInput=given)
    assert rehearsal.refused()[0] == 1007


def test_audio_of_half_a_sample():
    rehearsal = ready()
    rehearsal.send(realtimeInput={"audio": {"data": base64.b64encode(b"abc").decode(), "mimeType": "audio/pcm"}})
    assert rehearsal.refused()[0] == 1007


def test_audio_of_another_rate_is_heard():
    rehearsal = ready()
    rehearsal.hear(speech(500) + silence(1200), "audio/pcm;rate=8000")
    assert rehearsal.timeline.of("committed")


def test_text_in_real_time_is_answered():
    rehearsal = ready()
    messages = rehearsal.send(realtimeInput={"text": "Hello"}) + rehearsal.run(1)
    assert contents(messages, "modelTurn")


# --- turns put in --------------------------------------------------------------------------------------------------


def test_turns_are_answered_if_the_last_is_the_user_s():
    rehearsal = ready()
    turns = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]
    rehearsal.send(clientContent={"turns": turns, "turnComplete": True})
    assert rehearsal.run(2) == []
    rehearsal.send(clientContent={"turns": turns[:1], "turnComplete": False})
    assert rehearsal.run(2) == []
    rehearsal.send(clientContent={"turnComplete": True})
    assert contents(rehearsal.run(2), "modelTurn")


def test_a_turn_without_words_is_refused():
    rehearsal = ready()
    rehearsal.send(clientContent={"turns": [{"role": "user", "parts": []}], "turnComplete": True})
    assert rehearsal.refused()[0] == 1007
    rehearsal = ready()
    rehearsal.send(clientContent={"turns": [{"role": "agent", "parts": [{"text": "Hi"}]}]})
    assert rehearsal.refused()[0] == 1007


def test_turns_put_in_are_passed_over_by_the_first_answer_to_audio():
    seed = [{"role": "user", "parts": [{"text": "I am Ada"}]}]
    rehearsal = ready()
    rehearsal.send(clientContent={"turns": seed, "turnComplete": False})
    rehearsal.turn()
    rehearsal.run(2)
    rehearsal.turn()
    assert [each["known"] for each in rehearsal.timeline.of("response_created")] == [1, 4]
    rehearsal = ready()
    rehearsal.send(clientContent={"turns": seed, "turnComplete": False})
    rehearsal.type("Who am I?")
    assert [each["known"] for each in rehearsal.timeline.of("response_created")] == [2]


def test_turns_in_the_middle_of_speech_may_be_an_invalid_argument():
    rehearsal = ready(settings(mixing_fails=True))
    rehearsal.hear(speech(300))
    rehearsal.type("Hello")
    assert rehearsal.refused() == (1007, "Request contains an invalid argument.")
    rehearsal = ready()
    rehearsal.hear(speech(300))
    rehearsal.type("Hello")
    assert rehearsal.closed is None


# --- tools ---------------------------------------------------------------------------------------------------------


def calling():
    rehearsal = ready(settings(tool_on_turn={1: ("weather", '{"city":"Bern"}')}), tools=WEATHER)
    messages = rehearsal.type("How is the weather?") + rehearsal.run(5)
    assert order(messages) == ["toolCall"]
    (call,) = messages[0]["toolCall"]["functionCalls"]
    assert (call["name"], call["args"]) == ("weather", {"city": "Bern"})
    return rehearsal, call["id"]


def answer(rehearsal, **response):
    return rehearsal.send(toolResponse={"functionResponses": [response]})


def test_it_waits_for_its_tool_and_goes_on():
    rehearsal, call = calling()
    answer(rehearsal, id=call, name="weather", response={"sky": "blue"})
    messages = rehearsal.run(2)
    assert said(messages) == 'The function returned {"sky":"blue"}.'
    assert contents(messages, "turnComplete") == [True]


@pytest.mark.parametrize(
    "response",
    [
        {"id": "another", "name": "weather", "response": {}},
        {"name": "weather", "response": {}},
        {"id": None, "name": "weather", "response": {}},
        {"id": "CALL", "name": "time", "response": {}},
        {"id": "CALL", "name": "weather", "response": "blue"},
        {"id": "CALL", "name": "weather"},
    ],
)
def test_answers_of_tools_it_refuses(response):
    rehearsal, call = calling()
    answer(rehearsal, **{key: call if value == "CALL" else value for key, value in response.items()})
    assert rehearsal.refused()[0] == 1007


def test_no_tool_was_called():
    rehearsal = ready()
    answer(rehearsal, id="x", name="weather", response={})
    assert rehearsal.refused()[0] == 1007


def test_a_barge_in_cancels_the_call_and_its_answer_is_passed_over():
    rehearsal, call = calling()
    messages = rehearsal.hear(speech(400))
    assert order(messages)[:2] == ["toolCallCancellation", "interrupted"]
    assert messages[0]["toolCallCancellation"]["ids"] == [call]
    answer(rehearsal, id=call, name="weather", response={})
    assert rehearsal.closed is None


def test_a_function_that_was_not_declared_is_not_called():
    rehearsal = ready(settings(tool_on_turn={1: ("weather", "{}")}))
    assert contents(rehearsal.type("Hello") + rehearsal.run(2), "modelTurn")


# --- the bill ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vertex", [False, True])
def test_the_bill_adds_up(vertex):
    rehearsal = Rehearsal(settings(answer_ms=1000), vertex=vertex)
    rehearsal.setup(systemInstruction={"parts": [{"text": "x" * 400}]})
    bills = [each["usageMetadata"] for each in rehearsal.turn() + rehearsal.run(3) if "usageMetadata" in each]
    bills += [each["usageMetadata"] for each in rehearsal.type("Hello") + rehearsal.run(3) if "usageMetadata" in each]
    output = "candidates" if vertex else "response"
    for bill in bills:
        assert bill["totalTokenCount"] == bill["promptTokenCount"] + bill[f"{output}TokenCount"]
        assert sum(each["tokenCount"] for each in bill["promptTokensDetails"]) == bill["promptTokenCount"]
    first, second = bills
    assert first["promptTokensDetails"][0]["tokenCount"] == 100
    assert first[f"{output}TokenCount"] == 25
    # The next turn reads what was said before.
    assert second["promptTokenCount"] >= first["totalTokenCount"]
