"""The hosts file: names that this machine knows without asking."""

from ipaddress import ip_address
from pathlib import Path


class HostsFile:
    """The addresses by name; read again when the file has changed."""

    def __init__(self, path: str = "/etc/hosts") -> None:
        self._path = Path(path)
        self._read_at: float | None = None
        self._names: dict[str, list[str]] = {}

    def addresses(self, name: str) -> list[str]:
        """The addresses of a name, none if it is not in the file."""
        self._refresh()
        return self._names.get(name.lower().rstrip("."), [])

    def _refresh(self) -> None:
        try:
            changed = self._path.stat().st_mtime
            if changed == self._read_at:
                return
            text = self._path.read_text(errors="replace")
        except OSError:
            self._names, self._read_at = {}, None
            return
        self._names, self._read_at = parsed(text), changed


def parsed(text: str) -> dict[str, list[str]]:
    """Names in lower case, each with its addresses in order."""
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *aliases = line.partition("#")[0].split() or [""]
        try:
            ip_address(address)
        except ValueError:
            continue
        if "%" in address:
            continue  # of one interface alone
        for alias in aliases:
            known = names.setdefault(alias.lower(), [])
            if address not in known:
                known.append(address)
    return names
