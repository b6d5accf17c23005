"""No secret survives, and nothing else is lost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.sip.masking import masked, masked_text
from mediaserver.sip.message import parse
from support.sip_rig import request

DIGEST = (
    'Digest username="anna", realm="example.com", nonce="84a4cc6f3082121f", uri="sip:b@example.com", '
    'response="7587245234b3434cc3412213e5f113a5", cnonce="0a4f113b", nc=00000001, qop=auth, algorithm=MD5'
)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\nk=clear:geheim\r\nm=audio 4000 RTP/SAVP 0\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n"
    b"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n"
)


@pytest.mark.parametrize(
    ("line", "secrets", "kept"),
    [
        (f"Authorization: {DIGEST}", ["7587245234b3434cc3412213e5f113a5", "0a4f113b"], ["anna", "84a4cc6f3082121f"]),
        (f"PROXY-AUTHORIZATION:{DIGEST}", ["7587245234b3434cc3412213e5f113a5"], ["nc=00000001"]),
        (
            "Authorization: " + DIGEST.replace(", response", ",\r\n  response"),
            ["7587245234b3434cc3412213e5f113a5"],
            ["anna"],
        ),
        ("Authorization: Digest response = 'x', RESPONSE=abcdef0123", ["abcdef0123"], ["Digest"]),
        ("Authorization: Basic YW5uYTpnZWhlaW0=", ["YW5uYTpnZWhlaW0"], ["Basic"]),
        ("Authorization: Bearer abc.def.ghi", ["abc.def.ghi"], ["Bearer"]),
        ("Authorization: topsecret", ["topsecret"], ["Authorization"]),
        ('Authentication-Info: qop=auth, rspauth="6629fae4", cnonce="77"', ["6629fae4"], ["qop=auth"]),
        ("Refer-To: <sip:anna:geheim@example.com>", ["geheim"], ["sip:anna:", "@example.com"]),
    ],
)
def test_what_is_hidden_and_what_is_not(line: str, secrets: list[str], kept: list[str]) -> None:
    shown = masked(request(extra=[line])).decode()
    assert not [secret for secret in secrets if secret in shown]
    assert not [text for text in kept if text not in shown]


def test_keys_of_media_are_hidden_and_their_length_kept() -> None:
    message = request(body=SDP)
    shown = masked(message)
    assert len(shown) == len(message)
    for secret in (b"geheim", b"WVNfX19z", b"asd88fgpdd777uzjYhagZg"):
        assert secret not in shown
    assert b"AES_CM_128_HMAC_SHA1_80 inline:xxxx" in shown and b"a=ice-ufrag:8hhY" in shown


@pytest.mark.parametrize(
    ("kind", "body"), [("application/dtmf-relay", b"Signal=7\r\nDuration=160\r\n"), ("application/dtmf", b"7")]
)
def test_digits_pressed_are_hidden(kind: str, body: bytes) -> None:
    shown = masked(request("INFO", to_tag="x", body=body, extra=[f"Content-Type: {kind}"]))
    assert b"7" not in shown.rpartition(b"\r\n\r\n")[2].replace(b"Duration=160", b"")


def test_an_ordinary_message_stays_as_it_is() -> None:
    for message in (request(), request("BYE", to_tag="t"), request("OPTIONS", uri="sip:h:5060", contact=None)):
        assert masked(message) == message


@given(st.binary(max_size=800))
def test_any_bytes_keep_their_length(data: bytes) -> None:
    assert len(masked(b"Authorization: " + data)) == len(data) + 15


def test_a_masked_message_can_still_be_read() -> None:
    parse(masked(request(body=SDP, extra=[f"Authorization: {DIGEST}"])))


@pytest.mark.parametrize("unit", [b"sip:", b"sip:a:", b"sip:a:b:", b"a=crypto:inline:", b"Authorization: x\r\n "])
def test_a_long_message_is_masked_at_once(unit: bytes) -> None:
    before = time.process_time()
    masked((unit * 20_000)[:60_000])
    assert time.process_time() - before < 0.5, "all calls wait meanwhile"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("sip:anna:geheim@example.com;transport=tcp", "sip:anna:xxxxxx@example.com;transport=tcp"),
        ("<sips:anna:a%3Ab@h>", "<sips:anna:xxxxx@h>"),
        ("sip:anna@example.com:5060", "sip:anna@example.com:5060"),
        ("sip:192.0.2.1:5060", "sip:192.0.2.1:5060"),
        ('Digest response="deadbeef00", nc=1', 'Digest response="xxxxxxxxxx", nc=1'),
        (repr('response="deadbeef00"'), repr('response="xxxxxxxxxx"')),
        ("a=crypto:1 X_GCM inline:WVNfX19zZW1j|2^20", "a=crypto:1 X_GCM inline:xxxxxxxxxxxx|2^20"),
        ("a=ice-pwd:asd88fgpdd777uzjYhagZg", "a=ice-pwd:" + "x" * 22),
        ("no response for 12 s: timed out", "no response for 12 s: timed out"),
        ("response_timeout_s=6.0", "response_timeout_s=6.0"),
    ],
)  # fmt: skip
def test_lines_of_a_log_are_masked(line: str, shown: str) -> None:
    assert masked_text(line) == shown
