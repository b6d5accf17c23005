"""Continuity: one conversation over any number of sessions.

:class:`Continuous` wraps other providers and is one. Sessions are exchanged between turns before they reach their
limit, replaced when they are lost, and taken over by another model when that is not possible. ``record`` is what is
known of the conversation (``debts``: what the model owes, ``turns`` and ``recent``: what the caller said and is saying,
``calls``: whose tools have not returned, ``names``: whose ids are whose, ``retold``: the past for another session),
``schedule`` and ``attempts`` decide when and how often; these have no clock and no sockets. ``line`` is one session,
``keeper`` opens and exchanges them for a ``stage``, ``transcode`` makes their audio fit, ``backlog`` gives them what
they missed, ``conversation`` is what the server talks to.
"""

from mediaproviders.continuity.provider import Continuous
from mediaproviders.continuity.settings import Candidate, ContinuitySettings

__all__ = ["Candidate", "ContinuitySettings", "Continuous"]
