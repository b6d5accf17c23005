"""The softphone's files: the page of this server, and the module that pages elsewhere load.

They are few and small, and read once: a request for one costs no look at the disk.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

import mediaserver
from mediaserver.api.problem import ProblemError
from mediaserver.api.reach import Reach

FOLDER: Final = Path(mediaserver.__file__).parent / "softphone"
_PAGE: Final = "index.html"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
    ".woff2": "font/woff2",
}
"""Our own list: what the system has of types differs, and a module of another type is not run."""
_CACHED: Final = "public, max-age=300, must-revalidate"
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), speaker-selection=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_SHARED_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": _CACHED,
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    type: str
    etag: str


def router(reach: Reach) -> APIRouter:
    """The page and its files."""
    files = _read(FOLDER)
    routes = APIRouter(tags=["Softphone"])

    @routes.head("/", include_in_schema=False)
    @routes.get("/", response_class=Response, summary="The page that calls an agent")
    async def page(request: Request) -> Response:
        """One button, and a picture of the call. Not there if `http.page` is "off"."""
        if reach.settings.page == "off" or _PAGE not in files:
            raise ProblemError(404, 'http.page is "off": this server has no page; /openapi.json says what there is')
        return _sent(request, files[_PAGE], _PAGE_HEADERS)

    @routes.head("/softphone/{name}", include_in_schema=False)
    @routes.get("/softphone/{name}", response_class=Response, summary="A file of the softphone")
    async def file(request: Request, name: str) -> Response:
        """`voice-agent.js` is the module to load; it loads the others."""
        found = files.get(name)
        if found is None:
            raise ProblemError(404, f"the softphone has no file {name[:80]!r}: voice-agent.js is the module to load")
        return _sent(request, found, _PAGE_HEADERS if name == _PAGE else _SHARED_HEADERS)

    return routes


def _read(folder: Path) -> dict[str, _File]:
    """Those that are served, by name."""
    return {
        each.name: _File(content := each.read_bytes(), kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
        for each in sorted(folder.iterdir())
        if (kind := _TYPES.get(each.suffix)) is not None
    }


def _sent(request: Request, file: _File, headers: dict[str, str]) -> Response:
    headers = {**headers, "ETag": file.etag, "X-Content-Type-Options": "nosniff"}
    known = request.headers.get("if-none-match", "")
    if file.etag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.type)
