"""The settings as models: what can be set, its defaults, and what is refused.

`node/config.py` reads them from flags, environment and files. Import both inside commands: heavy.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from conflict.errors import BadIdentity
from conflict.identity import NodeId, parse_node
from node import quantities
from node.errors import BadRequest
from node.hold_policy import HoldPolicy
from sync.link_profile import LinkKind, LinkProfile

PREFIX = "AIDSTATION_"
PORT_MAX = 65535

Role = Literal["field", "garrison"]


class Listen(NamedTuple):
    """Where to listen. `host` is an IP literal or a name; port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Listen:
    """`host:port` or `[v6]:port`. Raises `ValueError`."""
    host, colon, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host):
        raise ValueError("write host:port, for example 127.0.0.1:8470 or [::1]:8470")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= PORT_MAX):
        raise ValueError(f"a port is a number within 0..{PORT_MAX}, 0 meaning any free one")
    return Listen(bare, int(port))


def _check_listen(text: str) -> str:
    return str(parse_listen(text))


def _check_peer_address(text: str) -> str:
    from discovery.errors import BadStaticPeer
    from discovery.static import parse_peer

    try:
        return str(parse_peer(text).address) if text else ""
    except BadStaticPeer as fault:
        raise ValueError(str(fault)) from fault


ListenText = Annotated[str, AfterValidator(_check_listen)]
Quantity = Annotated[str, Field(max_length=40, coerce_numbers_to_str=True)]
"""As `aidstation link` takes it: `node/quantities.py`. TOML's bare 9600 is the text "9600"."""

GEOSTATIONARY_RTT = "600ms"
"""Round trip of a satcom link whose configuration names none."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class NodeSettings(_Section):
    """Who this node is to the people who use it. Peers go by its certificate."""

    name: str = Field(min_length=1, max_length=60)
    role: Role = "field"


class _LinkSection(_Section):
    """What a link is like, in the words of `sync/link_profile.py`."""

    rate: Quantity = ""
    rtt: Quantity = ""
    daily: Quantity = ""

    def _described(self, kind: LinkKind) -> LinkProfile:
        """Raises `ValueError`, which names field, limit and what was given."""
        rtt = self.rtt or (GEOSTATIONARY_RTT if kind is LinkKind.SATCOM else "")
        try:
            return LinkProfile(
                kind=kind,
                rate_bits_s=quantities.bits_per_second("rate", self.rate) if self.rate else 0.0,
                rtt_s=quantities.seconds("rtt", rtt) if rtt else 0.0,
                daily_bytes=quantities.size("daily", self.daily) if self.daily else 0,
            )
        except BadRequest as fault:
            raise ValueError(str(fault)) from fault


class SyncSettings(_LinkSection):
    """Where peers reach this node, and what a link is like to those that say nothing of theirs.

    `link` silent: the whole node is, whatever its peers say.
    """

    listen: ListenText = "127.0.0.1:8470"
    link: LinkKind = LinkKind.LAN

    @model_validator(mode="after")
    def _possible(self) -> SyncSettings:
        self._described(self.link)
        return self

    @property
    def profile(self) -> LinkProfile:
        """The link to peers that describe none."""
        return self._described(self.link)

    @property
    def address(self) -> Listen:
        """`listen`, split."""
        return parse_listen(self.listen)


class ApiSettings(_Section):
    """Where this machine's own programs and browser reach this node."""

    listen: ListenText = "127.0.0.1:8471"

    @property
    def address(self) -> Listen:
        """`listen`, split."""
        return parse_listen(self.listen)


class DiscoverySettings(_Section):
    """How peers are found. No `interfaces`: all."""

    mdns: bool = True
    interfaces: tuple[str, ...] = ()


class StoreSettings(_Section):
    """`url`: empty for a SQLite file in the home, else `postgresql://…`."""

    url: str = Field(
        default="", repr=False, pattern=r"^($|postgres(ql)?(\+psycopg)?://|sqlite:///)"
    )


class HoldSettings(_Section):
    """What a field node lets go by itself once a garrison holds it. Nothing given: nothing.

    `age`: records that did not change for so long. `quota`: of the database in use; above it, what
    did not change for longest.
    """

    age: Quantity = ""
    quota: Quantity = ""

    @property
    def policy(self) -> HoldPolicy:
        """In milliseconds and bytes. Raises `ValueError`."""
        try:
            age_s = quantities.age("age", self.age) if self.age else 0.0
            quota = quantities.size("quota", self.quota) if self.quota else 0
        except BadRequest as fault:
            raise ValueError(str(fault)) from fault
        return HoldPolicy(int(age_s * 1000), quota)

    @model_validator(mode="after")
    def _possible(self) -> HoldSettings:
        _ = self.policy
        return self


class LockSettings(_Section):
    """A node that a person opens locks itself `idle` after the last use of a record; "": never."""

    idle: Quantity = "15min"

    @property
    def idle_ms(self) -> int:
        """0: never. Raises `ValueError`."""
        try:
            return int(quantities.seconds("idle", self.idle) * 1000) if self.idle else 0
        except BadRequest as fault:
            raise ValueError(str(fault)) from fault

    @model_validator(mode="after")
    def _possible(self) -> LockSettings:
        _ = self.idle_ms
        return self


class IdentitySettings(_Section):
    """Trauma identities of casualties without a name: `T-<prefix>-<first..last>`, this node's alone.

    No prefix: six letters of the node's id.
    """

    trauma_prefix: str = Field(default="", pattern=r"^[A-Z0-9]{0,12}$")
    trauma_first: int = Field(default=1, ge=1)
    trauma_last: int = Field(default=9_999, ge=1)


class WorkersSettings(_Section):
    """Processes that open foreign documents."""

    count: int = Field(default=2, ge=1, le=64)


class PeerSettings(_LinkSection):
    """A node to talk to, by its id; what it may do is in the authority's log.

    No `link`: as `[sync]` says.
    """

    name: str = Field(min_length=1, max_length=60)
    node: str
    address: Annotated[str, AfterValidator(_check_peer_address)] = ""
    link: LinkKind | None = None

    @model_validator(mode="after")
    def _possible(self) -> PeerSettings:
        given = next((name for name in ("rate", "rtt", "daily") if getattr(self, name)), "")
        if given and self.link is None:
            raise ValueError(f'{given}: was given without link; write link = "satcom" too')
        if self.link is not None:
            self._described(self.link)
        return self

    @model_validator(mode="after")
    def _known(self) -> PeerSettings:
        try:
            parse_node(self.node)
        except BadIdentity as fault:
            raise ValueError(f"{fault}; copy it from that node's `init`") from fault
        return self

    @property
    def node_id(self) -> NodeId:
        """The peer's id."""
        return parse_node(self.node)

    @property
    def profile(self) -> LinkProfile | None:
        """The link to this peer; None: as `[sync]` says."""
        return None if self.link is None else self._described(self.link)


class Settings(BaseSettings):
    """Everything that can be set. Frozen; made by `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    node: NodeSettings
    sync: SyncSettings = SyncSettings()
    api: ApiSettings = ApiSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    store: StoreSettings = StoreSettings()
    workers: WorkersSettings = WorkersSettings()
    identity: IdentitySettings = IdentitySettings()
    hold: HoldSettings = HoldSettings()
    lock: LockSettings = LockSettings()
    peers: tuple[PeerSettings, ...] = ()

    @model_validator(mode="after")
    def _distinct_peers(self) -> Settings:
        for what in ("name", "node_id"):
            values = [getattr(peer, what) for peer in self.peers]
            if len(set(values)) < len(values):
                raise ValueError(f"two peers have the same {what.removesuffix('_id')}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load` layers the sources itself, to remember origins."""
        return (init_settings,)
