"""The fault script at work on one answer. Pure: a plan goes in, and comes out worse."""

from typing import Final

import orjson

from mediaproviders.emulators.chat.completion import DONE, Completion, Plan, Step, event
from mediaproviders.emulators.chat.faults import Fault

GARBAGE: Final = bytes(range(255, -1, -1)) * 4 + b"\n\n"
NOT_JSON: Final = b"data: <html><body><h1>502 Bad Gateway</h1></body></html>\n\n"
TRUNCATED_JSON: Final = b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","choices":[{"index":0,"del\n\n'
UNKNOWN: Final = {"object": "chat.dream", "dream": {"of": ["electric", "sheep"]}}
_FLOOD_LETTERS: Final = 2_000
"""Letters in one chunk of a flood."""


def spoil(plan: Plan, fault: Fault, completion: Completion) -> None:
    """Have the misfortune happen to the answer."""
    place = next((index for index, step in enumerate(plan.steps) if step.words >= fault.after_words), 0)
    if fault.after_words:
        place += 1
    due_s = plan.steps[max(0, place - 1)].due_s
    words = fault.after_words
    match fault.kind:
        case "stall":
            for step in plan.steps[place:]:
                step.due_s += fault.seconds
        case "mute" | "reset" | "early_end":
            del plan.steps[place:]
            plan.ending = "done" if fault.kind == "early_end" else fault.kind
            plan.status = "failed"
        case "garbage" | "not_json" | "truncated_json":
            payload = {"garbage": GARBAGE, "not_json": NOT_JSON, "truncated_json": TRUNCATED_JSON}[fault.kind]
            plan.steps.insert(place, Step(due_s, payload, words))
        case "unknown_chunk":
            plan.steps.insert(place, Step(due_s, event(UNKNOWN), words))
        case "error":
            error = {"message": "The emulator was told to fail.", "type": "server_error", "code": fault.code}
            plan.steps[place:] = [Step(due_s, event({"error": {**error, "param": None}}), words)]
            plan.status = "failed"
        case _:
            _spoil_content(plan, fault, completion, Step(due_s, b"", words), place)


def _spoil_content(plan: Plan, fault: Fault, completion: Completion, here: Step, place: int) -> None:
    match fault.kind:
        case "flood":
            piece = ("la " * _FLOOD_LETTERS)[:_FLOOD_LETTERS]
            flood = completion.chunk({"content": piece})
            plan.steps[place:place] = [
                Step(here.due_s, flood, here.words) for _ in range(-(-fault.size // _FLOOD_LETTERS))
            ]
        case "unknown_fields":
            for step in plan.steps:
                if step.payload.startswith(b"data: {"):
                    body = orjson.loads(step.payload[6:])
                    step.payload = event(body | {"dream": {"of": None}, "obfuscation": "zzz"})
        case "wrong_order":
            # The end, the middle backwards, the beginning; only the mark of the stream's end stays where it was.
            body = [step.payload for step in plan.steps[:-1]]
            for step, payload in zip(plan.steps, reversed(body), strict=False):
                step.payload = payload
        case "empty":
            plan.steps = [plan.steps[0], *(step for step in plan.steps[1:] if _is_end(step))]


def _is_end(step: Step) -> bool:
    return b'"delta":{}' in step.payload or b'"choices":[]' in step.payload or step.payload == DONE
