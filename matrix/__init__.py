"""The matrix of promises: every model, in every way it may be used, shown over real sockets.

``cells`` says what is promised; ``world`` is all of it running: strict emulators, a server, agents; ``phone`` makes a
call and judges it, ``chat`` a chat; ``run`` goes through all of them, ``table`` prints what came of it. ``tools`` is
what the agents may use.
"""
