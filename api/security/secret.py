"""The secret that signs sessions and links."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from callscope.settings import Settings

FILE_NAME = "api-secret"
_BYTES = 32


def api_secret(settings: Settings) -> str:
    """Return the configured secret, or the one of this state folder, which is made once."""
    if settings.api_secret is not None:
        return settings.api_secret.get_secret_value()
    return kept_secret(settings.state_folder / FILE_NAME, secrets.token_urlsafe(_BYTES))


def kept_secret(file: Path, made: str) -> str:
    """Return the secret that a file holds; without one, ``made`` is kept there, for its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
            written.write(made)
        # Of two that start at a time, the first one's counts, and nobody ever reads a part.
        os.link(aside, file)
    except FileExistsError:
        pass
    finally:
        aside.unlink(missing_ok=True)
    return file.read_text(encoding="utf-8").strip()
