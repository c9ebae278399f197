"""Who asks, and what they may do."""

from __future__ import annotations

from api.security.principal import Admin, Principal, Reader, Writer, find_principal, require
from models.keys import Scope

__all__ = ["Admin", "Principal", "Reader", "Scope", "Writer", "find_principal", "require"]
