import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog

from mediaserver import log
from mediaserver.log import BackgroundStream


class Reader(io.StringIO):
    """A stream whose reader stalls until `reads` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()
        self.waiting = threading.Event()

    def write(self, text: str) -> int:
        self.waiting.set()
        self.reads.wait(10)
        return super().write(text)


class Ascii(io.StringIO):
    """A terminal that knows ASCII only."""

    def write(self, text: str) -> int:
        text.encode("ascii")
        return super().write(text)


class Broken(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class Output:
    """Standard output, once everything is written."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.closers: list[Callable[[], None]] = []

    @property
    def lines(self) -> list[str]:
        for close in self.closers:
            close()
        return self._capsys.readouterr().out.splitlines()


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Output]:
    monkeypatch.setattr(logging, "basicConfig", lambda **given: None)
    out = Output(capsys)
    monkeypatch.setattr(log.atexit, "register", out.closers.append)
    yield out
    structlog.reset_defaults()


def test_one_json_object_a_line_with_the_call_on_it(output: Output) -> None:
    log.configure("json", "info")
    call = structlog.get_logger().bind(call="c1")
    call.info("call.ringing")
    call.warning("odd", text='two\nlines, "quoted", \udcff and é', count=3)
    call.debug("left out")
    first, second = map(json.loads, output.lines)
    assert (first["event"], first["call"], first["level"]) == ("call.ringing", "c1", "info")
    assert str(first["timestamp"]).endswith("Z")
    assert (second["call"], second["level"], second["count"]) == ("c1", "warning", 3)
    assert second["text"] == 'two\nlines, "quoted", \udcff and é'


def test_an_exception_is_one_line_with_its_traceback(output: Output) -> None:
    log.configure("json", "info")
    try:
        raise ZeroDivisionError("no")
    except ZeroDivisionError as failure:
        structlog.get_logger().error("conversation.failed", exc_info=failure)
    (line,) = map(json.loads, output.lines)
    assert "test_log.py" in str(line["exception"]) and "ZeroDivisionError: no" in str(line["exception"])


def test_for_people_there_are_columns(output: Output) -> None:
    log.configure("console", "warning")
    logger = structlog.get_logger().bind(call="c1")
    logger.info("left out")
    logger.warning("call.refused", reason="max-calls")
    (line,) = output.lines
    assert "call.refused" in line and "call=c1" in line and "\x1b" not in line


def test_a_reader_that_stalls_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_BACKLOG_LINES", 10)
    reader = Reader()
    stream = BackgroundStream(reader)
    stream.write("0\n")
    assert reader.waiting.wait(5), "the first line is being written, and is stuck"
    done = threading.Event()

    def write() -> None:
        for number in range(1, 15):
            stream.write(f"{number}\n")
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert done.wait(5), "a writer was held up"
    assert stream.dropped == 4
    reader.reads.set()
    while reader.getvalue().count("\n") < 11:
        threading.Event().wait(0.001)
    stream.close()
    assert reader.getvalue().split() == [str(number) for number in range(11)]


def test_closing_writes_what_is_queued() -> None:
    out = io.StringIO()
    stream = BackgroundStream(out)
    for number in range(1000):
        stream.write(f"{number}\n")
    stream.close()
    assert len(out.getvalue().split()) == 1000 and stream.dropped == 0


def test_odd_characters_do_not_end_the_log() -> None:
    out = Ascii()
    stream = BackgroundStream(out)
    stream.write("caller=Zo\udceb\n")
    stream.write("next\n")
    stream.close()
    assert out.getvalue() == "caller=Zo\\udceb\nnext\n"


async def test_a_reader_that_has_gone_stops_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_BACKLOG_LINES", 3)
    stream = BackgroundStream(Broken())
    stream.write("0\n")
    await asyncio.to_thread(stream._thread.join, 5)
    for number in range(5):
        assert stream.write(f"{number}\n") == 2
    assert stream.dropped == 2


def test_no_secret_gets_into_a_line_whichever_way(output: Output) -> None:
    log.configure("json", "info")
    told = structlog.get_logger().bind(caller="sip:anna:geheim@example.com")
    try:
        raise ValueError('Authorization: Digest username="anna", response="0123456789abcdef"')
    except ValueError:
        told.error("failed", exc_info=True, message="a=crypto:1 X inline:abcdefghijklmnop")
    (line,) = output.lines
    log.configure("json", "info")
    structlog.get_logger().info("call.redirected", to=("<sip:anna:geheim@example.com>", 302))
    assert json.loads(output.lines[-1])["to"] == ["<sip:anna:xxxxxx@example.com>", 302]
    for secret in ("geheim", "0123456789abcdef", "abcdefghijklmnop"):
        assert secret not in line
    assert "sip:anna:xxxxxx@example.com" in line and "ValueError" in line
