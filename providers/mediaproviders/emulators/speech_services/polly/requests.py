"""What is asked for, checked as the service checks it. No sockets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

from mediaproviders.emulators.aws import Refusal
from mediaproviders.emulators.speech_services.polly.voices import VOICES
from mediaproviders.emulators.speech_services.voice import Encoding

MOST_BILLED: Final = 3000
MOST_CHARACTERS: Final = 6000
ENGINES: Final = ("standard", "neural", "long-form", "generative")
_FORMATS: Final = ("json", "mp3", "ogg_opus", "ogg_vorbis", "pcm", "mulaw", "alaw")
_SPOKEN: Final[Mapping[str, tuple[Encoding, str, frozenset[str]]]] = {
    "pcm": ("pcm16", "16000", frozenset({"8000", "16000"})),
    "mulaw": ("pcmu", "8000", frozenset({"8000"})),
    "alaw": ("pcma", "8000", frozenset({"8000"})),
}
"""What this emulator can speak: its encoding, the rate if none is asked for, and those there are."""
_FIELDS: Final = frozenset(
    {"Engine", "LanguageCode", "LexiconNames", "OutputFormat", "SampleRate", "Text", "TextType", "VoiceId"}
)


@dataclass(frozen=True, slots=True)
class Speech:
    """A text to be spoken."""

    text: str
    """Without markup."""
    output_format: str
    encoding: Encoding
    rate: int


def speech(body: Any, voices: frozenset[str], languages: frozenset[str], lexicons: frozenset[str]) -> Speech:
    """The text to be spoken; all voices and languages there are, and one's own lexicons. Raises Refusal."""
    if not isinstance(body, dict):
        raise Refusal(400, "SerializationException", "The request body is no JSON object.")
    for name in body.keys() - _FIELDS:
        raise _invalid(f"{name} is no member of SynthesizeSpeech")
    for name in ("OutputFormat", "Text", "VoiceId"):
        if not isinstance(body.get(name), str):
            raise _invalid(f"Value at '{name}' failed to satisfy constraint: Member must be a text and not null")
    _member(body, "OutputFormat", _FORMATS)
    _member(body, "VoiceId", voices)
    _member(body, "TextType", ("text", "ssml"))
    _member(body, "Engine", ENGINES)
    _member(body, "LanguageCode", languages)
    _check_voice(body["VoiceId"], body.get("Engine", "standard"), body.get("LanguageCode"))
    for name in body.get("LexiconNames", ()):
        if name not in lexicons:
            raise Refusal(404, "LexiconNotFoundException", f"Lexicon not found: {name}")
    if body["OutputFormat"] not in _SPOKEN:
        raise _invalid("this emulator speaks pcm, mulaw and alaw only")
    encoding, rate, rates = _SPOKEN[body["OutputFormat"]]
    if (rate := body.get("SampleRate", rate)) not in rates:
        raise Refusal(400, "InvalidSampleRateException", "The specified sample rate is not valid.")
    return Speech(_text(body), body["OutputFormat"], encoding, int(rate))


def _text(body: Mapping[str, str]) -> str:
    text = body["Text"]
    if len(text) > MOST_CHARACTERS:
        raise _too_long()
    if body.get("TextType", "text") == "ssml":
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError:
            raise Refusal(400, "InvalidSsmlException", "Invalid SSML request") from None
        if root.tag != "speak":
            raise Refusal(400, "InvalidSsmlException", "Invalid SSML request")
        text = "".join(root.itertext())
    if len(text) > MOST_BILLED:
        raise _too_long()
    return text


def _check_voice(name: str, engine: str, language: str | None) -> None:
    voice = VOICES.get(name)
    if voice is None:
        return
    if engine not in voice.engines:
        raise Refusal(400, "EngineNotSupportedException", f"This voice does not support the selected engine: {engine}")
    if language is not None and language not in voice.languages:
        raise Refusal(400, "LanguageNotSupportedException", f"This voice does not speak {language}")


def _member(body: Mapping[str, object], name: str, allowed: Any) -> None:
    if name in body and body[name] not in allowed:
        raise _invalid(f"Value '{body[name]}' at '{name}' failed to satisfy constraint: Member must satisfy enum")


def _too_long() -> Refusal:
    return Refusal(400, "TextLengthExceededException", "Maximum text length has been exceeded")


def _invalid(why: str) -> Refusal:
    return Refusal(400, "ValidationException", f"1 validation error detected: {why}")
