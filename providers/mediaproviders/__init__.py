"""The models an agent may speak with, behind one contract.

- ``contract``           what the server and a provider agree on; ``catalog`` and ``models`` know all names
- ``openai_realtime``    OpenAI, Azure OpenAI and xAI: three dialects of one protocol
- ``gemini_live``        Google
- ``nova_sonic``         Amazon
- ``openai_chat``        ordinary text models
- ``local``              an offline model for rehearsals
- ``cascade``            a text model between the ``speech`` services, called like any other
- ``continuity``         one conversation over many sessions, and over several models
- ``advanced``           what agents may set of each provider
- ``hearing`` ``history`` ``outbox`` ``websocket``  what adapters share
- ``emulators``          strict stand-ins for the services
"""
