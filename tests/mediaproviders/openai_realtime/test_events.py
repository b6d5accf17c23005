import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaproviders import contract
from mediaproviders.openai_realtime.events import (
    AgentWords,
    CallerSoFar,
    ItemAdded,
    ItemDeleted,
    MalformedError,
    Opened,
    ResponseEnded,
    ServerError,
    read,
)  # fmt: skip


def wire(kind, **fields):
    return json.dumps({"type": kind, **fields}).encode()


IDS = {"item_id": "i", "response_id": "r"}


@pytest.mark.parametrize("name", ["response.output_audio", "response.audio"])
def test_audio_of_both_interfaces(name):
    delta = base64.b64encode(b"\xff\x7f").decode()
    assert read(wire(f"{name}.delta", **IDS, delta=delta)) == contract.Audio("i", "r", b"\xff\x7f")
    assert read(wire(f"{name}.done", **IDS)) == contract.AudioDone("i", "r")


@pytest.mark.parametrize(
    ("raw", "event"),
    [
        (wire("response.audio_transcript.delta", **IDS, delta="hel"), AgentWords("r", "i", "hel", False)),
        (wire("response.output_audio_transcript.done", **IDS, transcript="hello"),
         AgentWords("r", "i", "hello", True)),
        (wire("response.output_text.done", **IDS, text="hello"), AgentWords("r", "i", "hello", True)),
        (wire("response.created", response={"id": "r"}), contract.ResponseStarted("r")),
        (wire("input_audio_buffer.speech_started", item_id="i", audio_start_ms=12), contract.SpeechStarted("i", 12)),
        (wire("input_audio_buffer.speech_started", item_id="i"), contract.SpeechStarted("i", None)),
        (wire("input_audio_buffer.speech_stopped", item_id="i", audio_end_ms=9), contract.SpeechStopped("i", 9)),
        (wire("input_audio_buffer.committed", item_id="i"), contract.TurnCommitted("i")),
        (wire("conversation.item.input_audio_transcription.completed", item_id="i", transcript="yes"),
         contract.CallerTranscript("i", "yes", True)),
        (wire("conversation.item.input_audio_transcription.completed", item_id="i", transcript="ye",
              status="in_progress"),
         CallerSoFar("i", "ye")),
        (wire("conversation.item.input_audio_transcription.completed", item_id="i", transcript="yes",
              status="completed"),
         contract.CallerTranscript("i", "yes", True)),
        (wire("response.function_call_arguments.done", call_id="c", name="n", arguments="{}"),
         contract.ToolCall("c", "n", "{}")),
        (wire("response.function_call_arguments.done", call_id="c", arguments="{}"), None),
        (wire("response.output_item.done",
              item={"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}", "status": "completed"}),
         contract.ToolCall("c", "n", "{}")),
        (wire("response.output_item.done", item={"type": "message"}), None),
        (wire("error", error={"code": None, "type": "invalid_request_error", "message": "m"}),
         ServerError("invalid_request_error", "m", None)),
        (wire("rate_limits.updated", rate_limits=[]), None),
        (wire("ping", timestamp=1), None),
        (wire("session.created", session={}), Opened("session.created")),
        (wire("conversation.created", conversation={}), Opened("conversation.created")),
        (wire("conversation.item.input_audio_transcription.updated", item_id="i", transcript="ye"),
         CallerSoFar("i", "ye")),
        (wire("conversation.item.added", item={"id": "i"}, previous_item_id=None), ItemAdded("i", None)),
        (wire("conversation.item.created", item={"id": "i"}, previous_item_id="h"), ItemAdded("i", "h")),
        (wire("conversation.item.deleted", item_id="i"), ItemDeleted("i")),
    ],
)  # fmt: skip
def test_table(raw, event):
    assert read(raw) == event


def test_response_done_with_usage():
    raw = wire(
        "response.done",
        response={
            "id": "r",
            "status": "cancelled",
            "status_details": {"type": "cancelled", "reason": "turn_detected"},
            "usage": {
                "input_tokens": 7,
                "output_tokens": 5,
                "input_token_details": {"audio_tokens": 3, "cached_tokens": 2},
                "output_token_details": {"audio_tokens": 4},
            },
        },
    )
    assert read(raw) == ResponseEnded(
        contract.ResponseDone("r", "cancelled", "turn_detected"), contract.Usage(7, 5, 3, 4, 2)
    )


def test_response_failed_names_the_error():
    details = {"type": "failed", "error": {"code": "insufficient_quota", "message": "m"}}
    event = read(wire("response.done", response={"id": "r", "status": "failed", "status_details": details}))
    assert event == ResponseEnded(contract.ResponseDone("r", "failed", "insufficient_quota"), None)


@pytest.mark.parametrize("details", [None, "unimplemented", [], {}, {"error": "x"}])
def test_the_details_of_a_status_need_not_tell_anything(details):
    response = {"id": "r", "status": "completed", "status_details": details, "usage": {}}
    event = read(wire("response.done", response=response, usage={"input_tokens": 7, "output_tokens": 5}))
    assert event == ResponseEnded(contract.ResponseDone("r", "completed"), contract.Usage(7, 5))


NONSENSE = [
    b"", b"{", b"\xff\xfe\x00", b"null", b"[]", b"3", b'"x"', b"{}", b'{"type":3}', b'{"type":[]}', b'{"type":{}}',
    b"[" * 100_000,
    wire("response.output_audio.delta"), wire("response.output_audio.delta", **IDS),
    wire("response.output_audio.delta", **IDS, delta=5), wire("response.output_audio.delta", **IDS, delta="abc"),
    wire("response.output_audio.delta", **IDS, delta="ÿÿ=="), wire("response.audio.delta", item_id=1, delta=""),
    wire("response.created"), wire("response.created", response=None), wire("response.created", response=[]),
    wire("response.done", response={"id": "r"}), wire("response.done", response={"id": 1, "status": "completed"}),
    wire("response.done", response={"id": "r", "status": "completed", "usage": [1]}),
    wire("input_audio_buffer.committed", item_id=None), wire("error"), wire("error", error="x"),
    wire("response.output_item.done", item=None), wire("response.output_item.done", item={"type": "function_call"}),
]  # fmt: skip


@pytest.mark.parametrize("raw", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_malformed(raw):
    if raw in (b'{"type":3}',):
        assert read(raw) is None
        return
    with pytest.raises(MalformedError):
        read(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KINDS = ["error", "response.done", "response.created", "response.output_audio.delta", "response.output_item.done",
         "input_audio_buffer.committed", "conversation.item.input_audio_transcription.failed"]  # fmt: skip
FIELDS = ["item_id", "response_id", "delta", "response", "error", "item", "usage", "audio_start_ms"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_fields_are_read_or_malformed(kind, fields):
    try:
        read(wire(kind, **fields))
    except MalformedError:
        pass


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_malformed(raw):
    try:
        read(raw)
    except MalformedError:
        pass
