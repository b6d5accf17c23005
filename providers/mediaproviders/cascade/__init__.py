"""A text model with a telephone: speech-to-text before it, text-to-speech behind it.

``provider`` is the face; ``conversation`` one session. The caller's half: ``ears`` with ``intake`` (bounded audio) and
``questions`` (which turns are answered). The agent's half: ``writing`` takes the model's words, ``sentences`` cuts
them, ``speakable`` takes marks of layout off, ``mouth`` has them spoken in order by ``rendering`` each, and ``spoken``
knows which words were heard. ``formats`` converts between the leg's audio and the services'.
"""

from mediaproviders.cascade.provider import FORMATS, Cascade

__all__ = ["FORMATS", "Cascade"]
