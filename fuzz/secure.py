"""A protected media path under arbitrary datagrams: nothing comes through but what the peer has sealed, and once."""

from collections.abc import Callable
from functools import cache

from aioice import stun

from fuzz.choices import Choices, edited
from fuzz.weight import weight
from mediaserver.rtp import packet, rtcp
from mediaserver.sdp.ice import Ice
from mediaserver.sdp.security import SUITES, Dtls, Sdes, Security
from mediaserver.webrtc.channel import Channel
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.keyring import Keyring
from mediaserver.webrtc.srtp import UNSEALABLE

WORDS = [
    b"\x00\x01", b"\x01\x01", b"\x00\x11", b"\x21\x12\xa4\x42", b"\x00\x06", b"\x00\x08", b"\x00\x25", b"\x80\x28",
    b"\x80\x29", b"\x80\x2a", b"\x16\xfe\xfd", b"\x16\xfe\xff", b"\x15\xfe\xfd", b"\x17\xfe\xfd", b"\x14\xfe\xfd",
    b"\x80\x60", b"\x80\xc8", b"\xff\xff", b"\0\0\0\0", b"\x01\0\0", b"\xfe\xfd\0\0\0\0\0\0\0\0",
]  # fmt: skip
_US, _PEER, _STRANGER = ("192.0.2.1", 4000), ("192.0.2.10", 4000), ("203.0.113.66", 6666)
_ICE = (Ice("oursours", "p" * 24, "theirs", None), Ice("anothers", "p" * 24, "theirs", None))
_MOST_KEPT = 1500


@cache
def _identities() -> tuple[Identity, Identity]:
    return Identity(), Identity()


class _End:
    """One end of the path and what it has sent."""

    def __init__(self, identity: Identity) -> None:
        self.sent: list[bytes] = []
        self.keys = Keyring()
        self.channel = Channel(lambda datagram, destination: self.sent.append(datagram), identity)

    def take(self) -> list[bytes]:
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        return sent


class _Path:
    """Our end, with ICE or without, and the peer's."""

    def __init__(self, choices: Choices) -> None:
        ours, theirs = _identities()
        self.ours, self.theirs = _End(ours), _End(theirs)
        self.now = 10.0
        self.with_ice = choices.flag()
        self.ice: Ice | None = None
        self.sealed: dict[bytes, int] = {}
        """Packets of the peer's that may still come through, and how often."""
        self.numbers = [0, 0]
        self._serial = 0
        self.rekey(choices)

    def rekey(self, choices: Choices) -> None:
        """Another description is agreed on."""
        self._serial += 1
        self.ice = choices.pick((_ICE[0], _ICE[0], _ICE[1])) if self.with_ice else None
        if choices.below(4):
            suite = choices.pick(tuple(SUITES))
            one, other = bytes((self._serial, 1)), bytes((self._serial, 2))
            mine, its = (key * (SUITES[suite] // 2) for key in (one, other))
            self._follow(Sdes(suite, mine, its), Sdes(suite, its, mine))
            return
        active = choices.flag()
        prints = [tuple(end.fingerprint.split(" ", 1)) for end in _identities()]
        prints[1] = choices.pick((prints[1], prints[1], ("sha-1", "00"), (prints[1][0], "00")))
        self._follow(Dtls(active, ((prints[1][0], prints[1][1]),)), Dtls(not active, ((prints[0][0], prints[0][1]),)))

    def _follow(self, ours: Security, theirs: Security) -> None:
        self.ours.channel.follow(ours, self.ice, _PEER, self.ours.keys, self.now)
        self.theirs.channel.follow(theirs, None, _US, self.theirs.keys, self.now)

    def comes(self, datagram: bytes, source: tuple[str, int]) -> None:
        """A datagram comes to us."""
        opened = self.ours.channel.opened(datagram, source, self.now)
        if opened is not None:
            assert self.sealed.get(opened), "what the peer has not sealed, or has come already"
            self.sealed[opened] -= 1
        for answer in self.ours.take():
            if 20 <= answer[0] <= 63:
                self.theirs.channel.opened(answer, _US, self.now)
            else:
                assert stun.parse_message(answer).message_class in (stun.Class.RESPONSE, stun.Class.ERROR)

    def settle(self) -> None:
        """Ours may not keep more than so much."""
        kept = weight(self.ours.channel) + weight(self.ours.keys)
        assert kept < _MOST_KEPT, f"{kept} entries are kept"


def _media_comes(path: _Path, choices: Choices) -> None:
    """A packet of the peer's, whole or damaged, once or twice."""
    path.numbers[0] += choices.pick((1, 1, 2, 40_000))
    if choices.below(4):
        plain = packet.build(96, path.numbers[0], path.numbers[0] * 160, 7, choices.octets(40))
    else:
        path.numbers[1] += 1
        plain = rtcp.build(rtcp.ReceiverReport(7), rtcp.SourceDescription(7, f"x{path.numbers[1]}"))
    try:
        sealed = path.theirs.channel.sealed(plain)
    except UNSEALABLE:
        return
    if sealed is None:
        return
    path.sealed[plain] = path.sealed.get(plain, 0) + 1
    source = choices.pick((_PEER, _PEER, _STRANGER))
    if not choices.below(3):
        path.comes(edited(sealed, choices, WORDS), source)
    path.comes(sealed, source)
    path.comes(sealed, source)


def _anything_comes(path: _Path, choices: Choices) -> None:
    first = choices.pick((b"", b"\0\1\0\x08\x21\x12\xa4\x42", b"\x16\xfe\xfd\0\0", b"\x80\x60", b"\x80\xc9", b"P"))
    path.comes(first + choices.octets(200), choices.pick((_PEER, _STRANGER)))


def _check_comes(path: _Path, choices: Choices) -> None:
    """A connectivity check, right or wrong."""
    message = stun.Message(
        choices.pick((stun.Method.BINDING, stun.Method.ALLOCATE)),
        choices.pick((stun.Class.REQUEST, stun.Class.REQUEST, stun.Class.INDICATION, stun.Class.RESPONSE)),
        choices.octets(11).ljust(12, b"t"),
    )
    if choices.below(8):
        message.attributes["USERNAME"] = choices.pick(("oursours:theirs", "anothers:theirs", "x:y", "é", ""))
    if choices.flag():
        message.attributes["USE-CANDIDATE"] = None
    if choices.below(4):
        message.attributes[choices.pick(("ICE-CONTROLLING", "ICE-CONTROLLED"))] = 5
    message.attributes["PRIORITY"] = 1
    if choices.below(8):
        message.add_message_integrity(choices.pick((b"p" * 24, b"p" * 24, b"wrong")))
    octets = bytes(message)
    octets = octets if choices.below(3) else edited(octets, choices, WORDS)
    path.comes(octets, choices.pick((_PEER, _PEER, _STRANGER, ("192.0.2.11", choices.below(64) + 1))))


def _peer_is_nominated(path: _Path, choices: Choices) -> None:
    """What takes a fuzzer for ever to find: a check that is right."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"0123456789ab")
    message.attributes["USERNAME"] = f"{path.ice.ours if path.ice else 'x'}:theirs"
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(b"p" * 24)
    path.comes(bytes(message), _PEER)


def _handshake_goes_on(path: _Path, choices: Choices) -> None:
    """The peer's datagrams reach us, as they are or not."""
    for end in (path.ours, path.theirs):
        if end.channel.association is not None and end.channel.deadline(path.now) is not None:
            end.channel.handle_timer(path.now)
    for _ in range(6):
        for datagram in path.theirs.take():
            path.comes(datagram if choices.below(6) else edited(datagram, choices, WORDS), _PEER)


def _time_passes(path: _Path, choices: Choices) -> None:
    path.now += choices.pick((0.02, 1.0, 3.0, 40.0))


def _we_send(path: _Path, choices: Choices) -> None:
    plain = packet.build(96, choices.below(65_536), 5, 9, choices.octets(200))
    try:
        sealed = path.ours.channel.sealed(plain)
    except UNSEALABLE:
        return
    if sealed is not None:
        assert path.theirs.channel.opened(sealed, _US, path.now) in (plain, None)


_STEPS: tuple[Callable[[_Path, Choices], None], ...] = (
    _media_comes,
    _media_comes,
    _check_comes,
    _handshake_goes_on,
    _anything_comes,
    _time_passes,
    _we_send,
    _Path.rekey,
    _peer_is_nominated,
    _media_comes,
)


def path(choices: Choices) -> None:
    """The life of a path."""
    one = _Path(choices)
    while choices.more():
        choices.pick(_STEPS)(one, choices)
    one.settle()
