"""Caller audio as a WAV file, for services that take files."""

import io
import wave

from mediacodecs.pcm import to_bytes
from mediaproviders.contract import AudioFormat
from mediaproviders.transcode import linear


def wav(audio: bytes, form: AudioFormat) -> bytes:
    """A mono 16-bit file of `audio`; G.711 is decoded, since not every reader of WAV files can."""
    if form.encoding == "pcm16":
        audio = audio[: len(audio) // 2 * 2]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(form.rate)
        writer.writeframes(to_bytes(linear(audio, form)))
    return file.getvalue()
