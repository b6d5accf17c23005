"""Opus for speech (RFC 6716, RFC 7587): 24 kHz mono, with the second copies and the silences the peer asks for.

The work is libopus's, reached through the package opuslib_next, which finds it or brings it along. Its own calls make
and copy an array of numbers for each packet, which costs three times what decoding does: ours hand libopus the memory.
Decoding 20 ms takes 12 us, encoding them 45 us at complexity 1 and 145 us at 5.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from mediacodecs.codec import CodecSpec, CodecUnavailableError
from mediacodecs.pcm import Pcm

SPEC = CodecSpec("OPUS", 48000, 24000, channels=2, ptimes=(10, 20, 40, 60))
"""The clock is 48 kHz and the rtpmap says two channels, whatever is carried (RFC 7587 7)."""

RATES = (8000, 12000, 16000, 24000, 48000)

_VOIP = 2048
_SET_BITRATE, _SET_MAX_BANDWIDTH, _SET_COMPLEXITY = 4002, 4004, 4010
_SET_FEC, _SET_LOSS, _SET_DTX, _SET_SIGNAL = 4012, 4014, 4016, 4024
_VOICE = 3001
_BANDWIDTHS = ((8000, 1101), (12000, 1102), (16000, 1103), (24000, 1104), (48000, 1105))
_LARGEST_PACKET = 1275
_LONGEST_MS = 120
_LEAST_LOSS_PERCENT = 10
_WITH_COPIES = 1.25
_HIGHEST_BITRATE = 510_000


@dataclass(frozen=True, slots=True)
class OpusWishes:
    """What a receiver wants to be sent: its fmtp line (RFC 7587 6.1). We send mono to one that wants stereo, too."""

    fec: bool = False
    """A second copy of a frame in the packet after it (`useinbandfec`)."""
    dtx: bool = False
    """Packets may be left out in silence (`usedtx`)."""
    bitrate: int | None = None
    """At most so many bits per second (`maxaveragebitrate`, 6000 to 510000)."""
    playback_rate: int = 48000
    """More than half of it is not heard (`maxplaybackrate`, Hz)."""

    @classmethod
    def of(cls, fmtp: str | None) -> "OpusWishes":
        """Read an fmtp line. What makes no sense counts as not said: nobody's call fails by it."""
        said: dict[str, str] = {}
        for parameter in (fmtp or "").split(";"):
            name, _, value = parameter.partition("=")
            said.setdefault(name.strip().lower(), value.strip())
        bitrate = _number(said.get("maxaveragebitrate"), 6000, 510_000)
        rate = _number(said.get("maxplaybackrate"), 8000, 48000)
        return cls(said.get("useinbandfec") == "1", said.get("usedtx") == "1", bitrate, 48000 if rate is None else rate)


def _number(text: str | None, least: int, most: int) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 7):
        return None
    return int(text) if least <= int(text) <= most else None


@cache
def _library() -> Any:
    """Libopus, with the signatures of what is called here. Raises CodecUnavailableError."""
    try:
        name = import_module("opuslib_next.api").libopus._name
        library = ctypes.CDLL(name)
    except Exception as error:  # the package raises a bare Exception when there is no library
        remedy = "install libopus (Debian: apt install libopus0) and the package opuslib-next"
        raise CodecUnavailableError(f"Opus is not available, {remedy}: {error}") from error
    state, data, size, pcm = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
    library.opus_encoder_create.argtypes = (size, size, size, ctypes.c_void_p)
    library.opus_encoder_create.restype = state
    library.opus_decoder_create.argtypes = (size, size, ctypes.c_void_p)
    library.opus_decoder_create.restype = state
    library.opus_encoder_destroy.argtypes = library.opus_decoder_destroy.argtypes = (state,)
    library.opus_encoder_destroy.restype = library.opus_decoder_destroy.restype = None
    library.opus_encoder_ctl.argtypes = (state, size, ctypes.c_int)
    library.opus_encode.argtypes = (state, pcm, size, ctypes.c_void_p, ctypes.c_int32)
    library.opus_decode.argtypes = (state, data, ctypes.c_int32, pcm, size, size)
    library.opus_packet_get_nb_samples.argtypes = (data, ctypes.c_int32, ctypes.c_int32)
    return library


class OpusEncoder:
    """Raises CodecUnavailableError at construction if there is no libopus.

    `complexity` goes from 0 to 10, `bitrate` is in bits per second, lowered to what the receiver wants.
    """

    def __init__(self, wishes: OpusWishes | None = None, *, complexity: int = 1, bitrate: int = 32000) -> None:
        self._library = library = _library()
        wishes = wishes or OpusWishes()
        self._state = library.opus_encoder_create(SPEC.sample_rate, 1, _VOIP, None)
        if not self._state:
            raise MemoryError("no memory for an Opus encoder")
        bandwidth = next(code for rate, code in _BANDWIDTHS if rate >= min(wishes.playback_rate, 48000))
        self._bitrate = bitrate
        self._most = wishes.bitrate or _HIGHEST_BITRATE
        self._copies = wishes.fec
        self._set(_SET_BITRATE, min(bitrate, self._most))
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_SIGNAL, _VOICE)
        self._set(_SET_MAX_BANDWIDTH, bandwidth)
        self._set(_SET_FEC, int(wishes.fec))
        self._set(_SET_DTX, int(wishes.dtx))
        self._room = ctypes.create_string_buffer(_LARGEST_PACKET)
        self._address = ctypes.addressof(self._room)

    def encode(self, pcm: Pcm) -> bytes:
        """One packet. Raises ValueError for a length that is no packet time of Opus."""
        octets = pcm.tobytes()
        size = self._library.opus_encode(self._state, octets, len(pcm), self._address, _LARGEST_PACKET)
        if size < 0:
            raise ValueError(f"Opus cannot encode {len(pcm)} samples at {SPEC.sample_rate} Hz (error {size})")
        return ctypes.string_at(self._address, size)

    def expect_loss(self, percent: int) -> None:
        """So many packets get lost (0 at first): if the peer wants second copies, they are made from then on.

        At the bitrates of speech libopus makes none for a loss below a tenth: so any loss counts as a tenth at least.
        They get a quarter more of the bitrate, for else they would take the room of the frames themselves, at low
        bitrates that of all above 8 kHz. No loss costs nothing.
        """
        losing = percent > 0
        self._set(_SET_LOSS, min(max(percent, _LEAST_LOSS_PERCENT), 100) if losing else 0)
        bitrate = self._bitrate * _WITH_COPIES if losing and self._copies else self._bitrate
        self._set(_SET_BITRATE, min(round(bitrate), self._most))

    def take_pains(self, complexity: int) -> None:
        """Encode with this complexity from the next frame on."""
        self._set(_SET_COMPLEXITY, complexity)

    def _set(self, what: int, value: int) -> None:
        self._library.opus_encoder_ctl(self._state, what, value)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)
            self._state = None


class OpusDecoder:
    """To mono at `rate` Hz, one of :data:`RATES`, whatever was sent.

    Raises CodecUnavailableError at construction if there is no libopus.
    """

    def __init__(self, rate: int = SPEC.sample_rate) -> None:
        if rate not in RATES:
            raise ValueError(f"Opus is decoded to one of {RATES} Hz, not {rate}")
        self.rate = rate
        self._library = library = _library()
        self._state = library.opus_decoder_create(rate, 1, None)
        if not self._state:
            raise MemoryError("no memory for an Opus decoder")
        self._most = rate * _LONGEST_MS // 1000
        self._step = rate // 400  # 2.5 ms
        self._room = np.zeros(self._most, np.int16)
        self._address: int = self._room.ctypes.data

    def samples(self, payload: bytes) -> int:
        """How long a packet is, by its own first octets; 0 if it is none."""
        count: int = self._library.opus_packet_get_nb_samples(payload, len(payload), self.rate) if payload else 0
        return max(count, 0)

    def decode(self, payload: bytes) -> Pcm:
        """All samples of one packet; none of a broken one. An empty one is not a loss but nothing at all."""
        return self._given(payload, self._most, fec=0) if payload else self._room[:0]

    def conceal(self, samples: int) -> Pcm:
        """Go on as libopus thinks best, in steps of 2.5 ms: what is left over is silence."""
        whole = min(samples, self._most) // self._step * self._step
        made = self._given(None, whole, fec=0).copy() if whole else self._room[:0]
        return np.concatenate((made, np.zeros(samples - len(made), np.int16)))

    def recover(self, payload: bytes, samples: int) -> Pcm | None:
        """The copy in `payload` of the frame before it; where it has none, libopus conceals instead."""
        if samples % self._step or not 0 < samples <= self._most or not payload:
            return None
        made = self._given(payload, samples, fec=1)
        return made.copy() if len(made) == samples else None

    def _given(self, payload: bytes | None, most: int, *, fec: int) -> Pcm:
        size = 0 if payload is None else len(payload)
        count = self._library.opus_decode(self._state, payload, size, self._address, most, fec)
        return self._room[: max(count, 0)]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)
            self._state = None
