"""The controlling side of ICE in virtual time, against the lite agent it calls and against garbage."""

import itertools

import pytest
from aioice import stun

from mediaserver.load.browser_ice import CONSENT_S, ControllingAgent, Credentials
from mediaserver.sdp.ice import Ice
from mediaserver.webrtc.ice_lite import IceAgent

OURS, THEIRS = ("mine", "p" * 24), ("yours", "q" * 24)
CREDENTIALS = Credentials(*OURS, *THEIRS)
HERE, THERE, ELSEWHERE = ("192.0.2.1", 4000), ("198.51.100.1", 7882), ("198.51.100.2", 7882)


def agent(*candidates, credentials=CREDENTIALS):
    number = itertools.count()
    return ControllingAgent(
        credentials, candidates, tie_breaker=1, transaction=lambda: next(number).to_bytes(12), spread=lambda: 0.5
    )  # fmt: skip


def lite():
    return IceAgent(Ice(THEIRS[0], THEIRS[1], OURS[0]))


def talk(ours, theirs, now, at=THERE):
    """Everything that is due goes to the lite agent at `at`, and back."""
    for datagram, to in ours.due(now):
        if to == at:
            answer = theirs.received(datagram, HERE, now)
            if answer is not None:
                ours.received(answer, at, now)


def test_two_checks_and_the_pair_is_nominated():
    ours, theirs = agent(THERE), lite()
    talk(ours, theirs, 1.0)
    assert ours.selected is None and theirs.selected is None
    talk(ours, theirs, 1.0)
    assert ours.selected == THERE
    assert theirs.selected == HERE


def test_candidates_are_checked_one_after_the_other_and_the_one_that_answers_is_taken():
    ours, theirs = agent(ELSEWHERE, THERE), lite()
    talk(ours, theirs, 1.0)
    now = 1.0
    while ours.selected is None:
        now = max(now, ours.deadline())
        talk(ours, theirs, now)
        assert now < 2.0
    assert ours.selected == THERE
    assert ours.due(now + 4.0) == [], "the others are not asked any more"


def test_lost_checks_are_repeated_until_it_is_hopeless():
    ours = agent(THERE)
    sent = []
    while (due := ours.deadline()) is not None:
        sent += [due] * len(ours.due(due))
    assert sent == pytest.approx([0.0, 0.2, 0.6, 1.4, 3.0, 6.2, 12.6])
    assert ours.unreachable


def test_a_nomination_that_is_lost_is_repeated():
    ours, theirs = agent(THERE), lite()
    talk(ours, theirs, 1.0)
    assert len(ours.due(1.0)) == 1  # and lost
    talk(ours, theirs, ours.deadline())
    assert ours.selected == THERE


def test_consent_is_asked_every_five_seconds_and_ends_without_an_answer():
    ours, theirs = agent(THERE), lite()
    talk(ours, theirs, 1.0)
    talk(ours, theirs, 1.0)
    for _ in range(3):
        now = ours.deadline()
        talk(ours, theirs, now)
    assert now == pytest.approx(16.0)
    assert not ours.lost(now + CONSENT_S - 0.1)
    ours.due(now + 5.0)
    assert ours.lost(now + CONSENT_S)


def test_answers_that_are_not_the_peers_count_for_nothing():
    ours, stranger = agent(THERE), IceAgent(Ice(THEIRS[0], "x" * 24, OURS[0]))
    ((datagram, _),) = ours.due(1.0)
    refusal = stranger.received(datagram, HERE, 1.0)
    assert ours.received(refusal, THERE, 1.0) is None
    forged = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, stun.parse_message(datagram).transaction_id)
    forged.add_message_integrity(b"x" * 24)
    ours.received(bytes(forged), THERE, 1.0)
    for garbage in (b"", b"\0" * 20, datagram[:30], bytes(range(40))):
        assert ours.received(garbage, THERE, 1.0) is None
    assert ours.due(1.0) == []
    assert ours.selected is None


def test_an_answer_from_another_address_than_was_asked_fails_the_pair():
    ours, theirs = agent(THERE), lite()
    ((datagram, _),) = ours.due(1.0)
    ours.received(theirs.received(datagram, HERE, 1.0), ELSEWHERE, 1.0)
    assert ours.unreachable


def test_a_full_agents_checks_are_answered_and_tell_where_it_is():
    ours = agent(ELSEWHERE)
    ours.due(1.0)
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"t" * 12)
    request.attributes |= {"USERNAME": f"{OURS[0]}:{THEIRS[0]}", "PRIORITY": 1, "ICE-CONTROLLED": 5}
    request.add_message_integrity(OURS[1].encode())
    answer = stun.parse_message(ours.received(bytes(request), THERE, 1.0))
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == THERE
    assert [to for _, to in ours.due(1.0)] == [THERE]
    request.attributes["ICE-CONTROLLING"] = request.attributes.pop("ICE-CONTROLLED")
    request.add_message_integrity(OURS[1].encode())
    conflict = stun.parse_message(ours.received(bytes(request), THERE, 1.0))
    assert conflict.attributes["ERROR-CODE"][0] == 487
    request.add_message_integrity(b"guess" * 5)
    assert ours.received(bytes(request), THERE, 1.0) is None


def test_after_a_restart_the_pair_holds_until_another_is_nominated():
    ours, theirs = agent(THERE), lite()
    talk(ours, theirs, 1.0)
    talk(ours, theirs, 1.0)
    theirs.follow(Ice("fresh", "r" * 24, "new"))
    ours.restart(Credentials("new", "s" * 24, "fresh", "r" * 24), [ELSEWHERE], 2.0)
    assert ours.selected == THERE
    talk(ours, theirs, 2.0, ELSEWHERE)
    talk(ours, theirs, 2.0, ELSEWHERE)
    assert ours.selected == ELSEWHERE
