"""The whole stack: what is started, in which order, with which addresses; and stopped in the opposite one.

    servers ∥ model → policy file, schema, demo key → Envoy's files → workers → Envoy        stop: Envoy drains first

``run`` is all that ``extproc up`` needs. Read ``supervisor`` for how parts are kept running.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from extproc import bootstrap
from extproc.config.environment import Environment
from extproc.config.gateway import Gateway, load
from extproc.dataplane.rollout import Places, Rollout
from extproc.local import demo_key, gateway_file, leftovers, model_download, openbao, postgres, providers, valkey
from extproc.local.addresses import Addresses
from extproc.local.envoy import envoy, program
from extproc.local.model import MODEL_NAME, MOST, models, part_name
from extproc.local.panel import Welcome
from extproc.local.part import Part
from extproc.local.problems import MEBIBYTE, CannotStart, free_port, is_free, require_extra, require_port, require_space
from extproc.local.processes import ProcessId, me
from extproc.local.reporting import Reporter
from extproc.local.settings import Settings
from extproc.local.state import Record, StateDir, StateLock, make_runtime_dir, remove_runtime_dir
from extproc.local.supervisor import Supervisor
from extproc.local.workers import follow_restarts, workers
from extproc.model.catalog import Operation
from extproc.model.ids import ModelName
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.operations.envoy_admin import Admin

_T = TypeVar("_T")
_NEEDED_BYTES = 300 * MEBIBYTE
_MODEL_PARTS = tuple(part_name(index) for index in range(MOST))
_STOP_ORDER = ("envoy", "workers", *_MODEL_PARTS, "openbao", "valkey", "postgres")
_WITHOUT_MODEL = "All else comes up; while no local model runs, requests for it are answered 503"
DEFAULT_MODELS = 2
"""Two, so that one can be stopped and the other answers."""


@dataclass(frozen=True, slots=True)
class Options:
    """What ``extproc up`` was asked for."""

    state_dir: Path
    port: int
    admin_port: int
    models: int
    """How many processes of the local model; 0: none."""
    provider: str | None = None
    provider_url: str | None = None
    provider_key: Secret | None = None
    is_detached: bool = False


async def run(options: Options, reporter: Reporter, welcome: Callable[[Welcome], None]) -> None:
    """Run the stack until cancelled. When this returns or raises, nothing of it runs.

    Raises:
        CannotStart: it could not be brought up.
        GatewayInvalid: gateway.yaml was edited into something that cannot be served.
        Unavailable: a part did not answer while it was set up.
        OSError: the disk, above all.
    """
    require_extra()
    state = StateDir(options.state_dir.absolute())
    state.create()
    require_space(state.root, _NEEDED_BYTES)
    lock = StateLock(state)
    lock.acquire()
    try:
        await leftovers.clear(state, reporter)
        runtime_dir = make_runtime_dir()
        try:
            await _Stack(options, state, runtime_dir, reporter).run(welcome)
        finally:
            remove_runtime_dir(runtime_dir)
            state.record.unlink(missing_ok=True)
    finally:
        lock.release()


class _Stack:
    def __init__(self, options: Options, state: StateDir, runtime_dir: Path, reporter: Reporter) -> None:
        self._options = options
        self._state = state
        self._runtime_dir = runtime_dir
        self._reporter = reporter
        self._record = Record(supervisor=me(), runtime_dir=runtime_dir)
        self._supervisor = Supervisor(state.logs, reporter, self._note_parts)
        self._weights: Path | None = None
        self._vault = openbao.Vault(free_port(), state.vault_init)
        self._at = Addresses(
            state,
            runtime_dir,
            self._vault.address,
            port=options.port or free_port(),
            admin_port=options.admin_port or free_port(),
            health_port=free_port(),
        )
        self._admin = Admin(self._at.admin_url)

    async def run(self, welcome: Callable[[Welcome], None]) -> None:
        require_port("127.0.0.1", self._at.port, "--port")
        require_port("127.0.0.1", self._at.admin_port, "--admin-port")
        self._record.write(self._state.record)
        try:
            gateway, rollout, key = await self._bring_up()
            base_url = self._at.base_url(gateway)
            self._record = replace(self._record, base_url=base_url, admin_url=self._admin.url, is_ready=True)
            self._record.write(self._state.record)
            chat = (name for name in gateway.catalog.models if self._does_chat(gateway, name))
            welcome(
                Welcome(
                    base_url=base_url,
                    admin_url=self._admin.url,
                    virtual_key=key,
                    model=next(chat, next(iter(gateway.catalog.models))),
                    state_dir=str(self._options.state_dir),
                    stop=f"extproc down --state-dir {self._options.state_dir}"
                    if self._options.is_detached
                    else "Ctrl-C",
                    missing=self._missing(gateway),
                )
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(rollout.follow(self._reporter.say))
                group.create_task(follow_restarts(self._state.logs / "workers.log", self._reporter.say))
        finally:
            self._reporter.say("stopping: Envoy drains first")
            await self._stop()
            self._reporter.say("stopped")

    async def _bring_up(self) -> tuple[Gateway, Rollout, Secret]:
        data, runtime_dir = self._state.data, self._runtime_dir
        settings = self._read_settings()
        await _all(
            self._step("postgres", self._supervisor.start(postgres.postgres(data("postgres"), runtime_dir))),
            self._step("valkey", self._supervisor.start(valkey.valkey(data("valkey"), runtime_dir))),
            self._step("openbao", self._supervisor.start(openbao.openbao(self._state, self._vault, free_port()))),
            self._fetch_weights(),
        )
        provider = await self._add_provider(settings)
        self._write_gateway_yaml(settings, provider)
        gateway = load(self._state.gateway_yaml)
        require_port(gateway.listener.address, self._at.port, "--port")
        environment = self._at.environment
        self._record = replace(self._record, environment=self._at.variables)
        key = await self._step("keys", self._prepare_keys(environment))
        rollout = self._rollout()
        rollout.begin()
        # The model takes longest and nobody waits for it but the first request.
        await _all(self._start_gateway(gateway), self._start_models(settings.model_ports))
        return gateway, rollout, key

    async def _start_gateway(self, gateway: Gateway) -> None:
        fleet = workers(self._runtime_dir, gateway.workers, self._at.variables)
        await self._step("workers", self._supervisor.start(fleet))
        part = envoy(self._state.envoy / "bootstrap.json", self._admin, self._at.port)
        await self._step("envoy", self._supervisor.start(part))

    async def _fetch_weights(self) -> None:
        if not self._options.models:
            self._reporter.skipped("model", "--no-model")
            return
        weights = model_download.path_in(self._state.root)
        if weights.exists():
            self._weights = weights
            return
        self._reporter.say(model_download.NOTICE)
        self._reporter.begin("download")
        try:
            self._weights = await model_download.fetch(
                self._state.root, lambda text: self._reporter.detail("download", text)
            )
        except (CannotStart, OSError) as error:
            # The gateway is the point; the model is what it is tried with.
            self._reporter.skipped("download", f"{error}. {_WITHOUT_MODEL}")
        else:
            self._reporter.done("download")

    async def _start_models(self, ports: tuple[int, ...]) -> None:
        if self._weights is not None:
            await _all(*(self._start_model(part) for part in models(self._weights, ports)))

    async def _start_model(self, part: Part) -> None:
        self._reporter.begin(part.name)
        try:
            await self._supervisor.start(part)
        except (CannotStart, OSError) as error:
            self._reporter.skipped(part.name, f"{error}. {_WITHOUT_MODEL}")
        else:
            self._reporter.done(part.name)

    def _read_settings(self) -> Settings:
        # Without models there is a place for each all the same, and the file says where one would be.
        settings = Settings.read(self._state.settings).with_models(self._options.models or DEFAULT_MODELS)
        file = gateway_file.GatewayFile(self._state.gateway_yaml)
        if not file.is_edited():
            # An edited gateway.yaml names the old ports and stays: then a model fails and says so.
            ports = tuple(port if is_free("127.0.0.1", port) else free_port() for port in settings.model_ports)
            settings = replace(settings, model_ports=ports)
        if self._options.provider is not None:
            settings = settings.with_provider(self._options.provider, self._options.provider_url)
        settings.write(self._state.settings)
        return settings

    async def _add_provider(self, settings: Settings) -> providers.Provider | None:
        if settings.provider is None:
            return None
        provider = providers.find(settings.provider, settings.provider_url)
        if self._options.provider_key is not None:
            await self._vault.write_secret(provider.vault_path, "api_key", self._options.provider_key.reveal())
        return provider

    def _write_gateway_yaml(self, settings: Settings, provider: providers.Provider | None) -> None:
        text = gateway_file.generate(settings.model_ports, provider, has_model=self._weights is not None)
        file = gateway_file.GatewayFile(self._state.gateway_yaml)
        if not file.write(text) and self._options.provider is not None:
            self._reporter.say(
                f"{file.path} was edited and is kept as it is; {file.twin.name} beside it has the new models"
            )

    async def _prepare_keys(self, environment: Environment) -> Secret:
        await asyncio.to_thread(bootstrap.migrate, environment)
        return await demo_key.provide(environment, self._state.virtual_key)

    def _rollout(self) -> Rollout:
        at = self._at
        places = Places(self._state.gateway_yaml, at.target, self._state.envoy, at.accepted)
        return Rollout(places, self._known_clusters, program())

    def _known_clusters(self) -> frozenset[str]:
        try:
            return frozenset(cluster.name for cluster in self._admin.clusters())
        except Unavailable:
            return frozenset()

    def _missing(self, gateway: Gateway) -> str:
        if MODEL_NAME not in gateway.catalog.models or set(_MODEL_PARTS) & set(self._supervisor.running):
            return ""
        return (
            f"The local model does not run: {MODEL_NAME} is answered 503. Start without --no-model, or with --provider."
        )

    def _does_chat(self, gateway: Gateway, model: ModelName) -> bool:
        return any(Operation.CHAT in each.operations for each in gateway.catalog.deployments_of(model))

    async def _step(self, name: str, work: Coroutine[None, None, _T]) -> _T:
        self._reporter.begin(name)
        is_done = False
        try:
            result = await work
            is_done = True
        finally:
            if not is_done:
                self._reporter.failed(name)
        self._reporter.done(name)
        return result

    async def _stop(self) -> None:
        await self._supervisor.stop(*(name for name in _STOP_ORDER if name in self._supervisor.running))

    def _note_parts(self, parts: dict[str, ProcessId]) -> None:
        self._record = replace(self._record, parts=parts)
        self._record.write(self._state.record)


async def _all(*works: Coroutine[None, None, None]) -> None:
    """Do several things at once; the first failure ends the others and is the one raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
