import pytest

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp import web_offer
from support.web_offers import offer, stream


@pytest.mark.parametrize(
    "given",
    [
        offer(),
        offer(stream("video", "0", "96"), stream(mid="1"), bundle="0 1"),
        offer(stream(candidates=300)),
        offer(stream(port=0), stream(mid="1"), bundle="0 1"),
    ],
)
def test_what_can_become_a_conversation(given: bytes) -> None:
    web_offer.check(given)


@pytest.mark.parametrize(
    ("given", "status", "why"),
    [
        (b"", 400, "must begin with v=0"),
        (b"\x00" * 100_000, 400, "too long"),
        (b"v=0\r\ns=-\r\n", 400, "no origin line"),
        (offer(" "), 488, "no stream and no audio"),
        (offer(stream("video", "0", "96")), 488, "video and no audio"),
        (offer(stream("application", "0", "webrtc-datachannel")), 488, "application and no audio"),
        (offer(stream(port=0)), 488, "no audio"),
        (offer(stream(profile="RTP/AVP")), 488, "has to be UDP/TLS/RTP/SAVPF"),
        (offer(stream(without="a=fingerprint")), 488, "no a=fingerprint"),
        (offer(stream(without="a=ice-pwd")), 488, "no a=ice-pwd"),
        (offer(stream(without="a=rtcp-mux")), 488, "no a=rtcp-mux"),
        (offer(stream(direction="sendonly")), 488, "the caller would not hear the agent"),
        (offer(stream(direction="recvonly")), 488, "the agent would not hear the caller"),
        (offer(stream(direction="inactive")), 488, "nobody would hear anybody"),
    ],
)
def test_what_cannot(given: bytes, status: int, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why) as refused:
        web_offer.check(given)
    assert refused.value.status == status
