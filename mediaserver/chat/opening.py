"""How a chat's session is to be opened."""

from collections.abc import Sequence

from mediaproviders.catalog import Chat
from mediaproviders.contract import PCMU, AudioFormat, Brief, Said, ToolSpec, Traits
from mediaproviders.speech.contract import TextToSpeech
from mediaserver.chat.trouble import ChatError
from mediaserver.talk.orders import Agent


def brief(agent: Agent, kind: Chat, traits: Traits, tools: tuple[ToolSpec, ...], voice: TextToSpeech | None) -> Brief:
    """The brief of a chat. Raises ChatError where what is typed cannot reach the model."""
    text = kind == "text"
    if not text and not traits.text_input and voice is None:
        why = "This model answers only what it hears, and there is no voice to speak what is typed: give the agent"
        raise ChatError(f"{why} a text_to_speech service, or install 'mediaserver[local]'.", over=True)
    return Brief(
        model=agent.model,
        instructions=agent.prompt,
        input_format=PCMU if text else _plainest(traits.input_formats),
        output_format=PCMU if text else _plainest(traits.output_formats),
        voice=agent.voice,
        tools=tools,
        max_output_tokens=agent.max_output_tokens,
        temperature=agent.temperature,
        modality="text" if text else "audio",
        history=(Said("agent", agent.greeting),) if agent.greeting else (),
        advanced=agent.advanced,
    )


def _plainest(formats: Sequence[AudioFormat]) -> AudioFormat:
    """The format with the fewest bytes: nobody listens."""
    return min(formats, key=lambda form: form.bytes_per_ms, default=PCMU)
