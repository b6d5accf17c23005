"""A server that calls nobody."""

from mediaserver.call.route import KeyStyle, Route, RouteRefusedError, TransferStyle, Wanted
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.security import SrtpPolicy


class NoRoutes:
    """No way out, and one way to treat every call."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities

    def out(self, wanted: Wanted) -> list[Route]:
        """Refuses."""
        raise RouteRefusedError("no trunk is configured: add one to the settings to call anybody", code="no-route")

    def over(self, route: Route) -> None:
        """There are none."""

    def failed(self, route: Route, status: int, retry_after: int | None) -> None:
        """There are none."""

    def transfer_style(self, trunk: str | None) -> TransferStyle:
        """By REFER: there is no other way."""
        return "refer"

    def key_style(self, trunk: str | None) -> KeyStyle:
        """As the peer has agreed to."""
        return "auto"

    def capabilities(self, trunk: str | None) -> Capabilities:
        """The same for all."""
        return self._capabilities

    def srtp(self, trunk: str | None) -> SrtpPolicy:
        """As the peer wants it."""
        return "optional"
