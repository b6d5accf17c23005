from mediaproviders.contract import AgentTranscript, Event, Reconnected, ResponseDone, ResponseStarted, ToolCall, Usage
from mediaserver.chat.reply import Reply

BEGIN, END = ResponseStarted("r1"), ResponseDone("r1", "completed")


def words(text: str, item: str = "i1", final: bool = False) -> AgentTranscript:
    return AgentTranscript(item, text, final)


def shown(reply: Reply, *events: Event) -> list[str]:
    return [piece for event in events if (piece := reply.take(event))]


def test_pieces_are_shown_as_they_come_and_the_whole_is_not_shown_again():
    reply = Reply()
    assert shown(reply, BEGIN, words("Good "), words("day."), words("Good day.", final=True), Usage(1, 1)) == [
        "Good ",
        "day.",
    ]
    assert not reply.done
    reply.take(END)
    assert reply.done and reply.text == "Good day." and reply.failure is None


def test_what_the_pieces_left_out_comes_with_the_whole():
    reply = Reply()
    assert shown(reply, words("Good"), words("Good day.", final=True)) == ["Good", " day."]
    assert shown(Reply(), words("Good day.", final=True)) == ["Good day."]


def test_a_whole_that_differs_adds_nothing():
    assert shown(Reply(), words("Good"), words("Bad day.", final=True)) == ["Good"]


def test_items_are_kept_apart_and_the_first_space_is_dropped():
    reply = Reply()
    shown(reply, words(" One."), words("Two.", "i2"), words(" Three.", "i3"), words("Four.", "i3"))
    assert reply.text == "One. Two. Three.Four."


def test_a_tool_keeps_the_answer_open_until_the_model_has_gone_on():
    reply = Reply()
    shown(reply, BEGIN, words("Let me see."), ToolCall("c1", "look", "{}"), END)
    assert not reply.done and reply.waits_for_tools
    reply.answered("c1")
    assert not reply.done and not reply.waits_for_tools
    shown(reply, ResponseStarted("r2"), words("It is 3.", "i2"))
    assert not reply.done
    reply.take(ResponseDone("r2", "completed"))
    assert reply.done and reply.text == "Let me see. It is 3."


def test_a_tool_answered_before_its_response_ends_does_not_end_the_answer():
    reply = Reply()
    shown(reply, BEGIN, ToolCall("c1", "look", "{}"))
    reply.answered("c1")
    reply.take(END)
    assert not reply.done
    shown(reply, ResponseStarted("r2"), ResponseDone("r2", "completed"))
    assert reply.done and reply.text == ""


def test_a_model_that_goes_on_in_the_same_response():
    reply = Reply()
    shown(reply, BEGIN, ToolCall("c1", "look", "{}"))
    reply.answered("c1")
    shown(reply, words("It is 3."), END)
    assert reply.done


def test_two_tools_are_both_waited_for():
    reply = Reply()
    shown(reply, BEGIN, ToolCall("c1", "a", "{}"), ToolCall("c2", "b", "{}"), END)
    reply.answered("c2")
    shown(reply, ResponseStarted("r2"), ResponseDone("r2", "completed"))
    assert not reply.done
    reply.answered("c1")
    shown(reply, ResponseStarted("r3"), ResponseDone("r3", "completed"))
    assert reply.done


def test_failures():
    reply = Reply()
    shown(reply, BEGIN, words("Go"), ResponseDone("r1", "failed", "server_error"))
    assert reply.done and reply.failure == "server_error"
    reply = Reply()
    shown(reply, BEGIN, ResponseDone("r1", "incomplete", "content_filter"))
    assert reply.done and reply.failure == "content_filter"
    reply = Reply()
    shown(reply, BEGIN, words("A long"), ResponseDone("r1", "incomplete", "max_output_tokens"))
    assert reply.done and reply.failure is None


def test_the_last_response_ends_it_though_a_tool_was_called():
    reply = Reply()
    shown(reply, BEGIN, words("Bye."), ToolCall("c1", "end_call", "{}"))
    reply.ending()
    reply.take(END)
    assert reply.done


def test_after_a_loss_the_answer_begins_anew():
    reply = Reply()
    shown(reply, BEGIN, words("It is"), Reconnected("closed_1011"), ResponseStarted("r1"), words("It is 3."), END)
    assert reply.done and reply.text == "It is\nIt is 3."
