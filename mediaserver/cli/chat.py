"""`mediaserver chat`: talk to an agent in writing, in the terminal."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mediaserver.cli.agents import Agents, Config, prepared

if TYPE_CHECKING:
    from mediaserver.agents.provision import Provision
    from mediaserver.agents.ready import ReadyAgent
    from mediaserver.chat import ChatSession

LOST = 1


def chat(
    agent: Annotated[str | None, typer.Argument(help="Its name; default: the one that answers calls.")] = None,
    agents: Agents = None,
    config: Config = None,
    caller: Annotated[str, typer.Option(help="What the agent is told as {caller}.")] = "",
    log: Annotated[bool, typer.Option(help="Write what happens behind the chat to standard error.")] = False,
) -> None:
    """Chat with an agent, line by line; an empty line does nothing, end of input leaves."""
    _log(log)
    provision, ready = prepared(agent, agents, config)
    with asyncio.Runner() as runner:
        try:
            fine = runner.run(_chat(provision, ready, caller))
        except KeyboardInterrupt:
            fine = True
    if not fine:
        raise typer.Exit(LOST)


def _log(wanted: bool) -> None:
    import structlog

    level = logging.INFO if wanted else logging.CRITICAL
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _chat(provision: "Provision", ready: "ReadyAgent", caller: str) -> bool:
    """The whole chat; whether it ended well."""
    from mediaproviders.contract import ProviderError
    from mediaserver.chat import ChatError, ChatSession

    out, complaints = _console(), _console(stderr=True)
    try:
        await provision.start_chat(ready)
        async with ChatSession.of(ready, {"caller": caller, "call_id": "chat"}) as session:
            await _converse(session, out, complaints)
            if session.ended is not None:
                out.print(f"({session.ended})")
    except ChatError as error:
        complaints.print(str(error))
        return False
    except ProviderError as error:
        complaints.print(f"The agent's model cannot be started: {error}")
        return False
    finally:
        await provision.close()
    return True


async def _converse(session: "ChatSession", out: Console, complaints: Console) -> None:
    from mediaserver.chat import ChatError

    name = session.agent.name
    if session.slow:
        complaints.print(f"{name} answers through audio and its transcription: replies are slow.")
    if session.welcome:
        out.print(f"{name}: {session.welcome}")
    async with aclosing(_lines(out)) as lines:
        async for line in lines:
            try:
                await _answer(session, line, out)
            except ChatError as error:
                if error.over:
                    raise
                complaints.print(str(error))
            if session.ended is not None:
                return


async def _answer(session: "ChatSession", line: str, out: Console) -> None:
    begun = False
    try:
        async with aclosing(session.say(line)) as pieces:
            async for piece in pieces:
                out.print(_harmless(piece) if begun else f"{session.agent.name}: {_harmless(piece)}", end="")
                out.file.flush()
                begun = True
    finally:
        if begun:
            out.print()


async def _lines(out: Console) -> AsyncGenerator[str]:
    """Lines typed or piped, as they come; the loop goes on meanwhile."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[str | None] = asyncio.Queue()
    # A thread of its own, which nobody waits for: one that reads a terminal cannot be stopped.
    threading.Thread(target=_read, args=(loop, typed), daemon=True).start()
    terminal = sys.stdin.isatty()
    while True:
        if terminal:
            out.print("> ", end="")
            out.file.flush()
        line = await typed.get()
        if line is None:
            return
        yield line.rstrip("\n")


def _read(loop: asyncio.AbstractEventLoop, typed: "asyncio.Queue[str | None]") -> None:
    try:
        # Not sys.stdin itself: its lock, held here, would stop the interpreter from ending.
        source = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8", errors="replace")
    except OSError:  # there is no such descriptor: a test's text in its place
        source = sys.stdin  # type: ignore[assignment]
    try:
        for line in source:
            loop.call_soon_threadsafe(typed.put_nowait, line)
        loop.call_soon_threadsafe(typed.put_nowait, None)
    except RuntimeError:  # the loop is gone: the chat is over
        return


def _harmless(text: str) -> str:
    """Without what would command the terminal."""
    return "".join(letter for letter in text if letter in "\n\t" or letter.isprintable())


def _console(*, stderr: bool = False) -> Console:
    return Console(markup=False, highlight=False, soft_wrap=True, stderr=stderr)
