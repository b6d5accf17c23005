"""Requests too large for a datagram go by TCP, and by UDP after all if the peer takes no TCP (RFC 3261 18.1.1)."""

from dataclasses import replace

from mediaserver.sip.client_tx import first_actions
from mediaserver.sip.identity import EndpointSettings, Identity
from mediaserver.sip.transaction import Engine, Transaction

_REMEMBERED_S = 3600.0
_MOST = 1024


class LargeRequests:
    """Chooses TCP for what is larger than the settings allow; remembers for an hour which peers do not take it.

    Only the request itself goes another way: our Contact stays with UDP, and so does what follows in the dialog, unless
    the peer's own Contact asks for TCP.
    """

    def __init__(self, settings: EndpointSettings, identity: Identity, transactions: Engine) -> None:
        self._limit = settings.max_datagram
        self._datagrams_only = settings.datagrams_only
        self._identity = identity
        self._transactions = transactions
        self._without_tcp: dict[tuple[str, int], float] = {}

    def consider(self, transaction: Transaction, now: float) -> None:
        """Have a client transaction, which has not begun, go by TCP if its request is too large."""
        flow = transaction.flow
        if flow.transport != "udp" or not 0 < self._limit < len(transaction.wire):
            return
        if self._without_tcp.get(flow.remote, now) > now or self._datagrams_only(flow.remote[0]):
            return
        transaction.flow = replace(flow, transport="tcp", key=0)
        self._compose(transaction)
        transaction.retreat = self._retreat

    def _retreat(self, transaction: Transaction, now: float) -> None:
        """No TCP there: the same request, of the same branch, as a datagram."""
        if len(self._without_tcp) >= _MOST:
            self._without_tcp.clear()
        self._without_tcp[transaction.way.remote] = now + _REMEMBERED_S
        transaction.retreat = None
        self._transactions.withdraw(transaction)
        transaction.flow = transaction.way
        self._compose(transaction)
        self._transactions.add(transaction, first_actions(transaction.request), now)

    def _compose(self, transaction: Transaction) -> None:
        request = transaction.request
        request.headers.replace_first("Via", self._identity.via(transaction.flow, request.via.branch or ""))
        transaction.wire = bytes(request)
