"""Keys in descriptions: what is taken, what is refused, and that a leg keeps its own."""

from collections.abc import Callable

import pytest

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.security import SUITES, Crypto, Dtls, Protection, Sdes, SrtpPolicy

LOCAL, REMOTE = ("192.0.2.1", 4000), ("192.0.2.2", 5000)
# RFC 4568 10.3 and 9.1: a key of 30 octets, with and without a lifetime and an MKI.
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
PRINT = "sha-256 " + ":".join(["AB"] * 32)


def counting() -> Callable[[int], bytes]:
    count = iter(range(1, 256))
    return lambda size: bytes([next(count)]) * size


def side(
    policy: SrtpPolicy, local: tuple[str, int] = LOCAL, *, browser: bool = False, dtls: bool = True
) -> Negotiation:
    protection = Protection(policy, counting(), PRINT, browser=browser)
    return Negotiation(Capabilities(), local, 1, MediaPath(protection, browser=browser))


def described(profile: str, *lines: str) -> bytes:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", f"m=audio 5000 {profile} 0"]
    return "\r\n".join([*head, *(f"a={line}" for line in lines), ""]).encode()


def test_a_line_of_the_rfc_is_read_and_written() -> None:
    line = Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20")
    assert line is not None and (line.tag, line.suite, len(line.key)) == (1, "AES_CM_128_HMAC_SHA1_80", 30)
    assert str(line) == f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"
    assert KEY not in repr(line)


@pytest.mark.parametrize(
    "text",
    [
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=3",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} NOVELTY=1",
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:*",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}",
        "x AES_CM_128_HMAC_SHA1_80",
        "",
    ],
)
def test_lines_of_no_use_are_passed_over(text: str) -> None:
    assert Crypto.parse(text) is None


def test_harmless_parameters_are_no_obstacle() -> None:
    assert Crypto.parse(f"2 aes_cm_128_hmac_sha1_32 inline:{KEY} KDR=0 WSH=64 -WHATEVER") is not None


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite_is_answered_with_a_key_of_its_length(suite: str) -> None:
    key = Crypto(7, suite, bytes(SUITES[suite]))
    ours = side("optional")
    answer = ours.answer(described("RTP/SAVP", f"crypto:{key}")).decode()
    assert ours.plan is not None and isinstance(ours.plan.security, Sdes)
    assert ours.plan.security.suite == suite and ours.plan.security.theirs == key.key
    assert "RTP/SAVP 0" in answer and f"a=crypto:7 {suite} inline:" in answer


@pytest.mark.parametrize(
    ("offering", "answering", "suite"),
    [
        ("required", "required", "AES_CM_128_HMAC_SHA1_80"),
        ("required", "optional", "AES_CM_128_HMAC_SHA1_80"),
        ("optional", "optional", "AES_CM_128_HMAC_SHA1_80"),
        ("optional", "never", None),
        ("never", "optional", None),
    ],
)
def test_both_sides_end_up_with_the_same_keys(offering: SrtpPolicy, answering: SrtpPolicy, suite: str | None) -> None:
    caller, callee = side(offering), side(answering, REMOTE)
    plan = caller.accepted(callee.answer(caller.offer()))
    assert callee.plan is not None
    if suite is None:
        assert plan.security is None and callee.plan.security is None
        return
    assert isinstance(plan.security, Sdes) and isinstance(callee.plan.security, Sdes)
    assert plan.security.suite == callee.plan.security.suite == suite
    assert (plan.security.ours, plan.security.theirs) == (callee.plan.security.theirs, callee.plan.security.ours)


@pytest.mark.parametrize(
    ("policy", "offer", "what"),
    [
        ("required", described("RTP/AVP"), "has to be encrypted"),
        ("never", described("RTP/SAVP", f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), "RTP/SAVP"),
        ("optional", described("RTP/SAVP", "crypto:1 F8 inline:x"), "without a key"),
        ("optional", described("UDP/TLS/RTP/SAVP", "setup:actpass"), "fingerprint"),
        ("optional", described("UDP/TLS/RTP/SAVP", "fingerprint:md5 AA", "setup:actpass"), "fingerprint"),
    ],
)
def test_what_cannot_be_protected_as_wanted_is_refused_by_name(policy: SrtpPolicy, offer: bytes, what: str) -> None:
    with pytest.raises(RemoteProtocolError, match=what) as caught:
        side(policy).answer(offer)
    assert caught.value.status == 488


def test_an_answer_without_a_key_is_refused_where_encryption_is_required() -> None:
    caller = side("required")
    caller.offer()
    with pytest.raises(RemoteProtocolError, match="no key"):
        caller.accepted(described("RTP/SAVP"))


def test_our_key_stays_for_the_life_of_the_leg() -> None:
    caller, callee = side("required"), side("optional", REMOTE)
    caller.accepted(callee.answer(caller.offer()))
    first = caller.plan
    again = caller.accepted(callee.answer(caller.offer()))
    assert first is not None and again.security == first.security
    held = callee.accepted(caller.answer(callee.offer()))
    assert held.security == Sdes("AES_CM_128_HMAC_SHA1_80", first.security.theirs, first.security.ours)  # type: ignore


@pytest.mark.parametrize(("setup", "active"), [("actpass", False), ("active", False), ("passive", True)])
def test_who_begins_the_handshake(setup: str, active: bool) -> None:
    ours = side("optional")
    answer = ours.answer(described("UDP/TLS/RTP/SAVP", f"fingerprint:{PRINT}", f"setup:{setup}")).decode()
    assert ours.plan is not None
    assert ours.plan.security == Dtls(active, (("sha-256", PRINT.removeprefix("sha-256 ")),))
    assert f"a=setup:{'active' if active else 'passive'}\r\n" in answer and f"a=fingerprint:{PRINT}\r\n" in answer


def test_a_browser_is_offered_dtls_and_its_answer_taken() -> None:
    caller, callee = side("optional", browser=True), side("optional", REMOTE)
    offer = caller.offer()
    assert b"m=audio 4000 UDP/TLS/RTP/SAVPF" in offer and b"a=setup:actpass" in offer and b"a=rtcp-mux" in offer
    plan = caller.accepted(callee.answer(offer))
    assert isinstance(plan.security, Dtls) and plan.security.active and plan.rtcp_mux
    assert callee.plan is not None and isinstance(callee.plan.security, Dtls) and not callee.plan.security.active
