"""What browsers' packets say beside audio (RFC 8285, RFC 6464), and what they are answered."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.rtp import rtcp
from mediaserver.rtp.extensions import ExtensionReader
from mediaserver.rtp.packet import extension_elements, parse
from mediaserver.rtp.session import MediaSession
from support.rtp import PEER, plan, session, speech


def carrying(block: bytes, *, profile: int = 0xBEDE, number: int = 1, payload: bytes = b"x" * 160) -> bytes:
    """A packet of PCMU with a header extension."""
    block += bytes(-len(block) % 4)
    head = struct.pack("!BBHII", 0x90, 0, 1000 + number, 160 * number, 0xCAFE)
    return head + struct.pack("!HH", profile, len(block) // 4) + block + payload


def elements(packet: bytes) -> list[tuple[int, bytes]]:
    read = parse(packet)
    assert read is not None
    return list(extension_elements(read))


def test_the_blocks_of_the_rfc() -> None:
    """RFC 8285 4.2 and 4.3: elements of one and of two octets of header, padding between and after them."""
    one = bytes.fromhex("10aa21bbbb0033cccccccc00")
    assert elements(carrying(one)) == [(1, b"\xaa"), (2, b"\xbb\xbb"), (3, b"\xcc" * 4)]
    two = bytes.fromhex("01000201aa000304bbbbbbbb")
    assert elements(carrying(two, profile=0x1000)) == [(1, b""), (2, b"\xaa"), (3, b"\xbb" * 4)]


elements_of_one = st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=5)
elements_of_two = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=5)


@given(elements_of_one, elements_of_two, st.integers(0, 3))
def test_what_is_written_is_read(short: list[tuple[int, bytes]], long: list[tuple[int, bytes]], padding: int) -> None:
    one = b"".join(bytes((number << 4 | len(value) - 1,)) + value + bytes(padding) for number, value in short)
    assert elements(carrying(one)) == short
    two = b"".join(bytes((number, len(value))) + value + bytes(padding) for number, value in long)
    assert elements(carrying(two, profile=0x1000)) == long


@given(st.binary(max_size=60), st.sampled_from([0xBEDE, 0x1000, 0x100F, 0x1234]))
def test_any_block_is_read_without_harm(block: bytes, profile: int) -> None:
    reader = ExtensionReader(1, 1, 3)
    read = parse(carrying(block, profile=profile))
    assert read is not None
    reader.read(read, 1.0)
    assert reader.level is None or 0 <= reader.level <= 127
    assert read.payload == b"x" * 160


def heard(level: int | None = 5, transport: int | None = 3, **changes: object) -> MediaSession:
    return session(plan(audio_level=level, transport_sequence=transport, **changes))


def test_the_level_of_the_last_packet_is_known() -> None:
    subject = heard()
    assert subject.extensions is not None and subject.extensions.level is None
    subject.rtp_received(carrying(bytes((0x50, 0x80 | 23))), PEER, 0.0)
    assert subject.extensions.level == 23, "the bit above says that there is voice, which browsers always say"
    subject.rtp_received(carrying(bytes((0x50, 127)), number=2), PEER, 0.02)
    assert subject.extensions.level == 127
    subject.rtp_received(carrying(bytes((0x60, 3)), number=3), PEER, 0.04)
    assert subject.extensions.level == 127, "another number is something else"


def test_packets_of_strangers_say_nothing() -> None:
    subject = heard()
    subject.rtp_received(carrying(bytes((0x50, 11))), PEER, 0.0)
    subject.rtp_received(carrying(bytes((0x50, 22)), number=2), ("203.0.113.66", 9), 0.02)
    assert subject.extensions is not None and subject.extensions.level == 11


def test_what_was_not_agreed_on_is_not_read() -> None:
    subject = session()
    assert subject.rtp_received(carrying(bytes((0x50, 11))), PEER, 0.0) == b"x" * 160
    assert subject.extensions is None
    subject.update(plan(audio_level=5), 1.0)
    subject.rtp_received(carrying(bytes((0x50, 11)), number=2), PEER, 1.0)
    assert subject.extensions is not None and subject.extensions.level == 11
    subject.update(plan(), 2.0)
    assert subject.extensions.level is None and subject.extensions.feedback is None


@pytest.mark.parametrize("reduced", [True, False])
def test_the_peer_is_told_when_its_packets_came(reduced: bool) -> None:
    subject = heard(reduced_rtcp=reduced)
    assert subject.extensions is not None and subject.extensions.feedback is not None
    feedback, payloads, told = subject.extensions.feedback, speech(50), list[bytes]()
    for number in range(50):
        now = number * 0.02
        if number % 10 != 5:
            block = bytes((0x50, 0x80 | 40, 0x31)) + struct.pack("!H", (65_520 + number) & 0xFFFF)
            subject.rtp_received(carrying(block, number=number, payload=payloads[number]), PEER, now)
        if now >= feedback.due:
            told.append(subject.feedback())
    assert len(told) == 5 - 1, "every 200 ms or so"
    for one in told:
        before = rtcp.build(rtcp.ReceiverReport(0x1234), rtcp.SourceDescription(0x1234, "agent@example.net"))
        assert one.startswith(before) is not reduced
        answer = one.removeprefix(before)
        assert answer[1] == 205 and answer[0] & 0x1F == 15
        assert answer[4:12] == struct.pack("!II", 0x1234, 0xCAFE)
        assert rtcp.is_foreign(answer)
