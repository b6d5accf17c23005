"""What the emulators of Amazon's streaming services have in common.

``duplex`` is an HTTP/2 server whose requests and responses flow at the same time; ``signature`` verifies who signed a
request and every event after it; ``framing`` is the event stream inside: messages, events, exceptions; ``refusal``
says no in the services' words. ``intake`` joins them: bytes of a request's body in, verified events out.
"""

from mediaproviders.emulators.aws.duplex import DuplexServer, Handler, Request, Stream
from mediaproviders.emulators.aws.framing import (
    Decoder,
    FramingError,
    Message,
    encode_error,
    encode_event,
    encode_exception,
)
from mediaproviders.emulators.aws.intake import ClientEvent, Intake
from mediaproviders.emulators.aws.refusal import Refusal
from mediaproviders.emulators.aws.signature import ANYONE, Chain, Keys, Secret, Signed, verify

__all__ = [
    "ANYONE",
    "Chain",
    "ClientEvent",
    "Decoder",
    "DuplexServer",
    "FramingError",
    "Handler",
    "Intake",
    "Keys",
    "Message",
    "Refusal",
    "Request",
    "Secret",
    "Signed",
    "Stream",
    "encode_error",
    "encode_event",
    "encode_exception",
    "verify",
]
