"""Emulators: strict stand-ins for the providers' services, to rehearse and to measure with.

Each speaks its service's real wire protocol on a real socket and refuses what the service refuses.
"""
