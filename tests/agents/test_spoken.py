from collections.abc import AsyncIterator

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMU, AudioFormat
from mediaserver.agents.cue import Cue
from mediaserver.agents.spoken import spoken


class Voice:
    formats = (PCM16_24K,)

    def __init__(self) -> None:
        self.said: list[str] = []
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1

    async def close(self) -> None: ...

    async def speak(self, text: str, form: AudioFormat) -> AsyncIterator[bytes]:
        assert form in self.formats
        self.said.append(text)
        for _ in range(10):
            yield bytes(4800)  # 100 ms


async def test_what_is_spoken_comes_in_the_format_that_is_wanted():
    for form in (PCM16_8K, PCM16_16K, PCM16_24K, PCMU):
        audio = b"".join([piece async for piece in spoken(Voice(), "Hello", form)])
        assert abs(len(audio) / form.bytes_per_ms - 1000) <= 10


async def test_a_cue_is_spoken_once_for_each_format():
    voice = Voice()
    cue = Cue(voice)
    first = await cue(PCM16_8K)
    assert abs(len(first) - 16_000) <= 160 and await cue(PCM16_8K) is first
    await cue(PCM16_16K)
    assert voice.said == ["Please begin."] * 2 and voice.starts == 2


def test_cues_of_one_voice_are_equal():
    voice = Voice()
    assert Cue(voice) == Cue(voice) != Cue(Voice()) and hash(Cue(voice)) == hash(Cue(voice))
