"""Who may have a token: whoever shows the admin key, and, as the settings say, the built-in page."""

from typing import Any, Final

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import Request

from mediaserver.api.origin import address_of, is_here, own_origin, page_of
from mediaserver.api.problem import ProblemError
from mediaserver.api.reach import Reach
from mediaserver.api.tokens import same


def _described(name: str, what: str) -> Any:
    """For the description alone: what is checked, and what is said of it, is up to the routes."""
    return Depends(HTTPBearer(scheme_name=name, description=what, auto_error=False))


ADMIN_KEY: Final = _described("admin key", "`http.admin_key` of the settings.")
CALL_TOKEN: Final = _described("call token", "What `POST /api/tokens` has issued, for this agent and this page.")


def check_admin(request: Request, reach: Reach) -> None:
    """Raise ProblemError unless the admin key is shown: 401 without one, 403 for another, or where there is none.

    Too many wrong ones get 429. The right one always passes, also where others guess: it has to be too long for that.
    """
    if reach.admin_key is None:
        raise ProblemError(403, "http.admin_key is not set: set it, and show it as the bearer token")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        raise ProblemError(401, "Authorization is missing: send Bearer and http.admin_key", www_authenticate="Bearer")
    if not same(given.strip(), reach.admin_key):
        reach.rates.take(address_of(request))
        raise ProblemError(403, "the key is not http.admin_key")


def check_page(request: Request, reach: Reach) -> None:
    """Raise ProblemError (403) unless it is our own page, open to whoever asks."""
    match reach.settings.page:
        case "off":
            raise ProblemError(403, 'http.page is "off": there is no page to call from; use POST /api/tokens')
        case "loopback" if not is_here(request):
            why = 'http.page is "loopback": only browsers on the server\'s own machine may call from its page'
            raise ProblemError(403, f'{why}; "anyone" lets everybody who reaches it')
        case _:
            pass
    page = page_of(request)
    if page is None:
        # Browsers leave the origin out where a page only reads from its own server, and say this instead.
        ours = request.headers.get("sec-fetch-site") == "same-origin" and request.method in ("GET", "HEAD")
    else:
        ours = page == own_origin(request)
    if not ours:
        raise ProblemError(403, "this is for the server's own page alone: elsewhere, get a token by POST /api/tokens")


def check_page_or_admin(request: Request, reach: Reach) -> None:
    """Raise ProblemError unless either may."""
    if "authorization" in request.headers:
        check_admin(request, reach)
    else:
        try:
            check_page(request, reach)
        except ProblemError as refused:
            why = f"{refused.detail}; or show http.admin_key as the bearer token"
            raise ProblemError(refused.status_code, why) from None
