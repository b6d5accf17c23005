from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.rtp import rtcp

# RFC 3550 6.4.1's figure 2: A is 0xb710:8000, DLSR 5.25 s, LSR 0xb705:2000, delay 6.125 s.
ARRIVAL = 0xB710_8000 << 16


def block(last_report: int, delay: int) -> rtcp.ReportBlock:
    return rtcp.ReportBlock(1, 0, 0, 0, 0, last_report, delay)


def test_round_trip_of_the_rfc() -> None:
    assert rtcp.round_trip(ARRIVAL, block(0xB705_2000, 0x0005_4000)) == 6.125


def test_round_trip_is_none_where_there_is_none() -> None:
    assert rtcp.round_trip(ARRIVAL, block(0, 0)) is None
    assert rtcp.round_trip(ARRIVAL, block(0xB720_0000, 0)) is None
    assert rtcp.round_trip(ARRIVAL, block(0xB610_8000, 0)) is None
    assert rtcp.round_trip(ARRIVAL, block(0xB710_8000, 3)) == 0.0


def test_round_trip_across_the_wrap() -> None:
    assert rtcp.round_trip(0x0000_8000 << 16, block(0xFFFF_8000, 0)) == 1.0


def test_sender_report_vector() -> None:
    data = bytes.fromhex(
        "81c8000c" "11223344" "e1e2e3e4e5e6e7e8" "00000320" "00000005" "00000320"
        "aabbccdd" "40fffffe" "0001002a" "00000010" "e3e4e5e6" "00018000"
        "81ca0003" "11223344" "01036162" "63000000"
    )  # fmt: skip
    report, name = rtcp.parse(data)
    assert report == rtcp.SenderReport(
        0x11223344,
        0xE1E2E3E4E5E6E7E8,
        800,
        5,
        800,
        (rtcp.ReportBlock(0xAABBCCDD, 64, -2, 0x1002A, 16, 0xE3E4E5E6, 0x18000),),
    )
    assert name == rtcp.SourceDescription(0x11223344, "abc")
    assert rtcp.build(report, name) == data


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_build_and_parse_agree(cname: str, reason: str) -> None:
    packets = [
        rtcp.ReceiverReport(7, (block(1, 2), block(3, 4))),
        rtcp.SourceDescription(7, cname),
        rtcp.Goodbye((7, 8), reason),
    ]
    data = rtcp.build(*packets)
    assert len(data) % 4 == 0
    assert rtcp.parse(data) == packets


def test_unknown_packets_are_passed_over_and_a_torn_tail_ends_it() -> None:
    feedback = bytes.fromhex("81cd00020000000100000002")
    whole = feedback + rtcp.build(rtcp.ReceiverReport(9), rtcp.Goodbye((9,)))
    assert rtcp.parse(whole) == [rtcp.ReceiverReport(9), rtcp.Goodbye((9,))]
    assert rtcp.parse(whole[:-2]) == [rtcp.ReceiverReport(9)]


def test_a_count_larger_than_the_packet_gives_what_is_there() -> None:
    data = bytearray(rtcp.build(rtcp.ReceiverReport(9, (block(1, 2),))))
    data[0] = 0x80 | 31
    assert rtcp.parse(bytes(data)) == [rtcp.ReceiverReport(9, (block(1, 2),))]


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_are_survived(junk: bytes) -> None:
    rtcp.parse(junk)
    rtcp.parse(b"\x81" + bytes((200 + len(junk) % 4,)) + junk)


def test_ntp_time() -> None:
    assert rtcp.compact_ntp(rtcp.ntp_time(1.5)) == 0x0001_8000
    assert rtcp.ntp_time(2.0) >> 32 == 2
