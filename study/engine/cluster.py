"""Ray itself: connecting to one, what it has room for, and what its nodes can see.

`study.engine.environment.prepare` comes before this module is imported.
"""

import gc
import math
import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import ray
from ray._private import ray_constants
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import classcomp
import search_spaces
import study
from classcomp.populations import make
from study.engine.handover import parameters_on_this_node
from study.engine.limits import check_limits
from study.engine.local import PRELOADING, actors_at_once, dashboard_beside, started_lightly
from study.engine.private import private_folder, secure_token, sweep
from study.request.entries import PopulationSection
from study.request.spec import StudySpec
from study.storage.collection import nothing_collected
from study.storage.opening import store_at
from study.storage.store import StorageError, Store, first_line

QUIET = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
PROBE_TRIES = 5
"""Seconds that a shared file system has for showing a file to another node."""


class ClusterError(RuntimeError):
    """The cluster asked for cannot be used; the message is one line."""


@contextmanager
def connected(
    *,
    cluster: bool,
    address: str | None,
    tell_dashboard: Callable[[str], None] | None = None,
    is_preloading: bool = False,
) -> Iterator[None]:
    """Ray for the time of a sweep: a local one on loopback, or the cluster that is there.

    It is left in the thread that came to it: from another one Ray's core has crashed.

    Args:
        cluster: whether one that is there is meant.
        address: of it, HOST:PORT; None: RAY_ADDRESS, or one of this machine.
        tell_dashboard: is given the dashboard's HOST:PORT, empty where there is none, once it is
            known, perhaps from another thread; None: a local Ray has no dashboard.
        is_preloading: whether a local Ray's workers, one a processor, import at once what a trial
            needs.

    Raises:
        ClusterError: a local Ray does not start, or no cluster answers.
    """
    actors: AbstractContextManager[None] = nullcontext()
    beside: AbstractContextManager[None] = nullcontext()
    if not cluster:
        _start_local(is_preloading=is_preloading)
        actors = actors_at_once()
        if tell_dashboard is not None:
            beside = dashboard_beside(tell_dashboard)
    else:
        context = _join(address or os.environ.get("RAY_ADDRESS") or "auto")
        if tell_dashboard is not None:
            tell_dashboard(str(context.dashboard_url or ""))
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    try:
        with actors, beside:
            yield
    finally:
        # A reference to Ray's core that another thread's collection frees while it ends takes the
        # process with it, with status 1 and no word.
        gc.collect()
        with nothing_collected():
            ray.shutdown()
        if not cluster:
            shutil.rmtree(session, ignore_errors=True)


def _start_local(*, is_preloading: bool) -> None:
    with _on_loopback(), started_lightly():
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                _temp_dir=str(_prepared_place()),
                _system_config=PRELOADING if is_preloading else None,
                **QUIET,
            )
        except Exception as error:  # Ray raises no narrower one
            raise ClusterError(
                f"Ray does not start on this machine: {first_line(error)}"
            ) from error


def _join(address: str) -> Any:
    """Ray's context of the cluster that is there."""
    packages = [_folder(module) for module in (classcomp, search_spaces, study)]
    try:
        _check_reachable(address)
        return ray.init(address=address, runtime_env={"py_modules": packages}, **QUIET)
    except (OSError, ValueError, RuntimeError) as error:
        place = "on this machine" if address == "auto" else f"at {address}"
        raise ClusterError(
            f"--cluster: no Ray cluster answers {place} ({first_line(error)}); "
            "start one with `ray start --head`, or name it with --address HOST:PORT"
        ) from None


def num_slots(spec: StudySpec) -> int:
    """Trials that run side by side on what Ray has, node by node.

    Raises:
        ClusterError: not one fits.
    """
    resources = spec.resources
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    slots = sum(
        slots_of_node(node, resources.cpus_per_trial, resources.gpus_per_trial) for node in nodes
    )
    if slots == 0:
        have = ", ".join(f"{n.get('CPU', 0.0):g} CPU and {n.get('GPU', 0.0):g} GPU" for n in nodes)
        raise ClusterError(
            f"resources: a trial needs {resources.cpus_per_trial:g} CPU and "
            f"{resources.gpus_per_trial:g} GPU on one node; there are {have}"
        )
    return slots


def slots_of_node(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """Trials that one node holds: half a trial here and half there are none.

    Args:
        node: Ray's resources of the node, such as `{"CPU": 4.0, "GPU": 1.0}`.
        cpus: of one trial.
        gpus: of one trial; a fraction is a share of a single device.
    """
    slots = _times(node.get("CPU", 0.0), cpus)
    if gpus >= 1:
        slots = min(slots, _times(node.get("GPU", 0.0), gpus))
    elif gpus > 0:
        slots = min(slots, int(node.get("GPU", 0.0)) * _times(1.0, gpus))
    return slots


def dashboard_line(place: str) -> str:
    """Where the dashboard is and how to open it."""
    if not place:
        return "dashboard: there is none; the study goes on without"
    ray_command = Path(sys.executable).with_name("ray")
    shown = ray_command if ray_command.exists() else "ray"
    return f"dashboard: http://{place} (its token: {shown} get-auth-token)"


def stage_data(
    populations: Sequence[PopulationSection], data_dir: str | None, store: Store
) -> None:
    """Decodes every real data set once on every node, before any trial asks for it.

    The driver's own has them, since it looked how many examples there are.

    Raises:
        ClusterError: some node cannot have them.
    """
    sections = [(population.name, population.parameters) for population in populations]
    if _num_nodes() == 1:
        return
    try:
        _on_every_node(_stage_all, sections, data_dir, store.address)
    except (OSError, ValueError, StorageError) as error:
        cause = getattr(error, "cause", None) or error  # Ray wraps it in the node's traceback
        raise ClusterError(f"populations: on some node: {first_line(cause)}") from None


def check_visible(store: Store) -> None:
    """Refuses a place for results that not every node of a cluster sees.

    The driver writes a probe there, a task on each node looks for it. The driver's own node needs
    none.

    Raises:
        ClusterError: some node does not see the place, and why.
    """
    if _num_nodes() == 1:
        return
    probe = f".probe-{uuid.uuid4().hex}"
    store.write(probe, b"")
    try:
        found = _on_every_node(_why_unseen, store.address, probe)
    finally:
        store.remove(probe)
    reasons = {node: reason for node, reason in found.items() if reason}
    if reasons:
        raise ClusterError(
            f"--results {store.shown}: not seen by {len(reasons)} of {len(found)} nodes "
            f"({', '.join(reasons)}: {next(iter(reasons.values()))}); on several nodes allowed "
            "are a folder that all share under the same path, and s3://bucket/prefix"
        )


def _num_nodes() -> int:
    return sum(node["Alive"] for node in ray.nodes())


def _on_every_node(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """What a function returns on each node, by the node's address."""
    task = ray.remote(num_cpus=0)(function)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    results = [
        task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        ).remote(*arguments)
        for node in nodes
    ]
    places = [node["NodeManagerAddress"] for node in nodes]
    return dict(zip(places, ray.get(results), strict=True))


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Lets a local Ray listen on loopback alone.

    It does so by itself on macOS and Windows; on Linux it takes the machine's outer address, and
    replaces a `_node_ip_address` of 127.0.0.1 by it. This is the switch between the two.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _prepared_place() -> Path:
    """Where a local Ray keeps its files, emptied of what killed drivers left there.

    Raises:
        LimitError: a limit of this process is too low.
        NotPrivateError: the place is another user's.
        OSError: it cannot be made.
    """
    check_limits()
    if "RAY_AUTH_TOKEN" not in os.environ and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        secure_token()
    place = private_folder()
    for folder in (place, place / "ray"):
        sweep(folder)
    chosen = os.environ.get("RAY_TMPDIR")
    return Path(chosen).absolute() / "ray" if chosen else place / "ray"


def _times(have: float, need: float) -> int:
    """How often `need` fits; ten tenths are ten, whatever floats say."""
    return math.floor(have / need + 1e-9)


def _check_reachable(address: str) -> None:
    """Fails at once where `ray.init` would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and "/" not in address and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _why_unseen(address: str, probe: str) -> str | None:
    """Why this node does not see the driver's probe; NFS may show it seconds late."""
    for _ in range(PROBE_TRIES):
        try:
            if store_at(address).read(probe) is not None:
                return None
        except (OSError, StorageError) as error:
            return first_line(error)
        time.sleep(1)
    return "it is not there"


def _stage_all(
    sections: Sequence[tuple[str, dict[str, Any]]], data_dir: str | None, address: str
) -> None:
    for name, parameters in sections:
        here = parameters_on_this_node(parameters, address)
        make(name, data_dir=data_dir, **here).num_available("train")


def _folder(module: ModuleType) -> str:
    assert module.__file__ is not None
    return str(Path(module.__file__).parent)
