"""SIP over WebSocket (RFC 7118): one message in one text or binary message, subprotocol `sip`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import LoggerLike, Origin, Subprotocol
from websockets.uri import WebSocketURI

from mediaserver.net.quiet import QUIET
from mediaserver.sip.framing import MAX_MESSAGE
from mediaserver.sip.message import is_keepalive

_SIP = [Subprotocol("sip")]
_PONG = b"\r\n"
_NO_HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class WebSocketFraming:
    """What both sides have in common; begins when the handshake is over."""

    def __init__(self, protocol: ServerProtocol | ClientProtocol) -> None:
        self._protocol = protocol
        self._pieces: list[bytes] = []
        self._extra = bytearray()
        self.ready = False
        self.ended = False
        self.fault: str | None = None
        self.pongs = 0
        self.heard = 0

    @property
    def partial(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._pieces)

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete."""
        protocol = self._protocol
        protocol.receive_data(data)
        messages: list[bytes] = []
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event, messages)
            else:
                self._handshake(event)
        if protocol.handshake_exc is not None and not self.ready:
            self._refuse(protocol.handshake_exc)
        elif protocol.close_expected() or protocol.state in (State.CLOSING, State.CLOSED):
            self.ended = True
            if protocol.parser_exc is not None:
                self.fault = str(protocol.parser_exc)
        return messages

    def send(self, message: bytes) -> None:
        """Send a message: as text, which browsers like best, if it is UTF-8."""
        try:
            message.decode()
            self._protocol.send_text(message)
        except UnicodeDecodeError:
            self._protocol.send_binary(message)
        except InvalidState:  # it is closing
            pass

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        try:
            self._protocol.send_ping(b"")
        except InvalidState:
            pass

    def end(self) -> None:
        """Say that we leave (1001, going away)."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1001)

    def outgoing(self) -> bytes:
        """Take the bytes that are due."""
        writes = b"".join(self._protocol.data_to_send()) + self._extra
        self._extra.clear()
        return bytes(writes)

    def _frame(self, frame: Frame, messages: list[bytes]) -> None:
        if frame.opcode is Opcode.PONG:
            self.pongs += 1
            self.heard += 1
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._pieces.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._pieces)
                self._pieces.clear()
                self.heard += 1
                if not is_keepalive(message):
                    messages.append(message)
                elif message.count(b"\n") > 1:
                    self.send(_PONG)  # of clients that cannot ping by frame

    def _handshake(self, event: Request | Response) -> None:
        raise NotImplementedError

    def _refuse(self, error: Exception) -> None:
        self.ended, self.fault = True, str(error)


class WebSocketServerFraming(WebSocketFraming):
    """The side that is connected to; `origins` are the web pages allowed to, None is any (RFC 6455 10.2)."""

    def __init__(self, origins: Sequence[str] | None = None) -> None:
        allowed = None if origins is None else [*cast(Sequence[Origin], origins), None]
        self._server = ServerProtocol(
            origins=allowed, subprotocols=_SIP, max_size=MAX_MESSAGE, logger=cast(LoggerLike, QUIET)
        )
        super().__init__(self._server)

    def _handshake(self, event: Request | Response) -> None:
        assert isinstance(event, Request)
        response = self._server.accept(event)
        if self._server.eof_sent:  # it came with something behind it that is no frame: that has ended it already
            self.ended, self.fault = True, str(self._server.parser_exc)
            self._extra += b"" if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS else response.serialize()
            return
        self._server.send_response(response)
        self.ready = self._server.state is State.OPEN

    def _refuse(self, error: Exception) -> None:
        super()._refuse(error)
        if not self._server.accept_called and not self._server.writes[:-1]:
            self._extra += _NO_HTTP  # not even HTTP: the library says nothing then


class WebSocketClientFraming(WebSocketFraming):
    """The side that connects, to `host` and `port`."""

    def __init__(self, host: str, port: int, *, secure: bool) -> None:
        self._client = ClientProtocol(
            WebSocketURI(secure, host, port, "/", ""),
            subprotocols=_SIP,
            max_size=MAX_MESSAGE,
            logger=cast(LoggerLike, QUIET),
        )
        super().__init__(self._client)
        self._client.send_request(self._client.connect())

    def _handshake(self, event: Request | Response) -> None:
        assert isinstance(event, Response)
        self.ready = self._client.state is State.OPEN
        if self.ready and self._client.subprotocol != _SIP[0]:
            self.ready, self.ended = False, True
            self.fault = "the WebSocket server does not speak sip"
