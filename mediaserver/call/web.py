"""Calls that come by HTTP (WHIP, RFC 9725): a browser offers, and hears an agent by the answer."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from mediaserver.call.desk import Desk
from mediaserver.call.feed import Reader, TooManyReadersError
from mediaserver.call.routing import Routing
from mediaserver.call.web_call import WebCall
from mediaserver.call.web_line import TurnedDownError, WebLine
from mediaserver.call.web_session import WebSession
from mediaserver.errors import MediaServerError, RemoteProtocolError
from mediaserver.sdp import web_offer

_STATUSES: Final[Mapping[int, int]] = {400: 400, 481: 404, 488: 422, 491: 409, 500: 500}
"""HTTP's status by SIP's; all others are of a call that cannot be taken now: 503."""
_SENTENCES: Final[Mapping[str, str]] = {
    "max-calls": "as many calls as may be are under way",
    "overloaded": "the server has more to do than it can do in time",
    "draining": "the server is being stopped",
    "shutting-down": "the server is being stopped",
    "answer-deadline": "the agent's model was not ready in time",
    "no-media": "there is no place for another call's media",
    "internal-error": "something is wrong in the server; its log says what",
}
"""What a browser is told of reasons that are ours. Those of a model are all one to it."""


class RefusedError(MediaServerError):
    """The answer is no. `status` is HTTP's; `reason` a word for counters; `retry_after` seconds, if later may do."""

    def __init__(self, status: int, reason: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Begun:
    """A call that is answered. `session` names it to the browser and to nobody else: whoever knows it may end it."""

    session: str
    call: str
    sdp: bytes
    etag: str


class WebCalls:
    """All of them. `full` says why no call is taken on; `refused` is told of each that was not."""

    def __init__(
        self,
        desk: Desk,
        line: WebLine,
        routing: Routing,
        full: Callable[[], str | None],
        refused: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._line = line
        self._routing = routing
        self._full = full
        self._refused = refused
        self._sessions: dict[str, WebSession] = {}
        self._log = structlog.get_logger()

    def __len__(self) -> int:
        """Sessions that are not over."""
        return len(self._sessions)

    async def begin(
        self, agent: str, offer: bytes, source: str, about: Mapping[str, str], opened_by: bytes = b""
    ) -> Begun:
        """Have `agent` answer an offer: as soon as its model is ready, so that the caller hears it from the first word.

        `source` is the IP address that the offer came from. `about` is what is known of the caller: "caller",
        "caller_name" and "user" as agents may name them; "origin", the web page. `opened_by` is kept with the
        session, to know its owner by. Raises RefusedError. Whoever is cancelled while waiting has hung up.
        """
        if agent not in self._routing.agents:
            raise RefusedError(404, "unknown-agent", f"no agent is called {agent[:80]!r} here")
        try:
            web_offer.check(offer)
        except RemoteProtocolError as error:
            raise RefusedError(_http(error.status), "unacceptable-media", str(error)) from None
        self._admit(agent, source, about)
        leg, answer = self._line.begin()
        call = self._call(agent, leg, source, about)
        session = secrets.token_urlsafe(24)
        call.take(self._welcome, call, offer, source, about)
        try:
            sdp = await self._line.answered(leg, answer)
        except TurnedDownError as refusal:
            raise self._refusal(call, refusal) from None
        if call.end is not None:  # between the answer and this line
            raise RefusedError(503, call.end.reason, "the call has ended", self._desk.settings.retry_after_s)
        begun = WebSession(session, call, leg, self._line, offer, lambda: secrets.token_hex(4), opened_by)
        self._sessions[session] = begun
        call.released = lambda: self._released(session)
        return Begun(session, call.id, sdp, begun.etag)

    def find(self, session: str) -> WebSession:
        """A session that is not over. Raises RefusedError (404)."""
        found = self._sessions.get(session)
        if found is None:
            raise RefusedError(404, "unknown-session", "the call is over, or there never was one of this name")
        return found

    async def restart(self, session: str, fragment: bytes) -> bytes | None:
        """Take an ICE fragment: our own, if it is a restart; None if it brings further candidates.

        Raises RefusedError; then the call goes on as it was.
        """
        found = self.find(session)
        try:
            return await found.patch(fragment)
        except RemoteProtocolError as error:
            raise RefusedError(_http(error.status), "unacceptable-fragment", str(error)) from None
        except TurnedDownError as refusal:
            message = {404: "the call is over", 409: "another restart of ICE is under way: wait for its answer"}
            status = _http(refusal.status)
            raise RefusedError(status, "no-restart", message.get(status, "ICE cannot be restarted so")) from None

    def end(self, session: str) -> None:
        """The browser hangs up. Raises RefusedError (404) when it is over already."""
        self.find(session).end()

    def feed(self, call: str, after: int = 0) -> Reader:
        """Watch a call, by its session or, whatever way it came, by its name; `after` an event that was read before.

        Raises RefusedError (404, 429).
        """
        session = self._sessions.get(call)
        found = self._desk.calls.alive(call) if session is None else session.call
        if found is None or found.end is not None:
            raise RefusedError(404, "unknown-call", "the call is over, or there never was one of this name")
        try:
            return self._desk.feeds.of(found.id, found.record.answered_at).subscribe(after)
        except TooManyReadersError as error:
            raise RefusedError(429, "too-many-readers", str(error), self._desk.settings.retry_after_s) from None

    # --- within -------------------------------------------------------------------------------------------------------

    def _admit(self, agent: str, source: str, about: Mapping[str, str]) -> None:
        """Raise RefusedError if no call is taken on."""
        if (why := self._full()) is None:
            return
        self._refused()
        who = {"way": "whip", "agent": agent, "source": source, "origin": about.get("origin") or None}
        self._log.warning("call.refused", reason=why, http_status=503, calls=len(self._desk.calls), **who)
        raise RefusedError(503, why, _SENTENCES[why], self._desk.settings.retry_after_s)

    def _call(self, agent: str, leg: int, source: str, about: Mapping[str, str]) -> WebCall:
        name, desk = secrets.token_hex(6), self._desk
        known = {
            "call_id": name,
            "agent": agent,
            "callee": agent,
            "caller": about.get("caller", ""),
            "caller_name": about.get("caller_name", ""),
            "user": about.get("user", ""),
        }
        call = WebCall(name, leg, self._routing.agents[agent](known), source, desk)
        desk.calls.enter(call)
        desk.calls.bind(leg, call)
        return call

    def _welcome(self, call: WebCall, offer: bytes, source: str, about: Mapping[str, str]) -> None:
        assert call.agent is not None
        told = {name: about[name] for name in ("caller", "user", "origin") if about.get(name)}
        self._log.info(
            "call.incoming",
            call=call.id,
            way="whip",
            agent=call.agent.name,
            model=call.agent.model,
            source=source,
            **told,
        )
        call.incoming(offer)

    def _refusal(self, call: WebCall, refusal: TurnedDownError) -> RefusedError:
        """What the browser is told. What is wrong with us is for the log: it may name a provider and its doings."""
        status = _http(refusal.status)
        reason, message = call.refusal
        if status < 500:
            return RefusedError(status, reason, message)
        reason = reason or "internal-error"
        message = _SENTENCES.get(reason, "the agent's model cannot be reached now")
        return RefusedError(status, reason, message, self._desk.settings.retry_after_s if status == 503 else None)

    def _released(self, session: str) -> None:
        self._sessions.pop(session, None)


def _http(status: int | None) -> int:
    return _STATUSES.get(status or 503, 503)
