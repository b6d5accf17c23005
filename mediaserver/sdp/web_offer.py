"""Whether an offer is one that a browser makes for a conversation, told with what it lacks (RFC 8829, RFC 9725 4.4)."""

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.plan import Direction, MediaPlan
from mediaserver.sdp.security import DTLS_PROFILES, Dtls
from mediaserver.sdp.session import MediaDescription, SessionDescription
from mediaserver.sdp.stream import stated_direction

_UNUSABLE = 488


def check(offer: bytes) -> None:
    """Raise RemoteProtocolError unless it can become a conversation: 400 for no description, 488 for all else."""
    offered = SessionDescription.parse(offer)
    audio = next((each for each in offered.media if each.kind == "audio" and each.port), None)
    if audio is None:
        others = ", ".join(dict.fromkeys(each.kind[:20] for each in offered.media)) or "no stream"
        raise _unusable(f"the offer has {others} and no audio: add the microphone's track, or an audio transceiver")
    if audio.protocol not in DTLS_PROFILES:
        raise _unusable(f"audio is offered by {audio.protocol[:40]}: it has to be UDP/TLS/RTP/SAVPF (DTLS-SRTP)")
    for name, what in (("fingerprint", "DTLS"), ("ice-ufrag", "ICE"), ("ice-pwd", "ICE")):
        if offered.attribute_of(audio, name) is None:
            raise _unusable(f"the offer has no a={name}: media come by {what} alone")
    if not audio.has("rtcp-mux"):
        raise _unusable("the offer has no a=rtcp-mux: RTP and RTCP share one port here")
    _check_direction(offered, audio)


def _check_direction(offered: SessionDescription, audio: MediaDescription) -> None:
    direction = stated_direction(offered, audio)
    if direction is Direction.SENDRECV:
        return
    lacks = {
        Direction.SENDONLY: "the caller would not hear the agent",
        Direction.RECVONLY: "the agent would not hear the caller",
        Direction.INACTIVE: "nobody would hear anybody",
    }[direction]
    raise _unusable(f"audio is {direction.value}, so {lacks}: a conversation has to be offered sendrecv")


def check_agreed(plan: MediaPlan | None) -> None:
    """Raise RemoteProtocolError (488) unless what was agreed is protected and finds its way, as a browser's has to."""
    if plan is None or not isinstance(plan.security, Dtls):
        raise _unusable("media have to be encrypted by DTLS-SRTP")
    if plan.ice is None:
        raise _unusable("the address in the offer is none of its candidates, so ICE cannot be used: offer it as it is")


def _unusable(reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(reason, status=_UNUSABLE)
