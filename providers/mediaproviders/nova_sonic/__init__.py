"""Amazon Nova Sonic, over the bidirectional stream of Bedrock.

``provider`` opens sessions; ``conversation`` is one live session; ``connection`` opens its stream by the SDK and
``streams`` are the two directions of it; ``uplink`` is the bounded queue of what goes out; ``session`` the pure state
of a conversation, made of ``answers`` (what the agent says) and ``caller`` (what the caller says); ``events`` and
``commands`` are the wire, each way; ``memory`` tells a new session what was said before; ``configuration`` turns a
brief into a session; ``errors`` says whose fault it was.

Audio has to flow all the time, silence as well: the model hears the end of a turn in it, and the service ends a
stream that carries none for about a minute.
"""

from mediaproviders.nova_sonic.provider import NovaSonic, traits_of

__all__ = ["NovaSonic", "traits_of"]
