"""How a service says no before a stream begins."""

import orjson


class Refusal(Exception):  # noqa: N818 - it is what a client is answered with, not a fault of ours
    """An HTTP error in the manner of Amazon's JSON services; `kind` is the name of the exception."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.status = status
        self.kind = kind
        self.message = message

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The response's headers; the kind is in `x-amzn-errortype`."""
        return (
            ("content-type", "application/json"),
            ("x-amzn-errortype", self.kind),
            ("content-length", str(len(self.body))),
        )

    @property
    def body(self) -> bytes:
        """The response's body."""
        return orjson.dumps({"message": self.message})
