"""A record-routing proxy in between that changes the transport: all that is said in a call goes by its route."""

from pathlib import Path

import pytest

from mediaproviders.emulators import certificates
from support import baresip, rig
from support.carrier import carrier
from support.kamailio import kamailio
from support.sipp import free_port
from support.switchboard import switchboard
from support.telephone import AGENT, MODEL, calls_the_agent, is_called

pytestmark = pytest.mark.tool("kamailio", "baresip", "raw-sockets")

NUMBER = "+4930555"


async def test_calls_go_both_ways_by_its_route(tmp_path: Path) -> None:
    """TLS on our side; TCP is what `test_rtpengine` has there."""
    transport = "tls"
    ports = (free_port(), free_port())
    trunk = {
        "host": "127.0.0.1",
        "port": ports[1],
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


async def test_a_trunk_registers_calls_and_is_called_by_an_outbound_proxy(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    async with carrier({"acc": "pw"}) as peer:
        trunk = {
            "host": "127.0.0.1",
            "port": peer.port,
            "outbound_proxy": f"sip:127.0.0.1:{ports[0]};transport=tcp",
            "user": "acc",
            "password": "pw",
            "register": True,
            "options_ping_s": 0,
        }
        tables = {"trunks__line": trunk, "outbound": {"allow": ["+49"]}}
        async with (
            kamailio(tmp_path / "kamailio", ports, None, certificates.make(tmp_path / "proxy")) as proxy,
            switchboard(tmp_path, **tables) as board,
        ):
            await board.line("trunk.registered", trunk="line")
            binding = peer.binding("acc")
            assert binding is not None and len(binding.path) == 1 and str(proxy.port) in binding.path[0]
            assert await peer.call("acc", NUMBER) == 200
            call = (await board.line("call.incoming", trunk="line"))["call"]
            assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"
            call = board.dial(NUMBER)
            await board.line("call.answered", call=call)
            invite = peer.invites[-1]
            assert len(invite.headers.get_all("Via")) == 2 and len(invite.headers.get_all("Record-Route")) == 2
            board.reception.drop_all()
            await board.line("call.ended", call=call)
            await peer.until(lambda: not peer.endpoint.legs)
            assert "off the route" not in proxy.output
