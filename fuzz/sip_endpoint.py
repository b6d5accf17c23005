"""A SIP endpoint under messages, commands and time in any order: it stands, and keeps nothing when all is over."""

import random
from collections.abc import Callable

from fuzz import sip_registration, sip_text, sip_wire
from fuzz.choices import Choices, edited
from fuzz.sip_scene import FLOWS, Scene
from fuzz.target import Target
from mediaserver.errors import LocalProtocolError
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.door import Admission, Door, Verdict
from mediaserver.sip.events import Flow
from mediaserver.sip.guard import Guard
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Request
from mediaserver.sip.registrar import Registrar
from mediaserver.sip.uri import NameAddr, SipUri

_SDP = sip_wire.SDP.replace(b"192.0.2.9", b"192.0.2.1")
_US = NameAddr(None, SipUri("sip", "agent", "192.0.2.1"))
_TARGETS = [
    SipUri.parse(text) for text in ("sip:bob@192.0.2.9:5070", "sips:b@h.example.com;transport=tls", "sip:[2001:db8::1]")
]
_ROUTES: tuple[tuple[str, ...], ...] = ((), ("<sip:proxy.example.com;lr>",), ("<sip:192.0.2.9>", "<sip:b;lr>"))
_ABLE = ("Supported: 100rel, timer, replaces", "Allow: INVITE, ACK, BYE, UPDATE, PRACK, REFER, NOTIFY, INFO") * 20
_TIMES = (0.0, 0.1, 0.5, 1.0, 4.0, 33.0, 65.0, 200.0, 1000.0)


class _Anybody:
    """Takes everybody for the user `caller`."""

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        return Admission(Verdict.WELCOME, user="caller")


def _scene(choices: Choices) -> Scene:
    settings = EndpointSettings(
        reliable=choices.pick(("supported", "require", "off")),
        session_timer=choices.pick(("accept", "request", "off")),
        session_expires=choices.pick((1800, 90)),
        max_datagram=choices.pick((1300, 0, 500)),
        max_transactions=choices.pick((20000, 3)),
    )
    guard = DigestAuthenticator("r", {"caller": "s"}, b"k")
    ways: tuple[tuple[Door | None, bool], ...] = (
        (_Anybody(), False),
        (None, False),
        (DigestDoor(authenticator=guard), False),
        (_Anybody(), True),
    )
    door, guarded = choices.pick(ways)
    return Scene(settings, door, Registrar() if choices.flag() else None, Guard() if guarded else None)


# What the user of the endpoint may say


def _invite(scene: Scene, choices: Choices, leg: int) -> None:
    flow = choices.pick(FLOWS)
    made = scene.endpoint.invite(
        target=choices.pick(_TARGETS),
        flow=flow,
        from_=_US,
        now=scene.now,
        sdp=choices.pick((_SDP, None)),
        credentials=choices.pick((("bob", "secret"), None)),
        routes=choices.pick(_ROUTES),
        headers=choices.pick(((), (("X-Long", "x" * 1300),))),
    )
    scene.legs[made] = "calling"


def _request(scene: Scene, choices: Choices, leg: int) -> None:
    number = scene.endpoint.outside.request(
        choices.pick(("OPTIONS", "REGISTER", "MESSAGE")),
        target=choices.pick(_TARGETS),
        flow=choices.pick(FLOWS),
        from_=_US,
        to=_US,
        now=scene.now,
        contact=choices.pick((None, "<sip:agent@192.0.2.1>")),
        credentials=choices.pick((("bob", "secret"), None)),
        routes=choices.pick(_ROUTES),
    )
    scene.replies_due.add(number)


def _reject(scene: Scene, choices: Choices, leg: int) -> None:
    scene.endpoint.reject(leg, choices.pick((486, 302, 603, 480)), scene.now)
    if leg in scene.legs and scene.endpoint.call_id(leg) is None:  # else it has been answered
        del scene.legs[leg]
        scene.ended.add(leg)


def _answer(scene: Scene, choices: Choices, leg: int) -> None:
    scene.endpoint.answer(leg, _SDP, scene.now)
    if leg in scene.legs:
        scene.legs[leg] = "answered"


def _refer(scene: Scene, choices: Choices, leg: int) -> None:
    other = choices.pick([None, *scene.legs])
    scene.endpoint.transfers.refer(
        leg, choices.pick(("sip:x@y", "<tel:1>", "sip:a@b?X=y")), scene.now, replaces_leg=other
    )


def _progress(scene: Scene, choices: Choices, leg: int) -> None:
    scene.endpoint.transfers.progress(leg, choices.pick((100, 180, 200, 503)), "so", scene.now)


def _provisional(scene: Scene, choices: Choices, leg: int) -> None:
    scene.endpoint.provisional(leg, choices.pick((180, 183, 199)), scene.now, choices.pick((None, _SDP)))


_COMMANDS: tuple[Callable[[Scene, Choices, int], object], ...] = (
    _invite,
    _answer,
    _provisional,
    _reject,
    lambda scene, choices, leg: scene.endpoint.bye(leg, scene.now),
    lambda scene, choices, leg: scene.endpoint.cancel(leg, scene.now, reason=choices.pick((None, "SIP;cause=200"))),
    lambda scene, choices, leg: scene.endpoint.reinvite(leg, choices.pick((_SDP, None)), scene.now),
    lambda scene, choices, leg: scene.endpoint.answer_reinvite(leg, _SDP, scene.now),
    lambda scene, choices, leg: scene.endpoint.reject_reinvite(leg, 488, scene.now),
    lambda scene, choices, leg: scene.endpoint.acknowledge(leg, _SDP, scene.now),
    _refer,
    lambda scene, choices, leg: scene.endpoint.transfers.accept(leg, scene.now),
    _progress,
    lambda scene, choices, leg: scene.endpoint.transfers.reject(leg, 603, scene.now),
    lambda scene, choices, leg: scene.endpoint.info(leg, "application/dtmf-relay", b"Signal=1", scene.now),
    lambda scene, choices, leg: (scene.endpoint.transfers.replaces_of(leg), scene.endpoint.heard(leg)),
    _request,
)


def _command(scene: Scene, choices: Choices) -> None:
    command = choices.pick(_COMMANDS)
    known = [*scene.legs, *sorted(scene.ended)[-3:]] or [1]
    leg = known[choices.below(256) % len(known)]
    _said(scene, choices, command, leg)


def _said(scene: Scene, choices: Choices, command: Callable[[Scene, Choices, int], object], leg: int) -> bool:
    """Whether the endpoint went along: what the state of the leg does not allow it refuses."""
    try:
        command(scene, choices, leg)
    except LocalProtocolError:
        return False
    finally:
        scene.command()
    return True


# What comes by the wire


def _request_comes(scene: Scene, choices: Choices) -> None:
    scene.receive(*sip_wire.request(scene, choices))


def _response_comes(scene: Scene, choices: Choices) -> None:
    made = sip_wire.response(scene, choices)
    if made is not None:
        scene.receive(*made)


def _dialog_goes_on(scene: Scene, choices: Choices) -> None:
    made = sip_wire.following(scene, choices)
    if made is not None:
        scene.receive(*made)


def _answer_comes(scene: Scene, choices: Choices) -> None:
    made = sip_wire.fitting_response(scene, choices)
    if made is not None:
        scene.receive(*made)


def _anything_comes(scene: Scene, choices: Choices) -> None:
    message = choices.pick(sip_text.messages())
    scene.receive(edited(message, choices, sip_text.WORDS), choices.pick(FLOWS))


def _time_passes(scene: Scene, choices: Choices) -> None:
    scene.pass_time(choices.pick(_TIMES))


def _connection_closes(scene: Scene, choices: Choices) -> None:
    scene.closed(choices.pick(FLOWS))


def _nothing_is_delivered(scene: Scene, choices: Choices) -> None:
    """The network says that a datagram of ours, or what it takes for one, has not arrived."""
    quoted = choices.octets(60)
    if scene.asked and choices.flag():
        quoted = bytes(choices.pick(scene.asked)[1])[: choices.pick((20, 200, 548, 2000))]
    scene.endpoint.undelivered(quoted, "refused", scene.now)
    scene.command()


def _name_is_found(scene: Scene, choices: Choices) -> None:
    """What was to be looked up has been, or something else."""
    ways = [choices.pick(FLOWS) for _ in range(choices.below(4))]
    legs = scene.names or list(scene.legs)
    if legs:
        scene.endpoint.resolved(choices.pick(legs), ways, scene.now)
        scene.command()


def _call_comes_about(scene: Scene, choices: Choices) -> None:
    """What takes a fuzzer long to find: a call that stands, of the peer's making or of ours."""
    if choices.flag():
        number = len(scene.legs) + len(scene.ended) + 100
        lines = [
            "INVITE sip:agent@192.0.2.1 SIP/2.0", f"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKq{number}",
            "From: <sip:caller@example.com>;tag=f1", "To: <sip:agent@192.0.2.1>", f"Call-ID: q{number}",
            "CSeq: 1 INVITE", "Contact: <sip:caller@192.0.2.9:5070>", choices.pick((*_ABLE, *sip_wire.HEADERS)),
            "Max-Forwards: 70", "Content-Type: application/sdp",
        ]  # fmt: skip
        body = choices.pick((sip_wire.SDP, b""))
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
        known = set(scene.legs)
        scene.receive(head + body, FLOWS[0])
        rings = not choices.below(3)
        for leg in set(scene.legs) - known:
            if rings:
                _said(scene, choices, _provisional, leg)
                continue
            _said(scene, choices, _answer, leg)
            dialog = scene.dialogs[-1]
            ack = [line for line in lines if not line.startswith(("INVITE", "To:", "CSeq", "Content", "Require"))]
            ack = ["ACK sip:agent@192.0.2.1 SIP/2.0", f"To: <sip:agent@192.0.2.1>;tag={dialog.ours}", *ack]
            scene.receive(
                "\r\n".join([*ack, "CSeq: 1 ACK", "Content-Length: 0", "", ""]).encode("utf-8", "surrogateescape"),
                FLOWS[0],
            )
    elif _said(scene, choices, _invite, 0) and choices.below(3):
        flow, asked = scene.asked[-1]
        ok = asked.response(200, to_tag="p1")
        ok.headers.add("Contact", "<sip:bob@192.0.2.9:5070>")
        name, _, value = choices.pick((*_ABLE, *sip_wire.HEADERS)).partition(":")
        ok.headers.add(name, value)
        ok.headers.set("Content-Type", "application/sdp")
        ok.body = sip_wire.SDP
        scene.receive(bytes(ok), flow)


_STEPS: tuple[Callable[[Scene, Choices], None], ...] = (
    _request_comes,
    _response_comes,
    _command,
    _time_passes,
    _call_comes_about,
    _request_comes,
    _response_comes,
    _command,
    _anything_comes,
    _connection_closes,
    _nothing_is_delivered,
    lambda scene, choices: sip_registration.life(choices),
    _dialog_goes_on,
    _dialog_goes_on,
    _name_is_found,
    lambda scene, choices: scene.receive(*sip_wire.registering(scene, choices)),
    _answer_comes,
    _answer_comes,
)


def run(choices: Choices) -> None:
    """One input: an endpoint, and what happens to it."""
    scene = _scene(choices)
    while choices.more():
        choices.pick(_STEPS)(scene, choices)
    scene.settle()


def seeds() -> list[bytes]:
    """Scripts of every kind of step, and some of all kinds: the fuzzer keeps those that lead anywhere."""
    plain, chance = bytes(7), random.Random(3261)
    orderly = [bytes((step, *range(start, start + 24))) * 3 for step in range(len(_STEPS)) for start in (0, 1, 7)]
    mixed = []
    for number in range(400):
        ways = (number % 5 % 3, number % 7 % 3, 0, number % 3 % 2, 0, number // 100, number % 2)
        call = (4, number % 2, chance.randrange(80), 0, 0)
        mixed.append(bytes((*ways, *call)) + chance.randbytes(chance.randrange(30, 400)))
    return [plain + script for script in orderly] + mixed


TARGET = Target(run, seeds, sip_text.WORDS[:20], longest=1500, steps=25)
