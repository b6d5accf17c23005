"""The calls in which a provider is hostile: what it does, and what the caller does meanwhile."""

from typing import Final

from mediaserver.load.script import Play, Silence, Step, WaitForAnswer, WhileAgentSpeaks
from support import rig
from support.hostile import STALL_S, Scene
from support.hostile_scripts import EVERY, LATER, Script, Service

type Steps = tuple[Step, ...]

GRAIN_S: Final = 1.0
"""How often the server looks whether an answer is overdue."""
FIRST: Final = {"on_turn": 1}
MIDDLE: Final = {"on_turn": 1, "after_ms": 400.0}
WITHIN_A_PACKET: Final = {"on_turn": 1, "after_ms": 200.0}
"""It strikes when 250 ms have been sent: twelve packets and a half."""


def _listens(quiet_s: float) -> Steps:
    """Until nothing more has come for so long."""
    return WaitForAnswer(quiet_s=quiet_s, timeout_s=30.0), Silence(0.1)


_ASKS: Final[Steps] = (Silence(0.3), Play(rig.speech(0.8), "question"))
_STAYS: Final[Steps] = (*_ASKS, Silence(25.0))
"""The other side has to end it."""
_ANOTHER: Final = Play(rig.speech(0.8, seed=8), "another")
_ENDS: Final[Steps] = (*_ASKS, *_listens(3.0))
"""The caller does not take a session that is replaced for the end of the answer."""
_GOES_ON: Final[Steps] = (*_ASKS, *_listens(1.5), _ANOTHER, *_listens(3.0))


def scenes(service: Service) -> list[Scene]:
    """Every way to misbehave at this service."""
    script = Script(service)
    return [*_stalls(script), *_nonsense(script), *_refusals(script), *_ends(script), *_empties(script)]


def _stalls(script: Script) -> list[Scene]:
    mute = script.fault("stall", EVERY, seconds=60.0, **FIRST)
    later_mute = script.fault("stall", LATER, seconds=60.0, **FIRST)
    stall = script.fault("stall", seconds=60.0, **WITHIN_A_PACKET)
    patient = (*_ASKS, *_listens(STALL_S + GRAIN_S + 2.0))
    return [
        Scene("stall", patient, {"faults": stall}),
        Scene("mute", _STAYS, {"faults": mute}),
        Scene("mute-relieved", _ENDS, {"faults": mute}, stand_in=True),
        Scene("stall-then-mute", _STAYS, {"faults": stall + later_mute}),
    ]


def _nonsense(script: Script) -> list[Scene]:
    flood = script.fault("flood", on_turn=1, after_ms=200.0, seconds=60.0)
    interrupts = (*_ASKS, WhileAgentSpeaks(2.5), _ANOTHER, *_listens(3.0))
    return [
        Scene("flood", interrupts, {"faults": flood}),
        Scene("garbage", _GOES_ON, {"faults": script.fault("garbage", **WITHIN_A_PACKET)}),
        Scene("nothing-but-garbage", _ENDS, {"faults": script.nothing_but_garbage(**MIDDLE)}),
        Scene("wrong-order", _GOES_ON, {"faults": script.fault("wrong_order", **MIDDLE)}),
        Scene("unknown", _GOES_ON, {"faults": script.fault("unknown", **WITHIN_A_PACKET)}),
    ]


def _refusals(script: Script) -> list[Scene]:
    full = {"refusals": script.throttle(EVERY)}
    later_full = {"faults": script.fault("reset", **MIDDLE), "refusals": script.throttle(LATER)}
    return [
        Scene("bad-key", _ASKS, script.bad_key()),
        Scene("key-expires", _STAYS, script.key_expires(**MIDDLE)),
        Scene("key-expires-relieved", _ENDS, script.key_expires(**MIDDLE), stand_in=True),
        Scene("throttle", _ENDS, {"refusals": script.throttle(range(2))}),
        Scene("throttle-for-good", _ASKS, full),
        Scene("throttle-relieved", _ENDS, full, stand_in=True),
        Scene("throttle-within", _STAYS, later_full),
        Scene("throttled-answers", _ENDS, {"faults": script.throttled_answers()}),
    ]


def _ends(script: Script) -> list[Scene]:
    reset = {"faults": script.fault("reset", **MIDDLE)}
    found = [
        Scene("reset", _ENDS, reset),
        Scene("closes", _ENDS, {"faults": script.closes(**MIDDLE)}),
        Scene("thrown-out", _STAYS, {"faults": script.thrown_out(**MIDDLE)[0]}),
    ]
    if script.family == "nova":
        found.append(Scene("reset-first-generation", _STAYS, reset, {"model": "nova-sonic"}))
    return found


def _empties(script: Script) -> list[Scene]:
    def empty(*turns: int) -> dict[str, object]:
        return {"faults": tuple(fault for turn in turns for fault in script.fault("empty", on_turn=turn))}

    return [
        Scene("empty", _ENDS, empty(1)),
        Scene("always-empty", _STAYS, empty(1, 2)),
        Scene("empty-after-words", _GOES_ON, empty(2, 3)),
    ]
