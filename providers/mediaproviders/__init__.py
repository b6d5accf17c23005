"""Speech-to-speech providers behind one contract, and a strict emulator of each protocol.

``contract`` is what the server sees; ``catalog`` maps names to adapters; every other room speaks one wire protocol.
"""
