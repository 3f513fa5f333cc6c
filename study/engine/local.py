"""The Ray of a local study: what a study needs of it starts at once, the rest does not hold it up.

As it comes, Ray's start waits for its dashboard, a dozen processes, before it starts a worker. Here
the dashboard starts beside the study, of low priority, and is told of when it is there. Left out
are the autoscaler, of which one machine has no use, and the monitor of logs, whose lines would go
to a driver that does not ask for them.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import ray
from ray._private.node import Node

from study.engine.session import Session
from study.request.sections import ResourcesSection

NICE = 19
"""Of the dashboard; workers have 15 from Ray. Where trials use the processors up it has little."""
SETTINGS = {"idle_worker_killing_time_threshold_ms": 60_000}
"""Of Ray's own: it starts a worker for each processor at once, and would end those that have
nothing to do after a second, to start others later."""
EVERY_S = 0.5
"""Seconds between two looks at whether the session ends."""


class LocalNode(Node):
    """Ray's head node, without what a study does not wait for."""

    def start_head_processes(self) -> None:
        """Starts the control service alone."""
        self.start_gcs_server()
        self._write_cluster_info_to_kv()

    def start_log_monitor(self) -> None:
        """Nothing."""


class PlainActors:
    """Tune's cache of actor classes, without an environment of their own for its actors.

    Tune gives each a copy of some of the driver's variables, which the workers of a local Ray have
    anyway; for an environment of its own an actor waits until another worker has started.
    """

    def __init__(self) -> None:
        """Has none yet."""
        self._cache: dict[type, Any] = {}

    def get(self, trainable_cls: type) -> Any:
        """The class as an actor's."""
        return self._cache.setdefault(trainable_cls, ray.remote(trainable_cls))


@contextmanager
def started_lightly() -> Iterator[None]:
    """Lets `ray.init` start a `LocalNode`, whose workers start at once."""
    with _replaced(ray._private.node, "Node", LocalNode):
        yield


@contextmanager
def actors_at_once() -> Iterator[None]:
    """Lets Tune take the workers that are there."""
    from ray.tune.execution import tune_controller

    with _replaced(tune_controller, "_ActorClassCache", PlainActors):
        yield


@contextmanager
def _replaced(module: ModuleType, name: str, by: type) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, by)
    try:
        yield
    finally:
        setattr(module, name, before)


def warmed(num_slots: int, resources: ResourcesSection) -> list[Any]:
    """Lets workers import what a trial needs, while the driver still plans.

    Args:
        num_slots: trials side by side.
        resources: of one.

    Returns:
        For `wait_until_warm`.
    """
    cpus, gpus = resources.cpus_per_trial, resources.gpus_per_trial
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_import_all)
    return [task.remote() for _ in range(num_slots)]


def wait_until_warm(started: list[Any], session: Session) -> None:
    """Waits until workers have imported it, or the session ends.

    Where an actor's trial is over before another actor has started, Tune gives it that one's trial
    and takes the start off: of trials shorter than a start all would run one after the other.
    """
    while started and session.ending is None:
        _, started = ray.wait(started, num_returns=1, timeout=EVERY_S)


def _import_all() -> None:
    import classcomp.experiment
    import study.engine.worker  # noqa: F401


@contextmanager
def dashboard_beside(tell: Callable[[str], None]) -> Iterator[None]:
    """Starts the dashboard of the local Ray, on the next free port, and goes on.

    Args:
        tell: is given its HOST:PORT once it is there, empty if it cannot be had; from a thread.
    """
    node: Any = ray._private.worker._global_node
    over = threading.Event()

    def start() -> None:
        # What the system knows as this thread's priority, the processes that it starts inherit.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        thread = threading.get_ident()
        logging.getLogger("ray._private.services").addFilter(lambda line: line.thread != thread)
        node._webui_url = None
        with suppress(Exception):  # the study goes on without
            node.start_api_server(include_dashboard=None, raise_on_failure=False)
        if not over.is_set():
            tell(node._webui_url or "")
        over.wait()  # the dashboard would end with the thread that started it

    threading.Thread(target=start, daemon=True).start()
    try:
        yield
    finally:
        over.set()
