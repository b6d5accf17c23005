"""A SIP/RTP media server for speech-to-speech AI agents.

The map of the building, from the street to the top floor; a floor imports only those below it:

- ``mediacodecs``      samples and payloads: G.711, resampling, concealment, speech detection
- ``mediaproviders``   the models: one contract, one adapter per protocol, one strict emulator per protocol
- ``sip`` ``sdp`` ``rtp``  pure protocol cores: bytes and time in, actions out; no sockets, no clock
- ``net``              our sockets and the 5 ms wheel that gives the media its clock
- ``talk``             the conversation between a media leg and a model: barge-in, what was heard, latency
- ``call``             the call: admission, routing, answering, calling, ending; trunks, phones and who may be called
- ``agents``           what an administrator writes of agents, checked, and made ready to be called
- ``chat``             an agent in writing
- ``api``              HTTP: WHIP, live feeds, tokens, the softphone's files, health and metrics
- ``load``             callers: one for people, a thousand for the benchmark
- ``app*`` and ``cli``   where concrete classes are chosen and wired together; ``config`` is what they are told
"""

__version__ = "0.1.0"
