"""The emulator as a gRPC server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Self

import grpc
import grpc.aio
from google.cloud.speech_v1.types import cloud_speech
from google.cloud.texttospeech_v1.types import cloud_tts
from grpc import StatusCode

from mediaproviders.emulators.speech_services.delivery import Delivery
from mediaproviders.emulators.speech_services.google import synthesis
from mediaproviders.emulators.speech_services.google.recognition import Recognition
from mediaproviders.emulators.speech_services.google.refusal import Refusal, invalid, scripted
from mediaproviders.emulators.speech_services.google.settings import GoogleSpeechSettings
from mediaproviders.emulators.speech_services.recogniser import Recogniser
from mediaproviders.emulators.speech_services.visits import Visit, Visits
from mediaproviders.emulators.speech_services.voice import spoken
from mediaproviders.emulators.timeline import Timeline

_GARBAGE: Final = b"\xff\xff\xff not a message"


class CutError(Exception):
    """The connection is to break here."""


class GoogleSpeechEmulator:
    """A strict emulator of both services; an async context manager that listens while it is entered."""

    def __init__(self, settings: GoogleSpeechSettings | None = None) -> None:
        self.settings = settings or GoogleSpeechSettings()
        self._visits = Visits(self.settings)
        self._recogniser = Recogniser(self.settings.hears)
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return self._port

    @property
    def url(self) -> str:
        """The endpoint for Google's clients, `host:port`."""
        return f"{self.settings.host}:{self.port}"

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its requests, oldest first."""
        return self._visits.timelines

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((self._speech(), self._voice()))
        try:
            self._port = self._server.add_insecure_port(f"{self.settings.host}:{self.settings.port}")
        except RuntimeError as error:
            raise OSError(str(error)) from error
        await self._server.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
        self._visits.close()

    async def serve_forever(self) -> None:
        """Listen until cancelled or closed. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        await self._server.wait_for_termination()

    # --- what there is to call ---

    def _speech(self) -> Any:
        recognise = grpc.stream_stream_rpc_method_handler(
            self._recognise, cloud_speech.StreamingRecognizeRequest.deserialize, _serialise
        )
        whole = grpc.unary_unary_rpc_method_handler(
            self._recognise_whole, cloud_speech.RecognizeRequest.deserialize, _serialise
        )
        handlers = {"StreamingRecognize": recognise, "Recognize": whole}
        return grpc.method_handlers_generic_handler("google.cloud.speech.v1.Speech", handlers)

    def _voice(self) -> Any:
        whole = grpc.unary_unary_rpc_method_handler(
            self._speak, cloud_tts.SynthesizeSpeechRequest.deserialize, _serialise
        )
        streamed = grpc.stream_stream_rpc_method_handler(
            self._speak_streamed, cloud_tts.StreamingSynthesizeRequest.deserialize, _serialise
        )
        handlers = {"SynthesizeSpeech": whole, "StreamingSynthesize": streamed}
        return grpc.method_handlers_generic_handler("google.cloud.texttospeech.v1.TextToSpeech", handlers)

    async def _recognise(self, requests: AsyncIterator[Any], context: Any) -> AsyncGenerator[Any]:
        visit = self._visits.begin("recognition", peer=context.peer())
        try:
            self._admit(context, visit)
            async for response in self._recognised(requests, visit):
                yield response
        except (Refusal, CutError) as ending:
            await _end(ending, context, visit)
        finally:
            visit.note("closed")

    async def _recognised(self, requests: AsyncIterator[Any], visit: Visit) -> AsyncGenerator[Any]:
        recognition = Recognition(self.settings, self._recogniser)
        while (request := await self._next(requests)) is not None:
            for response in recognition.take(request):
                yield response
        async for answer in self._concluded(recognition, visit):
            yield answer

    async def _recognise_whole(self, request: Any, context: Any) -> Any:
        visit = self._visits.begin("recognition", peer=context.peer())
        try:
            self._admit(context, visit)
            recognition = Recognition(self.settings, self._recogniser)
            recognition.take_whole(request)
            answers = [answer async for answer in self._concluded(recognition, visit)]
            if _GARBAGE in answers:
                return _GARBAGE
            texts = [result.alternatives[0] for answer in answers for result in answer.results]
            results = [cloud_speech.SpeechRecognitionResult(alternatives=[text]) for text in texts]
            return cloud_speech.RecognizeResponse(results=results)
        except (Refusal, CutError) as ending:
            await _end(ending, context, visit)
        finally:
            visit.note("closed")

    async def _concluded(self, recognition: Recognition, visit: Visit) -> AsyncGenerator[Any]:
        results = list(recognition.conclude())
        visit.asked({**recognition.configured, "ms": recognition.heard_ms})
        visit.note("committed")
        await asyncio.sleep(self.settings.transcript_ms / 1000)
        await Delivery(visit, self.settings.pace, _cut).strike()
        if visit.strikes("truncate"):
            raise CutError
        if visit.strikes("garbage"):
            yield _GARBAGE
        for result in () if visit.strikes("empty") else results:
            yield result
        visit.note("response_done")

    async def _next(self, requests: AsyncIterator[Any]) -> Any:
        try:
            async with asyncio.timeout(self.settings.idle_s):
                return await anext(requests, None)
        except TimeoutError:
            said = "Audio Timeout Error: Long duration elapsed without audio. Audio should be sent close to real time."
            raise Refusal(StatusCode.OUT_OF_RANGE, said) from None

    async def _speak(self, request: Any, context: Any) -> Any:
        visit = self._visits.begin("speech", peer=context.peer())
        try:
            self._admit(context, visit)
            text, sound = synthesis.whole(request)
            self._note(visit, text, sound, request.voice.name)
            if visit.strikes("garbage"):
                return _GARBAGE
            audio = b"".join([piece async for piece in self._audio(text, sound, visit)])
            header = request.audio_config.audio_encoding != cloud_tts.AudioEncoding.PCM
            content = synthesis.with_header(audio, sound) if header else audio
            return cloud_tts.SynthesizeSpeechResponse(audio_content=content)
        except (Refusal, CutError) as ending:
            await _end(ending, context, visit)

    async def _speak_streamed(self, requests: AsyncIterator[Any], context: Any) -> AsyncGenerator[Any]:
        visit = self._visits.begin("speech", peer=context.peer())
        try:
            self._admit(context, visit)
            first = await anext(requests, None)
            if first is None:
                raise invalid("The first request of a stream has to be its streaming_config.")
            sound = synthesis.configured(first)
            async for request in requests:
                text = synthesis.streamed(request)
                self._note(visit, text, sound, first.streaming_config.voice.name)
                if visit.strikes("garbage"):
                    yield _GARBAGE
                async for piece in self._audio(text, sound, visit):
                    yield cloud_tts.StreamingSynthesizeResponse(audio_content=piece)
        except (Refusal, CutError) as ending:
            await _end(ending, context, visit)

    # --- in common ---

    def _admit(self, context: Any, visit: Visit) -> None:
        key = dict(context.invocation_metadata()).get("x-goog-api-key")
        if self.settings.accepted_key is not None and key != self.settings.accepted_key:
            said = "API key not valid. Please pass a valid API key."
            raise Refusal(StatusCode.UNAUTHENTICATED if key is None else StatusCode.PERMISSION_DENIED, said)
        if fault := visit.strikes("refuse"):
            raise scripted(fault)

    def _audio(self, text: str, sound: synthesis.Sound, visit: Visit) -> AsyncGenerator[bytes]:
        audio = spoken(text, sound.encoding, sound.rate, self.settings.ms_per_character)
        return Delivery(visit, self.settings.pace, _cut).audio(audio, sound.bytes_per_ms)

    def _note(self, visit: Visit, text: str, sound: synthesis.Sound, voice: str) -> None:
        visit.asked({"text": text, "voice": voice, "encoding": sound.encoding, "rate": sound.rate})
        visit.note("response_created")


def _cut() -> None:
    # gRPC does not let go of its sockets: what is played is the status a client sees of a reset.
    raise CutError


async def _end(ending: Exception, context: Any, visit: Visit) -> None:
    if isinstance(ending, Refusal):
        visit.note("refused", code=ending.status.name, message=ending.message)
        await context.abort(ending.status, ending.message)
    await context.abort(StatusCode.UNAVAILABLE, "Connection reset by peer")


def _serialise(response: Any) -> bytes:
    return response if isinstance(response, bytes) else bytes(type(response).serialize(response))
