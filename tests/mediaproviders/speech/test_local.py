"""The offline services: without their models by tables, and with them once."""

import asyncio
from typing import Any, cast

import pytest

from mediacodecs.g711 import PCMA as A_LAW
from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import from_bytes
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.local import hear, speak
from mediaproviders.local.match import words
from mediaproviders.local.worker import Workers
from mediaproviders.speech.local import LocalSpeechToText, LocalTextToSpeech, SharedWorkers
from support.localmodel import MS_PER_LETTER, TableWorkers, silence, voice

SENTENCE = "The office opens at nine in the morning."


class Table(TableWorkers):
    """Workers from a table that can be started."""

    def start(self) -> None:
        pass


def ears(table: TableWorkers) -> LocalSpeechToText:
    return LocalSpeechToText(cast(Workers, table))


def mouth(table: TableWorkers, **settings: Any) -> LocalTextToSpeech:
    return LocalTextToSpeech(workers=cast(Workers, table), **settings)


async def spoken(service: LocalTextToSpeech, text: str, form: AudioFormat) -> list[bytes]:
    return [piece async for piece in service.speak(text, form)]


async def test_a_turn_is_collected_and_recognised_as_a_whole() -> None:
    table = Table(["Hello."])
    utterance = ears(table).begin(PCMU)
    for _ in range(10):
        utterance.push(voice(50))
    assert await utterance.finish() == "Hello."
    assert table.recognised == [500]


async def test_what_is_too_short_or_discarded_is_not_recognised() -> None:
    table = Table([])
    for service in (ears(table), ears(table)):
        utterance = service.begin(PCMU)
        utterance.push(silence(50))
        assert await utterance.finish() == ""
    utterance = ears(table).begin(PCMU)
    utterance.push(voice(500))
    await utterance.discard()
    assert table.recognised == []


async def test_a_text_is_spoken_in_pieces_and_a_pause_follows() -> None:
    pieces = await spoken(mouth(Table(), pause_ms=100), "One two.", PCMU)
    assert [len(piece) // 8 for piece in pieces] == [100] * (8 * MS_PER_LETTER // 100) + [100]
    assert pieces[-1] == silence(100)
    assert await spoken(mouth(Table()), "  ", PCMU) == []


@pytest.mark.parametrize(("flag", "code"), [("busy", "busy"), ("broken", "worker")])
async def test_overload_and_failure_are_provider_errors(flag: str, code: str) -> None:
    table = Table()
    setattr(table, flag, True)
    utterance = ears(table).begin(PCMU)
    utterance.push(voice(500))
    for work in (utterance.finish(), spoken(mouth(table), "Hello.", PCMU)):
        with pytest.raises(ProviderError) as caught:
            await work
        assert caught.value.code == code and caught.value.retryable


async def test_starting_waits_for_nobody_when_too_much_waits_already() -> None:
    table = Table(busy=True)
    await ears(table).start()
    await mouth(table).start()


async def test_one_set_of_processes_is_shared_until_the_last_one_leaves() -> None:
    one, other = LocalSpeechToText(), LocalTextToSpeech()
    assert one.workers is other.workers is one.workers
    workers = one.workers
    await one.close()
    await one.close()
    assert other.workers is workers and SharedWorkers.join(1) is workers
    await SharedWorkers.leave()
    await other.close()
    late = LocalSpeechToText()
    assert late.workers is not workers
    await late.close()
    await SharedWorkers.leave()


async def test_given_processes_are_not_closed() -> None:
    workers = Workers()
    service = LocalSpeechToText(workers)
    assert service.workers is workers
    await service.close()
    with pytest.raises(ProviderError):
        await LocalTextToSpeech("joe", workers).workers.say("x", "nobody", PCMU, 0)  # type: ignore[arg-type]
    await workers.close()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match="nobody"):
        LocalTextToSpeech("nobody")
    monkeypatch.setattr(hear, "missing", lambda: ["faster-whisper"])
    with pytest.raises(ProviderError, match=r"faster-whisper: pip install 'mediaserver\[local\]'") as caught:
        LocalSpeechToText()
    assert caught.value.code == "not-installed" and not caught.value.retryable


async def test_what_is_said_is_heard_in_every_format() -> None:
    ear, mouth = LocalSpeechToText(), LocalTextToSpeech()
    try:
        await asyncio.gather(ear.start(), mouth.start())
        for form in (PCMU, PCMA, PCM16_8K, PCM16_16K, PCM16_24K):
            utterance = ear.begin(form)
            sound = b"".join(await spoken(mouth, SENTENCE, form))
            pcm = {"pcmu": MU_LAW.decode, "pcma": A_LAW.decode, "pcm16": from_bytes}[form.encoding](sound)
            assert 1.5 < len(pcm) / form.rate < 4.0
            utterance.push(sound)
            heard = words(await utterance.finish())
            assert len(set(heard) & set(words(SENTENCE))) >= 5, (form, heard)
    finally:
        await ear.close()
        await mouth.close()


def test_the_voice_is_one_of_those_installed() -> None:
    assert speak.available_voices() and LocalTextToSpeech(speak.available_voices()[0].name)
