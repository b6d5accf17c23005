"""Items: made, asked for, deleted, truncated, and what is refused."""

import base64
from typing import Any

from mediaproviders.emulators.openai import EmulatorSettings
from support.openaiemulator import QUICK, Rehearsal, one, only, types


def message(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **more}


def test_create_announces_and_keeps() -> None:
    rehearsal = Rehearsal()
    events = rehearsal.send("conversation.item.create", item=message(id="a"))
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    assert events[0]["previous_item_id"] is None
    assert rehearsal.send("conversation.item.create", item=message(id="b"))[0]["previous_item_id"] == "a"
    inserted = rehearsal.send("conversation.item.create", item=message(id="c"), previous_item_id="a")
    assert inserted[0]["previous_item_id"] == "a"
    first = rehearsal.send("conversation.item.create", item=message(id="d"), previous_item_id="root")
    assert first[0]["previous_item_id"] is None
    assert rehearsal.send("conversation.item.create", item=message(), previous_item_id="c")[0]["item"]["id"]
    assert one(rehearsal.send("conversation.item.retrieve", item_id="c"), "conversation.item.retrieved")


def test_history_is_replayed_as_text() -> None:
    rehearsal = Rehearsal()
    content = [{"type": "output_text", "text": "Hello, how can I help?"}]
    said = {"type": "message", "role": "assistant", "content": content}
    assert len(rehearsal.send("conversation.item.create", item=said)) == 2


def test_duplicate_id() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("conversation.item.create", item=message(id="a"))
    error = rehearsal.refusal("conversation.item.create", item=message(id="a"))
    assert error["code"] == "item_create_duplicate_item_id"


def test_unknown_previous_item() -> None:
    error = Rehearsal().refusal("conversation.item.create", item=message(), previous_item_id="ghost")
    assert error["param"] == "previous_item_id"


def test_unknown_items() -> None:
    rehearsal = Rehearsal()
    where = {"item_id": "ghost"}
    assert rehearsal.refusal("conversation.item.retrieve", **where)["code"] == "item_retrieve_invalid_item_id"
    assert rehearsal.refusal("conversation.item.delete", **where)["code"] == "item_delete_invalid_item_id"
    error = rehearsal.refusal("conversation.item.truncate", **where, content_index=0, audio_end_ms=0)
    assert error["code"] == "item_truncate_invalid_item_id"


def test_delete() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("conversation.item.create", item=message(id="a"))
    assert types(rehearsal.send("conversation.item.delete", item_id="a")) == ["conversation.item.deleted"]
    assert rehearsal.refusal("conversation.item.delete", item_id="a")["code"] == "item_delete_invalid_item_id"


def spoken(rehearsal: Rehearsal, seconds: float) -> str:
    rehearsal.send("response.create")
    item = one(rehearsal.run(seconds), "response.output_item.added")["item"]
    return str(item["id"])


def test_truncate_up_to_what_was_sent() -> None:
    rehearsal = Rehearsal()
    where = {"item_id": spoken(rehearsal, 3), "content_index": 0}
    error = rehearsal.refusal("conversation.item.truncate", **where, audio_end_ms=1001)
    assert (error["code"], error["param"]) == ("invalid_value", "audio_end_ms")
    assert error["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    events = rehearsal.send("conversation.item.truncate", **where, audio_end_ms=400)
    truncated = one(events, "conversation.item.truncated")
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (where["item_id"], 400)
    # Its transcript is gone, and no more than 400 ms are left to truncate.
    item = rehearsal.send("conversation.item.retrieve", item_id=where["item_id"])[0]["item"]
    assert item["content"] == [{"type": "output_audio"}]
    assert "400ms" in rehearsal.refusal("conversation.item.truncate", **where, audio_end_ms=401)["message"]
    assert len(rehearsal.timeline.of("truncate")) == 3


def test_truncate_counts_only_what_was_sent_so_far() -> None:
    rehearsal = Rehearsal(EmulatorSettings(pace=QUICK, answer_ms=4000, late_ms=0, settle_ms=0))
    item = spoken(rehearsal, 0.125)
    rehearsal.send("response.cancel")
    where = {"item_id": item, "content_index": 0}
    assert "250ms" in rehearsal.refusal("conversation.item.truncate", **where, audio_end_ms=251)["message"]
    one(rehearsal.send("conversation.item.truncate", **where, audio_end_ms=250), "conversation.item.truncated")


def test_only_assistant_audio_can_be_truncated() -> None:
    rehearsal = Rehearsal()
    rehearsal.send("conversation.item.create", item=message(id="a"))
    text = [{"type": "output_text", "text": "x"}]
    rehearsal.send("conversation.item.create", item=message(id="b", role="assistant") | {"content": text})
    user = one(rehearsal.turn(), "input_audio_buffer.committed")["item_id"]
    for item_id in ("a", "b", user):
        error = rehearsal.refusal("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
        assert (error["code"], error["param"]) == ("invalid_value", "item_id")


def test_what_the_user_said_is_an_item() -> None:
    rehearsal = Rehearsal()
    committed = one(rehearsal.turn(), "input_audio_buffer.committed")
    events = rehearsal.run(3) + rehearsal.turn()
    again = one(events, "input_audio_buffer.committed")
    assert committed["previous_item_id"] is None
    assert again["previous_item_id"] == only(events, "conversation.item.added")[0]["item"]["id"]


def test_audio_put_in_as_an_item_is_billed_as_heard() -> None:
    rehearsal = Rehearsal()
    part = {"type": "input_audio", "audio": base64.b64encode(rehearsal.speech(1000)).decode()}
    added = rehearsal.send("conversation.item.create", item={**message(), "content": [part]})
    assert added[0]["item"]["content"] == [{"type": "input_audio"}]
    rehearsal.send("response.create")
    usage = one(rehearsal.run(3), "response.done")["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] in (10, 11)
