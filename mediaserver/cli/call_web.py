"""What `mediaserver call` does with an http address: it calls as a browser does (WHIP, ICE, DTLS, Opus)."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

import typer

if TYPE_CHECKING:
    from mediaserver.load.report import CallReport
    from mediaserver.load.script import Step

TOKEN = "MEDIASERVER_TOKEN"
ADMIN_KEY = "MEDIASERVER_ADMIN_KEY"


def is_web(uri: str) -> bool:
    """Whether it is an address of HTTP, and no SIP URI."""
    return urlsplit(uri).scheme.lower() in ("http", "https")


async def place(
    url: str,
    steps: "Sequence[Step]",
    codec: str,
    token: str | None,
    *,
    verify: bool,
    max_s: float,
    watch: Callable[[str], None],
    said: Callable[[str], None],
) -> "CallReport":
    """Call the agent whose WHIP endpoint `url` is. Raises WhipError when no token can be had."""
    from mediaserver.load import browser_caller

    token, origin = token or os.environ.get(TOKEN), None
    if token is None:
        token, origin = await _issued(url, verify)
    settings = browser_caller.BrowserSettings(codecs=(codec,), verify=verify, origin=origin)
    report = await browser_caller.place(url, token, steps, settings, max_s=max_s, watch=watch, said=said)
    if report.status is None:
        report.reason = remedied(url, report.reason)
    return report


def remedied(url: str, fault: str) -> str:
    """What kept us from the server at `url`, with what to do about it where that is known."""
    secure = urlsplit(url).scheme.lower() == "https"
    if "CERTIFICATE_VERIFY_FAILED" in fault:
        remedy = "--insecure takes any certificate, as a self-signed one"
    elif secure and "SSL" in fault:
        remedy = "if the server has no certificate, write http://"
    elif not secure and fault.startswith("Server disconnected"):
        remedy = "if the server has a certificate, write https://"
    elif fault.startswith("All connection attempts failed"):
        remedy = "is `mediaserver serve` running there?"
    else:
        return fault
    return f"{fault}; {remedy}"


async def _issued(url: str, verify: bool) -> tuple[str, str | None]:
    """A token of the server's, and the page to come from with it.

    It is got by the admin key if we are told that, for no page; else as the server's own page gets one.
    """
    from mediaserver.load.whip import WhipClient, WhipError

    parts = urlsplit(url)
    agent = unquote(parts.path.rstrip("/").rpartition("/")[2])
    if not agent:
        raise typer.BadParameter("name the agent, as in http://127.0.0.1:8080/whip/clinic", param_hint="URI")
    key = os.environ.get(ADMIN_KEY)
    origin = None if key else f"{parts.scheme}://{parts.netloc}"
    client = WhipClient(key, origin=origin, verify=verify)
    try:
        path = "/api/tokens" if key else "/api/page-token"
        return await client.issue(urljoin(url, path), {"agent": agent}), origin
    except WhipError as error:
        if error.status is None:
            raise WhipError(None, remedied(url, str(error))) from None
        if error.status == 422:  # it is the agent that is not there: no token would help
            raise
        remedy = f"give one by --token or {TOKEN}, or the server's http.admin_key by {ADMIN_KEY}"
        raise WhipError(error.status, f"no token: {error}; {remedy}") from None
    finally:
        await client.close()
