"""Chats: an agent in writing, whatever its calls are like.

``session`` is one chat; ``reply`` decides what of the model's events is shown and when an answer is over (pure);
``quiet_line`` is the telephone line a speaking model is kept on; ``trouble`` says in plain words what went wrong.
"""

from mediaserver.chat.session import ChatSession
from mediaserver.chat.trouble import ChatError

__all__ = ["ChatError", "ChatSession"]
