"""One registration of ours with a registrar: when to REGISTER, with what, and what came of it (RFC 3261 10.2, 5626).

Pure and apart from the endpoint, so that whoever runs it decides by which flow each REGISTER goes:

    registration.start(now)                       then, after every call of one of its methods:
    for ask in registration.actions():            resolve `ask.target` or use the outbound proxy, then
        contact = registration.contact(endpoint.outside.contact(flow, user)) if ask.contact else None
        number = endpoint.outside.request("REGISTER", flow=flow, contact=contact, …)      and on its `Replied`
        registration.replied(reply.status, reply.reason, reply.response, now)
    registration.handle_timer(now)                when `next_deadline()` has come
    registration.flow_failed(now)                 when the connection of a registered flow is lost

When there is no flow (nothing resolves, nothing connects) say `replied(503, reason, None, now)`.
"""

from collections.abc import Callable
from dataclasses import replace

from mediaserver.sip.challenge import MOST_ANSWERS
from mediaserver.sip.grammar import quote, unquote
from mediaserver.sip.message import Response
from mediaserver.sip.registration_state import Register, RegistrationSettings, RegistrationState, Status
from mediaserver.sip.seconds import retry_after_of, seconds_of
from mediaserver.sip.uri import NameAddr

_REFUSED_FOR_GOOD = (401, 402, 403, 404, 405, 407, 410, 416, 420, 604)
"""What will be the same in a minute: wrong credentials, no such account, no registrar."""
_LEAST_LEAD_S = 40.0
"""A refresh that nobody answers is given up after 32 s: begun so early, there is time for another."""


class Registration:
    """The machine. `chance` gives numbers in [0, 1); `token` a text of its own each time."""

    def __init__(
        self, settings: RegistrationSettings, *, token: Callable[[], str], chance: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._chance = chance
        self._call_id = token()
        self._cseq = 1
        self._expires = settings.expires
        self._outbound = settings.instance is not None and settings.reg_id is not None
        self._contact: NameAddr | None = None
        self._under_way: Register | None = None
        self._leaving = False
        self._query_wanted = False
        self._corrections = 0
        self._wake_at: float | None = None
        self._actions: list[Register] = []
        self.state = RegistrationState(Status.IDLE)

    # What its owner does

    def start(self, now: float) -> None:
        """Begin to register; nothing happens if it has begun."""
        if self.state.status in (Status.IDLE, Status.STOPPED):
            self._leaving = False
            self.state = RegistrationState(Status.TRYING)
            if self._under_way is None:  # else a query is, whose reply is waited for
                self._ask(now)

    def stop(self, now: float) -> None:
        """Undo the registration (10.2.2); `state.status` is STOPPED when that is done, at once if there was none."""
        if self.state.status in (Status.IDLE, Status.STOPPED):
            return
        self._leaving = True
        self._wake_at = None
        self.state = replace(self.state, status=Status.LEAVING, next_try=None)
        if self._under_way is None:
            self._leave(now)

    def query(self, now: float) -> None:
        """Ask which bindings there are (10.2.3): `state.bindings`; while a REGISTER is under way its reply tells."""
        if self._under_way is None and not self._leaving:
            self._send(contact=False)

    def refresh(self, now: float) -> None:
        """Register now, whatever the wait: an operator has put something right, or our address has changed."""
        if self.state.status not in (Status.IDLE, Status.STOPPED, Status.LEAVING) and self._under_way is None:
            self._ask(now)

    def flow_failed(self, now: float) -> None:
        """The connection calls would come by is gone: register anew, soon but not all at once (RFC 5626 4.5)."""
        if self.state.status is Status.REGISTERED and self._under_way is None:
            self._wait(now, self._chance())

    def contact(self, contact: str) -> str:
        """The Contact of the REGISTER that is to be sent, made from our plain Contact value on the flow it goes by.

        One that is not what it was takes the old one away.
        """
        expires = self._expires if self._under_way is None else self._under_way.expires
        parameters = [f";expires={expires}"]
        if self._settings.q is not None:
            parameters.append(f";q={self._settings.q:.3g}")
        if self._settings.instance is not None:
            parameters.append(f";+sip.instance={quote(f'<{self._settings.instance}>')}")
            if self._outbound:
                parameters.append(f";reg-id={self._settings.reg_id}")
        before, self._contact = self._contact, NameAddr.parse(contact)
        moved = before is not None and before.uri != self._contact.uri and expires > 0
        if moved and not self._outbound:  # what has an instance and a reg-id takes its old place by itself
            parameters.append(f", {before};expires=0")
        return contact + "".join(parameters)

    def actions(self) -> list[Register]:
        """Take what there is to send: at most one, for the next waits for the reply (10.2)."""
        actions, self._actions = self._actions, []
        return actions

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds."""
        wake_at = self._wake_at if self._under_way is None else None
        return min((time for time in (wake_at, self.state.until) if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due: a refresh, another try, or to admit that the registrar has forgotten us."""
        if self.state.until is not None and self.state.until <= now:
            forgotten = Status.FAILED if self.state.status is Status.REGISTERED else self.state.status
            failure = self.state.failure or "the registration ran out before it was refreshed"
            self.state = replace(self.state, status=forgotten, until=None, failure=failure)
        if self._wake_at is not None and self._wake_at <= now and self._under_way is None:
            self._ask(now)

    def replied(self, status: int, reason: str, response: Response | None, now: float) -> None:
        """Take the final response to the REGISTER under way, as its `Replied` tells."""
        asked, self._under_way = self._under_way, None
        if asked is None:
            return
        if response is not None:
            # Challenges have raised it; the next one has to be above all that was sent (10.2).
            self._cseq = max(self._cseq, response.cseq.number + 1)
        if not asked.contact:
            self._learnt(response if status < 300 else None, now)
        elif asked.expires == 0:
            self._stopped()
        elif self._leaving:
            self._leave(now, known=status < 300)
        elif response is not None and 200 <= status < 300:
            self._succeeded(response, now)
        elif not self._corrected(status, response, now):
            self._failed(status, reason, response, now)

    # What comes of it

    def _ask(self, now: float) -> None:
        self._wake_at = None
        self.state = replace(self.state, next_try=None)
        self._send(contact=True)

    def _send(self, *, contact: bool) -> None:
        supported = "path, outbound" if self._outbound else "path"
        account = self._settings.account
        self._under_way = Register(
            self._settings.registrar,
            account,
            account,
            self._call_id,
            self._cseq,
            contact,
            0 if self._leaving else self._expires,
            (("Supported", supported),),
        )
        self._cseq += MOST_ANSWERS + 1
        self._actions.append(self._under_way)

    def _succeeded(self, response: Response, now: float) -> None:
        granted = self._granted(response)
        if granted <= 0:
            self._failed(response.status, "the registrar granted no time", response, now)
            return
        self._corrections = 0
        via = response.via
        self.state = RegistrationState(
            Status.REGISTERED,
            until=now + granted,
            service_routes=tuple(response.headers.get_all("Service-Route")),
            seen_as=(via.received or via.host, via.rport or via.port),
            flow_timer=seconds_of(response.headers.get("Flow-Timer")),
            outbound="outbound" in (tag.lower() for tag in response.headers.get_all("Require")),
            bindings=tuple(response.headers.get_all("Contact")),
        )
        lead = min(max(0.1 * granted, _LEAST_LEAD_S), 0.5 * granted)
        # A little earlier each time by chance, lest all trunks refresh in the same instant for ever.
        self._wait(now, (granted - lead) * (1 - 0.05 * self._chance()))

    def _granted(self, response: Response) -> int:
        """Seconds until we are forgotten: of our own Contact, else of Expires, else what we asked for (10.2.4)."""
        contacts = [NameAddr.parse(value) for value in response.headers.get_all("Contact") if value != "*"]
        ours = next(filter(self._is_ours, contacts), contacts[0] if len(contacts) == 1 else None)
        told = None if ours is None else seconds_of(ours.parameters.get("expires"))
        if told is None:
            told = seconds_of(response.headers.get("Expires"))
        return self._expires if told is None else told

    def _is_ours(self, contact: NameAddr) -> bool:
        instance = contact.parameters.get("+sip.instance")
        if self._settings.instance is not None and instance is not None:
            same_id = not self._outbound or contact.parameters.get("reg-id") in (None, str(self._settings.reg_id))
            return unquote(instance).strip("<>").lower() == self._settings.instance.lower() and same_id
        if self._contact is None:
            return False
        mine, theirs = self._contact.uri, contact.uri
        return (mine.user, mine.host.lower(), mine.port or 5060) == (
            theirs.user,
            theirs.host.lower(),
            theirs.port or 5060,
        )

    def _corrected(self, status: int, response: Response | None, now: float) -> bool:
        """Ask again at once if the refusal says what to do better; not for ever."""
        if response is None or self._corrections >= 3:
            return False
        if status == 423:
            least = seconds_of(response.headers.get("Min-Expires"))
            if least is None or least <= self._expires:
                return False
            self._expires = least
        elif status == 439 and self._outbound:
            self._outbound = False
        else:
            return False
        self._corrections += 1
        self._ask(now)
        return True

    def _failed(self, status: int, reason: str, response: Response | None, now: float) -> None:
        settings, failures = self._settings, self.state.failures + 1
        self._corrections = 0
        known = self.state.until is not None and self.state.until > now
        self.state = replace(
            self.state,
            status=Status.REGISTERED if known else Status.FAILED,
            failure=_sentence(status, reason, response),
            failed_status=status,
            failures=failures,
        )
        asked_for = None if response is None else retry_after_of(response)
        if asked_for is not None:
            self._wait(now, max(float(min(asked_for, 86400)), 1.0) + self._chance())
        elif status in _REFUSED_FOR_GOOD:
            self._wait(now, settings.refused_wait * (1 + 0.1 * self._chance()))
        else:
            longest = min(settings.longest_wait, settings.base_wait * 2 ** min(failures, 20))
            self._wait(now, longest * (0.5 + 0.5 * self._chance()))

    def _leave(self, now: float, *, known: bool = False) -> None:
        if known or self.state.until is not None:
            self._ask(now)
        else:
            self._stopped()

    def _learnt(self, response: Response | None, now: float) -> None:
        if response is not None:
            self.state = replace(self.state, bindings=tuple(response.headers.get_all("Contact")))
        if self._leaving:
            self._leave(now)
        elif self.state.status is Status.TRYING:
            self._ask(now)

    def _stopped(self) -> None:
        self._wake_at = None
        self.state = RegistrationState(Status.STOPPED)

    def _wait(self, now: float, seconds: float) -> None:
        self._wake_at = now + seconds
        self.state = replace(self.state, next_try=self._wake_at)


def _sentence(status: int, reason: str, response: Response | None) -> str:
    if response is None:
        return "the registrar did not answer" if status == 408 else f"the registrar cannot be reached: {reason}"
    if status in (401, 407):
        return f"the registrar refuses user or password ({status} {reason})"
    return f"{status} {reason}"
