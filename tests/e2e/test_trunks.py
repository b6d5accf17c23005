"""Trunks and phones against real peers: a carrier that wants registrations, and baresip as the phone on the desk."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaproviders.emulators import certificates
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaserver.app import Server
from mediaserver.call.reception import Reception
from mediaserver.call.route import RouteRefusedError, Wanted
from mediaserver.config import load
from mediaserver.load.caller import Caller, CallerSettings
from mediaserver.load.script import Silence
from mediaserver.net.tls import TlsSettings
from mediaserver.sip.grammar import unquote
from support import baresip, rig
from support.carrier import Carrier, carrier

type Lines = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


@dataclass
class Running:
    """A server in this process."""

    server: Server
    reception: Reception
    emulator: OpenAIEmulator
    port: int

    async def dial(self, number: str, **wanted: Any) -> list[tuple[str, Mapping[str, object]]]:
        """Have the agent call somebody until it is answered or over; what was told."""
        told: list[tuple[str, Mapping[str, object]]] = []
        done = asyncio.Event()

        def watch(what: str, fields: Mapping[str, object]) -> None:
            told.append((what, fields))
            if what in ("answered", "ended"):
                done.set()

        self.reception.dialler.dial(Wanted(number, by_agent="assistant", **wanted), watch=watch)
        async with asyncio.timeout(20):
            await done.wait()
        return told


@asynccontextmanager
async def serving(folder: Path, **tables: dict[str, Any]) -> AsyncIterator[Running]:
    async with OpenAIEmulator(EmulatorSettings(answer_ms=800)) as emulator:
        tables["sip"] = {"udp": "127.0.0.1:0", "tcp": "127.0.0.1:0"} | tables.get("sip", {})
        tables["rtp"] = {"address": "127.0.0.1", "ports": "22000-29998"}
        tables["http"] = {"address": ""}
        tables["agent"] = {"model": "gpt-realtime", "name": "assistant"}
        tables["providers__openai"] = {"api_key": "sk-test", "base_url": emulator.url}
        path = folder / "mediaserver.toml"
        path.write_text(rig.toml(**tables))
        server = Server(load(path))
        async with server.running() as reception:
            address = server._telephony.shell.udp_address
            assert address is not None
            yield Running(server, reception, emulator, address[1])


def account(peer: Carrier, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": peer.port,
        "user": "acc",
        "password": "pw",
        "options_ping_s": 0.2,
        "register": True,
        **more,
    }


def events(lines: Lines, name: str) -> Lines:
    return [line for line in lines if line["event"] == name]


@pytest.mark.parametrize(("transport", "algorithm"), [("udp", "MD5"), ("tcp", "SHA-256"), ("tls", "SHA-512-256")])
async def test_a_trunk_registers_is_called_calls_and_leaves(
    tmp_path: Path, lines: Lines, transport: str, algorithm: str
) -> None:
    tls = None
    line: dict[str, Any] = {}
    if transport == "tls":
        identity = certificates.make(tmp_path / "tls")
        tls = TlsSettings(certificate=str(identity.chain), key=str(identity.key))
        line = {"ca": str(identity.authority), "host": "localhost"}
    async with carrier({"acc": "pw"}, algorithm=algorithm, tls=tls) as peer:
        line = account(peer, transport=transport, caller_id={"identity": "asserted"}, from_host=False) | line
        line["numbers"] = {"+4930*": "assistant"}
        async with serving(tmp_path, trunks__line=line, outbound={"allow": ["+49"]}) as running:
            await peer.until(lambda: peer.binding("acc") is not None)
            binding = peer.binding("acc")
            assert binding is not None and binding.flow.transport == transport
            trunk = running.server._telephony.trunks["line"]
            await rig.eventually(lambda: trunk.registered and trunk.state.value == "up")
            assert await peer.call("acc", "+4930555") == 200, "by the flow of the registration, and by no other"
            incoming = events(lines, "call.incoming")[0]
            assert (incoming["trunk"], incoming["agent"]) == ("line", "assistant")
            if transport != "udp":
                uri = f"sip:acc@127.0.0.1:{running.port}"
                report = await Caller(CallerSettings(host="127.0.0.1")).place(uri, [Silence(0.1)], max_s=20)
                assert report.status == 403, "anybody could call the Contact"

            told = await running.dial("+49 30 555")
            assert told[-1][0] == "answered"
            invite = peer.invites[-1]
            assert invite.uri.user == "+4930555" and "Authorization" in invite.headers
            assert invite.from_.uri.user == "acc"
            assert unquote(invite.headers.get("P-Asserted-Identity") or "").startswith("<sip:acc@")
            assert running.server._telephony.snapshot()["calls_out"] == 1

            peer.refuses["+4930556"] = 486
            told = await running.dial("+4930556")
            assert told[-1][0] == "ended" and told[-1][1]["status"] == 486
            with pytest.raises(RouteRefusedError, match=r"outbound\.emergency"):
                await running.dial("112")
        await peer.until(lambda: peer.binding("acc") is None)
    assert [line["event"] for line in lines if line["event"].startswith("trunk.")] == [
        "trunk.registered",
        "trunk.unregistered",
    ]


async def test_a_trunk_is_heard_from_where_its_host_is(tmp_path: Path, lines: Lines) -> None:
    async with carrier({"acc": "pw"}) as peer:
        table = account(peer, numbers={"+4930*": "assistant"})
        async with serving(tmp_path, trunks__line=table) as running:
            await peer.until(lambda: peer.binding("acc") is not None)
            assert await peer.call("acc", "+4930555") == 200
            incoming = events(lines, "call.incoming")[0]
            assert (incoming["trunk"], incoming["agent"]) == ("line", "assistant")
            uri = f"sip:+493066@127.0.0.1:{running.port}"
            report = await Caller(CallerSettings(host="127.0.0.1")).place(uri, [Silence(2.0)], max_s=20)
            assert report.heard is not None and rig.loud_spans(report.heard.samples), "the greeting"


async def test_calls_go_by_the_next_trunk_when_the_first_is_gone(tmp_path: Path) -> None:
    async with carrier({"acc": "pw"}) as gone, carrier({"acc": "pw"}) as there:
        tables = {
            "trunks__first": account(gone, register=False, options_ping_s=0, transport="tcp"),
            "trunks__second": account(there, register=False, options_ping_s=0, priority=1),
        }
        await gone.shell.close()
        async with serving(tmp_path, **tables, outbound={"allow": ["+"]}) as running:
            told = await running.dial("+4930555")
            assert told[-1][0] == "answered" and len(there.invites) >= 1
            assert running.server._telephony.trunks["second"].outgoing == 1
            assert running.server._telephony.trunks["first"].outgoing == 0


async def test_one_503_for_each_call_beyond_the_limit_of_a_trunk(tmp_path: Path) -> None:
    table = {"networks": ["127.0.0.1/32"], "max_calls": 1}
    async with serving(tmp_path, trunks__pbx=table) as running:
        uri = f"sip:assistant@127.0.0.1:{running.port}"
        first = asyncio.create_task(Caller(CallerSettings(host="127.0.0.1")).place(uri, [Silence(3.0)], max_s=20))
        await rig.eventually(lambda: running.reception.incoming_by("pbx") == 1)
        report = await Caller(CallerSettings(host="127.0.0.1")).place(uri, [Silence(1.0)], max_s=20)
        assert report.status == 503
        assert (await first).status == 200
        await rig.eventually(lambda: running.reception.incoming_by("pbx") == 0)
        report = await Caller(CallerSettings(host="127.0.0.1")).place(uri, [Silence(0.5)], max_s=20)
        assert report.status == 200
        assert running.server._telephony.snapshot()["refused_in"] == {"pbx": 1}


@pytest.mark.tool("baresip")
async def test_a_phone_registers_calls_and_is_called(tmp_path: Path, lines: Lines) -> None:
    async with serving(tmp_path, phones={"users": {"alice": "secret"}}) as running:
        at = f"127.0.0.1:{running.port}"
        telephony = running.server._telephony
        speech = baresip.padded(rig.speech(1.0), 20, 20)
        async with baresip.registered(tmp_path / "desk", at, "alice", "secret", speech) as phone:
            await rig.eventually(lambda: telephony.snapshot()["phones"] == 1)
            told = await running.dial("alice")
            assert told[-1][0] == "answered"
            said = running.emulator.answers.pcm(0, rig.RATE)
            await rig.eventually(lambda: bool(events(lines, "transcript")), 20)
            await asyncio.sleep(1.2)  # the greeting, 800 ms long, has to be played to the end
            await phone.hang_up()
            assert rig.where(said, phone.heard)[1] > 0.95
        await rig.eventually(lambda: telephony.snapshot()["phones"] == 0)
        with pytest.raises(RouteRefusedError, match="not registered"):
            await running.dial("alice")

        before = len(events(lines, "call.incoming"))
        uri = f"sip:assistant@{at}"
        async with baresip.calling(tmp_path / "out", uri, speech, credentials=("alice", "secret")) as phone:
            await rig.eventually(lambda: len(events(lines, "call.answered")) >= 2, 20)
            await phone.hang_up()
        assert len(events(lines, "call.incoming")) == before + 1
        async with baresip.calling(tmp_path / "bad", uri, speech, credentials=("alice", "wrong")) as phone:
            await rig.eventually(lambda: "401" in phone.output or "Unauthorized" in phone.output, 20)
        assert len(events(lines, "call.incoming")) == before + 1
