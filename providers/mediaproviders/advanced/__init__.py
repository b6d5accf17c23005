"""The advanced configuration of agents: one object per provider, each a pydantic model with a published JSON Schema.

``section`` is what they have in common; the others are named after the key they describe.
"""

from mediaproviders.advanced.section import Section, faults, nearest

__all__ = ["Section", "faults", "nearest"]
