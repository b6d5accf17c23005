"""Reading and writing session descriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.session import LONGEST, Connection, MediaDescription, SessionDescription

# RFC 4566 section 5, with the lines this server has no use for.
EXAMPLE = b"""v=0
o=jdoe 2890844526 2890842807 IN IP4 10.47.16.5
s=SDP Seminar
i=A Seminar on the session description protocol
u=http://www.example.com/seminars/sdp.pdf
e=j.doe@example.com (Jane Doe)
c=IN IP4 224.2.17.12/127
b=AS:128
t=2873397496 2873404696
a=recvonly
m=audio 49170 RTP/AVP 0
m=video 51372/2 rtp/avp 99 100
i=the picture
c=IN IP6 2001:db8::1
a=rtpmap:99 h263-1998/90000
a=rtcp-mux
x=something of the future
"""


def test_the_rfcs_example():
    session = SessionDescription.parse(EXAMPLE)
    assert str(session.origin) == "jdoe 2890844526 2890842807 IN IP4 10.47.16.5"
    assert session.name == "SDP Seminar"
    assert session.connection == Connection("224.2.17.12")
    assert session.times == ("2873397496 2873404696",)
    assert session.bandwidth == ("AS:128",)
    audio, video = session.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == ("audio", 49170, "RTP/AVP", ("0",))
    assert session.connection_of(audio) == session.connection
    assert (video.port, video.port_count, video.protocol, video.formats) == (51372, 2, "RTP/AVP", ("99", "100"))
    assert session.connection_of(video) == Connection("2001:db8::1", "IP6")
    assert video.attribute("rtpmap") == "99 h263-1998/90000"
    assert video.has("rtcp-mux")
    assert video.attribute("rtcp-mux") is None
    assert not audio.has("rtcp-mux")
    assert session.attribute_of(video, "sendonly", "recvonly") == ("recvonly", None)


def test_written_with_crlf_in_the_order_of_the_rfc():
    media = MediaDescription("audio", 4000, "RTP/AVP", ("0", "101"), None, (("ptime", "20"), ("sendrecv", None)))
    origin = SessionDescription.parse(EXAMPLE).origin
    session = SessionDescription(origin, (media, media.rejected()), Connection.of("::1"), (("x", "y"),), ("AS:1",))
    assert bytes(session) == (
        b"v=0\r\no=jdoe 2890844526 2890842807 IN IP4 10.47.16.5\r\ns=-\r\nc=IN IP6 ::1\r\nb=AS:1\r\nt=0 0\r\na=x:y\r\n"
        b"m=audio 4000 RTP/AVP 0 101\r\na=ptime:20\r\na=sendrecv\r\nm=audio 0 RTP/AVP 0 101\r\n"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_blank_lines_and_missing_optional_lines(end):
    lines = [b"v=0", b"o=- 1 1 IN IP4 1.2.3.4", b"", b"m=audio 9 RTP/AVP 0", b"", b""]
    session = SessionDescription.parse(end.join(lines))
    assert (session.name, session.times, session.connection) == ("-", ("0 0",), None)
    assert len(session.media) == 1


def test_no_streams_is_a_description_too():
    assert SessionDescription.parse(b"v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nt=0 0\n").media == ()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\xff\xfe\x00",
        b"v=1\no=- 1 1 IN IP4 1.2.3.4",
        b"o=- 1 1 IN IP4 1.2.3.4\nv=0",
        b"v=0\ns=-\nt=0 0",
        b"v=0\no=- 1 1 IN IP4",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nno equals sign",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nc=IN IP4",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nc=IN IP4 /127",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio 9 RTP/AVP",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nm=",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio nine RTP/AVP 0",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio 65536 RTP/AVP 0",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio -1 RTP/AVP 0",
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio " + b"9" * 5000 + b" RTP/AVP 0",
        "v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio ² RTP/AVP 0".encode(),
        b"v=0\no=- 1 1 IN IP4 1.2.3.4\na=" + b"x" * LONGEST,
    ],
)
def test_garbage_deserves_a_400(text):
    with pytest.raises(RemoteProtocolError) as caught:
        SessionDescription.parse(text)
    assert caught.value.status == 400


words = st.text(st.characters(codec="ascii", exclude_categories=["Z", "C"], exclude_characters=":"), min_size=1)
values = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
attributes = st.lists(st.tuples(words, st.none() | values), max_size=4).map(tuple)
connections = st.builds(Connection.of, st.ip_addresses().map(str))
streams = st.builds(
    MediaDescription,
    kind=st.sampled_from(["audio", "video", "image", "application"]),
    port=st.integers(0, 65535),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP", "UDPTL"]),
    formats=st.lists(words, min_size=1, max_size=4).map(tuple),
    connection=st.none() | connections,
    attributes=attributes,
    bandwidth=st.lists(values, max_size=2).map(tuple),
    port_count=st.integers(1, 3),
)
sessions = st.builds(
    SessionDescription,
    origin=st.just(SessionDescription.parse(EXAMPLE).origin),
    media=st.lists(streams, max_size=3).map(tuple),
    connection=st.none() | connections,
    attributes=attributes,
    bandwidth=st.lists(values, max_size=2).map(tuple),
    times=st.lists(values, min_size=1, max_size=2).map(tuple),
    name=values,
)


@given(sessions)
def test_what_is_written_is_read_back(session):
    assert SessionDescription.parse(bytes(session)) == session


ALPHABET = b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\nm=audio 9/2 RTP/AVP 0\nc=IN IP6 ::/3\na=:t=\xff\xc2\x85"
lines = st.sampled_from(EXAMPLE.splitlines())
pieces = st.one_of(lines, st.lists(st.sampled_from(list(ALPHABET)), max_size=30).map(bytes), st.binary(max_size=30))
soup = st.lists(pieces, max_size=12).map(lambda parts: b"\n".join([b"v=0", b"o=- 1 1 IN IP4 1.2.3.4", *parts]))


@given(st.binary(max_size=300) | soup)
def test_no_bytes_raise_anything_but_a_protocol_error(text):
    try:
        session = SessionDescription.parse(text)
    except RemoteProtocolError as error:
        assert error.status == 400
    else:
        assert SessionDescription.parse(bytes(session)).media == session.media


def test_a_description_of_very_many_streams_is_refused() -> None:
    head = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
    assert len(SessionDescription.parse(head + b"m=audio 4000 RTP/AVP 0\r\n" * 64).media) == 64
    with pytest.raises(RemoteProtocolError, match="64 media streams"):
        SessionDescription.parse(head + b"m=audio 4000 RTP/AVP 0\r\n" * 65)
