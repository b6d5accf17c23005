"""HTTP of a server as a process: metrics of a real call, the end by SIGTERM while somebody watches, HTTPS in a LAN."""

import asyncio
import hashlib
import re
import signal
import ssl
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.script import Play, Silence, WaitForAnswer
from support import rig

HTTP: dict[str, Any] = {"address": "127.0.0.1:0"}


async def test_a_call_is_counted(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=300), http=HTTP) as (server, _):
        url = (await server.server.ready(1.0)).fields["http"]
        await server.call(Play(rig.speech(0.8), "question"), WaitForAnswer(), Silence(0.2))
        await server.line("call.ended")
        async with httpx2.AsyncClient(base_url=url) as client:
            told = (await client.get("/metrics")).text
    found = {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }
    assert found["mediaserver_calls_ended_total", "caller-hung-up", "completed", "udp"] == 1
    assert found["mediaserver_call_setup_seconds_count", "udp"] == 1
    assert found["mediaserver_rtp_packets_total", "received"] > 50
    turns = found["mediaserver_turn_seconds_count", "total"]
    assert turns >= 1 and found["mediaserver_turn_seconds_count", "endpoint"] == turns
    assert found["mediaserver_turn_seconds_sum", "total"] > found["mediaserver_turn_seconds_sum", "playout"]


async def test_the_end_waits_for_no_client(tmp_path: Path) -> None:
    """Connections that are idle, that have begun a request and that never read hold up nothing."""
    async with rig.with_emulator(tmp_path, http=HTTP | {"request_s": 60}) as (server, _):
        ready = await server.server.ready(1.0)
        host, _, port = ready.fields["http"].removeprefix("http://").rpartition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        held[1][1].write(b"POST /whip/agent HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nv=0")
        held[2][1].write(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        async with httpx2.AsyncClient(base_url=ready.fields["http"]) as client:
            assert (await client.get("/ready")).status_code == 200
            server.server._process.send_signal(signal.SIGTERM)
            stopping = await server.line("stopping")
            async with asyncio.timeout(20):
                await server.server._process.wait()
        assert server.server._process.returncode == 0 and server.server.tail() == ""
        for _, writer in held:
            writer.close()
        wheel = server.lines("wheel")[0]
        assert wheel.at - stopping.at < 5.0


async def test_https_for_a_test_in_a_lan(tmp_path: Path) -> None:
    http = {"address": "0.0.0.0:0", "self_signed": True, "page": "anyone"}
    async with rig.with_emulator(tmp_path, http=http) as (server, _):
        url = (await server.server.ready(1.0)).fields["http"]
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", url)
        warnings = " ".join(line.fields["message"] for line in server.lines("settings"))
        assert "http.self_signed: browsers warn" in warnings and 'http.page is "anyone"' in warnings
        at = ("127.0.0.1", int(url.rpartition(":")[2]))
        pem = await asyncio.to_thread(ssl.get_server_certificate, at)
        (told,) = server.lines("http.certificate")
        assert (
            told.fields["sha256"].replace(":", "") == hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
        )
        async with httpx2.AsyncClient(base_url=url, verify=ssl.create_default_context(cadata=pem)) as client:
            page = await client.get("/")
            assert page.status_code == 200 and "<voice-agent" in page.text
            token = await client.post("/api/page-token", json={}, headers={"Origin": url})
            assert token.status_code == 201
