"""The list of messages that a request carries."""

from mediaproviders.contract import Said, ToolCall, Used
from mediaproviders.emulators.chat import order
from mediaproviders.openai_chat.thread import UNANSWERED, Thread


def roles(thread: Thread) -> list[object]:
    messages = thread.messages()
    order.check([dict(message) for message in messages])
    return [message["role"] for message in messages]


def contents(thread: Thread) -> list[object]:
    return [message.get("content") for message in thread.messages()]


def test_what_was_said_before_comes_after_the_instructions() -> None:
    thread = Thread("Be brief.")
    thread.remember(
        [
            Said("agent", "Hello."),
            Said("caller", "What time is it?"),
            Used("c1", "get_time", "", "noon"),
            Used("c2", "get_day", "{}"),
            Said("system", "Hurry."),
        ]
    )
    assert roles(thread) == ["system", "assistant", "user", "assistant", "tool", "assistant", "tool", "system"]
    assert contents(thread)[4::2] == ["noon", UNANSWERED]
    assert not thread.waiting and not thread.answered("c2", "late")


def test_without_instructions_there_is_no_message_for_them() -> None:
    thread = Thread("")
    thread.caller("Hello.")
    assert thread.messages() == [{"role": "user", "content": "Hello."}]


def test_a_call_by_the_id_of_an_earlier_one_gets_another() -> None:
    thread = Thread("")
    twice = ToolCall("hours:0", "hours", "{}")
    for turn in ("first", "second"):
        thread.caller(turn)
        thread.begin(turn)
        called = thread.called(turn, [twice, twice])
        for call in called:
            assert thread.answered(call.call, f"{turn} {call.call}")
        assert not thread.waiting
    assert [call.call for call in called] == ["hours:0~3", "hours:0~4"]
    assert roles(thread) == ["user", "assistant", "tool", "tool"] * 2
    assert contents(thread)[-2:] == ["second hours:0~3", "second hours:0~4"]


def test_calls_wait_for_their_results_and_stand_in_the_thread_meanwhile() -> None:
    thread = Thread("")
    thread.caller("When and where?")
    thread.begin("i1")
    thread.caller("Hurry.")
    thread.called("i1", [ToolCall("c1", "when", '{"a":1}'), ToolCall("c2", "where", "")])
    thread.amend("i1", "Let me see.")
    assert roles(thread) == ["user", "assistant", "assistant", "tool", "tool", "user"] and thread.waiting
    assert thread.answered("c2", "here") and thread.waiting
    assert not thread.answered("c2", "there") and not thread.answered("c3", "x")
    assert thread.answered("c1", "now") and not thread.waiting
    assert contents(thread)[3:5] == ["now", "here"]
    calls = thread.messages()[2]["tool_calls"]
    assert isinstance(calls, list) and [call["function"]["arguments"] for call in calls] == ['{"a":1}', "{}"]


def test_what_was_not_heard_was_not_said() -> None:
    thread = Thread("")
    thread.begin("i1")
    assert thread.messages() == []
    assert thread.amend("i1", "One two three.") and contents(thread) == ["One two three."]
    assert thread.amend("i1", "One")
    assert contents(thread) == ["One"]
    assert thread.amend("i1", "") and thread.messages() == []
    assert thread.amend("i1", "One two") and contents(thread) == ["One two"]
    assert not thread.amend("i2", "x")


def test_the_older_half_is_forgotten() -> None:
    thread = Thread("Be brief.")
    for number in range(5):
        thread.caller(str(number))
    assert thread.forget_half() and contents(thread) == ["Be brief.", "3", "4"]
    assert thread.forget_half() and contents(thread) == ["Be brief.", "4"]
    assert not thread.forget_half()
