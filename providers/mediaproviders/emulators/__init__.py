"""Emulators: strict stand-ins for the providers' services, to rehearse and to measure with.

Each speaks its service's real wire protocol on a real socket and refuses what the service refuses. One package per
protocol; what they share lies beside them: ``speech`` hears the caller, ``answers`` is what they say, ``pace`` how
fast, ``agenda`` what is due in a session and ``wheel`` the one timer of a server, ``timeline`` and ``ledger`` the
record that tests measure by, ``certificates`` the TLS identity made on the fly.
"""
