"""Settings: flag, then `AIDSTATION_…` variable, then the user's file, then /etc, then default.

`load` reads them all, remembers where each value came from, and refuses what it does not know: a
mistyped key must not silently mean the default. Import this module inside commands: it is heavy.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from node.errors import BadConfiguration
from node.home import HOME_VARIABLE, KEY_FILE_VARIABLE, PASSPHRASE_VARIABLE, Home
from node.settings import PREFIX, Listen, PeerSettings, Settings, parse_listen

__all__ = [
    "Listen",
    "PeerSettings",
    "Settings",
    "config_files",
    "known_keys",
    "load",
    "parse_listen",
    "write_toml",
]

SYSTEM_FILE = Path("/etc/aidstation/config.toml")
SECRET_KEYS = frozenset({"store.url"})
"""Keys whose values are in no message: the database's address can hold a password."""

_GIVEN_LETTERS_MAX = 60
_NO_SETTINGS = frozenset({HOME_VARIABLE, KEY_FILE_VARIABLE, PASSPHRASE_VARIABLE})


class Layer(NamedTuple):
    """One source of values: what to call it, and its nested values."""

    origin: str
    values: Mapping[str, Any]


class Loaded(NamedTuple):
    """Settings, and for each dotted key the source that it came from (absent: default)."""

    settings: Settings
    origins: Mapping[str, str]


def config_files(home: Home) -> tuple[Path, ...]:
    """Files that are read, the one that wins first."""
    return (home.config, SYSTEM_FILE)


def load(home: Home, flags: Mapping[str, Any] | None = None) -> Loaded:
    """All settings. `flags` by dotted key, None meaning not given. Raises `BadConfiguration`."""
    files = [layer for path in config_files(home) if (layer := _file_layer(path))]
    layers = [_flag_layer(flags or {}), _env_layer(), *files]
    values, origins = _merge(layers)
    try:
        return Loaded(Settings.model_validate(values), origins)
    except ValidationError as fault:
        if not files and "node.name" not in origins:
            raise _no_files(home) from fault
        raise _bad_value(fault, origins, str(home.config)) from fault


def _flag_layer(flags: Mapping[str, Any]) -> Layer:
    values: dict[str, Any] = {}
    for key, value in flags.items():
        section, _, name = key.partition(".")
        if value is not None:
            values.setdefault(section, {})[name] = value
    return Layer("flag", values)


def _env_layer() -> Layer:
    known = {PREFIX + key.replace(".", "_").upper(): key for key in known_keys()}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and name not in _NO_SETTINGS:
            near = _nearest(name, known)
            raise BadConfiguration(
                f"environment: {name} sets nothing that Aidstation knows.{near} Unset or rename it."
            )
    try:
        return Layer("environment", EnvSettingsSource(Settings)())
    except SettingsError as fault:
        raise BadConfiguration(
            "environment: a list is not valid JSON. Lists, such as AIDSTATION_PEERS, are written "
            "as JSON in the environment."
        ) from fault


def _file_layer(path: Path) -> Layer | None:
    try:
        return Layer(str(path), tomllib.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise BadConfiguration(
            f"{path} cannot be read: {fault.strerror}. It must be a file that this user may read: "
            f"correct it with `ls -l {path}` and chmod or chown."
        ) from fault
    except UnicodeDecodeError as fault:
        raise BadConfiguration(f"{path} is not UTF-8 text. Save it again as UTF-8.") from fault
    except RecursionError as fault:
        raise BadConfiguration(f"{path} is nested too deeply: no setting of ours is.") from fault
    except tomllib.TOMLDecodeError as fault:
        raise BadConfiguration(
            f"{path} is not TOML: {fault}. Correct that place; texts stand in quotes."
        ) from fault


def _merge(layers: Sequence[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in reversed(layers):
        for section, inner in layer.values.items():
            if isinstance(inner, dict) and isinstance(values.get(section, {}), dict):
                values[section] = {**values.get(section, {}), **inner}
                origins.update({f"{section}.{name}": layer.origin for name in inner})
            else:
                values[section] = inner
                origins[section] = layer.origin
    return values, origins


def known_keys() -> Iterator[str]:
    """Every dotted key, `peers` as one."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (f"{section}.{name}" for name in model.model_fields)
        else:
            yield section


def write_toml(
    name: str,
    role: str,
    sync_listen: str | None = None,
    api_listen: str | None = None,
    peers: Sequence[PeerSettings] = (),
) -> str:
    """A first configuration file. Raises `BadConfiguration` for what `load` would refuse."""
    tables: list[tuple[str, dict[str, str | None]]] = [
        ("[node]", {"name": name, "role": role}),
        ("[sync]", {"listen": sync_listen}),
        ("[api]", {"listen": api_listen}),
    ]
    tables += [("[[peers]]", peer.model_dump()) for peer in peers]
    text = "# Settings and their defaults: `aidstation config show --origin`.\n"
    for head, values in tables:
        lines = [f"{key} = {_quoted(value)}\n" for key, value in values.items() if value]
        text += f"\n{head}\n{''.join(lines)}" if lines else ""
    try:
        Settings.model_validate(tomllib.loads(text))
    except ValidationError as fault:
        raise _bad_value(fault, {}, "what was given") from fault
    return text


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# --- faults ---------------------------------------------------------------------------------------


def _no_files(home: Home) -> BadConfiguration:
    places = " or ".join(str(path) for path in config_files(home))
    return BadConfiguration(
        f"There is no configuration in {places}. Run `aidstation init`, or give at least "
        "AIDSTATION_NODE_NAME."
    )


def _bad_value(fault: ValidationError, origins: Mapping[str, str], file: str) -> BadConfiguration:
    """The first mistake; a mistyped key before whatever is missing because of it."""
    error = min(fault.errors(), key=lambda one: one["type"] != "extra_forbidden")
    path = [str(part) for part in error["loc"]]
    where = next(
        (origins[key] for end in (2, 1) if (key := ".".join(path[:end])) in origins),
        file,
    )
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, where)
    key = ".".join(path) or "peers"
    cause = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return BadConfiguration(f"{where}: {key} is missing. Add it, or run `aidstation init`.")
    return BadConfiguration(f"{where}: {key}{_given(key, error)}: {cause}. Correct this value.")


def _given(key: str, error: ErrorDetails) -> str:
    value = error["input"]
    if key in SECRET_KEYS or isinstance(value, dict | list | tuple | BaseModel):
        return ""
    return f" = {str(value)[:_GIVEN_LETTERS_MAX]!r}"


def _unknown_key(path: Sequence[str], where: str) -> BadConfiguration:
    siblings = [key.rpartition(".")[2] for key in known_keys() if key.startswith(f"{path[0]}.")]
    if path[0] == "peers":
        siblings = list(PeerSettings.model_fields)
    choice = list(Settings.model_fields) if len(path) == 1 else siblings
    near = _nearest(path[-1], choice) or f" Known here: {', '.join(choice)}."
    return BadConfiguration(
        f"{where}: {'.'.join(path)} is not a setting.{near} Correct or remove it."
    )


def _nearest(name: str, choice: Mapping[str, Any] | Sequence[str]) -> str:
    found = difflib.get_close_matches(name, list(choice), 1, 0.6)
    return f" Did you mean {found[0]}?" if found else ""
