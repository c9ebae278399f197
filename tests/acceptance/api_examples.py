"""
The answers that the OpenAPI document shows: `python -m tests.acceptance.api_examples` takes them anew.

Each is a real answer about a sample call; lists are cut to a few items.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx

from api.openapi import EXAMPLES
from tests.browser.cluster import pages_settings, running_pages

CALL = "refund-zh"
_ITEMS = 2

_READ = (
    *("/livez", "/readyz", "/v1/recordings", "/v1/recordings/{recording_id}", "/v1/calls", "/v1/calls/{recording_id}"),
    *("/v1/calls/{recording_id}/segments", "/v1/calls/{recording_id}/events", "/v1/calls/{recording_id}/findings"),
    *("/v1/segments", "/v1/events", "/v1/findings", "/v1/calls/{recording_id}/waveform", "/v1/overview"),
    *("/v1/reports/{name}", "/v1/rules", "/v1/dead", "/v1/models", "/v1/calls/{recording_id}/export"),
)

_ASKED = {"/v1/calls": {"sort": "angriest"}, "/v1/calls/{recording_id}/export": {"format": "json"}}


def take(client: httpx.Client, recording_id: int, file: Path) -> dict[str, Any]:
    """
    Return an answer of each operation.

    Parameters
    ----------
    client : httpx.Client
        Whose key may read and write.
    recording_id : int
        Of a call that is done.
    file : Path
        A recording to hand over.
    """
    values = {"recording_id": str(recording_id), "name": "soothing"}
    found = {f"GET {path}": _json(client.get(path.format(**values), params=_ASKED.get(path))) for path in _READ}
    annotations = "/v1/calls/{recording_id}/annotations"
    said = found["GET /v1/calls/{recording_id}/segments"]["items"][-1]
    place = {name: said[name] for name in ("channel", "start_ms", "end_ms")}
    corrected = _json(client.put(annotations.format(**values), json={**place, "emotion": "NEUTRAL"}))
    found[f"PUT {annotations}"] = corrected
    found[f"GET {annotations}"] = _json(client.get(annotations.format(**values)))
    client.delete(f"{annotations.format(**values)}/{corrected['annotation_id']}").raise_for_status()
    view = {"name": "Angry refunds", "query": "emotion=ANGRY&days=7"}
    found["POST /v1/views"] = _json(client.post("/v1/views", json=view))
    found["GET /v1/views"] = _json(client.get("/v1/views"))
    client.delete(f"/v1/views/{found['POST /v1/views']['id']}").raise_for_status()
    for path in ("/v1/calls/replay", "/v1/dead/replay"):
        found[f"POST {path}"] = _json(client.post(path, json={"recording_ids": [recording_id + 999]}))
    with file.open("rb") as sound:
        handed = client.post("/v1/recordings", files={"file": (file.name, sound)}, data={"agent_id": "a1007"})
    found["POST /v1/recordings"] = _json(handed)
    with file.open("rb") as sound:
        asked = {"model": "sensevoice", "response_format": "verbose_json"}
        spoken = client.post("/v1/audio/transcriptions", files={"file": (file.name, sound)}, data=asked)
    found["POST /v1/audio/transcriptions"] = _json(spoken)
    return {name: _cut(answer) for name, answer in sorted(found.items())}


def _json(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()


def _cut(value: Any) -> Any:
    match value:
        case dict():
            return {name: _cut(part) for name, part in value.items()}
        case list():
            return [_cut(part) for part in value[:_ITEMS]]
        case str() if len(value) > 200:
            return value[:40]
        case _:
            return value


def main() -> None:
    """Write the file anew, from a cluster that has heard the sample calls."""
    with tempfile.TemporaryDirectory() as folder, running_pages(pages_settings(Path(folder))) as pages:
        headers = {"Authorization": f"Bearer {pages.key}"}
        with httpx.Client(base_url=pages.url, headers=headers, timeout=60) as client:
            found = take(client, pages.recording(CALL), next(Path("samples").glob(f"{CALL}.*")))
    EXAMPLES.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
