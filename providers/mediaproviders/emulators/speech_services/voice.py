"""What an emulated voice says: a babble as long as its text, the same for the same text."""

import zlib
from typing import Final, Literal

import numpy as np

from mediacodecs.g711 import PCMA, PCMU
from mediaproviders.emulators.answers import Pcm, babble

type Encoding = Literal["pcm16", "pcmu", "pcma"]

MS_PER_CHARACTER: Final = 60
"""About what people take."""
LEAST_MS: Final = 200
_VARIETY: Final = 8
_LOOP_MS: Final = 2000
"""The babble repeats itself after this: a long text costs no more to make than a short one."""


def length_ms(text: str, ms_per_character: int = MS_PER_CHARACTER) -> int:
    """How long `text` takes."""
    return max(LEAST_MS, ms_per_character * len(text))


def say(text: str, rate: int, ms_per_character: int = MS_PER_CHARACTER) -> Pcm:
    """`text` at `rate` Hz."""
    loop = babble(9000 + zlib.crc32(text.encode()) % _VARIETY, _LOOP_MS, rate)
    return np.resize(loop, length_ms(text, ms_per_character) * rate // 1000)


def spoken(text: str, encoding: Encoding, rate: int, ms_per_character: int = MS_PER_CHARACTER) -> bytes:
    """`text` as audio bytes."""
    pcm = say(text, rate, ms_per_character)
    match encoding:
        case "pcmu":
            return PCMU.encode(pcm)
        case "pcma":
            return PCMA.encode(pcm)
        case _:
            return pcm.astype("<i2").tobytes()
