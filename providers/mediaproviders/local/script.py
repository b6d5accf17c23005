"""What the offline model says: an intent script, as code or as a TOML table."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mediaproviders.contract import ProviderError

type Recall = Literal["number", "name", "answer", "rest"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolUse(_Table):
    """A tool an intent calls when the agent has it.

    `arguments` and the texts may hold `{heard}`, `{number}` and `{name}`; `say` also `{result}`, the tool's output.
    """

    name: str
    arguments: dict[str, str | int | float | bool] = Field(default_factory=dict)
    meanwhile: str | None = None
    """Said before the call, so that the caller is not left in silence."""
    say: str = "{result}"


class Intent(_Table):
    """A question and its answer. It is meant when one of the phrases in `any` is found in what the caller said."""

    name: str
    any: tuple[str, ...] = Field(min_length=1)
    say: str | None = None
    """The answer; also the one given when `tool` is not among the agent's tools."""
    tool: ToolUse | None = None
    recall: Recall | None = None
    """What the answer needs from the conversation: a number or name just said, the last answer, its rest."""
    ends: bool = False
    """The call is over when the answer was heard."""

    @model_validator(mode="after")
    def _answers(self) -> "Intent":
        if self.say is None and self.tool is None and self.recall not in ("answer", "rest") and not self.ends:
            raise ValueError("an intent needs `say`, `tool`, `ends`, or `recall` of an answer")
        return self


class Script(_Table):
    """All the offline model can say."""

    greeting: str
    intents: tuple[Intent, ...]
    fallback: tuple[str, ...] = Field(min_length=1)
    """Answers to what no intent fits, taken in turn."""
    goodbye: str = "Goodbye."
    """Said by an intent that `ends` without a text of its own."""
    unheard: str = "Sorry, I did not catch that."
    """Said to sounds without words."""
    busy: str = "Sorry, I am too busy just now."
    """Said when there is no time to think."""
    threshold: float = Field(default=0.75, gt=0.0, le=1.0)
    """Share of a phrase that must be found, 0 to 1."""

    @classmethod
    def read(cls, source: "Script | Mapping[str, object] | str | Path") -> "Script":
        """The script itself, a mapping, or the path of a TOML file. Raises ProviderError naming every fault."""
        if isinstance(source, Script):
            return source
        try:
            table = source if isinstance(source, Mapping) else tomllib.loads(Path(source).read_text("utf-8"))
            return cls.model_validate(table)
        except ValidationError as error:
            faults = "; ".join(f"{_place(fault['loc'])}: {fault['msg']}" for fault in error.errors())
            raise ProviderError(f"the script of the local model: {faults}", code="script", retryable=False) from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ProviderError(f"the script {source}: {error}", code="script", retryable=False) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "script"
