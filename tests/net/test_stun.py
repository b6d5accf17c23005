import os

import pytest
from aioice import stun as reference
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.net import stun

ID = bytes(range(12))


@pytest.mark.parametrize("source", [("192.0.2.1", 32853), ("2001:db8:1234:5678:11:2233:4455:6677", 32853)])
@pytest.mark.parametrize("fingerprint", [True, False])
def test_a_binding_request_is_answered_with_where_it_came_from(source: tuple[str, int], fingerprint: bool) -> None:
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, ID)
    if fingerprint:
        message.add_fingerprint()
    answer = stun.answer(bytes(message), source)
    assert answer is not None and stun.is_stun(answer)
    assert stun.mapped(answer) == (ID, source)
    assert ("FINGERPRINT" in reference.parse_message(answer).attributes) is fingerprint


def test_the_request_of_ours_is_one_that_we_would_answer() -> None:
    assert stun.is_stun(stun.request(ID))
    answer = stun.answer(stun.request(ID), ("192.0.2.1", 1))
    assert answer is not None
    assert stun.mapped(stun.request(ID)) is None
    assert stun.answer(answer, ("192.0.2.1", 1)) is None, "two of us never answer one another"


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"OPTIONS sip:x SIP/2.0\r\n\r\n", b"\x80" * 172, bytes(20)])
def test_what_is_no_stun(octets: bytes) -> None:
    assert not stun.is_stun(octets)


@given(st.binary(max_size=60))
def test_garbage_behind_the_cookie_is_never_answered_with_an_error(octets: bytes) -> None:
    data = b"\x00\x01" + len(octets).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + ID + octets
    assert stun.is_stun(data)
    answer = stun.answer(data, ("192.0.2.1", 1))
    assert answer is None or stun.mapped(answer) == (ID, ("192.0.2.1", 1))
    stun.mapped(b"\x01\x01" + data[2:])


def test_an_answer_is_hardly_longer_than_the_request() -> None:
    answer = stun.answer(stun.request(os.urandom(12)), ("192.0.2.1", 1))
    assert answer is not None and len(answer) <= 32
