"""Which of a service's formats suits a leg."""

import pytest

from mediaproviders.cascade.formats import nearest
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        (PCMU, (PCM16_24K, PCMU), PCMU),
        (PCMU, (PCM16_24K, PCM16_16K), PCM16_16K),
        (PCMU, (PCM16_24K, PCMA, PCM16_8K), PCM16_8K),
        (PCMU, (PCMA,), PCMA),
        (PCM16_16K, (PCMU, PCM16_24K), PCM16_24K),
        (PCM16_24K, (PCMU, PCM16_16K), PCM16_16K),
        (PCMU, (AudioFormat("pcm16", 44100), PCM16_24K), PCM16_24K),
    ],
)
def test_the_nearest_format(wanted: AudioFormat, offered: tuple[AudioFormat, ...], chosen: AudioFormat) -> None:
    assert nearest(wanted, offered) == chosen


@pytest.mark.parametrize("offered", [(), (AudioFormat("pcm16", 44100),)])
def test_a_service_without_a_usable_format(offered: tuple[AudioFormat, ...]) -> None:
    with pytest.raises(ValueError, match="none of"):
        nearest(PCMU, offered)
