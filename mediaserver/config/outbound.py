"""The `[outbound]` table: whom agents and transfers may call, and how much."""

from typing import Annotated

from pydantic import Field

from mediaserver.config.section import OrNone, Section
from mediaserver.config.values import Host, Prefix

EMERGENCY = (
    "000", "08", "100", "101", "102", "103", "104", "106", "108", "110", "111", "112", "113", "114", "115", "117",
    "118", "119", "120", "122", "123", "132", "133", "140", "144", "150", "155", "158", "166", "190", "191",
    "192", "193", "194", "195", "197", "198", "199", "911", "999",
)  # fmt: skip
"""112 and 911 everywhere, those 3GPP TS 22.101 names, and what countries use for police, fire brigade and ambulance."""


class Outbound(Section):
    """The guard against toll fraud: nothing may be called that is not named here."""

    allow: tuple[Prefix, ...] = ()
    """How numbers begin that may be called, as "+49" or "0800"; empty: none. Registered phones may always be called."""
    deny: tuple[Prefix, ...] = ()
    """How numbers begin that may not be called all the same, as "+49900"."""
    domains: tuple[Host, ...] = ()
    """Hosts that may be called by SIP URI without a trunk; empty: none."""
    emergency: tuple[str, ...] = EMERGENCY
    """Emergency numbers, which are never called, however they are written."""
    country_code: OrNone[str] = Field(None, pattern=r"^[1-9][0-9]{0,2}$")
    """Country of numbers without one, as "49"; empty: such numbers are called as they are."""
    national_prefix: str = Field("0", pattern=r"^[0-9]{0,3}$")
    """What stands before an area code in that country."""
    international_prefix: str = Field("00", pattern=r"^[0-9]{1,5}$")
    """What stands there for +."""
    max_calls: int = Field(10, ge=0, le=10_000)
    """Outgoing calls at once, by all trunks together."""
    max_calls_per_minute: int = Field(30, ge=0, le=100_000)
    """Outgoing calls begun within a minute."""
    ring_timeout_s: float = Field(60.0, ge=1, le=600)
    """Seconds a call may ring."""
    response_timeout_s: float = Field(6.0, ge=1, le=32)
    """Seconds without any response after which the next way out is tried, if there is one."""


class Transfer(Section):
    """How calls are handed over."""

    accept: bool = False
    """Follow a REFER of the peer, to whom may be called at all."""
    timeout_s: float = Field(45.0, ge=1, le=600)
    """Seconds a transfer by REFER may take from the peer's consent to its end."""
    fallback: bool = True
    """Where the peer refuses a REFER, make the transfer by a second call; false: tell the agent that it failed."""
    ringback_hz: tuple[Annotated[float, Field(ge=100, le=3000)], ...] = Field((425.0,), min_length=1, max_length=4)
    """Frequencies of the tone a caller hears while it rings at the other end; [440, 480] in North America."""
    ringback_ms: tuple[Annotated[int, Field(ge=100, le=10_000)], ...] = Field((1000, 4000), min_length=2, max_length=8)
    """Tone and silence in turn; [2000, 4000] in North America, [400, 200, 400, 2000] in Britain."""
    hold: bool = False
    """Put the caller on hold while "attended" calls whom it is to be put through to: some PBXs transfer no other."""
