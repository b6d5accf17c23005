"""ICE-lite: checks are answered, nominations followed, and nothing is sent to whom nobody vouches for."""

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.sdp.ice import Ice
from mediaserver.webrtc.ice_lite import Address, IceAgent

HOST, NATTED, STRANGER = ("192.0.2.9", 4000), ("203.0.113.1", 61000), ("203.0.113.66", 6666)
V6 = ("2001:db8::9", 4000)
ICE = Ice("ours", "p" * 24, "their")
NEW = Ice("newer", "q" * 24, "newer")
# RFC 5769 2.1: the password is VOkJxbRl1RmTxUk/WvJxBt.
RFC_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)


def check(
    ice: Ice = ICE,
    *,
    use: bool = False,
    role: str = "ICE-CONTROLLING",
    password: str | None = None,
    name: str | None = None,
) -> bytes:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ice.ours}:{ice.theirs}" if name is None else name
    request.attributes["PRIORITY"] = 1853824767
    request.attributes[role] = 7
    if use:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity((password or ice.password).encode())
    return bytes(request)


def anonymous(kind: stun.Class = stun.Class.REQUEST) -> bytes:
    message = stun.Message(stun.Method.BINDING, kind)
    message.add_fingerprint()
    return bytes(message)


def indication() -> bytes:
    return anonymous(stun.Class.INDICATION)


def answered(agent: IceAgent, datagram: bytes, source: Address = HOST, now: float = 0.0) -> stun.Message:
    answer = agent.received(datagram, source, now)
    assert answer is not None
    message = stun.parse_message(answer)
    assert message.transaction_id == datagram[8:20] and "FINGERPRINT" in message.attributes
    return message


@pytest.mark.parametrize("source", [HOST, V6])
def test_a_check_is_answered_with_its_own_address(source: Address) -> None:
    response = answered(IceAgent(ICE), check(), source)
    assert response.message_class is stun.Class.RESPONSE
    assert response.attributes["XOR-MAPPED-ADDRESS"] == source
    assert response.check_message_integrity(ICE.password.encode())


def test_the_request_of_the_rfc_is_authentic_and_its_role_is_not_for_it_to_have() -> None:
    agent = IceAgent(Ice("evtj", "VOkJxbRl1RmTxUk/WvJxBt", "h6vY"))
    assert answered(agent, RFC_REQUEST).error_code == 487
    assert agent.refused == 0
    changed = RFC_REQUEST[:-9] + bytes([RFC_REQUEST[-9] ^ 1]) + RFC_REQUEST[-8:]
    assert agent.received(changed, HOST, 0.0) is None and agent.refused == 1  # its fingerprint does not fit


@pytest.mark.parametrize(
    ("datagram", "status"),
    [
        (check(password="x" * 24), 401),
        (check(name="other:their"), 401),
        (check(name=""), 401),
        (check(name="\u00fcber:their"), 401),
        (anonymous(), 400),
    ],
)
def test_who_does_not_know_the_password_gets_nowhere(datagram: bytes, status: int) -> None:
    agent = IceAgent(ICE)
    message = stun.parse_message(agent.received(datagram, STRANGER, 0.0) or b"")
    assert message.error_code == status and agent.refused == 1
    assert not agent.accepts(STRANGER) and agent.destination(0.0) is None


def test_a_peer_that_thinks_we_control_is_told_so() -> None:
    agent = IceAgent(ICE)
    message = answered(agent, check(role="ICE-CONTROLLED", use=True))
    assert message.error_code == 487 and message.check_message_integrity(ICE.password.encode())
    assert agent.destination(0.0) is None


def test_media_go_where_the_peer_has_nominated_and_come_from_where_a_check_did() -> None:
    agent, told = IceAgent(ICE), list[Address]()
    agent.nominated = told.append
    answered(agent, check(), HOST)
    assert agent.destination(0.0) is None and agent.accepts(HOST) and not agent.accepts(NATTED)
    answered(agent, check(use=True), NATTED)
    answered(agent, check(use=True), NATTED)
    assert agent.destination(0.0) == NATTED and agent.accepts(HOST)
    answered(agent, check(), HOST)  # a check is no nomination
    assert agent.destination(0.0) == NATTED
    answered(agent, check(use=True), HOST)
    assert agent.destination(0.0) == HOST and told == [NATTED, HOST]


def test_consent_lapses_when_the_peer_is_silent() -> None:
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST, 0.0)
    assert agent.destination(29.9) == HOST and agent.destination(30.0) is None
    answered(agent, check(), NATTED, 30.0)  # not from there
    assert agent.destination(30.0) is None
    for sign in (lambda now: agent.received(check(), HOST, now), lambda now: agent.received(indication(), HOST, now)):
        sign(31.0)
        assert agent.destination(60.9) == HOST
    answered(agent, check(), HOST, 70.0)
    assert agent.destination(99.9) == HOST


def test_a_keep_alive_of_a_stranger_is_none() -> None:
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST, 0.0)
    assert agent.received(indication(), STRANGER, 29.0) is None
    assert agent.destination(30.0) is None


def test_a_restart_keeps_the_pair_until_there_is_another() -> None:
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST)
    agent.follow(NEW)
    assert agent.destination(0.0) == HOST and agent.accepts(HOST)
    assert answered(agent, check(), HOST).message_class is stun.Class.RESPONSE  # consent on the old pair
    assert answered(agent, check(use=True), NATTED).message_class is stun.Class.RESPONSE
    assert agent.destination(0.0) == HOST  # with the old password nothing is nominated any more
    answered(agent, check(NEW), NATTED)
    assert agent.destination(0.0) == HOST
    answered(agent, check(NEW, use=True), NATTED)
    assert agent.destination(0.0) == NATTED and not agent.accepts(HOST)
    assert answered(agent, check(), HOST).error_code == 401


def test_the_same_credentials_again_are_no_restart() -> None:
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST)
    agent.follow(Ice(ICE.ours, ICE.password, ICE.theirs, HOST))
    assert agent.destination(0.0) == HOST


def test_sources_are_not_remembered_for_ever() -> None:
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST)
    for port in range(1, 100):
        answered(agent, check(), (NATTED[0], port), float(port))
    assert len(agent._session.valid) == 16 and agent.accepts(HOST) and agent.accepts((NATTED[0], 99))


def test_what_is_no_request_is_not_answered() -> None:
    agent = IceAgent(ICE)
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE)
    response.add_message_integrity(ICE.password.encode())
    allocate = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    for datagram in (bytes(response), bytes(allocate), b"\0\1", b""):
        assert agent.received(datagram, HOST, 0.0) is None


@given(st.binary(max_size=120))
def test_garbage_is_counted_at_most(garbage: bytes) -> None:
    agent = IceAgent(ICE)
    for datagram in (garbage, b"\0\1" + len(garbage).to_bytes(2) + b"\x21\x12\xa4\x42" + bytes(12) + garbage):
        agent.received(datagram, STRANGER, 0.0)
    assert agent.destination(0.0) is None and not agent.accepts(STRANGER)


@given(st.integers(0, len(check()) - 9), st.integers(1, 255))
def test_a_changed_octet_is_no_check(at: int, change: int) -> None:
    datagram = bytearray(check(use=True))
    datagram[at] ^= change
    agent = IceAgent(ICE)
    agent.received(bytes(datagram), STRANGER, 0.0)
    assert agent.destination(0.0) is None


def test_consent_lasts_as_long_as_it_is_said_to() -> None:
    agent = IceAgent(ICE, 5.0)
    assert not agent.lost(100.0), "nobody has been there yet"
    answered(agent, check(use=True), HOST, 100.0)
    assert agent.destination(104.9) == HOST and not agent.lost(104.9)
    assert agent.destination(105.0) is None and agent.lost(105.0)
    answered(agent, check(), HOST, 106.0)
    assert agent.destination(106.0) == HOST and not agent.lost(106.0)


def test_who_shares_the_socket_is_told_of_every_check_that_was_the_peers() -> None:
    agent, proved, nominated = IceAgent(ICE), list[Address](), list[Address]()
    agent.proved, agent.nominated = proved.append, nominated.append
    answered(agent, check(password="x" * 24, use=True), STRANGER)
    answered(agent, check(role="ICE-CONTROLLED"), STRANGER)
    answered(agent, check(), HOST)
    answered(agent, check(use=True), NATTED)
    answered(agent, check(use=True), NATTED)
    assert proved == [HOST, NATTED, NATTED] and nominated == [NATTED]


def test_checks_name_the_session_or_the_one_before_a_restart_that_has_a_pair() -> None:
    agent = IceAgent(ICE)
    agent.follow(NEW)
    assert agent.fragments == ("newer",), "the one before had none"
    answered(agent, check(NEW, use=True), HOST)
    agent.follow(ICE)
    assert agent.fragments == ("ours", "newer")
    again = Ice("again", "r" * 24, "again")
    agent.follow(again)
    assert agent.fragments == ("again", "newer"), "what has carried media is not given up for what never did"
    answered(agent, check(again, use=True), NATTED)
    assert agent.fragments == ("again",)


def test_of_two_branches_with_our_fragment_each_is_itself() -> None:
    """An INVITE that forks: what we offered is the same for all, and one of them has answered."""
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST)
    other = Ice(ICE.ours, ICE.password, "another")
    agent.follow(other)
    assert answered(agent, check(use=True), NATTED).message_class is stun.Class.RESPONSE
    assert agent.destination(0.0) == HOST, "of the former branch: it has no say any more"
    answered(agent, check(other, use=True), NATTED)
    assert agent.destination(0.0) == NATTED
    assert answered(agent, check(use=True), HOST).error_code == 401


def test_a_new_network_is_followed_with_the_same_credentials() -> None:
    agent = IceAgent(ICE)
    answered(agent, check(use=True), HOST, 0.0)
    answered(agent, check(), NATTED, 20.0)
    assert agent.destination(20.0) == HOST, "until the peer says so"
    answered(agent, check(use=True), NATTED, 21.0)
    assert agent.destination(50.9) == NATTED and agent.accepts(HOST)
