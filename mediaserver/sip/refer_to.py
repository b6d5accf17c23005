"""Refer-To: whom a REFER wants called, and the dialog that call is to take the place of (RFC 3515 2.1, 3891, 5589)."""

from urllib.parse import quote, unquote

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.message import Request
from mediaserver.sip.uri import NameAddr, SipUri


def parse_refer_to(request: Request) -> tuple[NameAddr, str | None]:
    """The target, without what is not of its address, and the value of Replaces in it, unescaped.

    Raises RemoteProtocolError: 400 unless there is just one and it is well-formed, 501 if another request than an
    INVITE is wanted.
    """
    values = request.headers.get_all("Refer-To")
    if len(values) != 1:
        raise RemoteProtocolError("a REFER has one Refer-To")
    given = NameAddr.parse(values[0])
    uri = given.uri
    method = uri.parameters.get("method") or "INVITE"
    if method.upper() != "INVITE":
        raise RemoteProtocolError(f"a REFER to {method[:20]}", status=501)
    replaces = None
    for field in (uri.headers or "").split("&"):
        name, _, value = field.partition("=")
        if unquote(name).lower() == "replaces":
            if replaces is not None:
                raise RemoteProtocolError("Refer-To has two Replaces")
            replaces = unquote(value)
            if not replaces.isprintable():  # it goes into a header field of ours
                raise RemoteProtocolError("Refer-To has a Replaces that is none")
    parameters = {name: value for name, value in uri.parameters.items() if name != "method"}
    bare = SipUri(uri.scheme, uri.user, uri.host, uri.port, parameters, password=uri.password)
    return NameAddr(given.display, bare, {}), replaces


def refer_to(target: str | SipUri, replaces: str | None) -> str:
    """The value of Refer-To for `target`, a URI or name-addr. Raises LocalProtocolError if it is neither."""
    # A bare URI keeps its parameters: here it is no header field, whose own they would be.
    text = str(target)
    try:
        given = NameAddr.parse(text if "<" in text else f"<{text}>")
    except RemoteProtocolError as fault:
        raise LocalProtocolError(f"cannot refer to {target}: {fault}") from None
    uri = given.uri
    headers = uri.headers
    if replaces is not None:
        field = f"Replaces={quote(replaces, safe='-_.!~*()')}"
        headers = field if not headers else f"{headers}&{field}"
    whole = SipUri(uri.scheme, uri.user, uri.host, uri.port, uri.parameters, headers, uri.password)
    return str(NameAddr(given.display, whole))
