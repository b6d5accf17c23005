"""The emulator on a real socket: HTTP/1.1 and the clock around the service."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable
from typing import Any, Self, cast

import h11

from mediaproviders.emulators.chat.completion import Step
from mediaproviders.emulators.chat.service import MOST_BYTES, Head, Service, Streamed, Whole, error
from mediaproviders.emulators.chat.settings import ChatSettings
from mediaproviders.emulators.ledger import Ledger
from mediaproviders.emulators.reset import reset
from mediaproviders.emulators.timeline import Timeline


class Peer(asyncio.Protocol):
    """One connection. `log` gives the timeline of the client that a request says it is from."""

    def __init__(self, service: Service, log: Callable[[str | None], Timeline], peers: "set[Peer]") -> None:
        self._peers = peers
        self._service = service
        self._log = log
        self._http = h11.Connection(h11.SERVER)
        self._transport: asyncio.Transport | None = None
        self._head: Head | None = None
        self._body = bytearray()
        self._stream: Streamed | None = None
        self._timeline: Timeline | None = None
        self._steps: list[Step] = []
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        # Not asserted: uvloop's transports are of no such class.
        self._transport = cast(asyncio.Transport, transport)
        self._peers.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        try:
            self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError:
            self.abort()

    def eof_received(self) -> bool:
        """The client has closed: nobody waits for the rest."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, in the middle of an answer perhaps."""
        self._peers.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._stream is not None:
            # A stream that never ends is left by its client sooner or later.
            self._note("cancel", response=self._stream.response)
            self._note("response_done", response=self._stream.response, status="cancelled")
            self._stream = None

    # --- requests

    def _read(self) -> None:
        while True:
            match self._http.next_event():
                case h11.Request() as request:
                    headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
                    self._head = Head(request.method.decode(), request.target.decode(), headers)
                    self._body.clear()
                case h11.Data(data=data):
                    self._body += data
                    if len(self._body) > MOST_BYTES:
                        self._send_whole(error(413, "request_too_large", "The request is too large."))
                        self._close()
                        return
                case h11.EndOfMessage():
                    self._answer()
                case h11.ConnectionClosed():
                    self._close()
                    return
                case _:
                    return

    def _answer(self) -> None:
        head = self._head
        assert head is not None
        self._timeline = self._log(head.headers.get("x-call"))
        answer = self._service.answer(head, bytes(self._body), int(time.time()))
        if isinstance(answer, Whole):
            if answer.refused is not None:
                self._note("refused", code=answer.refused, status=answer.status)
            self._send_whole(answer)
            self._next_request()
            return
        self._timeline.client_events.append((time.monotonic(), dict(answer.request)))
        self._note("committed", turn=answer.turn)
        self._note("response_created", response=answer.response)
        for kind in answer.faults:
            self._note("fault", fault=kind)
        self._send_head(200, {"Content-Type": "text/event-stream; charset=utf-8", "x-request-id": answer.response})
        self._stream, self._steps, self._began = answer, answer.plan.steps[::-1], time.monotonic()
        self._go_on()

    def _go_on(self) -> None:
        """Send what is due; wait for what is not."""
        stream, now = self._stream, time.monotonic()
        assert stream is not None
        while self._steps and self._began + self._steps[-1].due_s <= now:
            step = self._steps.pop()
            if step.note is not None:
                self._note(step.note, response=stream.response)
            self._send(h11.Data(data=step.payload))
        if self._steps:
            delay = self._began + self._steps[-1].due_s - now
            self._timer = asyncio.get_running_loop().call_later(delay, self._go_on)
        elif stream.plan.ending != "mute":
            self._end(stream)

    def _end(self, stream: Streamed) -> None:
        self._stream = None
        self._note("response_done", response=stream.response, status=stream.plan.status)
        if stream.plan.ending == "reset":
            self.abort()
        else:
            self._send(h11.EndOfMessage())
            self._next_request()

    # --- the socket

    def _send_head(self, status: int, headers: dict[str, str]) -> None:
        self._send(h11.Response(status_code=status, headers=list(headers.items())))

    def _send_whole(self, answer: Whole) -> None:
        length = {"Content-Type": "application/json", "Content-Length": str(len(answer.body))}
        self._send_head(answer.status, length | dict(answer.headers))
        self._send(h11.Data(data=answer.body))
        self._send(h11.EndOfMessage())

    def _next_request(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        elif self._http.our_state is h11.MUST_CLOSE:
            self._close()

    def _send(self, event: Any) -> None:
        sent = self._http.send(event)
        if sent and self._transport is not None and not self._transport.is_closing():
            self._transport.write(sent)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection without a word: a reset, not an orderly end."""
        if self._transport is not None:
            reset(self._transport)

    def _note(self, kind: str, **details: Any) -> None:
        if self._timeline is not None:
            self._timeline.note(kind, time.monotonic(), **details)


class ChatEmulator:
    """A strict emulator of an OpenAI-compatible chat endpoint; listens while it is entered.

    A session in its timelines is a client: the requests that carry the same `X-Call` header, or none.
    """

    def __init__(self, settings: ChatSettings | None = None) -> None:
        self.settings = settings or ChatSettings()
        self._server: asyncio.Server | None = None
        self._ledger: Ledger | None = None
        self._clients: dict[str | None, Timeline] = {}
        self._peers: set[Peer] = set()
        self._writing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client, `http://host:port/v1`."""
        return f"http://{self.settings.host}:{self.port}/v1"

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its clients, oldest first."""
        return tuple(self._ledger.sessions) if self._ledger is not None else ()

    async def __aenter__(self) -> Self:
        settings = self.settings
        self._ledger = settings.ledger()
        service = Service(settings, _ids())
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Peer(service, self._log, self._peers), settings.host, settings.port
        )
        self._writing = asyncio.create_task(self._ledger.keep_writing())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is None or self._ledger is None or self._writing is None:
            return
        self._writing.cancel()
        self._server.close()
        for peer in tuple(self._peers):
            peer.abort()
        await self._server.wait_closed()
        self._ledger.close()
        self._server = None

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        await self._server.serve_forever()

    def _log(self, call: str | None) -> Timeline:
        assert self._ledger is not None
        timeline = self._clients.get(call)
        if timeline is None:
            timeline = self._clients[call] = self._ledger.open(f"client_{len(self._clients) + 1}", call)
            timeline.note("session", time.monotonic())
            while len(self._clients) > self.settings.sessions_kept:
                del self._clients[next(iter(self._clients))]
        return timeline


def _ids() -> Callable[[str], str]:
    """Ids of one life of the emulator: random as a whole, then counted."""
    stem, numbers = secrets.token_hex(6), itertools.count(1)
    return lambda prefix: f"{prefix}-{stem}{next(numbers):05x}"
