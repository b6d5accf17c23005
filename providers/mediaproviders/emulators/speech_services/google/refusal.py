"""What the services say when they do not do what they are asked for."""

from typing import Final

from grpc import StatusCode

from mediaproviders.emulators.speech_services.faults import Fault

_STATUS: Final = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    429: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    503: StatusCode.UNAVAILABLE,
}


class Refusal(Exception):  # noqa: N818 - it is the service's answer, not a failure of ours
    """A request ends with a status other than OK."""

    def __init__(self, status: StatusCode, message: str) -> None:
        super().__init__(f"{status.name}: {message}")
        self.status = status
        self.message = message


def invalid(message: str) -> Refusal:
    """The request is not one the service takes."""
    return Refusal(StatusCode.INVALID_ARGUMENT, message)


def scripted(fault: Fault) -> Refusal:
    """What the fault script wants refused, by the HTTP status that goes with it."""
    return Refusal(_STATUS.get(fault.status, StatusCode.UNKNOWN), "The emulator was told to refuse this.")
