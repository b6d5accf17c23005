"""The path of a packet, with a port and a wheel that do what the test says; and once over real sockets."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import pytest
from aioice import stun

from mediaproviders import contract
from mediaserver.net.rtp_port import Address, PortRange, RtpPort
from mediaserver.net.wheel import Spoke, Wheel
from mediaserver.rtp.packet import is_rtcp, parse
from mediaserver.rtp.playout import ItemEnded, ItemStarted
from mediaserver.sdp.ice import Ice
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.security import Sdes
from mediaserver.talk.leg import Leg, stream_plan
from mediaserver.talk.uplink import Uplink
from support.rtp import PEER, Peer, plan, session, speech

type Arrived = Callable[[bytes, Address, float], None]
RTCP_PEER = (PEER[0], PEER[1] + 1)


class Port:
    """Sends into lists."""

    def __init__(self) -> None:
        self.number = 20_000
        self.rtp: list[tuple[bytes, Address]] = []
        self.rtcp: list[tuple[bytes, Address]] = []
        self.closed = 0

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        self.rtp_arrived, self.rtcp_arrived = rtp, rtcp

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        self.rtp.append((packet, destination))

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        self.rtcp.append((packet, destination))

    def close(self) -> None:
        self.closed += 1


class Ports:
    def __init__(self) -> None:
        self.back: list[int] = []

    def give_back(self, port: Port) -> None:
        port.close()
        self.back.append(port.number)


class Clockwork:
    """A wheel that turns by hand."""

    def __init__(self) -> None:
        self.spokes: dict[Spoke, int] = {}
        self.moved: list[float] = []
        self.now = 0.0

    def add(self, ptime_ms: int, turn: Callable[[float], None]) -> Spoke:
        spoke = Spoke(ptime_ms // 5, 0, turn)
        self.spokes[spoke] = ptime_ms
        return spoke

    def remove(self, spoke: Spoke) -> None:
        del self.spokes[spoke]

    def next_time(self, spoke: Spoke) -> float:
        return self.now

    def slot_time(self, now: float) -> float:
        return now // 0.005 * 0.005

    def move(self, spoke: Spoke, now: float) -> Spoke:
        self.moved.append(now)
        return spoke

    def turn(self, now: float) -> None:
        self.now = now
        for spoke in tuple(self.spokes):
            spoke.turn(now)


class Bench:
    """A leg that has begun; `way` is how its media are protected and find the peer."""

    def __init__(
        self, wanted: contract.AudioFormat = contract.PCMU, *, way: MediaPlan | None = None, **changes: object
    ) -> None:
        self.ports, self.port, self.wheel = Ports(), Port(), Clockwork()
        self.leg = Leg(cast(PortRange, self.ports), cast(RtpPort, self.port), cast(Wheel, self.wheel))
        if way is not None:
            self.leg.protect(way, 0.0)
        self.session = session(plan(**changes))
        uplink = Uplink(contract.PCMU, wanted)
        self.heard: list[bytes] = []
        uplink.sink = self.heard.append
        self.played: list[ItemStarted | ItemEnded] = []
        self.leg.begin(self.session, uplink, plan(**changes), lambda events, now: self.played.extend(events))

    def sent(self) -> list[Any]:
        return [parse(packet) for packet, _ in self.port.rtp]


def test_a_packet_goes_from_the_socket_to_the_model_at_once() -> None:
    bench, peer = Bench(), Peer()
    for place, payload in enumerate(speech(3)):
        bench.port.rtp_arrived(peer.audio(payload), PEER, place * 0.02)
        assert bench.heard[place] == payload


def test_packets_out_of_order_reach_the_model_in_order() -> None:
    bench, peer = Bench(), Peer()
    payloads = speech(6)
    packets = [peer.audio(payload) for payload in payloads]
    for place, arrives in enumerate((0, 1, 3, 2, 4, 5)):
        bench.port.rtp_arrived(packets[arrives], PEER, place * 0.02)
        if arrives == 3:
            assert len(bench.heard) == 2, "it waits for the one before"
        if arrives == 2:
            assert bench.heard == payloads[:4], "both leave as soon as the hole is filled"
    assert bench.heard == payloads


def test_a_hole_is_given_up_by_the_clock_and_what_waited_follows() -> None:
    bench, peer = Bench(), Peer()
    payloads = speech(5)
    packets = [peer.audio(payload) for payload in payloads]
    for place in (0, 1, 2, 4):
        bench.port.rtp_arrived(packets[place], PEER, place * 0.02)
        bench.wheel.turn(place * 0.02 + 0.001)
    assert payloads[4][80:] not in b"".join(bench.heard)
    for turn in range(5, 11):
        bench.wheel.turn(turn * 0.02)
    told = b"".join(bench.heard)
    assert told.startswith(b"".join(payloads[:3]))
    end = payloads[4][80:]  # its beginning is blended with what stood in
    assert told.index(end) == 4 * 160 + 80, "20 ms stand in for the one that was lost"


def test_silence_of_the_peer_is_heard_as_silence() -> None:
    bench = Bench()
    for turn in range(100):
        bench.wheel.turn(turn * 0.02)
    assert 1.8 * 8000 <= len(b"".join(bench.heard)) <= 2 * 8000


def test_what_the_agent_says_goes_out_in_packets_and_is_reported() -> None:
    bench = Bench()
    audio = b"\x10" * 160 + b"\x11" * 160
    bench.session.playout.push("item", audio)
    bench.session.playout.finish("item")
    for turn in range(3):
        bench.wheel.turn(turn * 0.02)
    packets = bench.sent()
    assert b"".join(bytes(packet.payload) for packet in packets) == audio + b"\xff" * 160
    assert {destination for _, destination in bench.port.rtp} == {PEER}
    assert bench.played == [ItemStarted("item"), ItemEnded("item", 40.0)]


def test_pcm_of_the_model_is_made_ready_by_the_clock() -> None:
    bench = Bench()
    bench.leg.session = bench.session = session(plan(), source=contract.PCM16_24K)
    bench.session.playout.push("item", b"\x00\x10" * 24 * 100)
    bench.session.playout.finish("item")
    for turn in range(8):
        bench.wheel.turn(turn * 0.02)
    assert [type(event) for event in bench.played] == [ItemStarted, ItemEnded]


def test_discontinuous_a_talkspurt_does_not_wait_for_its_slot() -> None:
    bench = Bench(comfort_noise_send=13, comfort_noise_receive=13)
    bench.wheel.turn(0.0)
    before = len(bench.port.rtp)
    bench.session.playout.push("item", b"\x10" * 1600)
    bench.leg.speak_now(0.033)
    assert len(bench.port.rtp) == before + 1
    assert bench.sent()[-1].marker
    assert bench.wheel.moved == [0.033]


def test_another_ptime_takes_another_place_on_the_wheel() -> None:
    bench = Bench()
    assert list(bench.wheel.spokes.values()) == [20]
    bench.leg.change(plan(ptime_ms=40), 0.0)
    assert list(bench.wheel.spokes.values()) == [40]
    (spoke,) = bench.wheel.spokes
    bench.leg.change(plan(ptime_ms=40, remote_rtp=("192.0.2.99", 5000)), 0.0)
    assert list(bench.wheel.spokes) == [spoke], "nothing to be moved"
    bench.wheel.turn(0.1)
    assert len(bench.sent()[-1].payload) == 320
    assert bench.port.rtp[-1][1] == ("192.0.2.99", 5000)


def test_on_hold_nothing_is_sent() -> None:
    bench = Bench()
    bench.leg.change(plan(sends=False, receives=False), 0.0)
    for turn in range(10):
        bench.wheel.turn(turn * 0.02)
    assert bench.port.rtp == []


@pytest.mark.parametrize("mux", [False, True])
def test_rtcp_goes_where_it_was_agreed(mux: bool) -> None:
    bench = Bench(rtcp_mux=mux)
    bench.wheel.turn(0.0)
    bench.port.rtp.clear()
    bench.leg.housekeeping(60.0)
    used, unused = (bench.port.rtp, bench.port.rtcp) if mux else (bench.port.rtcp, bench.port.rtp)
    ((report, destination),) = used
    assert is_rtcp(report) and destination == (PEER if mux else RTCP_PEER)
    assert unused == []


def test_rtcp_of_the_peer_is_a_sign_of_life() -> None:
    theirs = session(plan())
    bench = Bench()
    bench.port.rtcp_arrived(theirs.goodbye(0.0), RTCP_PEER, 1.0)
    bench.port.rtcp_arrived(b"\x00" * 8, RTCP_PEER, 1.0)
    assert bench.session.counters().malformed == 1


def test_close_says_goodbye_and_lets_everything_go_once() -> None:
    bench, peer = Bench(), Peer()
    bench.leg.close()
    ((goodbye, destination),) = bench.port.rtcp
    assert is_rtcp(goodbye) and destination == RTCP_PEER
    assert bench.ports.back == [20_000] and bench.wheel.spokes == {}
    bench.leg.close()
    assert bench.ports.back == [20_000] and bench.port.closed == 1
    # What the loop had already read, and what others still ask for, changes nothing.
    bench.port.rtp_arrived(peer.audio(speech(1)[0]), PEER, 1.0)
    bench.port.rtcp_arrived(b"", RTCP_PEER, 1.0)
    bench.leg.speak_now(1.0)
    bench.leg.housekeeping(60.0)
    bench.leg.change(plan(ptime_ms=40), 1.0)
    assert bench.heard == [] and bench.port.rtp == [] and bench.wheel.spokes == {}


def test_a_leg_that_never_began_closes_too() -> None:
    ports, port = Ports(), Port()
    leg = Leg(cast(PortRange, ports), cast(RtpPort, port), cast(Wheel, Clockwork()))
    leg.close()
    leg.close()
    assert ports.back == [20_000] and port.rtcp == []


def test_the_plan_of_the_call_is_the_plan_of_the_stream() -> None:
    pcmu, pcma = PayloadFormat(0, "PCMU", 8000), PayloadFormat(96, "PCMA", 8000)
    agreed = MediaPlan(
        send=pcma,
        receive=(pcma, pcmu),
        ptime_ms=30,
        direction=Direction.RECVONLY,
        remote_rtp=PEER,
        remote_rtcp=RTCP_PEER,
        event_send=101,
        event_receive=97,
        comfort_noise_send=13,
        rtcp_mux=True,
    )
    stream = stream_plan(agreed)
    assert (stream.send_payload_type, stream.send_encoding, stream.ptime_ms) == (96, "PCMA", 30)
    assert list(stream.receive.items()) == [(96, "PCMA"), (0, "PCMU")]
    assert (stream.sends, stream.receives) == (False, False)  # on hold: what comes is music
    assert (stream.event_send, stream.event_receive, stream.comfort_noise_send) == (101, 97, 13)
    assert stream.rtcp_mux and stream.comfort_noise_receive is None


async def test_over_real_sockets_there_and_back() -> None:
    loop = asyncio.get_running_loop()
    ports = PortRange("127.0.0.1", 40_200, 40_203)
    theirs, wheel = ports.take(loop), Wheel(loop)
    leg = Leg(ports, ports.take(loop), wheel)
    got: asyncio.Queue[bytes] = asyncio.Queue()
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    theirs.listen(lambda packet, source, now: got.put_nowait(packet), lambda packet, source, now: None)
    stream = plan(remote_rtp=("127.0.0.1", theirs.number), remote_rtcp=("127.0.0.1", theirs.number + 1))
    uplink = Uplink(contract.PCMU, contract.PCMU)
    uplink.sink = heard.put_nowait
    media = session(stream, now=loop.time())
    media.playout.push("item", b"\x10" * 160)
    leg.begin(media, uplink, stream, lambda events, now: None)
    payload = speech(1)[0]
    theirs.send_rtp(Peer().audio(payload), ("127.0.0.1", leg.ports.number))
    assert await asyncio.wait_for(heard.get(), 5) == payload
    assert parse(await asyncio.wait_for(got.get(), 5)).payload == b"\x10" * 160  # type: ignore[union-attr]
    leg.close()
    wheel.close()
    theirs.close()


def protected(**how: Any) -> MediaPlan:
    pcmu = PayloadFormat(0, "PCMU", 8000)
    return MediaPlan(pcmu, (pcmu,), 20, Direction.SENDRECV, PEER, RTCP_PEER, **how)


def check(password: str) -> bytes:
    """A connectivity check of the peer's that nominates (RFC 8445 7.2)."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"t" * 12)
    request.attributes["USERNAME"] = "ours:their"
    request.attributes["PRIORITY"] = 1
    request.attributes["ICE-CONTROLLING"] = 1
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(password.encode())
    return bytes(request)


def test_with_a_key_that_is_known_a_leg_sends_at_once() -> None:
    keyed = Sdes("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(30))
    bench = Bench(way=protected(security=keyed))
    bench.session.playout.push("i", b"\x10" * 160)
    bench.wheel.turn(0.02)
    assert bench.port.rtp


def test_what_is_said_before_there_is_a_way_to_the_peer_waits_and_is_heard_whole() -> None:
    bench, now = Bench(way=protected(ice=Ice("ours", "p" * 24, "their"), rtcp_mux=True), rtcp_mux=True), monotonic()
    bench.session.playout.push("i", b"\x10" * 320)
    bench.wheel.turn(now)
    bench.leg.speak_now(now)
    assert not bench.wheel.spokes and not bench.port.rtp and not bench.played
    bench.port.rtp_arrived(check("p" * 24), PEER, now)
    (answer,) = bench.port.rtp
    assert answer[0][:2] == b"\x01\x01" and bench.wheel.spokes, "the check is answered, and it begins to send"
    for turn in range(3):
        bench.wheel.turn(now + turn * 0.02)
    payloads = [parse(packet).payload for packet, _ in bench.port.rtp[1:]]  # type: ignore[union-attr]
    assert payloads[:2] == [b"\x10" * 160] * 2 and len(payloads) == 3
    bench.port.rtp_arrived(check("p" * 24), ("198.51.100.2", 4000), now)
    assert len(bench.wheel.spokes) == 1


def test_a_leg_that_is_gone_before_there_is_a_way_never_sends() -> None:
    bench = Bench(way=protected(ice=Ice("ours", "p" * 24, "their")))
    arrived = bench.port.rtp_arrived
    bench.leg.close()
    arrived(check("p" * 24), PEER, 0.05)
    assert not bench.wheel.spokes


def test_a_packet_time_that_is_agreed_anew_before_there_is_a_way() -> None:
    bench = Bench(way=protected(ice=Ice("ours", "p" * 24, "their")))
    bench.leg.change(plan(ptime_ms=40), 0.01)
    assert not bench.wheel.spokes and bench.leg.ptime_ms == 40
    bench.port.rtp_arrived(check("p" * 24), PEER, 0.05)
    assert list(bench.wheel.spokes.values()) == [40]
