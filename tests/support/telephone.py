"""What every real phone is put through: a conversation each way with keys and hold, judged by what was heard."""

from typing import Protocol

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.recording import Samples
from support import rig
from support.hearing import answer
from support.switchboard import Switchboard, until_like

AGENT = {"dtmf": {"send": True}, "tools": ["press_keys"]}
"""An agent that is told the keys of its caller, and presses some."""
MODEL = EmulatorSettings(answer_ms=1200, tool_on_turn={1: ("press_keys", '{"keys": "59"}')})
"""A model that presses 5 and 9 in answer to the first turn of a call."""


class Telephone(Protocol):
    """A real phone that does what it is told. It answers calls by itself."""

    async def dial(self, uri: str) -> None:
        """Call somebody."""

    async def say(self, speech: Samples) -> None:
        """Speak in the call from now on; silence afterwards."""

    async def press(self, key: str) -> None:
        """Press a key of the call."""

    async def hold(self) -> None:
        """Put the call on hold."""

    async def resume(self) -> None:
        """Take it back."""

    async def end(self) -> None:
        """Hang up the call."""

    @property
    def records(self) -> bool:
        """Whether `hearing` is complete up to now."""

    @property
    def hearing(self) -> Samples:
        """All it heard so far at 8 kHz, in whichever call."""

    @property
    def keys(self) -> str:
        """All keys that the other side pressed."""


async def hears(board: Switchboard, phone: Telephone, call: str, number: int, turn: int) -> None:
    """Wait until the phone heard that answer of the model, which is what the agent says the turn-th time."""
    if phone.records:
        await until_like(lambda: [phone.hearing], answer(board.emulator, number), f"the phone (answer {number})")
    await board.line("transcript", speaker="agent", call=call, count=turn)


async def calls_the_agent(board: Switchboard, phone: Telephone, uri: str, key: str = "4", **known: str) -> None:
    """The phone calls; both hear each other, press keys at each other, and the phone holds and comes back.

    `known` is what the server knows of its call: the `user` that it is, or the `trunk` it comes by.
    """
    seed = ord(key)
    await phone.dial(uri)
    call = (await board.line("call.incoming", **known))["call"]
    await hears(board, phone, call, 0, 1)
    await phone.say(question := rig.speech(1.2, seed))
    await board.model_hears(question)
    await rig.eventually(lambda: phone.keys == "59")
    await hears(board, phone, call, 2, 2)
    await phone.press(key)
    await board.model_is_told(f"DTMF-{key}")
    await hears(board, phone, call, 3, 3)
    await phone.hold()
    await board.line("call.held", call=call)
    await phone.resume()
    await board.line("call.resumed", call=call)
    await phone.say(another := rig.speech(1.2, seed + 100))
    await board.model_hears(another)
    await hears(board, phone, call, 4, 4)
    await phone.end()
    ended = await board.line("call.ended", call=call)
    assert (ended["reason"], ended["lost"], ended["underruns"]) == ("caller-hung-up", 0, 0), ended


async def is_called(board: Switchboard, phone: Telephone, number: str, *, server_ends: bool = False) -> None:
    """The agent calls the phone, and they hear each other until the phone, or the server, hangs up."""
    before = len(phone.hearing)
    call = board.dial(number)
    await board.line("call.answered", call=call)
    greeting = answer(board.emulator, 0)
    await until_like(lambda: [phone.hearing[before:]], greeting, "the phone that was called")
    await phone.say(reply := rig.speech(1.2, sum(number.encode())))
    await board.model_hears(reply)
    if server_ends:
        board.reception.drop_all()
    else:
        await phone.end()
    ended = await board.line("call.ended", call=call)
    assert ended["lost"] == 0 and (server_ends or ended["reason"] == "callee-hung-up"), ended
