"""The torture messages of RFC 4475 and RFC 5118, where a copy of them lies beside the project."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(os.environ.get("MEDIASERVER_TORTURE") or Path(__file__).parents[3] / "shared" / "torture")
COLLECTIONS = ("rfc4475", "rfc5118")
ABSENT = "the RFC 4475 and RFC 5118 messages are not here: set MEDIASERVER_TORTURE to their folder"


@dataclass(frozen=True, slots=True)
class Case:
    path: Path
    collection: str
    section: str
    kind: str
    """`request` or `response`."""
    expect: str
    status: tuple[int, ...]

    @property
    def method(self) -> str:
        return self.path.read_bytes().split(None, 1)[0].decode(errors="replace")


def _cases() -> list[Case]:
    cases = []
    for collection in COLLECTIONS:
        manifest = FOLDER / collection / "manifest.json"
        if manifest.is_file():
            for entry in json.loads(manifest.read_text()):
                path = FOLDER / collection / Path(entry["file"]).name
                cases.append(
                    Case(path, collection, entry["section"], entry["kind"], entry["expect"], tuple(entry["uas_status"]))
                )
    return cases


CASES = _cases()
