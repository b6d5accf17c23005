"""Client messages as the bytes of one WebSocket message each."""

from binascii import b2a_base64
from collections.abc import Callable, Iterable
from typing import Final, Literal

import orjson

from mediaproviders.contract import Said, Told

type Role = Literal["user", "model"]
type Turn = tuple[Role, str]

_END: Final = b'"}}}'
ACTIVITY_START: Final = b'{"realtime_input":{"activity_start":{}}}'
ACTIVITY_END: Final = b'{"realtime_input":{"activity_end":{}}}'

GO_ON: Final = "(Please answer what was said last.)"
"""A turn is only answered if the last word is the caller's."""


def audio(rate: int) -> Callable[[bytes], bytes]:
    """What makes a message of caller audio of `rate` Hz. Put together by hand: this is sent many times a second."""
    head = b'{"realtime_input":{"audio":{"mime_type":"audio/pcm;rate=%d","data":"' % rate

    def message(chunk: bytes) -> bytes:
        return head + b2a_base64(chunk, newline=False) + _END

    return message


def content(turns: Iterable[Turn], *, complete: bool) -> bytes:
    """Put turns into the conversation; `complete`: and have them answered."""
    given = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
    return orjson.dumps({"client_content": {"turns": given, "turn_complete": complete}})


def tool_result(call: str, name: str, output: str) -> bytes:
    """Answer a tool call. What is not a JSON object is wrapped in one."""
    try:
        response = orjson.loads(output)
    except ValueError:
        response = output
    if not isinstance(response, dict):
        response = {"output": response}
    return orjson.dumps({"tool_response": {"function_responses": [{"id": call, "name": name, "response": response}]}})


def greeting(text: str) -> str:
    """The caller's turn that has the model speak first."""
    return (
        "(The call has just been answered and you speak first. Say the following greeting word for word, then stop and "
        f"wait for the caller. Add nothing to it:)\n{text}"
    )


def instruction(text: str) -> str:
    """Something to be acted on that the caller did not say."""
    return f"(An instruction, not the caller's words. Follow it now without mentioning it:)\n{text}"


def turns(told: Iterable[Told]) -> list[Turn]:
    """What was said before as turns whose roles alternate; the first is the caller's."""
    result: list[Turn] = []
    for role, text in map(_turn, told):
        if result and result[-1][0] == role:
            result[-1] = (role, f"{result[-1][1]}\n{text}")
        else:
            result.append((role, text))
    if result and result[0][0] == "model":
        result.insert(0, ("user", "(The call begins.)"))
    return result


def minutes(told: Iterable[Told]) -> str:
    """What was said before, as a text to be read."""
    speakers = {"caller": "Caller", "agent": "You", "system": "Note"}
    lines = [
        f"{speakers[each.speaker]}: {each.text}" if isinstance(each, Said) else f"Note: {_turn(each)[1]}"
        for each in told
    ]
    return "\n".join(lines)


def _turn(told: Told) -> Turn:
    if isinstance(told, Said):
        if told.speaker == "agent":
            return "model", told.text
        return "user", told.text if told.speaker == "caller" else f"(Note: {told.text})"
    outcome = "it has not answered yet" if told.output is None else f"it answered {told.output}"
    return "user", f"(You used the tool {told.name} with {told.arguments or '{}'}; {outcome}.)"
