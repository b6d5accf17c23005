"""From what an agent asks for to what it is called with: adapters, speech services, and what keeps them going."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import cast

from mediaproviders import catalog
from mediaproviders.advanced.silero import SileroVad
from mediaproviders.catalog import ADAPTERS, MODELS, Chat, Model
from mediaproviders.continuity import Candidate, ContinuitySettings, Continuous
from mediaproviders.contract import Provider, ProviderError
from mediaproviders.hearing import Pace
from mediaproviders.speech.catalog import Direction
from mediaproviders.speech.contract import SpeechToText, TextToSpeech
from mediaserver.agents import services
from mediaserver.agents.access import Doors, arguments
from mediaserver.agents.advanced import SILERO, for_model
from mediaserver.agents.checks import streams
from mediaserver.agents.cue import Cue
from mediaserver.agents.definition import AgentDefinition, Fallback, Speech
from mediaserver.agents.ready import ReadyAgent
from mediaserver.agents.roster import Roster
from mediaserver.agents.secrets import Secrets
from mediaserver.agents.shared import SharedEars, SharedProvider, SharedVoice, Shelf
from mediaserver.config.providers import Providers
from mediaserver.errors import ConfigurationError
from mediaserver.talk import fault_audio
from mediaserver.talk.tools import Toolbox


@dataclass(frozen=True, slots=True)
class _Cast:
    """One model that may speak for the agent, and its adapter."""

    model: Model
    provider_model: str
    provider: SharedProvider
    voice: str | None


class Provision:
    """Makes agents ready. Adapters and services of equal access are shared between them.

    `providers` are the server's keys; what an agent brings of its own comes first. Making agents ready looks up
    secrets, which blocks: it is done before the loop carries calls, or in a thread.
    """

    def __init__(
        self,
        providers: Providers,
        *,
        models: Mapping[str, Model] = MODELS,
        adapters: Mapping[str, str] = ADAPTERS,
        secrets: Secrets | None = None,
        continuity: ContinuitySettings | None = None,
    ) -> None:
        self._doors = Doors(providers, secrets or Secrets())
        self._models = models
        self._adapters = adapters
        self._continuity = continuity or ContinuitySettings()
        self._shared: Shelf[SharedProvider] = Shelf()
        self._ears: Shelf[SharedEars] = Shelf()
        self._voices: Shelf[SharedVoice] = Shelf()
        self._ready: list[ReadyAgent] = []

    # --- life ---

    async def start(self) -> None:
        """Load what takes long, for all agents made ready so far. Raises ProviderError."""
        for ready in self._ready:
            await ready.provider.start()
            if ready.chat_voice is not None and ready.definition.welcome:  # it gives the cue, in the first call too
                await ready.chat_voice.start()

    async def start_chat(self, ready: ReadyAgent) -> None:
        """Load what a chat with this agent needs, and no more. Raises ProviderError."""
        await ready.chat_provider.start()
        if ready.chat_voice is not None:
            await ready.chat_voice.start()

    async def close(self) -> None:
        """Close every adapter and service, whatever one of them does; raises the last error."""
        async with AsyncExitStack() as stack:
            for thing in (*self._shared.all(), *self._ears.all(), *self._voices.all()):
                stack.push_async_callback(thing.shut)
            for ready in self._ready:
                stack.push_async_callback(ready.provider.close)

    # --- agents ---

    def all(self, roster: Roster) -> dict[str, ReadyAgent]:
        """Every agent of a roster, by name. Raises ConfigurationError with the faults of all."""
        ready: dict[str, ReadyAgent] = {}
        faults: list[str] = []
        for name, definition in roster.agents.items():
            try:
                ready[name] = self.agent(definition)
            except ConfigurationError as error:
                faults += [f"agent {name!r}: {fault}" for fault in error.faults]
        if faults:
            raise ConfigurationError(faults)
        return ready

    def agent(self, definition: AgentDefinition) -> ReadyAgent:
        """An agent with all it needs. Raises ConfigurationError with every fault: keys, tools, recordings, services."""
        faults = _missing_parts(definition)
        holders: list[tuple[AgentDefinition | Fallback, str]] = [(definition, "")]
        holders += [(each, f"fallback.{index}.") for index, each in enumerate(definition.fallback)]
        troupe = [
            played
            for holder, prefix in holders
            if (played := self._cast(definition, holder, prefix, faults)) is not None
        ]
        if not troupe or len(troupe) < len(holders):
            raise ConfigurationError(faults)
        streaming = streams(definition, troupe[0].model)
        ears = voice = None
        if not streaming:
            ears = cast(SpeechToText | None, self._service("speech_to_text", definition.speech_to_text, faults))
            voice = cast(TextToSpeech | None, self._service("text_to_speech", definition.text_to_speech, faults))
        chat = _chat(troupe[0])
        chat_voice = self._chat_voice(definition, faults) if _needs_voice(troupe[0], chat) else None
        if faults:
            raise ConfigurationError(faults)
        provider = self._carried(definition, [(each, _cascade(definition, each, ears, voice)) for each in troupe])
        if definition.interruption == "local" and not provider.traits.reversible_interrupt:
            why = f"is local, but {troupe[0].model.name} decides interruptions itself; use provider"
            raise ConfigurationError([f"interruption: {why}"])
        ready = ReadyAgent(
            definition,
            troupe[0].model,
            troupe[0].provider_model,
            streaming,
            provider,
            self._carried(definition, [(each, each.provider) for each in troupe if _chat(each) == chat]),
            chat,
            chat_voice,
            tuple(each.model for each in troupe[1:]),
        )
        self._ready.append(ready)
        return ready

    def _cast(
        self, definition: AgentDefinition, holder: AgentDefinition | Fallback, prefix: str, faults: list[str]
    ) -> _Cast | None:
        try:
            model = catalog.find(holder.model, self._models)
        except ValueError as error:
            faults.append(f"{prefix}model: {error}")
            return None
        settings, wrong = self._doors.settings(holder, prefix, model.provider)
        own = model.provider_model
        if holder.deployment is not None:
            own = holder.deployment
        elif settings.get("vertexai"):
            own = model.vertex_model or own
            if model.vertex_model is None:
                wrong.append(f"{prefix}model: {model.name} is not known of Vertex AI; name it under `models`")
        if wrong:
            faults += [fault.replace("{model}", f"model {model.name!r}") for fault in wrong]
            return None
        what = f"{model.provider}/{model.generation}/{model.text}"
        cue = self._cue(definition, model)
        made_of = settings if cue is None else {**settings, "cue": cue}
        try:
            provider = self._shared.get(what, made_of, lambda: SharedProvider(self._built(model, made_of)))
        except (ValueError, ProviderError) as error:
            faults.append(f"{prefix}model: {model.name} cannot be used: {error}")
            return None
        return _Cast(model, own, provider, holder.voice)

    def _cue(self, definition: AgentDefinition, model: Model) -> Cue | None:
        """What has a model that only hears speak its welcome."""
        if model.generation != 1 or not definition.welcome:
            return None
        voice = self._chat_voice(definition, [])
        return None if voice is None else Cue(voice)

    def _built(self, model: Model, settings: Mapping[str, object]) -> Provider:
        given = arguments(model.provider, settings)
        return catalog.build(model.name, given, models={model.name: model}, adapters=self._adapters)

    def _carried(self, definition: AgentDefinition, players: Sequence[tuple[_Cast, Provider]]) -> Provider:
        """Kept going over sessions and models."""
        settings = self._continuity
        if definition.limits.max_session_s is not None:
            settings = replace(settings, connection_s=definition.limits.max_session_s)
        candidates = [
            Candidate(
                name=each.model.name,
                provider=provider,
                model=each.provider_model,
                voice=each.voice,
                advanced=for_model(definition, each.model),
            )
            for each, provider in players
        ]
        return Continuous(candidates, settings)

    # --- speech ---

    def _service(
        self, direction: Direction, speech: Speech | None, faults: list[str]
    ) -> SharedEars | SharedVoice | None:
        if speech is None:
            faults.append(f"{direction}: is missing: with voice streaming off the model works in text; name a service")
            return None
        access, wrong = self._doors.settings(speech, f"{direction}.", speech.service)
        if wrong:
            faults += [fault.replace("{model}", f"the {speech.service} service") for fault in wrong]
            return None
        settings = {**access, **{f"setting {name}": repr(value) for name, value in speech.settings.items()}}
        given = arguments(speech.service, access)
        try:
            if direction == "speech_to_text":
                return self._ears.get(
                    speech.service,
                    settings,
                    lambda: SharedEars(cast(SpeechToText, services.build(direction, speech, given))),
                )
            return self._voices.get(
                speech.service,
                settings,
                lambda: SharedVoice(cast(TextToSpeech, services.build(direction, speech, given))),
            )
        except (ValueError, ProviderError) as error:
            faults.append(f"{direction}: cannot be used: {error}")
            return None

    def _chat_voice(self, definition: AgentDefinition, faults: list[str]) -> TextToSpeech | None:
        """Who speaks what is typed: the agent's own voice service, or the offline one."""
        speech = definition.text_to_speech or Speech(service="local")
        missing: list[str] = []
        found = self._service("text_to_speech", speech, missing)
        if definition.text_to_speech is not None:
            faults += missing
        # Without the offline voice the agent can be called all the same, and a chat says what is missing.
        return cast(TextToSpeech | None, found)


def _missing_parts(definition: AgentDefinition) -> list[str]:
    recording = str(definition.fault_audio) if definition.fault_audio else None
    faults: list[str] = []
    for find in (lambda: Toolbox(definition.tools), lambda: fault_audio.load(recording)):
        try:
            find()
        except ConfigurationError as error:
            faults += [fault.removeprefix("agent.") for fault in error.faults]
    return faults


def _chat(player: _Cast) -> Chat:
    return "text" if player.model.chat == "text" and player.provider.traits.text_output else "transcription"


def _needs_voice(player: _Cast, chat: Chat) -> bool:
    return chat == "transcription" and not player.provider.traits.text_input


def _cascade(
    definition: AgentDefinition, player: _Cast, ears: SpeechToText | None, voice: TextToSpeech | None
) -> Provider:
    """The model itself, or in text between speech services."""
    if ears is None or voice is None or definition.speech_to_text is None:
        return player.provider
    from mediaproviders.cascade import Cascade

    free = definition.speech_to_text.service == "local"
    return Cascade(player.provider, ears, voice, pace=_pace(definition), speculate=free)


def _pace(definition: AgentDefinition) -> Pace | None:
    """When turns begin and end, as the agent says; None: as usual."""
    given = definition.advanced_configuration.get(SILERO)
    if given is None:
        return None
    silero = SileroVad.model_validate(given)
    return Pace().timed(float(silero.min_speech_ms), float(silero.redemption_ms))
