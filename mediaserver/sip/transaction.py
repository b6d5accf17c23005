"""The engine of the four transaction tables (RFC 3261 17): looks a step up, keeps the timers, sends and reports."""

from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request, Response
from mediaserver.sip.timers import Alarms, Timer, TimerSettings

if TYPE_CHECKING:
    from mediaserver.sip.leg import Leg


class State(Enum):
    """The states of figures 5 to 8 of RFC 3261, with ACCEPTED of RFC 6026."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(Enum):
    """What happens to a transaction, besides its timers: by message class, received (client) or sent (server)."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    REQUEST = "the request again"
    ACK = "ACK"
    TRANSPORT_ERROR = "transport error"
    GIVE_UP = "no final response after CANCEL (9.1)"

    @classmethod
    def of(cls, status: int) -> "Input":
        """The class of a response's status."""
        return cls.PROVISIONAL if status < 200 else cls.SUCCESS if status < 300 else cls.FAILURE


class Act(Enum):
    """What a step does, besides the timers it starts."""

    SEND = "send our last message (again)"
    SEND_ACK = "send the ACK of a non-2xx final response"
    SLOW_E = "retransmit every T2 from now on"
    PASS = "hand the message to the transaction user"
    TIMED_OUT = "tell the user that nobody answered"
    BROKEN = "tell the user that the transport failed"


type Step = tuple[State, tuple[Act | Timer, ...]]
"""The next state and what to do; a timer among the actions is started."""
type Table = Mapping[State, Mapping[Input | Timer, Step]]
"""A machine. An input its state does not list is absorbed; a timer its new state does not list is stopped."""


class Cause(Enum):
    """Why a transaction failed without a response of the peer."""

    TIMEOUT = "timeout"
    TRANSPORT = "transport"


class Transaction:
    """One transaction: its state, and the last message it sent, kept for retransmission."""

    __slots__ = (
        "ack",
        "answered",
        "done",
        "fault",
        "flow",
        "interval",
        "key",
        "leg",
        "merge_key",
        "request",
        "retreat",
        "state",
        "table",
        "way",
        "wire",
    )

    def __init__(
        self, table: Table, state: State, key: Hashable, request: Request, flow: Flow, *, leg: "Leg | None" = None
    ) -> None:
        self.table = table
        self.state = state
        self.key = key
        self.request = request
        self.flow = flow
        self.way = flow
        """The flow asked for; `flow` is another one if the request was too large for it."""
        self.retreat: Callable[[Transaction, float], None] | None = None
        """What to do instead of failing if the connection breaks before any response."""
        self.leg = leg
        """Whose transaction it is; not looked at here."""
        self.merge_key: Hashable = None
        """What the same request has in common however it was routed to us (8.2.2.2); None: of no interest."""
        self.wire = b""
        self.ack: Callable[[Response], bytes] | None = None
        """Composes the ACK to a non-2xx final response (INVITE client transactions)."""
        self.done: Callable[[Response | Cause, float], None] | None = None
        """Who waits for the final response of a request other than INVITE; not looked at here."""
        self.fault: str | None = None
        """What broke its transport, as far as that is known."""
        self.answered = 0
        """How many challenges have led to this request; not looked at here."""
        self.interval = 0.0
        """What the retransmission timer waited last, in seconds."""


class TransactionUser(Protocol):
    """Who is told of what a transaction lets through."""

    def passed(self, transaction: Transaction, message: Request | Response | None, now: float) -> None:
        """Take a message that is not a retransmission."""

    def failed(self, transaction: Transaction, cause: Cause, now: float) -> None:
        """Take note that no (further) message will come."""


class Engine:
    """Runs every transaction of one kind (client or server) by its table."""

    def __init__(self, timers: TimerSettings, send: Callable[[Flow, bytes], None], user: TransactionUser) -> None:
        self._timers = timers
        self._send = send
        self._user = user
        self._by_key: dict[Hashable, Transaction] = {}
        self._by_merge_key: dict[Hashable, Transaction] = {}
        # Only connections can close: datagram flows are not indexed.
        self._by_connection: dict[Flow, set[Transaction]] = {}
        self._alarms: Alarms[Transaction, Timer] = Alarms()

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, key: Hashable) -> Transaction | None:
        """The transaction that matches `key`, if there is one."""
        return self._by_key.get(key)

    def find_merged(self, merge_key: Hashable) -> Transaction | None:
        """The transaction of the same request that came another way."""
        return self._by_merge_key.get(merge_key)

    def add(self, transaction: Transaction, first: tuple[Act | Timer, ...], now: float) -> None:
        """Begin a transaction with the actions of its initial transition."""
        self._by_key[transaction.key] = transaction
        if transaction.merge_key is not None:
            self._by_merge_key[transaction.merge_key] = transaction
        if transaction.flow.reliable:
            self._by_connection.setdefault(transaction.flow, set()).add(transaction)
        self._act(transaction, first, None, now)

    def feed(
        self, transaction: Transaction, what: Input | Timer, now: float, message: Request | Response | None = None
    ) -> None:
        """Make the step the table has for `what`; none listed: it is absorbed."""
        step = transaction.table[transaction.state].get(what)
        if step is None:
            return
        transaction.state, actions = step
        if transaction.state is State.TERMINATED:
            self._remove(transaction)
        else:
            self._alarms.keep(transaction, transaction.table[transaction.state])
        self._act(transaction, actions, message, now)

    def flow_closed(self, flow: Flow, error: str | None, now: float) -> None:
        """Give a transport error to every transaction on a connection that is gone."""
        for transaction in tuple(self._by_connection.get(flow, ())):
            if transaction.retreat is not None and transaction.state in (State.CALLING, State.TRYING):
                transaction.retreat(transaction, now)
            else:
                self.broken(transaction, error, now)

    def broken(self, transaction: Transaction, error: str | None, now: float) -> None:
        """Give a transaction a transport error."""
        transaction.fault = error
        self.feed(transaction, Input.TRANSPORT_ERROR, now)

    def withdraw(self, transaction: Transaction) -> None:
        """Forget a transaction without a word, timers and all: it is begun anew in another way."""
        self._remove(transaction)
        transaction.interval = 0.0

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called next, in seconds."""
        return self._alarms.next()

    def handle_timer(self, now: float) -> None:
        """Fire every timer due at `now`."""
        while (due := self._alarms.due(now)) is not None:
            self.feed(due[0], due[1], now)

    def _act(
        self, transaction: Transaction, actions: tuple[Act | Timer, ...], message: Request | Response | None, now: float
    ) -> None:
        expired: list[Timer] = []
        for action in actions:
            if isinstance(action, Timer):
                if self._start(transaction, action, now):
                    expired.append(action)
            elif action is Act.SEND:
                if transaction.wire:  # a server transaction may not have answered yet
                    self._send(transaction.flow, transaction.wire)
            elif action is Act.SEND_ACK:
                if transaction.ack is not None and isinstance(message, Response):
                    self._send(transaction.flow, transaction.ack(message))
            elif action is Act.SLOW_E:
                transaction.interval = self._timers.t2
            elif action is Act.PASS:
                self._user.passed(transaction, message, now)
            else:
                cause = Cause.TIMEOUT if action is Act.TIMED_OUT else Cause.TRANSPORT
                self._user.failed(transaction, cause, now)
        for timer in expired:
            self.feed(transaction, timer, now)

    def _start(self, transaction: Transaction, timer: Timer, now: float) -> bool:
        """Start the timer; true when it has expired at once, as over TCP those that wait for retransmissions do."""
        delay = self._timers.delay(timer, transaction.interval, reliable=transaction.flow.reliable)
        if delay is None:
            return False
        if timer in (Timer.A, Timer.E, Timer.G):
            transaction.interval = delay
        if not delay:
            return True
        self._alarms.start(transaction, timer, now + delay)
        return False

    def _remove(self, transaction: Transaction) -> None:
        self._alarms.stop(transaction)
        if self._by_key.get(transaction.key) is transaction:
            del self._by_key[transaction.key]
        if self._by_merge_key.get(transaction.merge_key) is transaction:
            del self._by_merge_key[transaction.merge_key]
        if transaction.flow.reliable:
            peers = self._by_connection.get(transaction.flow)
            if peers is not None:
                peers.discard(transaction)
                if not peers:
                    del self._by_connection[transaction.flow]
