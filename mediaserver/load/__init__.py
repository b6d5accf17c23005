"""Callers: one for a person at a terminal, many for a benchmark, and what they measured."""
