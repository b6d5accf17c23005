"""Turns by our own detector, in virtual time: what is sent, held back and dropped."""

import base64
import json

import pytest

from mediaproviders.contract import (
    PCM16_16K,
    CallerTranscript,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    TurnCommitted,
)
from mediaproviders.gemini_live import commands
from mediaproviders.gemini_live.session import Session
from mediaproviders.gemini_live.windows import MOST_HELD_MS
from mediaproviders.hearing import Listener, Pace
from mediaproviders.websocket import Uplink
from support.geminiemulator import Loud, brief, silence, speech

PACE = Pace(end_ms=500.0)


class Wire:
    ready = True

    def __init__(self):
        self.sent = []

    def write(self, message):
        self.sent.append(message)


class Stage:
    """A session whose service is the test, and what was sent to it."""

    def __init__(self, interruption="local"):
        self.now = 100.0
        self.wire = Wire()
        uplink = Uplink(PCM16_16K, commands.audio(16000), uplink_ms=40, queue_ms=2000)
        uplink.attach(self.wire)
        ear = lambda pace, name: Listener(PCM16_16K, Loud(), pace, name)  # noqa: E731
        wanted = brief(interruption=interruption, greeting="Hello.")
        self.session = Session(wanted, uplink, lambda: self.now, "s", ear=ear, pace=PACE)

    def say(self, audio):
        for offset in range(0, len(audio), 640):
            self.session.hear(audio[offset : offset + 640])
        return self.take()

    def receive(self, **fields):
        self.session.receive(json.dumps({"serverContent": fields}))
        return self.take()

    def audio(self):
        data = base64.b64encode(bytes(4800)).decode()
        return self.receive(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": data}}]})

    def take(self):
        events = list(self.session.events)
        self.session.events.clear()
        return events

    def sent(self):
        """What was sent since the last time: marks by name, audio as one piece of so many ms."""
        told = []
        for message in map(json.loads, self.wire.sent):
            given = message.get("realtime_input")
            if given is None:
                told.append("content")
            elif "audio" in given:
                ms = len(base64.b64decode(given["audio"]["data"])) / 32
                if told and isinstance(told[-1], float):
                    told[-1] += ms
                else:
                    told.append(ms)
            else:
                told += list(given)
        self.wire.sent.clear()
        return told

    def answering(self):
        """The model is speaking."""
        self.session.greet()
        self.audio()
        self.sent()


def kinds(events):
    return [type(each) for each in events]


def test_the_end_of_a_turn_comes_after_all_of_its_audio():
    lengths = []
    for ms in (480, 500, 520, 540):
        stage = Stage("provider")
        stage.say(silence(1000) + speech(ms) + silence(700))
        start, audio, end = stage.sent()
        assert (start, end) == ("activity_start", "activity_end")
        # 300 ms of lead-in, what was said, and the silence that ended it.
        assert 300 + ms + 500 <= audio <= 300 + ms + 500 + 130
        lengths.append(audio)
    # Also what was no whole message of 40 ms.
    assert any(each % 40 for each in lengths)


def test_a_turn_that_goes_on_is_answered_as_a_whole_and_the_half_of_it_is_void():
    stage = Stage("provider")
    stage.say(speech(300) + silence(700))
    stage.say(speech(300))
    assert stage.audio() == []
    stage.say(silence(700))
    assert kinds(stage.audio())[0] is ResponseStarted
    assert [each for each in stage.sent() if isinstance(each, str)] == ["activity_start", "activity_end"] * 2


def test_a_turn_held_back_is_dropped_when_another_begins():
    stage = Stage()
    stage.answering()
    stage.say(speech(1000) + silence(700))
    stage.say(speech(200) + silence(700))
    assert stage.sent() == []
    stage.session.cancel()
    stage.session.create_response()
    start, audio, end = stage.sent()
    assert (start, end) == ("activity_start", "activity_end")
    assert audio < 1200


def test_a_turn_dropped_does_not_come_back_with_one_after_the_answer():
    stage = Stage()
    stage.answering()
    stage.say(speech(1000) + silence(700))
    stage.receive(generationComplete=True)
    stage.receive(turnComplete=True)
    stage.say(silence(500) + speech(200) + silence(700))
    stage.session.create_response()
    start, audio, end = stage.sent()
    assert (start, end) == ("activity_start", "activity_end")
    assert audio < 1300
    assert stage.session._windows._held.take() == b""


def test_a_turn_that_begins_while_another_is_being_answered_is_one_of_its_own():
    stage = Stage()
    stage.say(speech(300) + silence(700))
    stage.say(speech(200))
    stage.session.create_response()
    assert stage.sent()[-1] == "activity_end"
    stage.say(speech(300))
    assert stage.sent() == []
    stage.say(speech(200) + silence(700))
    stage.session.create_response()
    start, audio, end = stage.sent()
    assert (start, end) == ("activity_start", "activity_end")
    assert audio >= 500 + 500


def test_what_is_held_back_is_bounded_and_what_it_loses_is_counted():
    stage = Stage()
    stage.answering()
    for _ in range(12):
        stage.say(speech(2000))
    assert 24_000 - MOST_HELD_MS <= stage.session.dropped_ms <= 24_500 - MOST_HELD_MS
    stage.session.cancel()
    start, audio = stage.sent()
    assert start == "activity_start"
    assert MOST_HELD_MS - 60 <= audio <= MOST_HELD_MS


def test_our_word_decides_what_becomes_of_an_answer_that_has_not_begun():
    stage = Stage()
    stage.say(speech(300) + silence(700))
    stage.session.create_response()
    stage.say(speech(200))
    stage.session.cancel()
    # It had begun after all.
    assert stage.audio() == []
    stage.say(silence(700))
    stage.session.create_response()
    # The service has not said that the first was stopped: what comes now is taken for the second.
    assert kinds(stage.audio())[0] is ResponseStarted


def test_cancelling_before_the_detector_hears_anything_opens_the_turn():
    stage = Stage()
    stage.answering()
    stage.session.cancel()
    assert kinds(stage.take()) == [ResponseDone]
    assert stage.sent() == ["activity_start"]
    stage.say(speech(300) + silence(700))
    stage.session.create_response()
    audio, end = stage.sent()
    assert audio >= 800
    assert end == "activity_end"


@pytest.mark.parametrize("interruption", ["local", "provider"])
def test_words_belong_to_the_turn_that_was_heard(interruption):
    stage = Stage(interruption)
    first = next(each for each in stage.say(speech(300) + silence(700)) if isinstance(each, TurnCommitted))
    stage.session.create_response()
    assert stage.receive(inputTranscription={"text": " one"}) == [CallerTranscript(first.item, "one", False)]
    events = stage.say(speech(300))
    # The answer did not come: what was said before is said.
    assert CallerTranscript(first.item, "one", True) in events
    second = next(each for each in events if isinstance(each, SpeechStarted))
    assert stage.receive(inputTranscription={"text": " two"}) == [CallerTranscript(second.item, "two", False)]
