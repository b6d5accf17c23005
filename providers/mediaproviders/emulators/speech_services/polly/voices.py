"""Voices: the best known ones with their language and engines. Others are taken with any engine."""

from dataclasses import dataclass
from typing import Final

from botocore.loaders import Loader


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice."""

    languages: frozenset[str]
    engines: frozenset[str]


def _voices(table: str) -> dict[str, Voice]:
    voices = {}
    for line in table.split("\n"):
        if line:
            name, languages, engines = line.split()
            voices[name] = Voice(frozenset(languages.split(",")), frozenset(engines.split(",")))
    return voices


VOICES: Final = _voices(
    """
Joanna en-US standard,neural,generative
Matthew en-US standard,neural,generative
Salli en-US standard,neural,generative
Ivy en-US standard,neural
Joey en-US standard,neural
Kevin en-US neural
Ruth en-US neural,long-form,generative
Stephen en-US neural,generative
Danielle en-US neural,long-form,generative
Gregory en-US neural,long-form
Amy en-GB standard,neural,generative
Emma en-GB standard,neural
Brian en-GB standard,neural
Geraint en-GB-WLS standard
Olivia en-AU neural,generative
Nicole en-AU standard
Aditi en-IN,hi-IN standard
Kajal en-IN,hi-IN neural,generative
Vicki de-DE standard,neural,generative
Hans de-DE standard
Marlene de-DE standard
Daniel de-DE neural,generative
Lea fr-FR standard,neural,generative
Mathieu fr-FR standard
Lucia es-ES standard,neural,generative
Lupe es-US standard,neural,generative
Bianca it-IT standard,neural,generative
Camila pt-BR standard,neural,generative
Mizuki ja-JP standard
Zeina arb standard
"""
)


def known() -> tuple[frozenset[str], frozenset[str]]:
    """Names of all voices and all languages, as the installed SDK knows them."""
    shapes = Loader().load_service_model("polly", "service-2")["shapes"]
    return frozenset(shapes["VoiceId"]["enum"]), frozenset(shapes["LanguageCode"]["enum"])
