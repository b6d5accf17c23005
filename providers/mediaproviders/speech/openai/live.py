"""Live recognition: the turn is streamed into a transcription session while it is spoken, and committed at its end."""

import asyncio
from binascii import b2a_base64
from ssl import SSLContext
from typing import Any, Final, cast

import orjson
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from mediaproviders.contract import PCM16_24K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.speech.live import LiveUtterance, LiveUtterances, Turn
from mediaproviders.speech.openai import access, errors
from mediaproviders.websocket import Wire, way_to
from mediaproviders.websocket.errors import close_code

FORMATS: Final = (PCMU, PCMA, PCM16_24K)
MOST_BYTES: Final = 1024 * 1024
"""The longest message taken."""
MOST_NONSENSE: Final = 20
"""Senseless messages in a row after which the service is given up."""
_CLOSE_S: Final = 1.0


class OpenAILiveSpeechToText:
    """OpenAI's live transcription: a turn's text is nearly there when it ends, at the price of a connection each.

    Arguments as of :class:`OpenAISpeechToText`; of Azure's endpoints it knows the present one alone.
    """

    def __init__(
        self,
        api_key: access.Key,
        base_url: str | None = None,
        *,
        model: str = "gpt-4o-mini-transcribe",
        language: str | None = None,
        prompt: str | None = None,
        azure: bool = False,
        open_timeout_s: float = 5.0,
        timeout_s: float = 8.0,
        tls: SSLContext | None = None,
    ) -> None:
        self._client: AsyncOpenAI = access.client(
            api_key, base_url, azure=azure, api_version=None, timeout_s=timeout_s, tls=tls
        )
        self._model = model
        hints = {"model": model, "language": language, "prompt": prompt}
        self._transcription = {name: value for name, value in hints.items() if value is not None}
        self._utterances = LiveUtterances(timeout_s)
        self._options = self._socket_options(open_timeout_s, tls)

    @property
    def formats(self) -> tuple[AudioFormat, ...]:
        """Formats it hears, most wanted first."""
        return FORMATS

    async def start(self) -> None:
        """Nothing: a connection is opened when a turn begins."""

    async def close(self) -> None:
        """Stop all turns, and close the SDK's client."""
        await self._utterances.close()
        await self._client.close()

    def begin(self, form: AudioFormat) -> LiveUtterance:
        """The caller begins a turn. Raises ProviderError for a format it does not hear."""
        if form not in FORMATS:
            raise ProviderError(f"a format it does not hear: {form}", code="invalid_configuration", retryable=False)

        async def recognise(turn: Turn, attempt: int) -> str:
            return await self._recognise(form, turn)

        return self._utterances.begin(form, recognise)

    async def _recognise(self, form: AudioFormat, turn: Turn) -> str:
        wires: list[Wire] = []

        def create_wire(*args: Any, **kwargs: Any) -> Wire:
            wires.append(Wire(*args, **kwargs))
            return wires[-1]

        options = {**self._options, "create_connection": create_wire}
        try:
            session = self._client.realtime.connect(
                extra_query={"intent": "transcription"}, websocket_connection_options=cast(Any, options)
            )
            return await self._converse(await session.enter(), form, turn)
        except ProviderError:
            raise
        except Exception as error:
            raise _from_socket(error) from error
        finally:
            for wire in wires:
                self._utterances.leave(_leave(wire))

    async def _converse(self, connection: AsyncRealtimeConnection, form: AudioFormat, turn: Turn) -> str:
        await _expect(connection, "session.created")
        await connection.send_raw(self._configuration(form))
        # Audio sent earlier would be heard in the default format.
        await _expect(connection, "session.updated")
        async for piece in turn.pieces():
            await connection.send_raw(_append(piece))
        await connection.send_raw('{"type":"input_audio_buffer.commit"}')
        done = await _expect(connection, "conversation.item.input_audio_transcription.completed")
        return str(done.get("transcript") or "")

    def _configuration(self, form: AudioFormat) -> str:
        kind = {"type": f"audio/{form.encoding}"} if form != PCM16_24K else {"type": "audio/pcm", "rate": form.rate}
        heard = {"format": kind, "transcription": self._transcription, "turn_detection": None}
        session = {"type": "transcription", "audio": {"input": heard}}
        return orjson.dumps({"type": "session.update", "session": session}).decode()

    def _socket_options(self, open_timeout_s: float, tls: SSLContext | None) -> dict[str, object]:
        return {
            "compression": None,
            "max_size": MOST_BYTES,
            "open_timeout": open_timeout_s,
            "close_timeout": _CLOSE_S,
            **way_to(str(self._client.base_url), tls),
        }


def _append(audio: bytes) -> str:
    encoded = b2a_base64(audio, newline=False).decode()
    return f'{{"type":"input_audio_buffer.append","audio":"{encoded}"}}'


async def _leave(wire: Wire) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await wire.close()
    except Exception:
        # It is left in any case.
        pass
    finally:
        if getattr(wire, "transport", None) is not None:
            wire.abort()


async def _expect(connection: AsyncRealtimeConnection, kind: str) -> dict[str, Any]:
    """The next event of that kind. Raises ProviderError for an error event, or for nothing but nonsense."""
    nonsense = 0
    while nonsense <= MOST_NONSENSE:
        try:
            event = orjson.loads(await connection.recv_bytes())
            name = event["type"]
        except (ValueError, KeyError, TypeError):
            nonsense += 1
            continue
        nonsense = 0
        if name == kind:
            return cast(dict[str, Any], event)
        if name in ("error", "conversation.item.input_audio_transcription.failed"):
            raise errors.from_event(event.get("error"))
    raise ProviderError("the service sends nothing that makes sense", code="protocol", retryable=True)


def _from_socket(error: Exception) -> ProviderError:
    if isinstance(error, InvalidStatus):
        return errors.from_refusal(error.response.status_code, error.response.body)
    if isinstance(error, ConnectionClosed):
        return ProviderError(
            f"the service closed with {close_code(error)}: {error}", code="connection_lost", retryable=True
        )
    if isinstance(error, WebSocketException):
        return ProviderError(f"no WebSocket at the service: {error}", code="handshake", retryable=True)
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        return errors.from_os(error)
    return errors.from_exception(error)
