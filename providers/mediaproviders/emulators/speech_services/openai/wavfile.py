"""Uploaded audio: a WAV file, read strictly."""

import struct
from dataclasses import dataclass
from typing import Final

from mediaproviders.emulators.speech import BYTES_PER_MS
from mediaproviders.emulators.speech_services.openai.refusal import Refusal

_PCM: Final = 1


@dataclass(frozen=True, slots=True)
class WavFile:
    """Mono 16-bit PCM."""

    rate: int
    audio: bytes

    @property
    def kind(self) -> str:
        """Its format as the detectors of the emulators name it."""
        return f"audio/pcm;rate={self.rate}"

    @property
    def length_ms(self) -> float:
        """Its length."""
        return len(self.audio) / BYTES_PER_MS[self.kind]


def read(file: bytes) -> WavFile:
    """The audio of `file`. Raises Refusal."""
    if len(file) < 12 or file[:4] != b"RIFF" or file[8:12] != b"WAVE":
        raise _corrupted("it is no WAV file, the only kind this emulator reads")
    (announced,) = struct.unpack_from("<I", file, 4)
    if announced != len(file) - 8:
        raise _corrupted("its length is not what its header says")
    chunks = dict(_chunks(file))
    if b"fmt " not in chunks or b"data" not in chunks or len(chunks[b"fmt "]) < 16:
        raise _corrupted("it has no format or no audio")
    coding, channels, rate, per_second, block, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    if (coding, channels, bits) != (_PCM, 1, 16) or f"audio/pcm;rate={rate}" not in BYTES_PER_MS:
        raise _corrupted(f"coding {coding}, {channels} channels, {bits} bits, {rate} Hz is not mono 16-bit PCM")
    if (block, per_second) != (2, 2 * rate) or len(chunks[b"data"]) % 2:
        raise _corrupted("its format contradicts itself")
    return WavFile(rate, chunks[b"data"])


def _chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    chunks, offset = [], 12
    while offset + 8 <= len(file):
        name, size = struct.unpack_from("<4sI", file, offset)
        if offset + 8 + size > len(file):
            raise _corrupted("it ends in the middle")
        chunks.append((name, file[offset + 8 : offset + 8 + size]))
        offset += 8 + size + size % 2
    return chunks


def _corrupted(why: str) -> Refusal:
    return Refusal(400, "invalid_value", f"Audio file might be corrupted or unsupported: {why}", "file")
