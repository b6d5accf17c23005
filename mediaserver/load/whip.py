"""The client's side of WHIP (RFC 9725): an offer is posted, the session is changed by PATCH and ended by DELETE."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from mediaserver.errors import MediaServerError

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
_LONGEST_DETAIL = 500


class WhipError(MediaServerError):
    """The server said no. `status` is HTTP's; None: there was no response. `retry_after_s`: when to try again."""

    def __init__(self, status: int | None, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Session:
    """A call that was answered."""

    url: str
    """Of the session; empty if the server named none."""
    answer: bytes
    etag: str | None
    events: str | None
    """Where its events are told, if the server does that."""


class WhipClient:
    """Requests to one server, by one connection that is kept. `token` is sent as a bearer (RFC 6750)."""

    def __init__(
        self, token: str | None = None, *, origin: str | None = None, verify: bool = True, timeout_s: float = 30.0
    ) -> None:
        """`origin`: the page to come from, as browsers say it. `verify`: the server's certificate has to be good."""
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if origin:
            headers["Origin"] = origin
        self._http = httpx2.AsyncClient(headers=headers, verify=verify, timeout=timeout_s, follow_redirects=True)

    async def post(self, url: str, offer: bytes) -> Session:
        """Begin a session at an agent's endpoint. Raises WhipError."""
        response = await self._request("POST", url, offer, {"Content-Type": SDP, "Accept": SDP})
        if response.status_code != 201:
            raise _refusal(response)
        location = response.headers.get("location")
        events = response.links.get("urn:ietf:params:whip:ext:core:server-sent-events", {}).get("url")
        return Session(
            url="" if location is None else str(response.url.join(location)),
            answer=response.content,
            etag=response.headers.get("etag"),
            events=None if events is None else str(response.url.join(events)),
        )

    async def patch(self, session: Session, fragment: bytes, *, restart: bool = False) -> bytes | None:
        """Send a fragment of ICE's; the server's own, if it answers with one. Raises WhipError."""
        headers = {"Content-Type": FRAGMENT, "If-Match": "*" if restart or session.etag is None else session.etag}
        response = await self._request("PATCH", session.url, fragment, headers)
        if response.status_code not in (200, 204):
            raise _refusal(response)
        session.etag = response.headers.get("etag", session.etag)
        return response.content if response.status_code == 200 else None

    async def delete(self, session: Session) -> None:
        """End it. Raises WhipError; 404 if it is over already."""
        if not session.url:
            return
        response = await self._request("DELETE", session.url, b"", {})
        if not response.is_success:
            raise _refusal(response)

    async def issue(self, url: str, asked: Mapping[str, str | int]) -> str:
        """Have a token issued by one of the server's ways to do so. Raises WhipError."""
        try:
            response = await self._http.post(url, json=dict(asked))
        except httpx2.HTTPError as error:
            raise WhipError(None, _said(error)) from None
        if not response.is_success:
            raise _refusal(response)
        return str(response.json()["token"])

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def _request(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            return await self._http.request(method, url, content=body, headers=dict(headers))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise WhipError(None, _said(error)) from None


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _refusal(response: httpx2.Response) -> WhipError:
    """What a response says of itself: RFC 9457's detail, else its text."""
    detail = response.text[:_LONGEST_DETAIL].strip()
    try:
        said = response.json()
        detail = str(said.get("detail") or said.get("title") or detail)[:_LONGEST_DETAIL]
    except (ValueError, AttributeError):
        pass
    after = response.headers.get("retry-after", "")
    retry = float(after) if after.isascii() and after.isdigit() and len(after) < 6 else None
    return WhipError(response.status_code, detail or response.reason_phrase, retry)
