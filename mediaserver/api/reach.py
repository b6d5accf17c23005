"""All that HTTP needs of the server, as one value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mediaserver.api.rates import Rates
from mediaserver.api.standing import Standing
from mediaserver.api.tokens import Tokens
from mediaserver.call.web import WebCalls
from mediaserver.config.http import Http


@dataclass(frozen=True, slots=True)
class AgentCard:
    """An agent as whoever chooses one sees it."""

    name: str
    model: str
    default: bool = False
    """It answers where none is named."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the routes are given."""

    web: WebCalls
    tokens: Tokens
    settings: Http
    agents: Sequence[AgentCard]
    standing: Callable[[], Standing]
    closed: Callable[[], str | None]
    """Why no call is taken on: "draining", "overloaded", "max-calls"; None if they are."""
    metrics: Callable[[], bytes]
    """The exposition of the metrics."""
    admin_key: str | None = None
    """What whoever may issue tokens shows."""
    rates: Rates = field(default_factory=lambda: Rates(60))
    """How often each address may ask for what costs something, a wrong admin key included."""
    responded: Callable[[int], None] = lambda status: None
    """Told the status of each response."""
    version: str = ""

    def agent(self, name: str) -> AgentCard | None:
        """The agent of that name."""
        return next((each for each in self.agents if each.name == name), None)

    @property
    def default(self) -> AgentCard:
        """Who answers where none is named."""
        return next((each for each in self.agents if each.default), self.agents[0])
