"""Strict emulators of speech-to-text and text-to-speech services, one package a service, on real sockets.

``recogniser`` hears and ``voice`` speaks; ``faults`` is the script of misfortunes; ``settings`` is what every service
lets a rehearsal choose; ``visits`` keeps the record of what was asked; ``serving`` runs those that are HTTP.
"""
