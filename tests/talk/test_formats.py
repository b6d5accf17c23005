"""Which of a model's formats a leg gets."""

import pytest

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from mediaserver.talk.formats import nearest

OPENAI = (PCMU, PCMA, PCM16_24K)
GEMINI_HEARS = (PCM16_16K,)
NOVA = (PCM16_8K, PCM16_16K, PCM16_24K)


@pytest.mark.parametrize(
    ("codec", "formats", "chosen"),
    [
        ("PCMU", OPENAI, PCMU),
        ("PCMA", OPENAI, PCMA),
        ("PCMA", (PCMU, PCM16_24K), PCMU),
        ("PCMU", NOVA, PCM16_8K),
        ("G722", OPENAI, PCM16_24K),
        ("G722", GEMINI_HEARS, PCM16_16K),
        ("G722", NOVA, PCM16_16K),
        ("OPUS", OPENAI, PCM16_24K),
        ("OPUS", GEMINI_HEARS, PCM16_16K),
        ("OPUS", (PCM16_8K, PCM16_16K), PCM16_16K),
        ("OPUS", (PCMU,), PCMU),
        ("L16", NOVA, PCM16_16K),
        ("L16/8000", NOVA, PCM16_8K),
        ("L16/16000", OPENAI, PCM16_24K),
    ],
)
def test_nothing_of_the_band_is_lost_that_need_not_be(
    codec: str, formats: tuple[AudioFormat, ...], chosen: AudioFormat
) -> None:
    assert nearest(codec, formats) == chosen
