"""What a cascade is made of, and what it is not made of."""

from dataclasses import replace
from typing import Any

import pytest

from mediacodecs.signal.vad import DetectorUnavailableError
from mediaproviders.cascade import FORMATS, Cascade, provider
from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCMA,
    PCMU,
    AgentTranscript,
    AudioFormat,
    CallerTranscript,
    ProviderError,
    ResponseDone,
)
from mediaproviders.transcode import Transcoder
from support.cascade import MS_PER_LETTER, ScriptedText, TableEars, TableVoice, brief, stage
from support.localmodel import LoudIsSpeech, only, silence, turn, voice


def test_its_traits_are_those_of_a_model_that_hears_and_speaks() -> None:
    text = ScriptedText()
    text.traits = replace(text.traits, max_connection_s=60.0)
    traits = Cascade(text, TableEars(), TableVoice(), detector=LoudIsSpeech).traits
    assert traits.input_formats == traits.output_formats == FORMATS
    assert traits.can_truncate and traits.server_vad and traits.reversible_interrupt and traits.text_output
    assert traits.max_connection_s == 60.0 and traits.greeting == "response"


@pytest.mark.parametrize(
    ("text_output", "ears", "voice"),
    [
        (False, (PCMU,), (PCMU,)),
        (True, (), (PCMU,)),
        (True, (PCMU,), (AudioFormat("pcm16", 44100),)),
    ],
)
def test_parts_that_do_not_fit(text_output: bool, ears: Any, voice: Any) -> None:
    text = ScriptedText()
    text.traits = replace(text.traits, text_output=text_output)
    with pytest.raises(ProviderError) as caught:
        Cascade(text, TableEars(formats=ears), TableVoice(formats=voice))
    assert (caught.value.code, caught.value.retryable) == ("invalid_configuration", False)


async def test_it_starts_and_closes_all_three() -> None:
    parts = ScriptedText(), TableEars(), TableVoice()
    cascade = Cascade(*parts, detector=LoudIsSpeech)
    await cascade.start()
    await cascade.close()
    assert [(part.started, part.closed) for part in parts] == [(1, 1)] * 3


async def test_the_model_is_told_the_brief_in_text_and_a_chat_is_its_own() -> None:
    text = ScriptedText()
    cascade = Cascade(text, TableEars(), TableVoice(), detector=LoudIsSpeech)
    async with cascade.connect(brief(greeting="Hello.")):
        assert text.brief == brief(greeting="Hello.", modality="text")
    async with cascade.connect(brief(modality="text")) as conversation:
        assert conversation is text


async def test_formats_it_does_not_know() -> None:
    cascade = Cascade(ScriptedText(), TableEars(), TableVoice(), detector=LoudIsSpeech)
    with pytest.raises(ProviderError, match="formats"):
        async with cascade.connect(brief(input_format=AudioFormat("pcm16", 48000))):
            pass


async def test_without_a_detector_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise DetectorUnavailableError("no model")

    monkeypatch.setattr(provider, "silero", absent)
    cascade = Cascade(ScriptedText(), TableEars(), TableVoice())
    with pytest.raises(ProviderError) as caught:
        await cascade.start()
    assert caught.value.code == "not-installed"


@pytest.mark.parametrize("leg", [PCMU, PCMA, PCM16_8K, PCM16_16K, PCM16_24K])
@pytest.mark.parametrize("service", [PCMU, PCMA, PCM16_16K, PCM16_24K])
async def test_every_leg_with_every_service(leg: AudioFormat, service: AudioFormat) -> None:
    ears, mouth = TableEars(formats=(service,)), TableVoice(formats=(service,))
    of = brief(input_format=leg, output_format=leg)
    async with stage(["It is noon."], ["What time is it?"], of=of, ears=ears, voice=mouth) as talk:
        converter = Transcoder(PCMU, leg)
        audio = converter.convert(turn()) + converter.flush() + converter.convert(silence(200))
        events = await talk.hears(audio, packet=20 * leg.bytes_per_ms)
        assert only(events, CallerTranscript).text == "What time is it?"
        assert only(events, ResponseDone).status == "completed"
        (utterance,) = talk.ears.utterances
        assert utterance.form == service and 1200 < utterance.ms < 1700
        sound = sum(len(event.data) for event in events if type(event).__name__ == "Audio")
        assert sound / leg.bytes_per_ms == pytest.approx(11 * MS_PER_LETTER, abs=3)
        assert [event.text for event in events if isinstance(event, AgentTranscript) and event.final] == ["It is noon."]
        await talk.hears(converter.convert(voice(100)))
