"""What is answered to a request that is refused: problem details (RFC 9457) that say what to do about it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

PROBLEM: Final = "application/problem+json"
DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "Refused (RFC 9457): `detail` says what is wrong, and what to do about it.",
        "content": {
            PROBLEM: {
                "schema": {
                    "type": "object",
                    "required": ["title", "status", "detail"],
                    "properties": {
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                },
                "example": {
                    "title": "Forbidden",
                    "status": 403,
                    "detail": "pages of https://shop.example may not call here: add it to http.origins",
                },
            }
        },
    }
}
"""For OpenAPI: any response that is not among the others of a request."""


class ProblemError(HTTPException):
    """A request that is refused. `detail` names what is wrong and the remedy; `headers` are for the response."""

    detail: str

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        super().__init__(status, detail, named)

    @property
    def status(self) -> int:
        """HTTP's."""
        return self.status_code

    def response(self) -> JSONResponse:
        """What is sent."""
        return problem(self.status_code, self.detail, self.headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response to a request that is refused."""
    said = {"title": title_of(status), "status": status, "detail": detail}
    return JSONResponse(said, status, dict(headers or {}), PROBLEM)


def title_of(status: int) -> str:
    """The status in words (RFC 9110 15)."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase
