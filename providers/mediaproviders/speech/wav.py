"""Caller audio as a WAV file, for services that take files."""

import io
import wave

from mediacodecs import g711
from mediaproviders.contract import AudioFormat


def wav(audio: bytes, form: AudioFormat) -> bytes:
    """A mono 16-bit file of `audio`; G.711 is decoded, since not every reader of WAV files can."""
    whole = len(audio) // 2 * 2
    if form.encoding == "pcm16":
        pcm = audio[:whole]
    else:
        codec = g711.PCMU if form.encoding == "pcmu" else g711.PCMA
        pcm = codec.decode(audio).astype("<i2").tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(form.rate)
        writer.writeframes(pcm)
    return file.getvalue()
