"""The emulated service without a socket: what it accepts, and that it rejects everything else."""

import base64
import json
import random

import pytest

from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.aws import ClientEvent, Decoder
from mediaproviders.emulators.nova import Fault, NovaSettings, Pace
from mediaproviders.emulators.nova.outbox import Finish, StopReading
from mediaproviders.emulators.nova.session import Session
from mediaproviders.emulators.nova.speaking import Piece, Speech, sentences
from mediaproviders.emulators.timeline import Timeline

FIRST, SECOND = "amazon.nova-sonic-v1:0", "amazon.nova-2-sonic-v1:0"
PLAIN = {"mediaType": "text/plain"}
LPCM = {"mediaType": "audio/lpcm", "sampleSizeBits": 16, "channelCount": 1, "encoding": "base64", "audioType": "SPEECH"}
AUDIO = {**LPCM, "sampleRateHertz": 8000}
INFERENCE = {"maxTokens": 1024, "topP": 0.9, "temperature": 0.7}
TOOL = {"toolSpec": {"name": "weather", "description": "", "inputSchema": {"json": '{"type":"object"}'}}}
NOISE = base64.b64encode(random.Random(1).randbytes(320)).decode()
SILENCE = base64.b64encode(bytes(320)).decode()
STEADY = Pace(first_audio_ms=100.0, rate=1.0, deltas_ms=(100,))


class Client:
    """Drives a session on a clock of its own, and keeps what comes back."""

    def __init__(self, model=SECOND, **chosen):
        settings = NovaSettings(**{"pace": STEADY, "answer_ms": 400, "silence_ms": 300.0, **chosen})
        speech = Speech(Answers(settings.pace, duration_ms=settings.answer_ms), settings.pace, 8)
        self.timeline = Timeline("session", None, 1000, lambda entry: None)
        self.session = Session(settings, speech, model=model, timeline=self.timeline)
        self.decoder = Decoder()
        self.now = 100.0
        self.events, self.exceptions, self.effects = [], [], []
        self.session.open(self.now)

    def drain(self):
        for effect in self.session.effects():
            if not isinstance(effect, bytes):
                self.effects.append(effect)
                continue
            for message in self.decoder.feed(effect):
                payload = json.loads(message.payload)
                if message.headers[":message-type"] == "exception":
                    self.exceptions.append((message.headers[":exception-type"], payload["message"]))
                else:
                    self.events.append(next(iter(json.loads(base64.b64decode(payload["bytes"]))["event"].items())))

    def raw(self, payload, kind="chunk"):
        self.session.receive(ClientEvent(kind, "application/json", payload), self.now)
        self.drain()

    def send(self, kind, **fields):
        encoded = base64.b64encode(json.dumps({"event": {kind: fields}}).encode()).decode()
        self.raw(json.dumps({"bytes": encoded}).encode())

    def wait(self, seconds):
        until = self.now + seconds
        while (due := self.session.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
            self.drain()
        self.now = until

    # --- the usual ---

    def begin(self, **prompt):
        self.send("sessionStart", inferenceConfiguration=INFERENCE)
        self.prompt(**prompt)
        self.text("system", "SYSTEM", "Be brief.")
        return self

    def prompt(self, **more):
        fields = {
            "promptName": "p",
            "textOutputConfiguration": PLAIN,
            "audioOutputConfiguration": {**AUDIO, "voiceId": "matthew"},
        }
        self.send("promptStart", **{**fields, **more})

    def start(self, name, kind="TEXT", role="USER", interactive=False, **more):
        configuration = {"TEXT": {"textInputConfiguration": PLAIN}, "AUDIO": {"audioInputConfiguration": AUDIO}}
        fields = {"type": kind, "role": role, "interactive": interactive, **configuration.get(kind, {})}
        self.send("contentStart", promptName="p", contentName=name, **{**fields, **more})

    def text(self, name, role, *parts, interactive=False):
        self.start(name, role=role, interactive=interactive)
        for part in parts:
            self.send("textInput", promptName="p", contentName=name, content=part)
        self.send("contentEnd", promptName="p", contentName=name)

    def listen(self):
        self.start("a", "AUDIO", interactive=True)
        return self

    def say(self, speech_ms=200, silence_ms=300):
        for content in [NOISE] * (speech_ms // 20) + [SILENCE] * (silence_ms // 20):
            self.send("audioInput", promptName="p", contentName="a", content=content)
            self.wait(0.02)
        return self

    def kinds(self):
        return [kind for kind, _ in self.events]

    def of(self, kind):
        return [fields for each, fields in self.events if each == kind]

    @property
    def refusal(self):
        """Why the stream was ended; None if it was not."""
        assert len(self.exceptions) == (self.effects == [Finish()])
        return self.exceptions[0][1] if self.exceptions else None


def refuses(client, match):
    assert client.exceptions[0][0] == "validationException"
    assert match in client.refusal, client.refusal
    assert client.timeline.of("refused")
    before = len(client.events)
    client.send("sessionEnd")
    client.wait(10)
    assert len(client.events) == before


def test_a_whole_conversation():
    client = Client(hears=("What is new?",)).begin().listen().say()
    client.wait(2)
    client.send("contentEnd", promptName="p", contentName="a")
    client.send("promptEnd", promptName="p")
    client.send("sessionEnd")
    assert client.exceptions == []
    assert client.effects == [Finish()]
    audio = ["audioOutput"] * 4
    block = ["contentStart", "textOutput", "contentEnd"]
    assert [kind for kind in client.kinds() if kind != "usageEvent"] == [
        "completionStart",
        *block,
        *block,
        "contentStart",
        *audio,
        "contentEnd",
        *block,
        "completionEnd",
    ]
    starts = client.of("contentStart")
    stages = [json.loads(each["additionalModelFields"])["generationStage"] for each in starts if each["type"] == "TEXT"]
    assert stages == ["FINAL", "SPECULATIVE", "FINAL"]
    assert [each["role"] for each in starts] == ["USER", "ASSISTANT", "ASSISTANT", "ASSISTANT"]
    assert client.of("textOutput")[0]["content"] == "What is new?"
    assert [each["stopReason"] for each in client.of("contentEnd")] == [
        "PARTIAL_TURN",
        "PARTIAL_TURN",
        "END_TURN",
        "END_TURN",
    ]
    usage = client.of("usageEvent")
    for side, kind in (("input", "speechTokens"), ("output", "speechTokens"), ("output", "textTokens")):
        total = usage[-1]["details"]["total"][side][kind]
        assert total == sum(each["details"]["delta"][side][kind] for each in usage) > 0
    assert usage[-1]["totalTokens"] == usage[-1]["totalInputTokens"] + usage[-1]["totalOutputTokens"]
    kinds = [entry["kind"] for entry in client.timeline.entries]
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


def test_the_pace_of_an_answer():
    client = Client(pace=Pace(first_audio_ms=100, rate=2.0, deltas_ms=(100,))).begin().listen()
    client.text("t", "USER", "Hi.", interactive=True)
    client.wait(0.09)
    assert client.of("audioOutput") == []
    client.wait(0.02)
    assert len(client.of("audioOutput")) == 1
    client.wait(0.06)
    assert len(client.of("audioOutput")) == 2


# --- what it rejects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "match"),
    [
        (b"no json", "Invalid event bytes"),
        (b'{"bytes":"%%%"}', "Invalid event bytes"),
        (b'{"byte":""}', "Invalid event bytes"),
        (b'{"bytes":"' + base64.b64encode(b"{") + b'"}', "Unable to parse"),
        (b'{"bytes":"' + base64.b64encode(b'{"event":{"a":{},"b":{}}}') + b'"}', "Unable to parse"),
        (b'{"bytes":"' + base64.b64encode(b'{"event":{"dance":{}}}') + b'"}', "unknown event 'dance'"),
        (b'{"bytes":"' + base64.b64encode(b'{"event":{"sessionStart":[]}}') + b'"}', "is no object"),
    ],
)
def test_payloads(payload, match):
    client = Client()
    client.raw(payload)
    refuses(client, match)


def test_other_types_of_events():
    client = Client()
    client.raw(b"{}", "audio")
    refuses(client, "no event type 'audio'")


@pytest.mark.parametrize(
    ("inference", "match"),
    [
        ({"topP": 0.9, "temperature": 0.7}, "'sessionStart.inferenceConfiguration.maxTokens' is missing"),
        ({**INFERENCE, "topP": 1.1}, "topP' must not be '1.1'"),
        ({**INFERENCE, "maxTokens": 0}, "maxTokens"),
        ({**INFERENCE, "temperature": True}, "temperature"),
        ({**INFERENCE, "topK": 3}, "'sessionStart.inferenceConfiguration.topK' is unknown"),
        ("none", "is no object"),
    ],
)
def test_session_start(inference, match):
    client = Client()
    client.send("sessionStart", inferenceConfiguration=inference)
    refuses(client, match)


def test_endpointing_is_of_the_second_generation():
    wanted = {"inferenceConfiguration": INFERENCE, "turnDetectionConfiguration": {"endpointingSensitivity": "HIGH"}}
    client = Client()
    client.send("sessionStart", **wanted)
    assert client.refusal is None
    client = Client(FIRST)
    client.send("sessionStart", **wanted)
    refuses(client, "turnDetectionConfiguration' is unknown")
    client = Client()
    client.send("sessionStart", **{**wanted, "turnDetectionConfiguration": {"endpointingSensitivity": "high"}})
    refuses(client, "must not be 'high'")


@pytest.mark.parametrize(
    ("prompt", "match"),
    [
        ({"promptName": ""}, "promptName"),
        ({"audioOutputConfiguration": {**AUDIO, "voiceId": "nobody"}}, "voice 'nobody'"),
        ({"audioOutputConfiguration": {**AUDIO, "sampleRateHertz": 11025, "voiceId": "amy"}}, "sampleRateHertz"),
        ({"audioOutputConfiguration": {**AUDIO, "channelCount": 2, "voiceId": "amy"}}, "channelCount"),
        ({"textOutputConfiguration": {"mediaType": "text/html"}}, "mediaType"),
        ({"toolConfiguration": {"tools": [{"toolSpec": {**TOOL["toolSpec"], "inputSchema": {"json": {}}}}]}}, "tools"),
        ({"toolConfiguration": {"tools": [TOOL], "toolChoice": {"some": {}}}}, "toolChoice"),
        ({"toolConfiguration": {"tools": [TOOL], "toolChoice": {"tool": {"name": "other"}}}}, "not declared"),
        ({"colour": "red"}, "'promptStart.colour' is unknown"),
    ],
)
def test_prompt_start(prompt, match):
    client = Client()
    client.send("sessionStart", inferenceConfiguration=INFERENCE)
    client.prompt(**prompt)
    refuses(client, match)


def test_the_order_of_the_beginning():
    for kind in ("promptStart", "contentStart", "promptEnd", "sessionEnd"):
        client = Client()
        if kind == "promptStart":
            client.prompt()
        elif kind == "contentStart":
            client.start("x", role="SYSTEM")
        else:
            client.send(kind, **({"promptName": ""} if kind == "promptEnd" else {}))
        assert client.refusal is not None
    client = Client()
    client.send("sessionStart", inferenceConfiguration=INFERENCE)
    client.send("sessionStart", inferenceConfiguration=INFERENCE)
    refuses(client, "sessionStart is not expected")
    client = Client().begin()
    client.prompt()
    refuses(client, "promptStart is not expected")
    client = Client()
    client.send("sessionStart", inferenceConfiguration=INFERENCE)
    client.prompt()
    client.listen()
    refuses(client, "first content has to be the system prompt")


def test_contents():
    client = Client().begin()
    client.text("system", "USER", "Hi.")
    refuses(client, "Duplicate content name")
    client = Client().begin()
    client.start("x", role="TOOL")
    refuses(client, "TOOL needs type TOOL")
    client = Client().begin()
    client.start("x", audioInputConfiguration=AUDIO)
    refuses(client, "needs textInputConfiguration alone")
    client = Client().begin()
    client.text("x", "SYSTEM", "Another.")
    refuses(client, "one system prompt")
    client = Client().begin()
    client.start("x")
    client.start("y")
    refuses(client, "while content 'x' is open")
    client = Client().begin()
    client.start("x")
    client.send("contentEnd", promptName="p", contentName="x")
    refuses(client, "'x' is empty")
    client = Client().begin()
    client.send("contentEnd", promptName="p", contentName="x")
    refuses(client, "not open")
    client = Client().begin()
    client.send("textInput", promptName="p", contentName="x", content="Hi.")
    refuses(client, "of type TEXT is not open")
    client = Client().begin()
    client.send("contentEnd", promptName="q", contentName="x")
    refuses(client, "no prompt 'q'")


def test_history():
    client = Client().begin()
    client.text("x", "ASSISTANT", "Hello.")
    refuses(client, "begins with the user")
    client = Client().begin()
    client.text("x", "USER", "Hi.")
    client.text("y", "USER", "Hi again.")
    refuses(client, "roles alternate")
    client = Client().begin()
    client.text("x", "USER", "é" * 513)
    refuses(client, "a textInput of 1026 bytes")
    client = Client().begin()
    client.start("x")
    for _ in range(41):
        client.send("textInput", promptName="p", contentName="x", content="w" * 1000)
    refuses(client, "more than 40960 bytes")
    client = Client().begin()
    for number in range(41):
        client.text(f"{number}", "ASSISTANT" if number % 2 else "USER", "Hi.")
    refuses(client, "more than 40 messages")
    client = Client().begin().listen()
    client.text("x", "USER", "Hi.")
    refuses(client, "history should be sent completely before")


def test_interactive_text():
    client = Client().begin()
    client.text("x", "USER", "Hi.", interactive=True)
    refuses(client, "after audio has begun")
    client = Client().begin().listen()
    client.text("x", "ASSISTANT", "Hi.", interactive=True)
    refuses(client, "is the user's")


def test_audio():
    client = Client().begin().say(20, 0)
    refuses(client, "'a', which is not open")
    client = Client().begin().listen()
    client.start("t", interactive=True)
    client.say(20, 0)
    refuses(client, "audioInput while content 't' is open")
    client = Client().begin().listen()
    client.start("b", "AUDIO", interactive=True)
    refuses(client, "one audio content")
    client = Client().begin()
    client.start("b", "AUDIO", interactive=False)
    refuses(client, "one audio content")
    for content, match in (("!!!!", "not base64"), ("AAAA", "even number"), (17, "content")):
        client = Client().begin().listen()
        client.send("audioInput", promptName="p", contentName="a", content=content)
        refuses(client, match)


def test_the_order_of_the_end():
    client = Client().begin().listen()
    client.send("promptEnd", promptName="p")
    refuses(client, "while a content is open")
    client = Client().begin()
    client.send("promptEnd", promptName="p")
    refuses(client, "a prompt without audio content")
    client = Client().begin().listen()
    client.send("sessionEnd")
    refuses(client, "sessionEnd is not expected")
    client = Client().begin().listen()
    client.session.request_ended(client.now)
    client.drain()
    refuses(client, "ended before sessionEnd")


TOOLS = {"toolConfiguration": {"tools": [TOOL]}}


def called(**chosen):
    client = Client(tool_on_turn={1: ("weather", '{"city":"Oslo"}')}, **chosen).begin(**TOOLS).listen().say()
    client.wait(1)
    return client


def result(client, use, content='{"sky":"grey"}', **more):
    configuration = {"toolUseId": use, "type": "TEXT", "textInputConfiguration": PLAIN}
    client.start("r", "TOOL", "TOOL", toolResultInputConfiguration=configuration, **more)
    client.send("toolResult", promptName="p", contentName="r", content=content)
    client.send("contentEnd", promptName="p", contentName="r")


def test_a_tool():
    client = called()
    use = client.of("toolUse")[0]
    assert (use["toolName"], use["content"]) == ("weather", '{"city":"Oslo"}')
    assert client.of("contentEnd")[-1]["stopReason"] == "TOOL_USE"
    result(client, use["toolUseId"])
    client.wait(1)
    assert client.of("textOutput")[-1]["content"] == 'The function returned {"sky":"grey"}.'
    double = called(double_encoded=True).of("toolUse")[0]["content"]
    assert json.loads(json.loads(double)) == {"city": "Oslo"}


def test_tool_results():
    client = called()
    result(client, "another")
    refuses(client, "no tool use 'another' waits")
    client = called()
    use = client.of("toolUse")[0]["toolUseId"]
    result(client, use, "grey")
    refuses(client, "Tool Response parsing error")
    client = called()
    result(client, client.of("toolUse")[0]["toolUseId"], interactive=True)
    refuses(client, "not interactive")
    undeclared = Client(tool_on_turn={1: ("weather", "{}")}).begin().listen().say()
    undeclared.wait(1)
    assert undeclared.of("toolUse") == []


def test_the_first_generation_ignores_text():
    client = Client(FIRST).begin().listen()
    client.text("x", "USER", "Speak!", interactive=True)
    client.wait(5)
    assert client.kinds() == []
    client.say()
    client.wait(1)
    assert client.of("audioOutput")


def test_a_stream_without_audio():
    client = Client(audio_timeout_s=3.0).begin().listen().say(20, 980)
    client.wait(2.9)
    assert client.refusal is None
    client.wait(0.2)
    refuses(client, "Timed out waiting for audio")


def test_the_limit_of_a_stream():
    client = Client(session_s=480.0, audio_timeout_s=1000.0).begin().listen()
    client.wait(479)
    assert client.effects == []
    client.wait(2)
    assert (client.effects, client.exceptions) == ([Finish()], [])
    client = Client(session_s=10.0, session_end="exception").begin().listen()
    client.wait(11)
    assert client.exceptions[0][0] == "modelTimeoutException"


# --- barge-in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "end_turn_first", "stops", "text"),
    [
        ("both", False, ["INTERRUPTED", "INTERRUPTED"], '{ "interrupted" : true }'),
        ("both", True, ["END_TURN", "INTERRUPTED"], '{ "interrupted" : true }'),
        ("marker", False, ["PARTIAL_TURN", "PARTIAL_TURN"], '{ "interrupted" : true }'),
        ("stop_reason", False, ["INTERRUPTED", "INTERRUPTED"], "This is answer number 1 of the emulated model."),
    ],
)
def test_barge_in(form, end_turn_first, stops, text):
    client = Client(interruption=form, end_turn_first=end_turn_first, answer_ms=4000).begin().listen().say()
    client.wait(0.5)
    sent = len(client.of("audioOutput"))
    client.say(100, 0)
    assert 0 < sent <= len(client.of("audioOutput")) < 40
    assert [each["stopReason"] for each in client.of("contentEnd")][-2:] == stops
    assert client.of("textOutput")[-1]["content"] == text
    audio = len(client.of("audioOutput"))
    client.wait(0.2)
    assert len(client.of("audioOutput")) == audio
    client.say(0, 400)
    client.wait(1)
    assert client.of("textOutput")[-1]["content"].startswith("This is answer number 2")


def test_silence_after_an_answer_that_has_been_heard_interrupts_nothing():
    client = Client().begin().listen().say()
    client.wait(3)
    client.say()
    assert not client.timeline.of("interrupted")
    fast = Client(pace=Pace(first_audio_ms=10, rate=100.0, deltas_ms=(100,)), answer_ms=4000).begin().listen().say()
    fast.wait(1)
    fast.say(100, 0)
    assert fast.timeline.of("interrupted")
    assert fast.of("textOutput")[-1]["content"] == '{ "interrupted" : true }'


def test_sensitivity_is_the_length_of_a_pause():
    for sensitivity, silence_ms in (("HIGH", 1500), ("MEDIUM", 1750), ("LOW", 2000)):
        client = Client(silence_ms=None)
        detection = {"endpointingSensitivity": sensitivity}
        client.send("sessionStart", inferenceConfiguration=INFERENCE, turnDetectionConfiguration=detection)
        client.prompt()
        client.text("system", "SYSTEM", "Be brief.")
        client.listen().say(200, silence_ms - 40)
        assert not client.timeline.of("speech_stopped")
        client.say(0, 60)
        assert client.timeline.of("speech_stopped")


# --- faults -----------------------------------------------------------------------------------------------------------


def struck(kind, **details):
    client = Client(faults=(Fault(kind, on_turn=1, after_ms=100, **details),), answer_ms=1000).begin().listen().say()
    client.wait(0.3)
    return client


def test_faults_that_end_the_stream():
    for how in ("end", "reset", "abort", "go_away"):
        assert struck(how).effects == [Finish(how)]
    assert struck("exception", code="throttlingException").exceptions[0][0] == "throttlingException"
    assert struck("stop_reading", seconds=2.0).effects == [StopReading(2.0)]


def test_faults_within_an_answer():
    stalled = struck("stall", seconds=2.0)
    stalled.wait(1.5)
    assert len(stalled.of("audioOutput")) == 1
    stalled.wait(2)
    assert len(stalled.of("audioOutput")) == 10
    flooded = struck("flood", seconds=3.0)
    assert len(flooded.of("audioOutput")) == 40
    mute = struck("mute")
    mute.wait(3)
    assert len(mute.of("audioOutput")) == 1
    odd = struck("unknown_event")
    assert odd.of("dreamOutput")
    empty = Client(faults=(Fault("empty", on_turn=1),)).begin().listen().say()
    empty.wait(1)
    assert (empty.of("audioOutput"), empty.of("contentEnd")[-1]["stopReason"]) == ([], "END_TURN")


def test_faults_are_for_a_place_and_a_session():
    with pytest.raises(ValueError, match="either at_s or on_turn"):
        Fault("end")
    assert not Fault("end", at_s=1.0, sessions=range(1)).concerns(1)
    client = Client(faults=(Fault("end", at_s=1.0),)).begin()
    client.wait(0.9)
    assert client.effects == []
    client.wait(0.2)
    assert client.effects == [Finish("end")]


def test_sentences_share_the_audio():
    pieces = tuple(Piece(str(number), 100) for number in range(10))
    cut = sentences("One two three four. Five!", pieces)
    assert [each.text for each in cut] == ["One two three four.", "Five!"]
    assert [len(each.pieces) for each in cut] == [8, 2]
    assert sum((each.pieces for each in cut), ()) == pieces
