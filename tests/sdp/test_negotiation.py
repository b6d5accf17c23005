"""The descriptions of one call over its life: an answer to what was offered again."""

import os

import pytest

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import Direction
from mediaserver.sdp.security import Protection, Sdes, SrtpPolicy

LOCAL = ("192.0.2.1", 20_000)


def side(policy: SrtpPolicy = "never") -> Negotiation:
    return Negotiation(Capabilities(), LOCAL, 1, MediaPath(Protection(policy, os.urandom)))


def peer(*media: str, port: int = 4000) -> bytes:
    lines = media or (f"m=audio {port} RTP/AVP 0 8",)
    head = ("v=0", "o=- 1 1 IN IP4 198.51.100.5", "s=-", "c=IN IP4 198.51.100.5", "t=0 0")
    return "\r\n".join((*head, *lines, "")).encode()


def test_an_answer_of_ours_that_is_offered_again_may_be_answered_otherwise() -> None:
    ours = side()
    ours.answer(peer())
    plan = ours.accepted(peer("m=audio 4600 RTP/AVP 8", "a=sendonly"))
    assert (plan.remote_rtp[1], plan.send.encoding, plan.direction) == (4600, "PCMA", Direction.RECVONLY)
    assert ours.plan is plan
    assert ours.accepted(peer(port=4700)).direction is Direction.SENDRECV, "and once more"


def test_the_same_answer_agrees_to_the_same() -> None:
    ours = side()
    ours.offer()
    before = ours.accepted(peer())
    assert ours.accepted(peer()) == before


def test_the_stream_is_found_beside_those_that_were_refused() -> None:
    ours = side()
    ours.answer(peer("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 0"))
    plan = ours.accepted(peer("m=video 0 RTP/AVP 31", "m=audio 4600 RTP/AVP 0"))
    assert plan.remote_rtp == ("198.51.100.5", 4600)


def test_our_next_offer_keeps_the_streams_that_were_refused_in_their_places() -> None:
    ours = side()
    ours.answer(peer("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=image 4004 udptl t38"))
    for _ in range(2):
        offer = ours.offer(Direction.SENDONLY)
        kinds = [line.split()[:2] for line in offer.decode().splitlines() if line.startswith("m=")]
        assert kinds == [["m=video", "0"], ["m=audio", "20000"], ["m=image", "0"]]
        theirs = ("m=video 0 RTP/AVP 31", "m=audio 4600 RTP/AVP 0", "a=recvonly", "m=image 0 udptl t38")
        plan = ours.accepted(peer(*theirs))
        assert (plan.remote_rtp[1], plan.direction) == (4600, Direction.SENDONLY)


def test_an_offer_that_was_refused_is_not_what_holds() -> None:
    ours = side()
    ours.answer(peer())
    ours.offer(Direction.SENDONLY)
    ours.withdraw()
    assert ours.accepted(peer()).direction is Direction.SENDRECV


def test_a_new_key_of_the_peer_is_taken_with_ours() -> None:
    ours = side("required")
    first, second = ("1 AES_CM_128_HMAC_SHA1_80 inline:" + letter * 40 for letter in "ab")
    ours.answer(peer("m=audio 4000 RTP/SAVP 0", f"a=crypto:{first}"))
    before = ours.plan.security if ours.plan is not None else None
    after = ours.accepted(peer("m=audio 4000 RTP/SAVP 0", f"a=crypto:{second}")).security
    assert isinstance(before, Sdes) and isinstance(after, Sdes)
    assert after.ours == before.ours and after.theirs != before.theirs


def test_what_cannot_be_used_changes_nothing() -> None:
    ours = side()
    ours.answer(peer())
    before = ours.plan
    for nonsense in (b"nonsense", peer("m=audio 0 RTP/AVP 0"), peer("m=audio 4000 RTP/AVP 9")):
        with pytest.raises(RemoteProtocolError):
            ours.accepted(nonsense)
        assert ours.plan is before


def test_nothing_said_cannot_be_answered() -> None:
    with pytest.raises(LocalProtocolError):
        side().accepted(peer())
