"""Offer and answer: what is agreed, in whose words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiate import Capabilities, accept, answer, offer
from mediaserver.sdp.plan import Direction, PayloadFormat
from mediaserver.sdp.session import SessionDescription

OURS = Capabilities()
LOCAL = ("192.0.2.10", 30000)
SIX = ("2001:db8::2", 30000)
PCMU, PCMA = PayloadFormat(0, "PCMU", 8000), PayloadFormat(8, "PCMA", 8000)
HEAD = "v=0\r\no=bob 7 3 IN IP4 198.51.100.5\r\ns=call\r\n"


def described(*lines, connection="c=IN IP4 198.51.100.5\r\n"):
    return (HEAD + connection + "t=0 0\r\n" + "".join(f"{line}\r\n" for line in lines)).encode()


def answered(*lines, capabilities=OURS, **rest):
    return answer(described(*lines), capabilities, LOCAL, 11, 22, **rest)


def refused(status, *lines, **rest):
    with pytest.raises(RemoteProtocolError) as caught:
        answer(described(*lines, **rest), OURS, LOCAL, 11, 22)
    return caught.value.status == status


def test_a_whole_answer():
    agreed = answered(
        "m=audio 4000 RTP/AVP 18 8 0 101 13",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:30",
    )
    assert agreed.sdp.decode().split("\r\n") == [
        "v=0",
        "o=- 11 22 IN IP4 192.0.2.10",
        "s=-",
        "c=IN IP4 192.0.2.10",
        "t=0 0",
        "m=audio 30000 RTP/AVP 8 0 101 13",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=rtpmap:13 CN/8000",
        "a=ptime:30",
        "a=sendrecv",
        "",
    ]
    plan = agreed.plan
    assert (plan.send, plan.receive, plan.ptime_ms, plan.direction) == (PCMA, (PCMA, PCMU), 30, Direction.SENDRECV)
    assert (plan.remote_rtp, plan.remote_rtcp) == (("198.51.100.5", 4000), ("198.51.100.5", 4001))
    assert (plan.event_send, plan.event_receive) == (101, 101)
    assert (plan.comfort_noise_send, plan.comfort_noise_receive, plan.rtcp_mux) == (13, 13, False)


def test_the_order_of_the_offer_decides():
    assert answered("m=audio 4000 RTP/AVP 0 8").plan.send == PCMU
    assert answered("m=audio 4000 RTP/AVP 8 0").plan.send == PCMA
    only_a_law = Capabilities(codecs=("PCMA",))
    assert answered("m=audio 4000 RTP/AVP 0 8", capabilities=only_a_law).plan.receive == (PCMA,)


def test_dynamic_types_and_an_rtpmap_that_contradicts_the_static_meaning():
    plan = answered("m=audio 4000 RTP/AVP 96 0", "a=rtpmap:96 pcma/8000/1", "a=rtpmap:0 PCMU/8000").plan
    assert plan.receive == (PayloadFormat(96, "PCMA", 8000), PCMU)
    assert answered("m=audio 4000 RTP/AVP 0", "a=rtpmap:0 PCMA/8000").plan.send == PayloadFormat(0, "PCMA", 8000)


def test_wide_clocks_and_stereo_are_other_codecs():
    assert refused(488, "m=audio 4000 RTP/AVP 96 97", "a=rtpmap:96 PCMU/16000", "a=rtpmap:97 PCMA/8000/2")


def test_neither_noise_nor_events_unless_both_sides_want_them():
    lines = ["m=audio 4000 RTP/AVP 0 13 101", "a=rtpmap:101 telephone-event/8000"]
    plan = answered(*lines, capabilities=Capabilities(events=False, comfort_noise=False)).plan
    assert (plan.event_send, plan.event_receive) == (None, None)
    assert (plan.comfort_noise_send, plan.comfort_noise_receive) == (None, None)
    plan = answered("m=audio 4000 RTP/AVP 0").plan
    assert (plan.event_receive, plan.comfort_noise_receive) == (None, None)


def test_events_on_another_clock_do_not_fit():
    lines = ["m=audio 4000 RTP/AVP 0 96 97", "a=rtpmap:96 telephone-event/48000", "a=rtpmap:97 telephone-event/8000"]
    assert answered(*lines).plan.event_send == 97
    assert answered(*lines[:2]).plan.event_send is None


@pytest.mark.parametrize(
    ("fmtp", "ours"), [(None, "0-15"), ("0-15", "0-15"), ("0-11,16", "0-16"), ("0-16", "0-16"), ("junk", "0-15")]
)
def test_hook_flash_is_announced_to_who_speaks_of_it(fmtp, ours):
    lines = ["m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"]
    lines += [f"a=fmtp:101 {fmtp}"] if fmtp else []
    assert f"a=fmtp:101 {ours}\r\n".encode() in answered(*lines).sdp


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ([], 20),
        (["a=ptime:10"], 10),
        (["a=ptime:60"], 60),
        (["a=ptime:70"], 20),
        (["a=ptime:25"], 20),
        (["a=ptime:0"], 20),
        (["a=ptime:-20"], 20),
        (["a=ptime:30.0"], 20),
        (["a=ptime:" + "9" * 5000], 20),
        (["a=ptime:40", "a=maxptime:40"], 40),
        (["a=ptime:40", "a=maxptime:30"], 20),
        (["a=maxptime:10"], 10),
        (["a=maxptime:5"], 20),
        (["a=maxptime:150"], 20),
    ],
)
def test_packet_time(lines, ptime):
    agreed = answered("m=audio 4000 RTP/AVP 0", *lines)
    assert agreed.plan.ptime_ms == ptime
    assert f"a=ptime:{ptime}\r\n".encode() in agreed.sdp


@pytest.mark.parametrize(
    ("stated", "wanted", "ours"),
    [
        (None, "sendrecv", "sendrecv"),
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "recvonly", "inactive"),
        ("sendrecv", "inactive", "inactive"),
    ],
)
def test_direction(stated, wanted, ours):
    lines = ["m=audio 4000 RTP/AVP 0"] + ([f"a={stated}"] if stated else [])
    agreed = answered(*lines, direction=Direction(wanted))
    assert agreed.plan.direction is Direction(ours)
    assert f"a={ours}\r\n".encode() in agreed.sdp


def test_direction_of_the_session_holds_unless_the_stream_has_its_own():
    assert answered("a=sendonly", "m=audio 4000 RTP/AVP 0").plan.direction is Direction.RECVONLY
    both = answered("a=sendonly", "m=audio 4000 RTP/AVP 0", "a=inactive")
    assert both.plan.direction is Direction.INACTIVE


@pytest.mark.parametrize(
    ("stated", "ours"),
    [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")],
)
@pytest.mark.parametrize("connection", ["c=IN IP4 0.0.0.0\r\n", "c=IN IP6 ::\r\n"])
def test_the_null_address_means_hold(stated, ours, connection):
    text = described("m=audio 4000 RTP/AVP 0", f"a={stated}", connection=connection)
    agreed = answer(text, OURS, LOCAL, 1, 1)
    assert agreed.plan.direction is Direction(ours)
    assert not agreed.plan.direction.sends


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=rtcp:5000", ("198.51.100.5", 5000)),
        ("a=rtcp:5000 IN IP4 203.0.113.9", ("203.0.113.9", 5000)),
        ("a=rtcp:5000 IN IP6 2001:db8::9", ("198.51.100.5", 5000)),
        ("a=rtcp:5000 IN IP4 a.name", ("198.51.100.5", 5000)),
        ("a=rtcp:0", ("198.51.100.5", 4001)),
        ("a=rtcp:99999", ("198.51.100.5", 4001)),
        ("a=rtcp", ("198.51.100.5", 4001)),
        ("a=rtcp-mux", ("198.51.100.5", 4000)),
    ],
)
def test_where_rtcp_goes(line, expected):
    agreed = answered("m=audio 4000 RTP/AVP 0", line)
    assert agreed.plan.remote_rtcp == expected
    assert agreed.plan.rtcp_mux is (line == "a=rtcp-mux")
    assert (b"a=rtcp-mux\r\n" in agreed.sdp) is agreed.plan.rtcp_mux


def test_the_stream_has_its_own_address_and_family():
    assert answered("m=audio 4000 RTP/AVP 0", "c=IN IP4 203.0.113.1").plan.remote_rtp == ("203.0.113.1", 4000)
    lines = ["m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8:0:0::1", "a=rtcp:5000 IN IP6 2001:db8::9"]
    six = answer(described(*lines), OURS, SIX, 1, 1)
    assert b"c=IN IP6 2001:db8::2\r\n" in six.sdp
    assert (six.plan.remote_rtp, six.plan.remote_rtcp) == (("2001:db8::1", 4000), ("2001:db8::9", 5000))


@pytest.mark.parametrize(("local", "theirs"), [(LOCAL, "IP6 2001:db8::1"), (SIX, "IP4 198.51.100.5")])
def test_an_address_our_socket_cannot_send_to_is_not_acceptable(local, theirs):
    text = described("m=audio 4000 RTP/AVP 0", connection=f"c=IN {theirs}\r\n")
    for call in (lambda: answer(text, OURS, local, 1, 1), lambda: accept(offer(OURS, local, 1, 1), text, OURS)):
        with pytest.raises(RemoteProtocolError, match="is not IPv") as caught:
            call()
        assert caught.value.status == 488


def test_of_two_streams_the_one_we_can_send_to_is_taken():
    agreed = answered("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1", "m=audio 4002 RTP/AVP 0")
    assert agreed.plan.remote_rtp == ("198.51.100.5", 4002)
    assert b"m=audio 0 " in agreed.sdp


def test_a_hold_of_the_other_family_sends_rtcp_nowhere_else() -> None:
    held = b"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
    plan = answer(held + b"a=rtcp:5005 IN IP4 192.0.2.3\r\n", Capabilities(), ("2001:db8::1", 4000), 1, 1).plan
    assert (plan.remote_rtp, plan.remote_rtcp) == (("::", 5000), ("::", 5005))


@pytest.mark.parametrize("local", [LOCAL, SIX])
@pytest.mark.parametrize("null", ["IP4 0.0.0.0", "IP6 ::"])
def test_an_answer_may_hold_by_the_null_address_of_either_family(local, null):
    text = described("m=audio 4000 RTP/AVP 0", connection=f"c=IN {null}\r\n")
    assert accept(offer(OURS, local, 1, 1), text, OURS).direction is Direction.RECVONLY
    assert answer(text, OURS, local, 1, 1).plan.direction is Direction.RECVONLY


def test_one_stream_is_taken_and_the_others_refused_in_their_places():
    agreed = answered(
        "m=video 5000 RTP/AVP 96 97",
        "m=audio 4000 RTP/SAVP 0",
        "m=audio 4002 RTP/AVPF 0",
        "m=audio 4004 RTP/AVP 0",
        "m=image 6000 udptl t38",
    )
    assert [line for line in agreed.sdp.decode().split("\r\n") if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 96 97",
        "m=audio 0 RTP/SAVP 0",
        "m=audio 30000 RTP/AVPF 0",
        "m=audio 0 RTP/AVP 0",
        "m=image 0 UDPTL t38",
    ]
    assert agreed.plan.remote_rtp == ("198.51.100.5", 4002)


def test_the_answer_repeats_the_times_of_the_offer():
    text = described("m=audio 4000 RTP/AVP 0").replace(b"t=0 0", b"t=3000000000 3000003600")
    assert b"t=3000000000 3000003600\r\n" in answer(text, OURS, LOCAL, 1, 1).sdp


def test_what_cannot_be_used_is_not_acceptable():
    assert refused(488)
    assert refused(488, "m=video 4000 RTP/AVP 96")
    assert refused(488, "m=audio 4000 RTP/AVP 18 9")
    assert refused(488, "m=audio 4000 RTP/AVP 101 13", "a=rtpmap:101 telephone-event/8000")
    assert refused(488, "m=audio 0 RTP/AVP 0")
    assert refused(488, "m=audio 4000 RTP/SAVP 0")
    assert refused(488, "m=audio 4000 UDP/TLS/RTP/SAVPF 0")
    assert refused(488, "m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com")
    assert refused(488, "m=audio 4000 RTP/AVP 0", "c=IN IP4 224.0.0.9/127")
    assert refused(488, "m=audio 4000 RTP/AVP x 300 -1")


def test_what_is_no_description_is_a_bad_request():
    assert refused(400, "m=audio 4000 RTP/AVP 0", connection="")
    with pytest.raises(RemoteProtocolError) as caught:
        answer(b"INVITE", OURS, LOCAL, 1, 1)
    assert caught.value.status == 400


def test_malformed_maps_are_skipped():
    lines = ["a=rtpmap:96", "a=rtpmap:97 PCMU", "a=rtpmap:98 PCMU/x", "a=rtpmap:99 /8000", "a=rtpmap:0 PCMU/0"]
    assert refused(488, "m=audio 4000 RTP/AVP 96 97 98 99 0", *lines)
    assert answered("m=audio 4000 RTP/AVP 96 97 98 99 8", *lines).plan.receive == (PCMA,)


def test_our_offer():
    assert offer(OURS, LOCAL, 5, 6).decode().split("\r\n") == [
        "v=0",
        "o=- 5 6 IN IP4 192.0.2.10",
        "s=-",
        "c=IN IP4 192.0.2.10",
        "t=0 0",
        "m=audio 30000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]
    assert b"RTP/AVP 0 8 101 13\r\n" in offer(Capabilities(offer_comfort_noise=True), LOCAL, 5, 6)
    assert b"RTP/AVP 8\r\n" in offer(Capabilities(codecs=("PCMA",), events=False), LOCAL, 5, 6)


def test_each_side_uses_the_types_the_other_announced():
    mine = offer(Capabilities(offer_comfort_noise=True), LOCAL, 5, 6)
    theirs = described(
        "m=audio 4000 RTP/AVP 118 97 13",
        "a=rtpmap:118 PCMA/8000",
        "a=rtpmap:97 telephone-event/8000",
        "a=ptime:40",
        "a=recvonly",
    )
    plan = accept(mine, theirs, OURS)
    assert plan.send == PayloadFormat(118, "PCMA", 8000)
    assert plan.receive == (PCMA,)
    assert (plan.event_send, plan.event_receive) == (97, 101)
    assert (plan.comfort_noise_send, plan.comfort_noise_receive) == (13, 13)
    assert (plan.ptime_ms, plan.direction) == (40, Direction.SENDONLY)
    assert plan.remote_rtp == ("198.51.100.5", 4000)


def test_what_we_never_offered_is_not_agreed_by_being_answered():
    mine = offer(Capabilities(codecs=("PCMU",), events=False), LOCAL, 5, 6)
    theirs = described("m=audio 4000 RTP/AVP 8 0 13 101", "a=rtpmap:101 telephone-event/8000", "a=rtcp-mux")
    plan = accept(mine, theirs, OURS)
    assert (plan.send, plan.receive) == (PCMU, (PCMU,))
    assert (plan.event_send, plan.event_receive, plan.comfort_noise_send, plan.comfort_noise_receive) == (None,) * 4
    assert (plan.rtcp_mux, plan.remote_rtcp) == (False, ("198.51.100.5", 4001))


def test_an_answer_may_leave_our_dynamic_types_unexplained():
    plan = accept(offer(OURS, LOCAL, 5, 6), described("m=audio 4000 RTP/AVP 0 101"), OURS)
    assert (plan.event_send, plan.event_receive) == (101, 101)


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (488, []),
        (488, ["m=audio 0 RTP/AVP 0"]),
        (488, ["m=audio 4000 RTP/AVP 18"]),
        (488, ["m=audio 4000 RTP/SAVP 0"]),
        (488, ["m=video 4000 RTP/AVP 0"]),
        (488, ["m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 96"]),
        (400, ["m=audio 4000"]),
    ],
)
def test_answers_that_are_none(status, lines):
    with pytest.raises(RemoteProtocolError) as caught:
        accept(offer(OURS, LOCAL, 5, 6), described(*lines), OURS)
    assert caught.value.status == status


def test_offering_less_than_both_ways():
    mine = offer(OURS, LOCAL, 5, 6, direction=Direction.SENDONLY)
    assert accept(mine, described("m=audio 4000 RTP/AVP 0", "a=recvonly"), OURS).direction is Direction.SENDONLY
    assert accept(mine, described("m=audio 4000 RTP/AVP 0"), OURS).direction is Direction.SENDONLY
    assert accept(mine, described("m=audio 4000 RTP/AVP 0", "a=inactive"), OURS).direction is Direction.INACTIVE


def test_capabilities_must_make_sense():
    for wrong in ({"codecs": ()}, {"codecs": ("G729",)}, {"default_ptime": 25}):
        with pytest.raises(ValueError, match=r"codecs|ptime"):
            Capabilities(**wrong)


media_lines = st.builds(
    "m={} {} {} {}".format,
    st.sampled_from(["audio", "audio", "video", "image"]),
    st.sampled_from([0, 4000, 65535]),
    st.sampled_from(["RTP/AVP", "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "udptl"]),
    st.lists(st.sampled_from(["0", "8", "13", "18", "96", "97", "101", "t38"]), min_size=1, max_size=6).map(" ".join),
)
attribute_lines = st.sampled_from(
    """a=rtpmap:96 PCMU/8000|a=rtpmap:97 PCMA/8000|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16|a=ptime:30
a=maxptime:20|a=rtcp-mux|a=rtcp:9|a=sendonly|c=IN IP6 ::1|c=IN IP4 0.0.0.0|a=mid:1""".replace("\n", "|").split("|")
)
offers = st.lists(media_lines | attribute_lines, min_size=1, max_size=12)


@given(offers)
def test_any_answer_fits_its_offer(lines):
    text = described(*lines)
    try:
        agreed = answer(text, OURS, LOCAL, 1, 2)
    except RemoteProtocolError as error:
        assert error.status in (400, 488)
        return
    offered, ours = SessionDescription.parse(text), SessionDescription.parse(agreed.sdp)
    assert [media.kind for media in ours.media] == [media.kind for media in offered.media]
    assert all(set(mine.formats) <= set(theirs.formats) for mine, theirs in zip(ours.media, offered.media, strict=True))
    assert [media.port for media in ours.media if media.port] == [LOCAL[1]]
    taken = next(media for media in ours.media if media.port)
    assert set(taken.formats) >= {str(form.payload_type) for form in agreed.plan.receive}
    assert agreed.plan.send in agreed.plan.receive
    assert agreed.plan.remote_rtp[1] > 0 < agreed.plan.remote_rtcp[1]


@given(st.sampled_from([("PCMU", "PCMA"), ("PCMA", "PCMU"), ("PCMU",)]), st.booleans(), st.booleans())
def test_both_ends_of_an_exchange_agree(codecs, noise, events):
    caller = Capabilities(codecs=codecs, offer_comfort_noise=noise, events=events)
    mine = offer(caller, ("203.0.113.7", 7000), 1, 1)
    theirs = answer(mine, OURS, LOCAL, 2, 2)
    plan = accept(mine, theirs.sdp, caller)
    assert (plan.send, plan.receive, plan.ptime_ms) == (theirs.plan.send, theirs.plan.receive, theirs.plan.ptime_ms)
    assert (plan.event_send, plan.comfort_noise_send) == (theirs.plan.event_receive, theirs.plan.comfort_noise_receive)
    assert (plan.remote_rtp, theirs.plan.remote_rtp) == (LOCAL, ("203.0.113.7", 7000))


@given(st.binary(max_size=200) | offers.map(lambda lines: described(*lines)[:-3]))
def test_no_bytes_raise_anything_but_a_protocol_error(text):
    for call in (
        lambda: answer(text, OURS, LOCAL, 1, 1),
        lambda: accept(offer(OURS, LOCAL, 1, 1), text, OURS),
    ):
        try:
            call()
        except RemoteProtocolError as error:
            assert error.status in (400, 488)
