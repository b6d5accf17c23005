"""`mediaserver call http://…`: from a shell, the way a browser goes."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.api.certificate import SelfSigned
from mediaserver.cli import app
from mediaserver.load.recording import read_wav, write_wav
from support import rig
from support.web_board import ADMIN_KEY, web_board

RUN = CliRunner()


async def run(*arguments: str, **environment: str):
    return await asyncio.to_thread(RUN.invoke, app, ["call", *arguments], env=environment)


async def test_a_call_is_made_recorded_and_told_of(tmp_path: Path) -> None:
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    write_wav(said, rig.speech(1.0, 5))
    async with web_board(tmp_path, EmulatorSettings(answer_ms=600)) as web:
        done = await run(web.endpoint, "--play", str(said), "--record", str(heard), "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert (told["status"], told["codec"], told["ended_by"], told["timed_out"]) == (201, "OPUS", "caller", [])
        assert told["srtp"] and told["missing"] == 0
        assert 0 < told["answered_s"] < told["ice_s"] <= told["dtls_s"] < told["first_audio_s"] + 1
        sides = read_wav(heard)
        assert np.abs(sides).max() > 1000
        by_key = await run(web.endpoint, "--no-greeting", "--duration", "1", "--codec", "PCMU",
                           MEDIASERVER_ADMIN_KEY=ADMIN_KEY)  # fmt: skip
        assert by_key.exit_code == 0 and "on PCMU, encrypted" in by_key.stdout, by_key.output
        assert "After the offer: answer " in by_key.stdout and "DTLS " in by_key.stdout
        by_token = await run(web.endpoint, "--no-greeting", "--duration", "1", "--token", await web.token())
        assert by_token.exit_code == 0, by_token.output


async def test_what_is_refused_says_why(tmp_path: Path) -> None:
    async with web_board(tmp_path, http={"page": "off"}) as web:
        without = await run(web.endpoint)
        assert without.exit_code == 2
        assert 'http.page is "off"' in without.stderr and "MEDIASERVER_ADMIN_KEY" in without.stderr
        other = await run(web.endpoint.replace("assistant", "nobody"), MEDIASERVER_ADMIN_KEY=ADMIN_KEY)
        assert other.exit_code == 2 and "nobody" in other.stderr and "--token" not in other.stderr
        tls = await run(web.endpoint.replace("http://", "https://"))
        assert tls.exit_code == 2 and "; if the server has no certificate, write http://" in tls.stderr
        stale = await run(web.endpoint, "--token", "xyz")
        assert stale.exit_code == 1 and "401" in stale.stdout


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://127.0.0.1:9/whip/a", "is `mediaserver serve` running there?"), ("http://127.0.0.1:9", "name the agent")],
)
def test_nobody_there(url: str, words: str) -> None:
    outcome = RUN.invoke(app, ["call", url])
    assert outcome.exit_code == 2
    assert words in outcome.stderr and "Traceback" not in outcome.stderr


def test_nobody_there_for_a_token_of_ones_own() -> None:
    outcome = RUN.invoke(app, ["call", "http://127.0.0.1:9/whip/a", "--token", "xyz"])
    assert outcome.exit_code == 1 and "is `mediaserver serve` running there?" in outcome.stdout


async def test_a_server_with_a_certificate_that_nobody_vouches_for() -> None:
    def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0, ssl=SelfSigned(["127.0.0.1"]).tls.context)
    async with server:
        at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}/whip/a"
        secure, plain = await run(f"https://{at}"), await run(f"http://{at}")
    assert secure.exit_code == 2 and "[SSL: CERTIFICATE_VERIFY_FAILED]" in secure.stderr
    assert "; --insecure takes any certificate" in secure.stderr
    assert plain.exit_code == 2 and "; if the server has a certificate, write https://" in plain.stderr
