"""The command, piped, in a process of its own against emulated services."""

import asyncio
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaproviders.emulators.pace import Pace

AGENTS = """\
agents:
  - name: clinic
    model: gpt-realtime-2.1
    prompt: You are {agent} for {caller}.
    welcome: Hello {caller}.
  - {name: slow, model: grok-voice, prompt: p}
"""


async def begin(directory: Path, agents: str, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    (directory / "agents.yaml").write_text(agents)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from mediaserver.cli import app; app()",
        "chat",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env=os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)} | environment,
    )


async def chat(
    directory: Path, words: str, *arguments: str, text: str = AGENTS, **environment: str
) -> tuple[int, str, str]:
    process = await begin(directory, text, *arguments, **environment)
    async with asyncio.timeout(60):
        out, err = await process.communicate(words.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def emulator(**changes: object) -> OpenAIEmulator:
    texts = ("It is {n} o'clock.",)
    pace = Pace(first_audio_ms=20.0, rate=math.inf)
    return OpenAIEmulator(EmulatorSettings(pace=pace, answer_ms=200, answer_texts=texts, **changes))


async def test_lines_are_answered_until_the_end_of_input(tmp_path: Path) -> None:
    async with emulator() as service:
        access = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": service.url}
        code, out, err = await chat(tmp_path, "What time?\n\nAnd now?\n", "clinic", "--caller", "Ann", **access)
    assert out.splitlines() == ["clinic: Hello Ann.", "clinic: It is 1 o'clock.", "clinic: It is 2 o'clock."]
    assert code == 0 and err == ""


async def test_the_agent_may_end_it(tmp_path: Path) -> None:
    async with emulator(tool_on_turn={1: ("end_call", "{}")}) as service:
        access = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": service.url}
        code, out, _ = await chat(tmp_path, "Bye\nHello?\n", **access)
    assert code == 0 and out.splitlines()[-1] == "(the agent ended it)" and "o'clock" not in out


async def test_what_happens_behind_it_is_written_only_if_wanted(tmp_path: Path) -> None:
    tools = AGENTS.replace("Hello {caller}.", "Hello.\n    tools: ['support.phone_tools:opening_hours']")
    async with emulator(tool_on_turn={1: ("opening_hours", '{"day": "monday"}')}) as service:
        access = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": service.url}
        _, out, err = await chat(tmp_path, "Open?\n", text=tools, **access)
        assert "The function returned" in out and err == ""
        _, again, err = await chat(tmp_path, "Open?\n", "--log", text=tools, **access)
    assert again == out and "chat.tool" in err and "opening_hours" in err


async def test_an_interrupt_leaves_quietly(tmp_path: Path) -> None:
    async with emulator() as service:
        process = await begin(tmp_path, AGENTS, "clinic", OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=service.url)
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"clinic: Hello .\n"
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_a_slow_one_says_so(tmp_path: Path) -> None:
    async with emulator(dialect="xai") as service:
        (tmp_path / "mediaserver.toml").write_text(f'[providers.xai]\nbase_url = "{service.url}"\n')
        code, out, err = await chat(tmp_path, "What time?\n", "slow", XAI_API_KEY="xai-test")
    assert (code, out.splitlines()) == (0, ["slow: It is 1 o'clock."])
    assert "answers through audio and its transcription: replies are slow" in err


async def test_a_refused_key_is_plain_words_and_exit_code_1(tmp_path: Path) -> None:
    async with emulator(accepted_key="sk-right") as service:
        access = {"OPENAI_API_KEY": "sk-wrong", "OPENAI_BASE_URL": service.url}
        code, out, err = await chat(tmp_path, "What time?\n", **access)
    assert code == 1 and out == "" and err.startswith("The model's service refuses the key.") and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clinik"], "agent 'clinik' is unknown; did you mean clinic?"),
        (["--agents", "none.yaml"], "none.yaml: cannot be read"),
        (["clinic"], "providers.openai.api_key: model 'gpt-realtime-2.1' needs one"),
    ],
)
async def test_what_cannot_be_chatted_with_is_exit_code_2(tmp_path: Path, arguments: list[str], words: str) -> None:
    code, _, err = await chat(tmp_path, "", *arguments, OPENAI_API_KEY="")
    assert code == 2 and words in err and "Traceback" not in err
