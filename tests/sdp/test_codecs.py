"""Which codecs are agreed, by which numbers, with which parameters, and what runs beside them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediacodecs import registry
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiate import Capabilities, accept, answer, offer
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import MediaPlan, PayloadFormat

ALL = Capabilities(codecs=("OPUS", "G722", "PCMU", "PCMA", "L16"))
LOCAL, THERE = ("192.0.2.10", 30000), ("198.51.100.5", 4000)
OPUS_111 = "a=rtpmap:111 opus/48000/2"


def described(*lines: str) -> bytes:
    head = "v=0\r\no=bob 7 3 IN IP4 198.51.100.5\r\ns=call\r\nc=IN IP4 198.51.100.5\r\nt=0 0\r\n"
    return (head + "".join(f"{line}\r\n" for line in lines)).encode()


def answered(*lines: str, ours: Capabilities = ALL) -> tuple[MediaPlan, list[str]]:
    agreed = answer(described(*lines), ours, LOCAL, 1, 1)
    return agreed.plan, agreed.sdp.decode().split("\r\n")


def line_of(sdp: list[str] | bytes, start: str) -> str:
    lines = sdp.decode().split("\r\n") if isinstance(sdp, bytes) else sdp
    (found,) = (line for line in lines if line.startswith(start))
    return found


def test_the_offers_order_and_numbers_are_the_answers() -> None:
    plan, sdp = answered(
        "m=audio 4000 RTP/AVP 9 111 97 98 0",
        OPUS_111,
        "a=rtpmap:97 L16/16000",
        "a=rtpmap:98 L16/8000",
    )
    assert line_of(sdp, "m=") == "m=audio 30000 RTP/AVP 9 111 97 98 0"
    assert "a=rtpmap:9 G722/8000" in sdp and "a=rtpmap:111 opus/48000/2" in sdp and "a=rtpmap:97 L16/16000" in sdp
    assert plan.send == PayloadFormat(9, "G722", 8000)
    assert [form.payload_type for form in plan.receive] == [9, 111, 97, 98, 0]


def test_ours_goes_before_theirs_if_it_is_to() -> None:
    ours = Capabilities(codecs=("G722", "PCMA"), own_order=True)
    plan, sdp = answered("m=audio 4000 RTP/AVP 0 8 9", ours=ours)
    assert line_of(sdp, "m=") == "m=audio 30000 RTP/AVP 9 8"
    assert plan.send.encoding == "G722"


def test_an_fmtp_that_says_nothing_is_none() -> None:
    plan, sdp = answered("m=audio 4000 RTP/AVP 0", "a=fmtp:0")
    assert plan.send.fmtp is None and not any(line.startswith("a=fmtp:0") for line in sdp)


def test_in_an_answer_the_order_is_the_peers() -> None:
    ours = Capabilities(codecs=("L16/16000", "PCMU"), offer_comfort_noise=True, own_order=True)
    plan = accept(offer(ours, LOCAL, 1, 1), described("m=audio 4000 RTP/AVP 0 96 13", "a=rtpmap:96 L16/16000"), ours)
    assert plan.send.encoding == "PCMU"
    plan = accept(offer(Capabilities(codecs=("PCMU", "L16/16000"), offer_comfort_noise=True), LOCAL, 1, 1),
                  described("m=audio 4000 RTP/AVP 0 96 13", "a=rtpmap:96 L16/16000"), ours)  # fmt: skip
    assert (plan.send.encoding, plan.comfort_noise_receive) == ("PCMU", 13)


@pytest.mark.parametrize(
    "rtpmap", ["opus/48000", "opus/48000/1", "opus/16000/2", "L16/44100", "L16/16000/2", "G722/16000", "PCMU/16000"]
)
def test_what_only_looks_like_a_codec_of_ours_is_none(rtpmap: str) -> None:
    with pytest.raises(RemoteProtocolError, match="no codec in common"):
        answered("m=audio 4000 RTP/AVP 96", f"a=rtpmap:96 {rtpmap}")


def test_the_error_names_what_was_offered_and_what_we_have() -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        answered(
            "m=audio 4000 RTP/AVP 18 96 101 13",
            "a=rtpmap:96 AMR/8000",
            "a=rtpmap:101 telephone-event/8000",
            ours=Capabilities(),
        )
    assert refused.value.status == 488
    assert str(refused.value) == "no codec in common: peer offers G729, AMR; we have PCMU, PCMA"


def test_parameters_of_opus_are_each_sides_own() -> None:
    theirs = "useinbandfec=1;maxplaybackrate=16000;stereo=1"
    plan, sdp = answered("m=audio 4000 RTP/AVP 111", OPUS_111, f"a=fmtp:111 {theirs}")
    assert plan.send.fmtp == theirs, "what they want to be sent"
    ours = "111 maxplaybackrate=24000;sprop-maxcapturerate=24000;useinbandfec=1"
    assert line_of(sdp, "a=fmtp:111") == f"a=fmtp:{ours}"


@pytest.mark.parametrize("ours", [ALL, Capabilities(codecs=("OPUS",), comfort_noise=False)], ids=["may", "may not"])
def test_silence_of_opus_is_left_out_if_both_want_that(ours: Capabilities) -> None:
    plan, sdp = answered("m=audio 4000 RTP/AVP 111", OPUS_111, "a=fmtp:111 usedtx=1;useinbandfec=1", ours=ours)
    assert ("usedtx=1" in line_of(sdp, "a=fmtp:111")) is ours.comfort_noise
    assert ("usedtx=1" in (plan.send.fmtp or "")) is ours.comfort_noise
    assert "useinbandfec=1" in (plan.send.fmtp or "")


def test_an_offer_of_everything() -> None:
    sdp = offer(ALL, LOCAL, 1, 1)
    assert line_of(sdp, "m=") == "m=audio 30000 RTP/AVP 96 9 0 8 97 101 98 99"
    lines = sdp.decode().split("\r\n")
    for wanted in (
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 maxplaybackrate=24000;sprop-maxcapturerate=24000;useinbandfec=1",
        "a=rtpmap:97 L16/16000",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:98 telephone-event/16000",
        "a=rtpmap:99 telephone-event/48000",
        "a=fmtp:99 0-16",
    ):
        assert wanted in lines
    quiet = offer(Capabilities(codecs=("OPUS",), offer_comfort_noise=True), LOCAL, 1, 1)
    assert "usedtx=1" in line_of(quiet, "a=fmtp:96")
    assert "CN" not in quiet.decode(), "Opus does without"
    wide = offer(Capabilities(codecs=("L16",), offer_comfort_noise=True), LOCAL, 1, 1)
    assert "a=rtpmap:98 CN/16000" in wide.decode().split("\r\n")


def test_an_answer_may_number_as_it_likes() -> None:
    """We send by the answer's numbers and receive by the offer's (RFC 3264 5.1)."""
    sdp = described(
        "m=audio 4000 RTP/AVP 120 0 121 122",
        "a=rtpmap:120 opus/48000/2",
        "a=fmtp:120 useinbandfec=1",
        "a=rtpmap:121 telephone-event/48000",
        "a=rtpmap:122 telephone-event/8000",
    )
    plan = accept(offer(ALL, LOCAL, 1, 1), sdp, ALL)
    assert plan.send == PayloadFormat(120, "OPUS", 48000, 2, "useinbandfec=1")
    assert [form.payload_type for form in plan.receive] == [96, 0]
    assert (plan.event_send, plan.event_clock_rate, plan.event_receive) == (121, 48000, 99)
    assert plan.events_receive == {99: 48000, 101: 8000}


def test_l16_of_both_rates_are_two_codecs() -> None:
    both = Capabilities(codecs=("L16/16000", "L16/8000"))
    sdp = described("m=audio 4000 RTP/AVP 98 97", "a=rtpmap:97 L16/8000", "a=rtpmap:98 L16/16000")
    plan = accept(offer(both, LOCAL, 1, 1), sdp, both)
    assert plan.send == PayloadFormat(98, "L16", 16000)
    assert [(form.payload_type, form.clock_rate) for form in plan.receive] == [(96, 16000), (97, 8000)]
    only = described("m=audio 4000 RTP/AVP 98", "a=rtpmap:98 L16/16000")
    assert [form.payload_type for form in accept(offer(both, LOCAL, 1, 1), only, both).receive] == [96]


EIGHT, FORTY_EIGHT = "a=rtpmap:101 telephone-event/8000", "a=rtpmap:102 telephone-event/48000"


@pytest.mark.parametrize(
    ("formats", "lines", "sent", "received"),
    [
        ("111 101", (OPUS_111, EIGHT), (101, 8000), {101: 8000}),
        ("111 101 102", (OPUS_111, EIGHT, FORTY_EIGHT), (102, 48000), {102: 48000}),
        ("111 0 101 102", (OPUS_111, EIGHT, FORTY_EIGHT), (102, 48000), {102: 48000, 101: 8000}),
        ("0 111 101 102", (OPUS_111, EIGHT, FORTY_EIGHT), (101, 8000), {101: 8000, 102: 48000}),
        ("9 101 102", (EIGHT, FORTY_EIGHT), (101, 8000), {101: 8000}),
        ("9 102", (FORTY_EIGHT,), (None, 8000), {}),
        ("111", (OPUS_111,), (None, 8000), {}),
    ],
)
def test_events_keep_to_the_clock_of_the_audio(
    formats: str, lines: tuple[str, ...], sent: tuple[int | None, int], received: dict[int, int]
) -> None:
    plan, sdp = answered(f"m=audio 4000 RTP/AVP {formats}", *lines)
    assert (plan.event_send, plan.event_clock_rate) == sent
    assert plan.event_receive == sent[0]
    assert plan.events_receive == received
    for number, clock in received.items():
        assert f"a=rtpmap:{number} telephone-event/{clock}" in sdp


def test_noise_keeps_to_the_clock_of_the_audio() -> None:
    assert answered("m=audio 4000 RTP/AVP 9 13")[0].comfort_noise_send == 13, "the RTP clock of G.722 is 8000 Hz"
    assert answered("m=audio 4000 RTP/AVP 111 13", OPUS_111)[0].comfort_noise_send is None
    wide = ("m=audio 4000 RTP/AVP 97 13 98", "a=rtpmap:97 L16/16000", "a=rtpmap:98 CN/16000")
    assert answered(*wide)[0].comfort_noise_send == 98


@pytest.mark.parametrize(
    ("codec", "asked", "largest", "sent"),
    [
        ("OPUS", 40, None, 40),
        ("OPUS", 30, None, 20),
        ("OPUS", None, 10, 10),
        ("OPUS", 50, 30, 20),
        ("OPUS", None, 5, 20),
        ("G722", 30, None, 30),
        ("L16/16000", 60, None, 20),
        ("L16/16000", 40, None, 40),
        ("PCMU", 60, None, 60),
    ],
)
def test_packet_times_are_what_the_codec_can_do(codec: str, asked: int | None, largest: int | None, sent: int) -> None:
    spec = registry.spec(codec)
    form = PayloadFormat(96, spec.name, spec.clock_rate, spec.channels)
    assert ALL.ptime(asked, largest, form) == sent


def test_a_default_that_the_codec_cannot_do_is_shortened() -> None:
    ours = Capabilities(codecs=("OPUS", "PCMU"), default_ptime=30)
    assert answered("m=audio 4000 RTP/AVP 111", OPUS_111, ours=ours)[0].ptime_ms == 20
    assert answered("m=audio 4000 RTP/AVP 0", ours=ours)[0].ptime_ms == 30


def test_what_was_agreed_keeps_its_numbers_in_our_next_offer() -> None:
    leg = Negotiation(ALL, LOCAL, 1)
    leg.answer(
        described(
            "m=audio 4000 RTP/AVP 96 102 9",
            "a=rtpmap:96 L16/16000",
            "a=rtpmap:102 opus/48000/2",
            "a=rtpmap:103 telephone-event/16000",
        )
    )
    sdp = leg.offer()
    assert line_of(sdp, "m=").split()[3:6] == ["96", "102", "9"]
    lines = sdp.decode().split("\r\n")
    assert "a=rtpmap:96 L16/16000" in lines and "a=rtpmap:102 opus/48000/2" in lines
    numbers = line_of(sdp, "m=").split()[3:]
    assert len(numbers) == len(set(numbers)), "no number twice"


def test_a_fax_stream_is_refused_beside_audio_and_alone() -> None:
    image = "m=image 4002 udptl t38"
    _, sdp = answered("m=audio 4000 RTP/AVP 0", image)
    assert "m=image 0 UDPTL t38" in sdp
    with pytest.raises(RemoteProtocolError, match="no audio stream offered") as refused:
        answered(image)
    assert refused.value.status == 488


CODECS = st.lists(st.sampled_from(tuple(registry.SPECS)), min_size=1, unique=True)


@given(CODECS, CODECS, st.booleans(), st.booleans())
def test_both_sides_of_a_negotiation_agree(mine: list[str], theirs: list[str], noise: bool, own_order: bool) -> None:
    caller = Capabilities(codecs=tuple(mine), offer_comfort_noise=noise)
    callee = Capabilities(codecs=tuple(theirs), own_order=own_order)
    sent = offer(caller, THERE, 1, 1)
    if not set(mine) & set(theirs):
        with pytest.raises(RemoteProtocolError, match="no codec in common"):
            answer(sent, callee, LOCAL, 2, 1)
        return
    agreed = answer(sent, callee, LOCAL, 2, 1)
    plan, ours = accept(sent, agreed.sdp, caller), agreed.plan
    assert {form.payload_type for form in plan.receive} == {form.payload_type for form in ours.receive}
    assert (plan.send.payload_type, plan.send.encoding) == (ours.send.payload_type, ours.send.encoding)
    assert (plan.event_send, plan.event_clock_rate, plan.events_receive) == (
        ours.event_receive, ours.event_clock_rate, ours.events_receive,
    )  # fmt: skip
    assert plan.comfort_noise_send == ours.comfort_noise_receive
    assert plan.ptime_ms == ours.ptime_ms
