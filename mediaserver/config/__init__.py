"""Settings: mediaserver.toml and the environment. ``settings`` is all of it, ``providers`` the access to the models."""

from mediaserver.config.section import split_host
from mediaserver.config.settings import DEFAULT_FILE, PREFIX, Settings, load

__all__ = ["DEFAULT_FILE", "PREFIX", "Settings", "load", "split_host"]
