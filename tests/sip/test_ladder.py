"""What is kept of calls, within which bounds, and how it is shown."""

from dataclasses import replace

import pytest

from mediaserver.sip.ladder import Gap, Ladder, Ladders, LadderSettings, Rung, merged, without_secrets
from mediaserver.sip.ladder_lines import lines_of, read_lines
from mediaserver.sip.ladder_text import summary, text_of
from support.sip_rig import SDP, UDP, Rig, request


def invite(call_id: str, size: int = 0) -> bytes:
    return request(call_id=call_id, body=SDP + b"a" * size)


def a_call() -> Ladder:
    """A call with its INVITE twice, answered and ended."""
    rig = Rig()
    ladders = Ladders()

    def hear(message: bytes) -> None:
        rig.receive(message)
        ladders.received(message, UDP, rig.now)
        tell()

    def tell() -> None:
        rig.drain()
        for _, flow, message in rig.wire:
            ladders.sent(bytes(message), flow, rig.now)
        sent.extend(message for _, _, message in rig.wire)
        rig.wire.clear()

    sent: list[object] = []
    hear(request())
    rig.advance(0.5)
    hear(request())
    (call,) = rig.events()
    rig.endpoint.answer(call.leg, SDP, rig.now)  # type: ignore[union-attr]
    tell()
    tag = sent[-1].to.tag  # type: ignore[attr-defined]
    rig.advance(0.1)
    hear(request("ACK", branch="z9hG4bKk", to_tag=tag))
    hear(request("BYE", branch="z9hG4bKb", to_tag=tag, cseq=2, extra=['Authorization: Digest response="deadbeef00"']))
    return without_secrets(ladders.take("call-1"))


def test_a_call_from_invite_to_bye_with_what_came_again() -> None:
    ladder = a_call()
    assert [(rung.sent, rung.message[:12]) for rung in ladder if isinstance(rung, Rung)] == [
        (False, b"INVITE sip:a"),
        (True, b"SIP/2.0 100 "),
        (False, b"INVITE sip:a"),
        (True, b"SIP/2.0 100 "),
        (True, b"SIP/2.0 200 "),
        (False, b"ACK sip:agen"),
        (False, b"BYE sip:agen"),
        (True, b"SIP/2.0 200 "),
    ]
    assert b"deadbeef" not in b"".join(rung.message for rung in ladder if isinstance(rung, Rung))


def test_what_no_invite_began_is_not_kept() -> None:
    ladders = Ladders()
    for method in ("OPTIONS", "REGISTER", "BYE", "ACK"):
        ladders.received(request(method), UDP, 1.0)
    ladders.received(b"\r\n\r\n", UDP, 1.0)
    ladders.received(b"INVITE sip:a SIP/2.0\r\n\r\n", UDP, 1.0)
    assert len(ladders) == ladders.octets == 0 and ladders.take("call-1") == []


def test_of_a_long_call_the_first_and_the_last_are_kept() -> None:
    ladders = Ladders(LadderSettings(messages=10))
    for number in range(50):
        ladders.received(request(cseq=number + 1, extra=[f"X-Number: {number}"]), UDP, float(number))
    ladder = ladders.take("call-1")
    assert [rung.at if isinstance(rung, Rung) else rung for rung in ladder] == [
        *map(float, range(5)),
        Gap(40),
        *map(float, range(45, 50)),
    ]
    assert ladders.octets == 0


def test_of_large_messages_less_is_kept() -> None:
    ladders = Ladders(LadderSettings(octets=20_000))
    for number in range(50):
        ladders.received(invite("call-1", 3000), UDP, float(number))
    assert ladders.octets <= 20_000
    ladder = ladders.take("call-1")
    gaps = [rung.messages for rung in ladder if isinstance(rung, Gap)]
    assert sum(gaps) + len(ladder) - len(gaps) == 50 and ladder[0] != gaps and len(gaps) == 1


def test_memory_is_bounded_by_what_no_call_has_claimed() -> None:
    ladders = Ladders(LadderSettings(unclaimed=20, total_octets=200_000))
    ladders.received(invite("kept"), UDP, 0.0)
    ladders.claim("kept")
    for number in range(1000):
        ladders.received(invite(f"flood-{number}", 5000), UDP, 1.0 + number / 1000)
        assert len(ladders) <= 21 and ladders.octets <= 200_000
    assert len(ladders.take("kept")) == 1 and ladders.take("flood-1") == []
    ladders.received(invite("later"), UDP, 200.0)  # after a minute nobody wants them any more
    assert len(ladders) == 1


def test_claimed_calls_are_bounded_too() -> None:
    ladders = Ladders(LadderSettings(total_octets=50_000))
    for number in range(100):
        ladders.received(invite(f"call-{number}", 2000), UDP, 1.0)
        ladders.claim(f"call-{number}")
    assert ladders.octets <= 50_000
    assert ladders.take("call-99") == [Gap(1)]
    for number in range(99):
        ladders.take(f"call-{number}")
    assert ladders.octets == 0 and len(ladders) == 0


def test_a_call_of_ours_is_claimed_before_its_invite_leaves() -> None:
    ladders = Ladders()
    ladders.claim("call-1")
    ladders.sent(request(), UDP, 1.0)
    assert len(ladders.take("call-1")) == 1


def test_two_legs_are_shown_as_one_by_time() -> None:
    one, other = a_call(), a_call()
    shifted: Ladder = [replace(rung, at=rung.at + 0.25) if isinstance(rung, Rung) else rung for rung in other]
    both = merged([one, shifted])
    times = [rung.at for rung in both if isinstance(rung, Rung)]
    assert len(both) == 16 and times == sorted(times)


def test_lines_give_the_ladder_back_whatever_its_bytes() -> None:
    odd = Rung(3.0, True, UDP, b"INVITE sip:\xff\x00 SIP/2.0\r\n\r\n\xfe")
    ladder = [*a_call(), Gap(7), odd]
    file = read_lines(lines_of(ladder, {"call": "x", "result": "completed"}, 0.0))
    assert file.rungs == ladder and file.about == {"call": "x", "result": "completed"}


@pytest.mark.parametrize(
    "lines",
    [[], ["{"], ['{"ladder": 2}'], ['{"ladder": 1}', '{"at": 1}'], ['{"ladder": 1}', "[]"], ["7"]],
)
def test_what_is_no_ladder_is_told_by_its_line(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"line [12]|is empty"):
        read_lines(lines)


def test_the_text_of_a_call() -> None:
    lines = list(text_of(a_call()))
    assert "192.0.2.9:5070 udp" in lines[0] and "192.0.2.1:5060" in lines[0]
    arrows = [line.strip("| ") for line in lines[1:]]
    assert "INVITE sip:agent@192.0.2.1 (SDP) -" in arrows[0] and ">" in arrows[0]
    assert "<" in arrows[1] and "100 Trying (INVITE)" in arrows[1]
    assert "again" in arrows[2] and "+0.500" in arrows[2]
    assert "200 OK (INVITE, SDP)" in arrows[4] and "200 OK (BYE)" in arrows[7]
    assert len(lines) == 9 and all(len(line) < 130 for line in lines)
    full = "\n".join(text_of(a_call(), full=True))
    assert "    Call-ID: call-1" in full and "    m=audio 4000 RTP/AVP 0" in full


def test_a_gap_and_no_message_at_all_are_said() -> None:
    assert "… 7 messages are not kept …" in "\n".join(text_of([*a_call(), Gap(7)]))
    assert list(text_of([])) == ["no messages"]


def test_a_summary_shows_no_control_characters() -> None:
    assert summary(b"INVITE sip:\x1b[31m@h SIP/2.0\r\n\r\n") == "INVITE sip:?[31m@h"
