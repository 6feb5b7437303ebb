"""Where a tool's calls go: one studio for all tools with the same settings, on a thread of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ..settings import Settings
from ..studio.portal import Portal, shared

if TYPE_CHECKING:
    from ..studio import AsyncStudio

SECRET = frozenset({"api_key", "ledger"})  # a ledger's URL may hold a password


@dataclass(frozen=True)
class Opening:
    """Opens a studio. Equal settings make equal openings, and so share one studio.

    It pickles without its secrets; they are read from the environment again where it is unpickled.
    """

    settings: Settings

    def __call__(self) -> AbstractAsyncContextManager[AsyncStudio]:
        from ..studio import AsyncStudio

        return AsyncStudio.open(self.settings)

    def __reduce__(self) -> tuple[Any, ...]:
        names = {one.name for one in fields(Settings)} - SECRET
        return reopened, ({name: getattr(self.settings, name) for name in names},)


def reopened(public: Mapping[str, Any]) -> Opening:
    """An opening with the secrets of this process."""
    here = Settings.read(base_url=public["base_url"], sandbox=public["sandbox"] or None)
    return Opening(replace(Settings(**public), **{name: getattr(here, name) for name in SECRET}))


def public(settings: Settings) -> Settings:
    """The same without its secrets."""
    return replace(settings, api_key=None, ledger=None)


def portal_to(settings: Settings) -> Portal[AsyncStudio]:
    """The process's one way to the studio with these settings."""
    return shared(Opening(settings))
