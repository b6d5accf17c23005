"""HTTP beside the calls: health and metrics, tokens, the softphone's page, WHIP and live feeds of calls.

Imported when a server has HTTP, and not before: FastAPI takes its time to load.
"""
