import pytest

from mediaserver.rtp.latch import SourceLatch
from mediaserver.rtp.plan import MediaSettings

DESCRIBED = ("198.51.100.1", 4000)
NATTED = ("198.51.100.1", 61000)
ELSEWHERE = ("203.0.113.9", 5000)
ATTACKER = ("203.0.113.66", 6666)


def latch(*, symmetric: bool = True) -> SourceLatch:
    return SourceLatch(DESCRIBED, MediaSettings(symmetric=symmetric))


def stream(
    latch: SourceLatch, source: tuple[str, int], packets: int, *, start: float, sequence: int, ssrc: int = 1
) -> int:
    return sum(latch.accepts(source, ssrc, (sequence + turn) & 0xFFFF, start + 0.02 * turn) for turn in range(packets))


def test_before_the_first_packet_we_send_where_the_description_says() -> None:
    assert latch().destination == DESCRIBED


@pytest.mark.parametrize("source", [DESCRIBED, NATTED, ELSEWHERE])
def test_symmetric_takes_the_first_source_and_answers_to_it(source: tuple[str, int]) -> None:
    subject = latch()
    assert subject.accepts(source, 1, 1, 0.0)
    assert subject.destination == source


def test_without_symmetric_another_host_is_refused_and_the_description_kept() -> None:
    subject = latch(symmetric=False)
    assert stream(subject, ELSEWHERE, 100, start=0.0, sequence=1) == 0
    assert subject.accepts(NATTED, 1, 1, 5.0)
    assert subject.destination == DESCRIBED
    assert subject.refused == 100


def test_an_early_bird_is_put_out_when_the_owner_speaks() -> None:
    subject = latch()
    assert stream(subject, ATTACKER, 5, start=0.0, sequence=1) == 5
    assert subject.accepts(DESCRIBED, 2, 700, 0.11)
    assert subject.destination == DESCRIBED
    assert stream(subject, ATTACKER, 50, start=0.12, sequence=6) == 0


def test_an_early_bird_is_put_out_even_after_the_learning_time() -> None:
    subject = latch()
    stream(subject, ATTACKER, 100, start=0.0, sequence=1)
    assert stream(subject, NATTED, 5, start=2.0, sequence=65534, ssrc=2) == 3  # the first two only prove it
    assert subject.destination == NATTED


def test_a_hijack_of_a_talking_source_fails() -> None:
    subject = latch()
    for turn in range(200):
        now = 0.02 * turn
        assert subject.accepts(DESCRIBED, 1, turn, now)
        assert not subject.accepts(ATTACKER, 1, turn + 1, now + 0.01)  # even with the right SSRC and sequence
        assert not subject.accepts(NATTED, 1, turn + 1, now + 0.01)
    assert subject.destination == DESCRIBED


def test_a_silent_source_is_replaced_by_one_that_continues_its_stream() -> None:
    subject = latch()
    stream(subject, DESCRIBED, 50, start=0.0, sequence=65500, ssrc=1)
    assert not subject.accepts(NATTED, 1, 15, 1.5)  # 0.52 s of silence
    assert subject.accepts(NATTED, 1, 70, 2.0)
    assert subject.destination == NATTED


def test_a_silent_source_is_replaced_by_a_plausible_stream_only() -> None:
    subject = latch()
    stream(subject, DESCRIBED, 50, start=0.0, sequence=1)
    for turn in range(20):  # random numbers: never in sequence
        assert not subject.accepts(ATTACKER, 9, 7919 * turn & 0xFFFF, 3.0 + turn)
    assert stream(subject, NATTED, 5, start=30.0, sequence=800, ssrc=9) == 3


# --- attacks ----------------------------------------------------------------------------------------------------------

PRIVATE, PUBLIC = ("10.0.0.5", 4000), ("203.0.113.9", 61000)


def behind_nat() -> SourceLatch:
    """Of a peer that describes an address of its own network, and signals from its NAT's."""
    return SourceLatch(PRIVATE, MediaSettings(), PUBLIC[0])


def test_a_pause_is_no_invitation_to_strangers() -> None:
    subject = latch()
    stream(subject, DESCRIBED, 50, start=0.0, sequence=1)
    assert stream(subject, ATTACKER, 3000, start=2.0, sequence=500, ssrc=9) == 0  # a minute on hold
    assert subject.destination == DESCRIBED
    assert subject.accepts(DESCRIBED, 1, 51, 63.0)


def test_the_right_source_number_alone_does_not_help_a_stranger() -> None:
    subject = latch()
    stream(subject, DESCRIBED, 50, start=0.0, sequence=1000)
    for turn in range(200):  # guesses far from where the stream would be
        assert not subject.accepts(ATTACKER, 1, 20_000 + 97 * turn & 0xFFFF, 3.0)
    assert subject.destination == DESCRIBED


def test_another_port_of_the_same_host_waits_for_silence() -> None:
    subject = latch()
    for turn in range(100):
        assert subject.accepts(DESCRIBED, 1, turn, 0.02 * turn)
        assert not subject.accepts(NATTED, 9, turn, 0.02 * turn + 0.01)
    assert subject.destination == DESCRIBED
    assert stream(subject, NATTED, 3, start=3.1, sequence=700, ssrc=9) == 1  # the third of a run
    assert subject.destination == NATTED


def test_who_moves_to_another_address_carries_on_its_stream() -> None:
    subject = latch()
    stream(subject, NATTED, 200, start=0.0, sequence=65_500)
    assert subject.accepts(ELSEWHERE, 1, (65_500 + 275) & 0xFFFF, 5.5)  # 1.5 s later by its clock
    assert subject.destination == ELSEWHERE


def test_behind_a_nat_the_signalling_address_puts_out_an_early_stranger() -> None:
    subject = behind_nat()
    assert stream(subject, ATTACKER, 5, start=0.0, sequence=1) == 5
    assert subject.accepts(PUBLIC, 2, 700, 0.11)
    assert stream(subject, ATTACKER, 100, start=0.12, sequence=6) == 0
    assert subject.destination == PUBLIC


def test_behind_a_nat_the_signalling_address_wins_later_too() -> None:
    subject = behind_nat()
    stream(subject, ATTACKER, 100, start=0.0, sequence=1)
    assert stream(subject, PUBLIC, 5, start=2.0, sequence=9, ssrc=2) == 3
    assert subject.destination == PUBLIC


def test_a_nat_may_give_another_port_after_a_pause() -> None:
    subject = behind_nat()
    stream(subject, PUBLIC, 100, start=0.0, sequence=1)
    rebound = (PUBLIC[0], 62_000)
    assert stream(subject, rebound, 5, start=40.0, sequence=9, ssrc=2) == 3
    assert subject.destination == rebound


def test_without_symmetric_the_signalling_address_vouches_for_nothing() -> None:
    subject = SourceLatch(PRIVATE, MediaSettings(symmetric=False), PUBLIC[0])
    assert not subject.accepts(PUBLIC, 1, 1, 0.0)


def test_media_from_a_third_address_are_taken_where_nothing_better_comes() -> None:
    subject = behind_nat()
    relay = ("198.51.100.77", 7000)
    assert stream(subject, relay, 50, start=0.0, sequence=1) == 50
    assert stream(subject, ATTACKER, 50, start=10.0, sequence=1, ssrc=9) == 0
    assert subject.destination == relay


def test_two_newcomers_taking_turns_do_not_add_up() -> None:
    subject = latch()
    subject.accepts(DESCRIBED, 1, 1, 0.0)
    for turn in range(20):
        assert not subject.accepts(ATTACKER, 9, turn, 5.0)
        assert not subject.accepts(ELSEWHERE, 9, turn, 5.0)


def test_a_new_description_opens_the_latch_and_the_same_one_does_not() -> None:
    subject = latch()
    stream(subject, NATTED, 50, start=0.0, sequence=1)
    subject.described(DESCRIBED)
    assert subject.destination == NATTED
    subject.described(ELSEWHERE)
    assert subject.destination == ELSEWHERE
    assert subject.accepts(ELSEWHERE, 5, 5, 1.0)
