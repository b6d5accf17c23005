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
    assert stream(subject, ELSEWHERE, 5, start=30.0, sequence=800, ssrc=9) == 3


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
