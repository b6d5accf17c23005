"""Ids across sessions: unique for the server, the session's own towards it."""


class Names:
    """The ids of one kind (items, responses or calls). An id is only changed if an earlier session used it too."""

    def __init__(self) -> None:
        self._known: list[dict[str, str]] = []
        """Of each session: its own ids to the unique ones."""
        self._own: dict[str, tuple[int, str]] = {}
        self._current: dict[str, str] = {}
        self.begin()

    def begin(self) -> None:
        """The ids that come are another session's from now on."""
        self._current = {}
        self._known.append(self._current)

    def unique(self, own: str) -> str:
        """The unique id for one of the current session."""
        name = self._current.get(own)
        return name if name is not None else self._add(own)

    def earlier(self, session: int, own: str) -> str | None:
        """The unique id for one of the nth session, counted from 0, if it has come before."""
        return self._known[session].get(own)

    def own(self, name: str) -> str | None:
        """What the current session calls it; None: it is an earlier session's, or nobody's."""
        session, own = self._own.get(name, (-1, ""))
        return own if session == len(self._known) - 1 else None

    def __contains__(self, name: str) -> bool:
        return name in self._own

    def _add(self, own: str) -> str:
        session = len(self._known) - 1
        name = own
        while name in self._own:
            name = f"{name}~{session}"
        self._current[own] = name
        self._own[name] = (session, own)
        return name
