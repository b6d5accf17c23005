"""One stream of audio to be recognised, checked as the service checks it. No sockets, no clock."""

import re
from collections.abc import Iterator
from typing import Any, Final

from google.cloud.speech_v1.types import cloud_speech
from grpc import StatusCode

from mediaproviders.emulators.speech_services.google.refusal import Refusal, invalid
from mediaproviders.emulators.speech_services.google.settings import GoogleSpeechSettings
from mediaproviders.emulators.speech_services.recogniser import Meter, Recogniser

_ENCODINGS: Final = cloud_speech.RecognitionConfig.AudioEncoding
MOST_WHOLE_MS: Final = 60_000
_RATES: Final = (8000, 16000, 24000, 32000, 48000)
MODELS: Final = frozenset(
    {
        "",
        "default",
        "latest_long",
        "latest_short",
        "command_and_search",
        "phone_call",
        "video",
        "telephony",
        "telephony_short",
        "medical_conversation",
    }
)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z]{4})?(-([A-Z]{2}|\d{3}))?")


class Recognition:
    """Takes the requests of a stream and has the responses to them."""

    def __init__(self, settings: GoogleSpeechSettings, recogniser: Recogniser) -> None:
        self._settings = settings
        self._recogniser = recogniser
        self._meter: Meter | None = None
        self._interim = False
        self._next_interim_ms = settings.interim_ms
        self.configured: dict[str, object] = {}
        """What the client asked for."""

    @property
    def heard_ms(self) -> float:
        """Audio so far."""
        return 0.0 if self._meter is None else self._meter.length_ms

    def take(self, request: Any) -> Iterator[Any]:
        """One request; the interim results it leads to. Raises Refusal."""
        if self._meter is None:
            if "streaming_config" not in request:
                raise invalid("Malordered Data Received. Expected streaming_config.")
            self._configure(request.streaming_config.config)
            self._interim = request.streaming_config.interim_results
            return
        if "streaming_config" in request:
            raise invalid("Malordered Data Received. Expected audio_content none was set. Send exactly one config.")
        if not request.audio_content:
            raise invalid("Malordered Data Received. Expected audio_content none was set.")
        self._meter.take(request.audio_content)
        if self._meter.length_ms > self._settings.stream_s * 1000:
            said = f"Exceeded maximum allowed stream duration of {self._settings.stream_s:g} seconds."
            raise Refusal(StatusCode.OUT_OF_RANGE, said)
        if self._interim and self._meter.length_ms >= self._next_interim_ms:
            self._next_interim_ms += self._settings.interim_ms
            yield _response("…", final=False)

    def take_whole(self, request: Any) -> None:
        """All of it in one request. Raises Refusal."""
        if not request.audio.content:
            raise invalid("RecognitionAudio not set.")
        meter = self._configure(request.config)
        meter.take(request.audio.content)
        if meter.length_ms > MOST_WHOLE_MS:
            raise invalid("Sync input too long. For audio longer than 1 min use LongRunningRecognize with a 'uri'.")

    def conclude(self) -> Iterator[Any]:
        """The client has said all. Raises Refusal if that was nothing."""
        if self._meter is None:
            raise invalid("Malordered Data Received. Expected streaming_config.")
        hearing = self._recogniser.conclude(self._meter)
        self.configured["speech_ms"] = hearing.speech_ms
        # Long turns come in several results, each of them final.
        words = hearing.text.split(" ")
        half = (len(words) + 1) // 2 if len(words) > 3 else len(words)
        for part in (words[:half], words[half:]):
            if text := " ".join(part):
                yield _response(text, final=True)

    def _configure(self, config: Any) -> Meter:
        encodings = {_ENCODINGS.LINEAR16: "audio/pcm;rate=", _ENCODINGS.MULAW: "audio/pcmu"}
        kind = encodings.get(config.encoding)
        if kind is None:
            raise invalid(f"This emulator hears LINEAR16 and MULAW, not {config.encoding.name}.")
        if config.sample_rate_hertz not in ((8000,) if kind == "audio/pcmu" else _RATES):
            raise invalid(f"sample_rate_hertz ({config.sample_rate_hertz}) in RecognitionConfig is not supported.")
        if not _LANGUAGE.fullmatch(config.language_code):
            raise invalid(f"Invalid recognition 'config': bad language code '{config.language_code}'.")
        if config.model not in MODELS:
            raise invalid(f"Invalid recognition 'config': incorrect model '{config.model}'.")
        if config.audio_channel_count > 1:
            raise invalid("This emulator hears one channel.")
        self._meter = Meter(kind if kind == "audio/pcmu" else f"{kind}{config.sample_rate_hertz}")
        self.configured.update(
            encoding=config.encoding.name,
            rate=config.sample_rate_hertz,
            language=config.language_code,
            model=config.model,
            phrases=[phrase for context in config.speech_contexts for phrase in context.phrases],
        )
        return self._meter


def _response(text: str, *, final: bool) -> Any:
    alternative = cloud_speech.SpeechRecognitionAlternative(transcript=text, confidence=0.9 if final else 0.0)
    result = cloud_speech.StreamingRecognitionResult(
        alternatives=[alternative], is_final=final, stability=0.0 if final else 0.9
    )
    return cloud_speech.StreamingRecognizeResponse(results=[result])
