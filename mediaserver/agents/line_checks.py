"""What an agent may not say about keys and transfers, though each word of it is well formed."""

from collections.abc import Sequence
from typing import Final

from mediaproviders.catalog import Model
from mediaserver.agents import template
from mediaserver.agents.definition import AgentDefinition
from mediaserver.agents.findings import Findings
from mediaserver.talk import transfer

TRANSFER: Final = transfer.NAME
_FIELDS: Final = (
    "via v from f to t call-id i cseq contact m max-forwards route record-route content-type c content-length l"
    " content-encoding e require k supported refer-to r replaces authorization proxy-authorization session-expires x"
    " min-se event o rack rseq"
)
_OURS: Final = frozenset(_FIELDS.split())
"""Header fields, with their compact forms, that signalling itself writes."""


def check_line(definition: AgentDefinition, models: Sequence[Model], found: Findings) -> None:
    """Keys and transfers of an agent whose models are known."""
    _keys(definition, models, found)
    _transfers(definition, found)


def _keys(definition: AgentDefinition, models: Sequence[Model], found: Findings) -> None:
    given = definition.dtmf
    if not given.send:
        without = sorted(given.model_fields_set - {"send"})
        for name in without:
            if getattr(given, name) != type(given).model_fields[name].default:
                found.warn(f"dtmf.{name}", "has no effect: the model is not told of keys; set dtmf.send to true")
        return
    for model in models:
        if not _takes_text(definition, model):
            found.warn("dtmf.send", f"has no effect with {model.name}: it only hears, and cannot be told of keys")
    if not given.collect:
        for name in ("inter_digit_timeout_ms", "max_digits", "submit_digit"):
            if name in given.model_fields_set:
                found.warn(f"dtmf.{name}", "has no effect: keys are told one by one; set dtmf.collect to true")


def _takes_text(definition: AgentDefinition, model: Model) -> bool:
    # Between speech services everything is text. Of the models that hear, one generation takes none.
    return definition.voice_streaming is False or not (model.provider == "amazon" and model.generation == 1)


def _transfers(definition: AgentDefinition, found: Findings) -> None:
    given = definition.transfer_call
    if TRANSFER not in definition.tools:
        if given.model_fields_set:
            found.warn(TRANSFER, f"has no effect: {TRANSFER} is not among tools")
        return
    if given.default_number is None and not given.valid_numbers:
        why = "is empty, so the model may choose any number that outgoing calls may go to; list those it needs"
        found.warn(f"{TRANSFER}.valid_numbers", why)
    if given.default_number is not None and given.valid_numbers:
        found.warn(f"{TRANSFER}.valid_numbers", "has no effect: default_number leaves the model no choice")
    for fault in template.faults(given.default_message or "", definition.known_variables):
        found.fault(f"{TRANSFER}.default_message", fault)
    for name, text in given.headers.items():
        where = f"{TRANSFER}.headers.{name}"
        if name.lower() in _OURS:
            found.fault(where, "is written by the server itself; use a field of your own, as X-Reason")
        if any(not letter.isprintable() for letter in text):
            found.fault(where, "has to be one line of printable text")
        for fault in template.faults(text, definition.known_variables):
            found.fault(where, fault)
