"""Captures that Wireshark's readers understand."""

import json
import struct
import subprocess
from pathlib import Path

import pytest

from mediaserver.sip.events import Flow
from mediaserver.sip.ladder import Gap, Ladder, Rung
from mediaserver.sip.pcap import capture
from support.sip_rig import LOCAL, PEER, SDP, TCP, UDP, request

IPV6 = Flow("udp", ("2001:db8::9", 5070), ("2001:db8::1", 5060))
TLS = Flow("tls", ("192.0.2.9", 40_001), ("192.0.2.1", 5061), 3)
WSS = Flow("wss", ("2001:db8::9", 40_002), ("2001:db8::1", 443), 4)
CALLING_OUT = Flow("tls", ("192.0.2.9", 443), ("192.0.2.1", 40_003), 5)
FLOWS = {"udp": UDP, "tcp": TCP, "udp by ipv6": IPV6, "tls": TLS, "wss by ipv6": WSS, "tls to 443": CALLING_OUT}


def messages(flow: Flow) -> Ladder:
    reply = request().replace(b"INVITE sip:agent@192.0.2.1 SIP/2.0", b"SIP/2.0 200 OK", 1)
    return [
        Rung(1_764_077_567.25, False, flow, request()),
        Gap(3),
        Rung(1_764_077_567.5, True, flow, reply),
        Rung(1_764_077_568.0, False, flow, request("ACK", branch="z9hG4bKk", to_tag="x")),
    ]


def read(path: Path, *options: str) -> list[list[str]]:
    shown = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", *(part for name in options for part in ("-e", name))],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    return [line.split("\t") for line in shown.splitlines()]


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", FLOWS)
def test_tshark_reads_every_message(name: str, tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(b"".join(capture(messages(FLOWS[name]))))
    rows = read(path, "frame.time_epoch", "sip.Method", "sip.Status-Code", "sip.Call-ID", "sdp.media", "_ws.malformed")
    assert [row[1:] for row in rows] == [
        ["INVITE", "", "call-1", "audio 4000 RTP/AVP 0", ""],
        ["", "200", "call-1", "audio 4000 RTP/AVP 0", ""],
        ["ACK", "", "call-1", "", ""],
    ]
    assert [float(row[0]) for row in rows] == [1_764_077_567.25, 1_764_077_567.5, 1_764_077_568.0]


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("flow", [UDP, TCP, IPV6, WSS], ids=str)
def test_every_checksum_is_right(flow: Flow, tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(b"".join(capture([Rung(5.0, True, flow, request(extra=[f"X: {'y' * n}"])) for n in range(1, 5)])))
    good = "1"  # of Wireshark's 0 bad, 1 good, 2 unverified
    options = ["-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    shown = subprocess.run(
        ["tshark", "-n", "-r", str(path), *options, "-T", "json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    frames = json.loads(shown.stdout)
    assert len(frames) == 4
    for frame in frames:
        layers = frame["_source"]["layers"]
        layer = "udp" if flow.transport == "udp" else "tcp"
        assert layers[layer][f"{layer}.checksum.status"] == good
        if ":" not in flow.remote[0]:
            assert layers["ip"]["ip.checksum.status"] == good


@pytest.mark.tool("tshark")
def test_a_large_message_on_a_connection_is_put_together(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    large = request(body=SDP + b"a=x:" + b"y" * 45_000 + b"\r\n")
    path.write_bytes(b"".join(capture([Rung(5.0, True, TCP, large), Rung(6.0, True, TCP, request("BYE"))])))
    assert [row for row in read(path, "sip.Method", "sip.Content-Length") if any(row)] == [
        ["INVITE", str(len(SDP) + 45_006)],
        ["BYE", "0"],
    ]


def test_without_any_reader_the_layout_is_that_of_the_format() -> None:
    data = b"".join(capture([Rung(1.5, True, Flow("udp", PEER, LOCAL), b"x")]))
    assert data[:4] == b"\xd4\xc3\xb2\xa1" and struct.unpack_from("<IIII", data, 24) == (1, 500_000, 43, 43)
    assert data[40 + 12 : 40 + 14] == b"\x08\x00" and data.endswith(b"x")
