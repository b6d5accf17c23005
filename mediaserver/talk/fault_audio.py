"""What a caller hears when the model is lost: the agent's own recording, or a tone."""

import wave
from pathlib import Path

import numpy as np

from mediacodecs.g711 import PCMU, ULAW_TO_ALAW
from mediacodecs.pcm import Pcm, to_bytes
from mediacodecs.signal.resample import Resampler
from mediacodecs.signal.tones import error_tone
from mediaproviders.contract import AudioFormat
from mediaserver.errors import ConfigurationError

RATE = 8000
LONGEST_S = 30


def load(path: str | None) -> bytes:
    """Mu-law at 8 kHz of a mono 16-bit WAV at `path`, or of a tone. Raises ConfigurationError."""
    return PCMU.encode(error_tone(RATE) if path is None else _read(Path(path)))


def in_format(recording: bytes, wanted: AudioFormat) -> bytes:
    """What `load` gave, as audio of a provider's output format."""
    if wanted.encoding == "pcmu":
        return recording
    if wanted.encoding == "pcma":
        return recording.translate(ULAW_TO_ALAW)
    pcm = PCMU.decode(recording)
    if wanted.rate == RATE:
        return to_bytes(pcm)
    resampler = Resampler(RATE, wanted.rate)
    return to_bytes(np.concatenate([resampler.process(pcm), resampler.flush()]))


def _read(path: Path) -> Pcm:
    try:
        with wave.open(str(path), "rb") as recording:
            if recording.getsampwidth() != 2 or recording.getnchannels() != 1:
                raise ConfigurationError([f"agent.fault_audio {path}: must be a 16-bit mono WAV file"])
            rate = recording.getframerate()
            pcm: Pcm = np.frombuffer(recording.readframes(rate * LONGEST_S), "<i2")
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigurationError([f"agent.fault_audio {path}: cannot be read as WAV: {error}"]) from None
    if rate == RATE:
        return pcm
    try:
        resampler = Resampler(rate, RATE)
    except ValueError as error:
        raise ConfigurationError([f"agent.fault_audio {path}: {error}"]) from None
    return np.concatenate([resampler.process(pcm), resampler.flush()])
