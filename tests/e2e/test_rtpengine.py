"""Media through rtpengine, set up by Kamailio: plain, encrypted between it and the server, and with ICE."""

from pathlib import Path

import pytest

from support import baresip, rig
from support.kamailio import kamailio
from support.rtpengine import rtpengine
from support.sipp import free_port
from support.switchboard import switchboard
from support.telephone import AGENT, MODEL, calls_the_agent, is_called

pytestmark = pytest.mark.tool("rtpengine", "kamailio", "baresip", "raw-sockets")

NUMBER = "+4930555"


@pytest.mark.parametrize(
    ("srtp", "flags"),
    [
        ("never", "RTP/AVP ICE=force"),
        ("required", "RTP/SAVP ICE=remove"),
        ("required", "UDP/TLS/RTP/SAVPF ICE=force rtcp-mux-offer"),
    ],
    ids=["plain with ICE", "SDES", "DTLS with ICE"],
)
async def test_both_hear_each_other_through_it(tmp_path: Path, srtp: str, flags: str) -> None:
    ports = (free_port(), free_port())
    trunk = {
        "host": "127.0.0.1",
        "port": ports[0],
        "transport": "tcp",
        "networks": ["127.0.0.1/32"],
        "srtp": srtp,
        "options_ping_s": 0.3,
    }
    tables = {"agent": AGENT, "trunks__sbc": trunk, "outbound": {"allow": ["+49"]}}
    async with switchboard(tmp_path, MODEL, **tables) as board, rtpengine(tmp_path / "rtpengine") as media:
        server = f"sip:{board.address('tcp')};transport=tcp"
        async with (
            kamailio(tmp_path / "kamailio", ports, server, board.identity, media=media, towards_server=flags) as proxy,
            baresip.softphone(tmp_path / "desk", f"127.0.0.1:{proxy.port}", NUMBER) as phone,
        ):
            await board.line("trunk.up", trunk="sbc")
            await rig.eventually(lambda: "[1 binding]" in phone.output)
            await calls_the_agent(board, phone, f"sip:assistant@127.0.0.1:{proxy.port}", trunk="sbc")
            await is_called(board, phone, NUMBER)
