"""The `[webrtc]` table: the one UDP port by which all browsers send and hear."""

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from mediaserver.config.section import Ip, Network, Section, split_host
from mediaserver.config.sip import everywhere
from mediaserver.config.values import Listening

PORT = 7882


class WebRtc(Section):
    """Media of browsers, by whatever way they signal."""

    udp: Listening = (f"0.0.0.0:{PORT}",)
    """Address of the port that all browsers share, or one of each family with the same port; empty: a pair of
    `rtp.ports` for each. Unless it is given: at `rtp.address`, and any free port where that is 127.0.0.1 or ::1, or
    where this one is in use."""
    advertise: Annotated[dict[Network, Ip], NoDecode, BeforeValidator(everywhere)] = Field(default_factory=dict)
    """IP address that browsers are told when it is not the socket's own (NAT, containers), alone or by networks as
    `sip.advertise`; empty: as that says."""
    connect_s: float = Field(10.0, ge=1, le=60)
    """Seconds that finding a way (ICE) and agreeing on keys (DTLS) may take together; then the call is ended."""
    consent_s: float = Field(30.0, ge=5, le=120)
    """Seconds without a sign of the browser after which nothing is sent to it and the call is ended (RFC 7675: 30)."""

    @model_validator(mode="after")
    def _one_port(self) -> Self:
        given = [split_host(each) for each in self.udp]
        families = {ip_address(host).version for host, _ in given}
        if len(families) < len(given):
            raise ValueError('udp has several addresses of a family: give one of each, as "0.0.0.0:7882, [::]:7882"')
        if len({port for _, port in given}) > 1:
            raise ValueError('udp has several ports: give all addresses the same, as "0.0.0.0:7882, [::]:7882"')
        return self

    @property
    def chosen(self) -> bool:
        """The port was given: no other will do."""
        return "udp" in self.model_fields_set

    def listening(self, rtp_address: str) -> list[tuple[str, int]]:
        """Where to listen, as hosts and ports; 0: any free port."""
        if self.chosen:
            return [split_host(each) for each in self.udp]
        # Nobody outside this machine sends there, so that no firewall has to know the port.
        return [(rtp_address, 0 if ip_address(rtp_address).is_loopback else PORT)]
