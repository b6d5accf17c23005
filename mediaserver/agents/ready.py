"""An agent with everything it needs: it can be called and chatted with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from mediaproviders.catalog import Chat, Model
from mediaproviders.contract import Provider
from mediaproviders.speech.contract import TextToSpeech
from mediaserver.agents import template
from mediaserver.agents.advanced import for_model
from mediaserver.agents.definition import CALL_VARIABLES, AgentDefinition, TransferCall
from mediaserver.talk.budget import Limits
from mediaserver.talk.digits import DigitSettings
from mediaserver.talk.orders import Agent
from mediaserver.talk.transfer import Transfer
from mediaserver.talk.turn import TurnSettings

_LONGEST = 200
"""Letters of a variable that the caller has in hand."""


@dataclass(frozen=True, slots=True)
class ReadyAgent:
    """An agent that was provided for."""

    definition: AgentDefinition
    model: Model
    provider_model: str
    """What the provider calls the model: on Azure its deployment, on Vertex AI another name than elsewhere."""
    streaming: bool
    """Calls run with voice streaming on."""
    provider: Provider
    """For calls."""
    chat_provider: Provider
    """For chats: the model itself, without speech services."""
    chat: Chat
    chat_voice: TextToSpeech | None = None
    """Speaks what is typed, to a model that only hears."""
    stand_ins: tuple[Model, ...] = ()
    """The models that may take over."""

    def agent(self, known: Mapping[str, str] | None = None, now: datetime | None = None) -> Agent:
        """The agent for one call of which `known` is known, by the names that prompts use."""
        return to_agent(self, known or {}, now)


def to_agent(ready: ReadyAgent, known: Mapping[str, str], now: datetime | None = None) -> Agent:
    """What a conversation needs of the agent, its texts filled in. `now` is when the call began; None: now."""
    given = ready.definition
    values = variables(given, known, now)
    turn, limits = given.barge_in, given.limits
    return Agent(
        name=given.name,
        model=ready.provider_model,
        prompt=template.fill(given.prompt, values),
        greeting=template.fill(given.welcome, values) if given.welcome else None,
        voice=given.voice if ready.streaming else None,
        interruption=given.interruption,
        turn=TurnSettings(confirm_ms=turn.confirm_ms, release_ms=turn.release_ms, contest_ms=turn.contest_ms),
        echo=given.echo,
        max_output_tokens=given.max_output_tokens,
        temperature=given.temperature,
        tools=given.tools,
        tool_timeout_s=given.tool_timeout_s,
        stall_timeout_s=given.stall_timeout_s,
        fault_audio=str(given.fault_audio) if given.fault_audio else None,
        advanced=for_model(given, ready.model),
        limits=Limits(max_call_s=limits.max_call_s, max_cost=limits.max_cost),
        price=ready.model.price,
        prices={model.name: model.price for model in (ready.model, *ready.stand_ins)},
        digits=DigitSettings(**given.dtmf.model_dump()),
        transfer=_transfer(given.transfer_call, values),
    )


def _transfer(given: TransferCall, values: Mapping[str, str]) -> Transfer:
    headers = {name: template.fill(text, values) for name, text in given.headers.items()}
    message = template.fill(given.default_message, values) if given.default_message else None
    return Transfer(**{**given.model_dump(), "headers": headers, "default_message": message})


def variables(given: AgentDefinition, known: Mapping[str, str], now: datetime | None = None) -> dict[str, str]:
    """Values of everything the agent's texts may name: what is known of the call comes before the agent's own."""
    zone = given.variables.get("timezone")
    began = (now or datetime.now().astimezone()).astimezone(ZoneInfo(zone) if zone else None)
    values = dict.fromkeys(CALL_VARIABLES, "")
    values |= {"agent": given.name, "date": began.strftime("%Y-%m-%d"), "time": began.strftime("%H:%M")}
    values |= given.variables
    return values | {name: _tamed(value) for name, value in known.items() if value}


def _tamed(value: str) -> str:
    """What a stranger said of themselves, as part of a prompt: one line, and not a long one."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())[:_LONGEST]
