"""What is refused by looking at a request alone, before any state is made for it (RFC 3261 8.2, 16.3)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mediaserver.sip.events import Flow
from mediaserver.sip.identity import SDP, EndpointSettings
from mediaserver.sip.message import Request
from mediaserver.sip.sips import may_come_by

_TAKE_SDP = (SDP, "application/*", "*/*")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final response that says no, and the header fields that say why."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    reason: str | None = None


def refuse_method(request: Request, settings: EndpointSettings) -> Refusal | None:
    """405 with Allow for a method we do not do (8.2.1)."""
    if request.method in settings.allow:
        return None
    return Refusal(405, [("Allow", ", ".join(settings.allow))])


def refuse_package(request: Request) -> Refusal | None:
    """469 to an INFO of a package: those without one are all that we take (RFC 6086 4.2.2)."""
    if request.method != "INFO" or "Info-Package" not in request.headers:
        return None
    return Refusal(469, [("Recv-Info", "")])


def refuse_target(request: Request, flow: Flow) -> Refusal | None:
    """416 for what is no sip URI, nor a sips one that came by TLS (8.2.2.1, RFC 5630 3.1.4).

    And 483 for a request that has no hop left and is not for us to answer.
    """
    if not may_come_by(request.uri, flow):
        return Refusal(416)
    if request.max_forwards == 0 and request.method != "OPTIONS":
        return Refusal(483)
    return None


def refuse_extension(request: Request, settings: EndpointSettings, more: Collection[str] = ()) -> Refusal | None:
    """420 that names the extensions required and not supported (8.2.2.3); ACK and CANCEL are never asked."""
    known = (*settings.extensions, *more)
    unknown = [tag for tag in request.headers.get_all("Require") if tag.lower() not in known]
    return Refusal(420, [("Unsupported", ", ".join(unknown))]) if unknown else None


def refuse_unreliable(request: Request, settings: EndpointSettings) -> Refusal | None:
    """421 to a caller that cannot acknowledge provisional responses, if our settings insist on it (RFC 3262 3)."""
    if settings.reliable != "require":
        return None
    tags = (*request.headers.get_all("Supported"), *request.headers.get_all("Require"))
    return None if any(tag.lower() == "100rel" for tag in tags) else Refusal(421, [("Require", "100rel")])


def refuse_content(request: Request) -> Refusal | None:
    """415 for a body that is not plain SDP (8.2.3), 406 where the sender would take none for an answer (20.1)."""
    taken = [each.partition(";")[0].strip().lower() for each in request.headers.get_all("Accept")]
    if taken and not any(each in _TAKE_SDP for each in taken):
        return Refusal(406, [("Accept", SDP)])
    if not request.body:
        return None
    encodings = [coding for coding in request.headers.get_all("Content-Encoding") if coding.lower() != "identity"]
    if encodings:
        return Refusal(415, [("Accept-Encoding", "identity")])
    media_type = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    return None if media_type == SDP else Refusal(415, [("Accept", SDP)])
