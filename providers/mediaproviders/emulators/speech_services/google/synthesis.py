"""A text to be spoken, checked as the service checks it. No sockets."""

import re
import struct
from dataclasses import dataclass
from typing import Any, Final

from google.cloud.texttospeech_v1.types import cloud_tts

from mediaproviders.emulators.speech_services.google.refusal import invalid
from mediaproviders.emulators.speech_services.voice import Encoding

MOST_BYTES: Final = 5000
_ENCODINGS: Final[dict[Any, Encoding]] = {
    cloud_tts.AudioEncoding.LINEAR16: "pcm16",
    cloud_tts.AudioEncoding.PCM: "pcm16",
    cloud_tts.AudioEncoding.MULAW: "pcmu",
    cloud_tts.AudioEncoding.ALAW: "pcma",
}
_STREAMED: Final = frozenset({cloud_tts.AudioEncoding.PCM, cloud_tts.AudioEncoding.MULAW, cloud_tts.AudioEncoding.ALAW})
_VOICE: Final = re.compile(
    r"(?P<language>[a-z]{2,3}-[A-Z]{2})-(?P<family>Chirp3-HD|Neural2|Wavenet|Standard|Studio)-\w+"
)
_RATES: Final = (8000, 16000, 24000, 32000, 48000)
_DEFAULT_RATE: Final = 24000
_WAV_CODES: Final = {"pcm16": 1, "pcma": 6, "pcmu": 7}


@dataclass(frozen=True, slots=True)
class Sound:
    """How a text is to be spoken."""

    encoding: Encoding
    rate: int

    @property
    def bytes_per_ms(self) -> int:
        """Bytes of one millisecond."""
        return self.rate // 1000 * (2 if self.encoding == "pcm16" else 1)


def whole(request: Any) -> tuple[str, Sound]:
    """A text that is answered when all of it is spoken. Raises Refusal."""
    if request.input.ssml or not request.input.text:
        raise invalid("This emulator speaks plain text: input.text must be set.")
    _check_voice(request.voice, streamed=False)
    return _checked_text(request.input.text), _sound(request.audio_config, frozenset(_ENCODINGS))


def configured(request: Any) -> Sound:
    """The first request of a stream. Raises Refusal."""
    if "streaming_config" not in request:
        raise invalid("The first request of a stream has to be its streaming_config.")
    config = request.streaming_config
    _check_voice(config.voice, streamed=True)
    return _sound(config.streaming_audio_config, _STREAMED)


def streamed(request: Any) -> str:
    """A further request of a stream: its text. Raises Refusal."""
    if "input" not in request or not request.input.text:
        raise invalid("All requests of a stream but the first have to have input.text.")
    return _checked_text(request.input.text)


def with_header(audio: bytes, sound: Sound) -> bytes:
    """A WAV file, in which these services wrap everything that is not raw PCM."""
    width = 2 if sound.encoding == "pcm16" else 1
    code, rate = _WAV_CODES[sound.encoding], sound.rate
    form = struct.pack("<HHIIHH", code, 1, rate, rate * width, width, 8 * width)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(audio)) + audio
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _checked_text(text: str) -> str:
    if len(text.encode()) > MOST_BYTES:
        raise invalid(f"Either `input.text` or `input.ssml` is longer than the limit of {MOST_BYTES} bytes.")
    return text


def _check_voice(voice: Any, *, streamed: bool) -> None:
    if not voice.language_code:
        raise invalid("VoiceSelectionParams.language_code must be set.")
    match = _VOICE.fullmatch(voice.name)
    if match is None:
        raise invalid(f"Voice '{voice.name}' does not exist. Is it misspelled?")
    if match["language"] != voice.language_code:
        raise invalid(f"Requested language code '{voice.language_code}' doesn't match the voice '{voice.name}'.")
    if streamed and match["family"] != "Chirp3-HD":
        raise invalid("Currently, only Chirp 3: HD voices are supported for streaming synthesis.")


def _sound(config: Any, encodings: frozenset[Any]) -> Sound:
    if config.audio_encoding not in encodings:
        raise invalid(f"Unsupported audio encoding: {config.audio_encoding.name}.")
    rate = config.sample_rate_hertz or _DEFAULT_RATE
    if rate not in _RATES:
        raise invalid(f"Unsupported sample rate: {rate}.")
    if config.speaking_rate and not 0.25 <= config.speaking_rate <= 2.0:
        raise invalid(f"Invalid speaking rate: {config.speaking_rate:g}.")
    return Sound(_ENCODINGS[config.audio_encoding], rate)
