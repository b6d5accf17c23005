"""A record-routing proxy in between that changes the transport: all that is said in a call goes by its route."""

from pathlib import Path

import pytest

from support import baresip, rig
from support.kamailio import kamailio
from support.sipp import free_port
from support.switchboard import switchboard
from support.telephone import AGENT, MODEL, calls_the_agent, is_called

pytestmark = pytest.mark.tool("kamailio", "baresip", "raw-sockets")

NUMBER = "+4930555"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_calls_go_both_ways_by_its_route(tmp_path: Path, transport: str) -> None:
    ports = (free_port(), free_port())
    trunk = {
        "host": "localhost",
        "port": ports[transport == "tls"],
        "transport": transport,
        "networks": ["127.0.0.1/32"],
        "ca": str(tmp_path / "tls" / "authority.pem"),
        "options_ping_s": 0.3,
        "number_format": "+e164",
    }
    tables = {"agent": AGENT, "trunks__proxy": trunk, "outbound": {"allow": ["+49"]}}
    async with switchboard(tmp_path, MODEL, **tables) as board:
        server = f"sip:{board.address(transport)};transport={transport}"
        async with (
            kamailio(tmp_path / "kamailio", ports, server, board.identity) as proxy,
            baresip.softphone(tmp_path / "desk", f"127.0.0.1:{proxy.port}", NUMBER) as phone,
        ):
            await board.line("trunk.up", trunk="proxy")
            await rig.eventually(lambda: "[1 binding]" in phone.output)
            await calls_the_agent(board, phone, f"sip:assistant@127.0.0.1:{proxy.port}", trunk="proxy")
            await is_called(board, phone, NUMBER)
            closed = phone.control.seen("CALL_CLOSED")
            await is_called(board, phone, NUMBER, server_ends=True)
            await rig.eventually(lambda: phone.control.seen("CALL_CLOSED") > closed)
        assert "off the route" not in proxy.output
