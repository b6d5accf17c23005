"""SRTP: the vectors of the RFCs, both implementations against each other, rollover, replay, and what is no packet."""

import random
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.rtp.packet import build
from mediaserver.sdp.security import SUITES
from mediaserver.webrtc.counter_mode import CounterModeOpener, CounterModeSealer, session_key
from mediaserver.webrtc.srtp import LARGEST_PACKET, Opener, Sealer, opener, sealer

REPORT = bytes.fromhex("80c90001 00000007 81ca0002 00000007 01016100".replace(" ", ""))
KEYS = {suite: bytes(range(1, 1 + size)) for suite, size in SUITES.items()}


def pair(suite: str) -> tuple[Sealer, Opener]:
    return sealer(suite, KEYS[suite]), opener(suite, KEYS[suite])


def packet(sequence: int, payload: bytes = bytes(range(160)), ssrc: int = 7) -> bytes:
    return build(0, sequence, 160 * sequence, ssrc, payload)


@pytest.mark.parametrize(
    ("master", "cipher", "salt", "signing"),
    [
        (  # RFC 3711 B.3
            "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6",
            "C61E7A93744F39EE10734AFE3FF7A087",
            "30CBBC08863D8C85D49DB34A9AE1",
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
        ),
        (  # RFC 6188 7.4
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
            "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
            "fa31791685ca444a9e07c6c64e93",
            "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
        ),
    ],
)
def test_session_keys_are_those_of_the_rfcs(master: str, cipher: str, salt: str, signing: str) -> None:
    key = bytes.fromhex(master)
    derived = [session_key(key, label, size) for label, size in ((0, len(key) - 14), (2, 14), (1, 20))]
    assert derived == [bytes.fromhex(each) for each in (cipher, salt, signing)]


@pytest.mark.parametrize("tag", [10, 4])
def test_ours_is_what_the_library_does(tag: int) -> None:
    suite = "AES_CM_128_HMAC_SHA1_80" if tag == 10 else "AES_CM_128_HMAC_SHA1_32"
    theirs, ours = sealer(suite, KEYS[suite]), CounterModeSealer(KEYS[suite], tag)
    open_theirs, open_ours = opener(suite, KEYS[suite]), CounterModeOpener(KEYS[suite], tag)
    sealed = []
    for number in [*range(65500, 65536), *range(40)]:  # past the end of the sequence numbers
        plain = packet(number, bytes(number % 200))
        sealed.append(theirs.rtp(plain))
        assert ours.rtp(plain) == sealed[-1]
        if number != 65530:
            assert open_ours.rtp(sealed[-1]) == open_theirs.rtp(sealed[-1]) == plain
    late = packet(65530, bytes(65530 % 200))
    assert open_ours.rtp(sealed[30]) == open_theirs.rtp(sealed[30]) == late
    for _ in range(3):
        sealed = theirs.rtcp(REPORT)
        assert ours.rtcp(REPORT) == sealed
        assert open_theirs.rtcp(sealed) == open_ours.rtcp(sealed) == REPORT


def test_a_header_with_sources_and_an_extension_stays_in_the_clear() -> None:
    head = struct.pack("!BBHII", 0x92, 0, 9, 1440, 7) + bytes(8) + b"\xbe\xde\0\1" + b"\x10\x01\0\0"
    plain = head + b"voice"
    key = KEYS["AES_CM_128_HMAC_SHA1_80"]
    sealed = CounterModeSealer(key, 10).rtp(plain)
    assert sealed == sealer("AES_CM_128_HMAC_SHA1_80", key).rtp(plain)
    assert sealed[: len(head)] == head and CounterModeOpener(key, 10).rtp(sealed) == plain


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_carries_both_ways(suite: str) -> None:
    seal, unseal = pair(suite)
    order = [*range(65530, 65536), *range(10)]
    for number in order:
        sealed = seal.rtp(packet(number))
        assert packet(number)[12:] not in sealed
        assert unseal.rtp(sealed) == packet(number)
    sealed = seal.rtcp(REPORT)
    assert unseal.rtcp(sealed) == REPORT and REPORT[8:] not in sealed
    assert (unseal.unauthentic, unseal.replayed) == (0, 0)


@pytest.mark.parametrize("suite", SUITES)
def test_what_comes_again_or_far_too_late_is_told_from_what_is_forged(suite: str) -> None:
    seal, unseal = pair(suite)
    sealed = [seal.rtp(packet(number)) for number in range(1000, 1400)]
    report = seal.rtcp(REPORT)
    assert unseal.rtp(sealed[1]) and unseal.rtp(sealed[0])  # one late
    assert unseal.rtp(sealed[0]) is None and unseal.rtp(sealed[1]) is None
    assert unseal.rtp(sealed[-1]) and unseal.rtp(sealed[2]) is None
    assert unseal.rtcp(report) == REPORT and unseal.rtcp(report) is None
    assert (unseal.unauthentic, unseal.replayed) == (0, 4)
    forged = bytearray(sealed[-2])
    forged[-1] ^= 1
    assert unseal.rtp(bytes(forged)) is None and unseal.rtp(packet(1401)) is None
    assert unseal.rtcp(REPORT) is None and unseal.rtp(b"") is None and unseal.rtcp(b"") is None
    assert (unseal.unauthentic, unseal.replayed) == (5, 4)
    assert unseal.rtp(sealed[-2]) == packet(1398)


@pytest.mark.parametrize("suite", SUITES)
def test_the_peer_may_change_its_source(suite: str) -> None:
    seal, unseal = pair(suite)
    for number, ssrc in enumerate((7, 8, 7)):
        assert unseal.rtp(seal.rtp(packet(number, ssrc=ssrc)))
    for ssrc in range(1000, 1200):  # and is not remembered for ever
        assert unseal.rtp(seal.rtp(packet(1, ssrc=ssrc)))


@pytest.mark.parametrize("suite", SUITES)
def test_the_largest_packet_has_room(suite: str) -> None:
    seal, unseal = pair(suite)
    plain = packet(1, bytes(1920))  # 60 ms of L16 at 16 kHz
    assert unseal.rtp(seal.rtp(plain)) == plain
    assert unseal.rtp(bytes(LARGEST_PACKET)) is None


@pytest.mark.parametrize("suite", SUITES)
def test_a_key_of_another_length_is_refused(suite: str) -> None:
    for make in (sealer, opener):
        with pytest.raises(ValueError):
            make(suite, bytes(13))


@pytest.mark.parametrize("suite", SUITES)
@given(st.binary(max_size=300))
def test_garbage_is_counted(suite: str, garbage: bytes) -> None:
    unseal = opener(suite, KEYS[suite])
    assert unseal.rtp(garbage) is None and unseal.rtcp(garbage) is None
    assert unseal.unauthentic == 2


def _shuffled(make: Callable[[], tuple[Sealer, Opener]], seed: int) -> tuple[list[bool], list[bool]]:
    """Packets over several rollovers, some lost, some twice, out of order by a little: which are opened."""
    chance = random.Random(seed)
    seal, unseal = make()
    numbers = [number for number in range(65000, 65000 + 140_000, 37) if chance.random() > 0.2]
    numbers += chance.sample(numbers, 50)
    numbers.sort(key=lambda number: number + chance.random() * 400)
    sealed = {number: seal.rtp(packet(number & 0xFFFF)) for number in sorted(set(numbers))}
    opened = [unseal.rtp(sealed[number]) == packet(number & 0xFFFF) for number in numbers]
    return opened, [number in numbers[:place] for place, number in enumerate(numbers)]


@pytest.mark.parametrize("seed", range(5))
def test_the_rollover_counter_is_guessed_as_the_library_does(seed: int) -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    ours, twice = _shuffled(lambda: (CounterModeSealer(KEYS[suite], 10), CounterModeOpener(KEYS[suite], 10)), seed)
    theirs, _ = _shuffled(lambda: pair(suite), seed)
    assert ours == theirs and any(twice) and sum(ours) > 1000
