"""Who takes part in a case, each at ports of its own, with a relay in between where there has to be one."""

import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from xml.etree.ElementTree import Element

from conformance import relay
from conformance.case import Case, name_of
from conformance.ports import Ports
from conformance.sipp import BROKEN_MS, RECEIVE_MS, Party, Place
from conformance.wire import Fault, Wire
from conformance.world import READY_S, Running, World

_DIRECT = ("udp", "udp6", "tcp")
"""What SIPp speaks itself."""


class _Seat:
    """The ports of a party: its own, its media's, and the relay's two if there is one."""

    def __init__(self, ports: Ports, element: Element, case: Case, detour: bool) -> None:
        self.transport = element.get("transport", case.transport)
        self.host = element.get("host", "::1" if self.transport == "udp6" else relay.HOST)
        """The address of this machine that it speaks from."""
        self.own, self.media = ports.one(), ports.one()
        self.detour = detour or self.transport not in _DIRECT
        self.near, self.far = (ports.one(), ports.one()) if self.detour else (0, 0)
        self.towards = self.far if self.detour else self.own
        """Where the server finds it."""


class Stage:
    """Seats the parties of one playing. `names` are the ports known by name in scenarios and settings."""

    def __init__(
        self,
        case: Case,
        world: World,
        folder: Path,
        faults: Sequence[Fault],
        relayed: bool,
        wires: dict[str, Wire],
        stack: AsyncExitStack,
    ) -> None:
        self._case = case
        self._world = world
        self._folder = folder
        self._faults = faults
        self._wires = wires
        self._stack = stack
        self._broken = bool(faults) and case.lost not in faults
        detour = relayed or bool(faults)
        self._seats = {name_of(element): _Seat(world.ports, element, case, detour) for element in case.parties}
        self.names: dict[str, int] = {name: seat.towards for name, seat in self._seats.items()}

    async def called(self, element: Element) -> Party:
        """One that the server calls; its relay learns from where."""
        seat = self._seats[name_of(element)]
        if seat.detour:
            wire, party = self._wire(element), (seat.host, seat.own)
            if seat.transport.startswith("udp"):
                between = relay.datagrams(wire, seat.near, seat.far, party, None, seat.host)
            else:
                offering = self._offering() if seat.transport == "tls" else None
                between = relay.stream(wire, seat.far, party, called=True, offering=offering)
            await self._stack.enter_async_context(between)
        return self._party(element, seat, None)

    async def calls(self, element: Element, running: Running) -> Party:
        """One that calls the server."""
        seat = self._seats[name_of(element)]
        server = running.at.get(seat.transport)
        assert server is not None, f"the server does not listen by {seat.transport}"
        if seat.detour:
            wire = self._wire(element)
            if seat.transport.startswith("udp"):
                between = relay.datagrams(wire, seat.near, seat.far, (seat.host, seat.own), server, seat.host)
            else:
                trusting = ssl.create_default_context(cafile=str(self._world.identity.authority))
                between = relay.stream(wire, seat.near, server, seat.transport, trusting)
            await self._stack.enter_async_context(between)
            server = (seat.host, seat.near)
        return self._party(element, seat, server)

    def _wire(self, element: Element) -> Wire:
        name = name_of(element)
        wire = self._wires[name] = Wire([fault for fault in self._faults if fault.party in ("", name)])
        return wire

    def _offering(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._world.identity.chain, self._world.identity.key)
        return context

    def _party(self, element: Element, seat: _Seat, server: relay.Address | None) -> Party:
        target = "" if server is None else relay.text_of(server)
        transport = "udp" if seat.transport.startswith("udp") else "tcp"
        place = Place(seat.host, seat.own, seat.media, target, transport)
        patience = self._case.seconds + (READY_S if server is None else 0.0)
        receive_ms = BROKEN_MS if self._broken else RECEIVE_MS
        party = Party(self._folder, self._case.name, element, place, self.names, patience, receive_ms)
        self._stack.push_async_callback(party.kill)
        return party
