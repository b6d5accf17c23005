"""What the tests of speech services do with one: speak to it, have it speak, see it fail."""

import asyncio

import pytest

from mediacodecs.g711 import PCMA as PCMA_CODEC
from mediacodecs.g711 import PCMU as PCMU_CODEC
from mediaproviders.contract import PCMU, ProviderError
from mediaproviders.emulators.answers import babble

TEXT = "Good morning, how can I help?"
ALWAYS = range(1000)
"""Requests that a fault concerns: all of them."""


def caller(form, length_ms=600):
    """What a caller says."""
    pcm = babble(3, length_ms, form.rate)
    match form.encoding:
        case "pcmu":
            return PCMU_CODEC.encode(pcm)
        case "pcma":
            return PCMA_CODEC.encode(pcm)
    return pcm.astype("<i2").tobytes()


async def recognise(service, form=PCMU, audio=None):
    """The text of a turn."""
    utterance = service.begin(form)
    audio = caller(form) if audio is None else audio
    for start in range(0, len(audio), 333):
        utterance.push(audio[start : start + 333])
    async with asyncio.timeout(20):
        return await utterance.finish()


async def say(service, text=TEXT, form=PCMU):
    """The audio of a text, in its pieces."""
    async with asyncio.timeout(20):
        return [piece async for piece in service.speak(text, form)]


def patience(fault):
    """Seconds to wait: few where waiting is the point, else more than a busy machine takes."""
    return 1.0 if fault.kind == "stall" and not fault.after_ms else 10.0


async def fault_of(doing):
    """The code of the error it raises, and whether trying again can help."""
    with pytest.raises(ProviderError) as raised:
        await doing
    return raised.value.code, raised.value.retryable
