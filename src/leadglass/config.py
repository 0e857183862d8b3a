"""Settings: ``leadglass.toml`` of a site, read once, ``LEADGLASS_`` variables on top.

A setting has to be something that two sensible operators could disagree about.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from leadglass.errors import ConfigError

SETTINGS_FILE = "leadglass.toml"


class LogSettings(BaseModel):
    """``[log]``"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str = Field(pattern=r"^[^\s+]{1,255}$")
    """The name of the site's log, first line of its checkpoints: a schema-less URL of yours. It never changes."""


class PolicySettings(BaseModel):
    """``[policy]``"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Path("policies")
    """Where the Cedar files are; below the site unless absolute."""
    ticket_days: int = Field(default=7, ge=1, le=90)
    """Days that a request waits for approval."""
    grant_hours: int = Field(default=24, ge=1, le=24 * 31)
    """Hours that a grant, and a key that was handed out, is good for."""


class DeidSettings(BaseModel):
    """``[deid]``"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str = "basic"
    """``basic``, the Basic Profile of PS3.15, or a profile file, below the site unless absolute."""
    options: tuple[str, ...] = ()
    """Options of PS3.15 E.3 on top of it."""


class VeilSettings(BaseModel):
    """``[veil]``"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid: int = Field(default=64, ge=1, le=512)
    """Edge of a partition cell, in pixels of a film whose longer side is 2048. Coarser cells tell less about outlines."""


class Settings(BaseSettings):
    """The settings of one site."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="LEADGLASS_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    log: LogSettings
    policy: PolicySettings = PolicySettings()
    deid: DeidSettings = DeidSettings()
    veil: VeilSettings = VeilSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables over the file."""
        return env_settings, init_settings

    @property
    def ticket_lifetime(self) -> timedelta:
        return timedelta(days=self.policy.ticket_days)

    @property
    def grant_lifetime(self) -> timedelta:
        return timedelta(hours=self.policy.grant_hours)


def read_settings(site: Path) -> Settings:
    """The settings of the site in that folder.

    Raises:
        ConfigError: there is no site, or a setting is unknown or out of range.
    """
    path = site / SETTINGS_FILE
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except FileNotFoundError as error:
        raise ConfigError(f"{site} is not a leadglass site", hint="make one: leadglass init SITE") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    # What begins with an underscore would be an argument to pydantic, not a setting.
    if unknown := sorted(values.keys() - Settings.model_fields.keys()):
        raise ConfigError(f"{SETTINGS_FILE}: there is no setting {unknown[0]!r}", hint=f"look at {path}")
    try:
        return Settings(**values)
    except SettingsError as error:
        hint = "a setting of a table is LEADGLASS_TABLE__KEY"
        raise ConfigError(f"a LEADGLASS_ variable cannot be read: {error}", hint=hint) from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"{SETTINGS_FILE}: {wrong}", hint=f"look at {path} and the LEADGLASS_ variables") from error


def new_settings(*, origin: str) -> str:
    """The text of a new settings file."""
    return f"""\
# A leadglass site. Every setting is explained in docs/reference/settings.md.

[log]
origin = "{origin}"

[policy]
folder = "policies"
ticket_days = 7
grant_hours = 24

[deid]
profile = "basic"
options = []

[veil]
grid = 64
"""
