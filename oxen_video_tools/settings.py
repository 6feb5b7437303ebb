"""Where the key, the hub, the folders and the limits come from: arguments, then OXEN_* variables, then defaults.

The key may also stand in the file of the `oxen` command line (`auth_config.toml`); it then serves only the host
that it is filed under.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from .errors import InvalidRequest, Unauthenticated, Unusable

HUB = "https://hub.oxen.ai"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. Money is in US dollars, time in seconds.

    api_key: bearer for the hub; never shown. None: fails at the first call that needs one.
    base_url: the hub. The key goes over https, or to a loopback address, only.
    model: used when a request names none.
    namespace: where results are kept and who pays; hides `target_namespace` from agents.
    namespaces: names an agent may put into `target_namespace`.
    route: "queue", or "sync" for the blocking endpoint.
    wait: default of `wait_seconds`; None: MCP waits 45 s, everything else 900 s.
    output_dir: where videos are saved.
    save: "always" keeps every result.
    upload: "films" puts each joined film into the account's private playground repository, which gives its link.
    repositories: "namespace/name" of repositories, or a namespace for all of its own, where agents may keep films.
    input_roots: folders that a tool's local inputs may come from.
    ledger: `sqlite:////abs/path.db`, `postgresql://…` or `memory:`.
    max_cost: per call.
    budget: over 24 hours.
    approve_above: a person is asked above it.
    approval: "strict" takes no number from a model as consent.
    mark: "directory" marks each request by a folder of its own (`target_directory`), so that a lost answer is found for
    models that take no seed, too.
    sandbox: use a hub on this machine that needs no key and costs nothing.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = HUB
    model: str | None = None
    namespace: str | None = None
    namespaces: tuple[str, ...] = ()
    route: Literal["queue", "sync"] = "queue"
    wait: float | None = None
    output_dir: Path | None = None
    save: Literal["never", "always"] = "never"
    upload: Literal["films", "never"] = "films"
    repositories: tuple[str, ...] = ()
    input_roots: tuple[Path, ...] = ()
    ledger: str | None = field(default=None, repr=False)  # a PostgreSQL URL may hold a password
    max_cost: Decimal | None = None
    budget: Decimal | None = None
    approve_above: Decimal | None = None
    approval: Literal["ask", "strict"] = "ask"
    mark: Literal["seed", "directory"] = "seed"
    sandbox: bool = False

    def __post_init__(self) -> None:
        for name in ("max_cost", "budget", "approve_above"):  # a number is as good as a Decimal, and exact from here on
            if isinstance(amount := getattr(self, name), int | float):
                object.__setattr__(self, name, Decimal(str(amount)))
        if isinstance(folder := getattr(self, "output_dir", None), str):
            object.__setattr__(self, "output_dir", Path(folder).expanduser())

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Arguments that are not None win over the environment, which wins over the defaults.

        Raises InvalidRequest, naming the variable, when a value can't be read.
        """
        environment = os.environ if environment is None else environment
        found = {}
        for name, (variable, convert) in _VARIABLES.items():
            text = environment.get(variable, "").strip()
            if text:
                found[name] = _converted(variable, text, convert)
        unknown = given.keys() - {one.name for one in fields(cls)}
        if unknown:
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
        settings = cls(**found | {name: value for name, value in given.items() if value is not None})
        settings = replace(settings, base_url=settings.base_url.rstrip("/"))
        if settings.api_key is None and not settings.sandbox:
            settings = replace(settings, api_key=_key_of_the_command_line(settings.base_url, environment))
        return settings

    def key(self) -> str:
        """The key, if there is one and this hub may have it. Raises Unauthenticated with both ways on."""
        if not self.api_key:
            raise Unauthenticated("There is no Oxen API key.")
        url = urlsplit(self.base_url)
        if url.scheme != "https" and url.hostname not in LOOPBACK:
            raise Unauthenticated(
                f"The key is not sent to {url.scheme}://{url.hostname}: it goes over https or to this machine only.",
                fix="Set OXEN_BASE_URL to an https address.",
            )
        return self.api_key

    @property
    def videos_folder(self) -> Path:
        """Where saved videos go: `output_dir`, else the platform's videos folder + `oxen`."""
        if self.output_dir is not None:
            return self.output_dir
        from platformdirs import user_videos_path

        return at_home(user_videos_path, "OXEN_VIDEO_OUTPUT_DIR") / "oxen"


def at_home(folder: Callable[[], Path], variable: str) -> Path:
    """A folder below the home folder. Raises Unusable where there is no home, naming what says the folder too."""
    with suppress(RuntimeError):  # a user id without an entry, and no HOME
        found = folder()
        if found.parts[:1] != ("~",):
            return found
    raise Unusable(
        "There is no home folder here: HOME is not set, and this user has none.", fix=f"Set HOME, or {variable}."
    )


def _converted(variable: str, text: str, convert: Any) -> Any:
    try:
        return convert(text)
    except (ValueError, InvalidOperation) as error:
        raise InvalidRequest(f"{variable}={text!r} can't be used: {error}", fix=f"Correct {variable}.") from None


def _dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text.lstrip("$"))
    except InvalidOperation:
        raise ValueError("it must be an amount in US dollars, such as 2.50") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError("it must be 0 or more US dollars")
    return amount


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError("it must be 0 or more seconds")
    return seconds


def one_of(*words: str) -> Callable[[str], str]:
    """Reads one of these words, in any letter case, as it is written here."""

    def convert(text: str) -> str:
        for word in words:
            if word.lower() == text.lower():
                return word
        raise ValueError(f"it must be one of {', '.join(words)}")

    return convert


def yes(text: str) -> bool:
    """Reads 1 or 0, and the words for them."""
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError("it must be 1 or 0")
    return text.lower() in ("1", "true", "yes", "on")


def names(text: str) -> tuple[str, ...]:
    """Reads names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("there is no home folder here; name the whole path") from None


def _folders(text: str) -> tuple[Path, ...]:
    return tuple(_folder(part) for part in text.split(os.pathsep) if part.strip())


_VARIABLES: dict[str, tuple[str, Any]] = {
    "api_key": ("OXEN_API_KEY", str),
    "base_url": ("OXEN_BASE_URL", str),
    "model": ("OXEN_VIDEO_MODEL", str),
    "namespace": ("OXEN_VIDEO_NAMESPACE", str),
    "namespaces": ("OXEN_VIDEO_NAMESPACES", names),
    "route": ("OXEN_VIDEO_ROUTE", one_of("queue", "sync")),
    "wait": ("OXEN_VIDEO_WAIT", _seconds),
    "output_dir": ("OXEN_VIDEO_OUTPUT_DIR", _folder),
    "save": ("OXEN_VIDEO_SAVE", one_of("never", "always")),
    "upload": ("OXEN_VIDEO_UPLOAD", one_of("films", "never")),
    "repositories": ("OXEN_VIDEO_REPOSITORIES", names),
    "input_roots": ("OXEN_VIDEO_INPUT_ROOTS", _folders),
    "ledger": ("OXEN_VIDEO_LEDGER", str),
    "max_cost": ("OXEN_VIDEO_MAX_COST", _dollars),
    "budget": ("OXEN_VIDEO_BUDGET", _dollars),
    "approve_above": ("OXEN_VIDEO_APPROVE_ABOVE", _dollars),
    "approval": ("OXEN_VIDEO_APPROVAL", one_of("ask", "strict")),
    "mark": ("OXEN_VIDEO_MARK", one_of("seed", "directory")),
    "sandbox": ("OXEN_VIDEO_SANDBOX", yes),
}


def _key_of_the_command_line(base_url: str, environment: Mapping[str, str]) -> str | None:
    """The token that the `oxen` command line keeps for exactly this host, if it keeps one."""
    import tomllib  # rarely needed, and `import oxen_video_tools` is to be quick

    try:
        folder = Path(environment.get("OXEN_CONFIG_DIR") or Path.home() / ".config" / "oxen")
        config = tomllib.loads((folder / "auth_config.toml").read_text("utf-8"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: nobody has a home here
        return None
    hosts = config.get("host_configs")
    for entry in hosts if isinstance(hosts, list) else []:
        if not isinstance(entry, dict):
            continue
        host, token = entry.get("host"), entry.get("auth_token")
        if host == urlsplit(base_url).netloc and isinstance(token, str) and token:
            return token
    return None
