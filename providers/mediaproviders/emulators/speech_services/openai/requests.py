"""What is asked for, checked as the service checks it. No sockets."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mediaproviders.emulators.speech_services.openai import wavfile
from mediaproviders.emulators.speech_services.openai.refusal import Refusal, invalid, missing, unknown
from mediaproviders.emulators.speech_services.openai.wavfile import WavFile

VOICES: Final = frozenset(
    "alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar".split()  # noqa: SIM905
)
_NOT_OF_TTS_1: Final = frozenset({"ballad", "verse", "marin", "cedar"})
SPEECH_MODELS: Final = frozenset(
    {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-03-20", "gpt-4o-mini-tts-2025-12-15"}
)
TRANSCRIPTION_MODELS: Final = frozenset(
    {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "gpt-transcribe"}
)
MOST_CHARACTERS: Final = 4096
MOST_FILE_BYTES: Final = 25 * 1024 * 1024
LEAST_MS: Final = 100
_SPEECH_FIELDS: Final = frozenset("model input voice instructions response_format speed stream_format".split())  # noqa: SIM905
_FORMATS: Final = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_TRANSCRIPTION_FIELDS: Final = frozenset(
    "file model language prompt response_format stream temperature".split()  # noqa: SIM905
)


type ModelOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Speech:
    """A text to be spoken."""

    model: str
    text: str
    voice: str
    events: bool
    """As server-sent events instead of plain audio."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """A file to be recognised."""

    model: str
    file: WavFile
    streamed: bool


def speech(body: Any, model_of: ModelOf) -> Speech:
    """The text to be spoken. `model_of` gives OpenAI's name of a model. Raises Refusal."""
    if not isinstance(body, dict):
        raise Refusal(400, None, "We could not parse the JSON body of your request.")
    for name in body.keys() - _SPEECH_FIELDS:
        raise unknown(name)
    for name in ("model", "input", "voice"):
        if not body.get(name):
            raise missing(name)
    model = _model(body["model"], model_of, SPEECH_MODELS)
    text = body["input"]
    if not isinstance(text, str):
        raise invalid("input", "Invalid type for 'input': expected a string.")
    if len(text) > MOST_CHARACTERS:
        raise Refusal(
            400, "string_above_max_length", f"String should have at most {MOST_CHARACTERS} characters", "input"
        )
    old = model.startswith("tts-1")
    if "speed" in body and not (isinstance(body["speed"], int | float) and 0.25 <= body["speed"] <= 4):
        raise invalid("speed", "Invalid 'speed': expected a number from 0.25 to 4.0.")
    if body.get("response_format", "mp3") not in _FORMATS:
        raise invalid("response_format", f"Invalid 'response_format': supported values are {', '.join(_FORMATS)}.")
    if body.get("response_format") != "pcm":
        raise invalid("response_format", "This emulator speaks pcm only.")
    events = body.get("stream_format", "audio")
    if events not in ("sse", "audio") or (old and events == "sse"):
        raise invalid("stream_format", f"Invalid 'stream_format' for {model}: {events}.")
    return Speech(model, text, _voice(body["voice"], old=old), events == "sse")


def transcription(fields: Mapping[str, str], file: tuple[str, bytes] | None, model_of: ModelOf) -> Transcription:
    """The file to be recognised; `file` is its name and content. Raises Refusal."""
    for name in fields.keys() - _TRANSCRIPTION_FIELDS:
        raise unknown(name)
    if file is None:
        raise missing("file")
    if not fields.get("model"):
        raise missing("model")
    model = _model(fields["model"], model_of, TRANSCRIPTION_MODELS)
    language = fields.get("language")
    if language is not None and not re.fullmatch(r"[a-z]{2}", language):
        raise invalid("language", f"Language '{language}' is not a valid ISO-639-1 code.")
    wanted = fields.get("response_format", "json")
    if wanted != "json":
        raise invalid("response_format", f"response_format '{wanted}' is not compatible with model '{model}'.")
    if fields.get("stream", "false") not in ("true", "false"):
        raise invalid("stream", "Invalid type for 'stream': expected a boolean.")
    name, content = file
    if not name.endswith(".wav"):
        raise Refusal(400, None, "Invalid file format. This emulator supports: ['wav']", "file")
    if len(content) > MOST_FILE_BYTES:
        raise Refusal(413, None, f"Maximum content size limit ({MOST_FILE_BYTES}) exceeded.", "file")
    wav = wavfile.read(content)
    if wav.length_ms < LEAST_MS:
        raise Refusal(400, "audio_too_short", "Audio file is too short. Minimum audio length is 0.1 seconds.", "file")
    return Transcription(model, wav, fields.get("stream") == "true" and model != "whisper-1")


def _model(name: object, model_of: ModelOf, known: frozenset[str]) -> str:
    model = model_of(name) if isinstance(name, str) else None
    if model is None:
        raise Refusal(404, "model_not_found", f"The model `{name}` does not exist or you do not have access to it.")
    if model not in known:
        raise invalid("model", f"The model `{name}` does not support this endpoint.")
    return model


def _voice(voice: object, *, old: bool) -> str:
    if isinstance(voice, dict) and isinstance(voice.get("id"), str) and not old:
        return str(voice["id"])
    if not isinstance(voice, str) or voice not in VOICES or (old and voice in _NOT_OF_TTS_1):
        raise invalid("voice", f"Invalid value: '{voice}'. Supported values are: {', '.join(sorted(VOICES))}.")
    return voice
