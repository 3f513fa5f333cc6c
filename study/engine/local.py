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
from typing import Any

import ray
from ray._private.node import Node

from study.engine.replacing import replaced

NICE = 19
"""Of the dashboard; workers have 15 from Ray. Where trials use the processors up it has little."""
PRELOADING = {
    "preload_python_modules": ["study.engine.worker", "classcomp.experiment"],
    "idle_worker_killing_time_threshold_ms": 600_000,
}
"""Settings of Ray's own: it starts a worker for each processor at once, and these import what a
trial needs while the driver still plans. As it comes, one that has nothing to do for a second is
ended, and another one started later."""


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
        if trainable_cls not in self._cache:  # every `ray.remote` makes a class that Ray keeps
            self._cache[trainable_cls] = ray.remote(trainable_cls)
        return self._cache[trainable_cls]


@contextmanager
def started_lightly() -> Iterator[None]:
    """Lets `ray.init` start a `LocalNode`, whose workers start at once."""
    with replaced(ray._private.node, "Node", LocalNode):
        yield


@contextmanager
def actors_at_once() -> Iterator[None]:
    """Lets Tune take the workers that are there."""
    from ray.tune.execution import tune_controller

    with replaced(tune_controller, "_ActorClassCache", PlainActors):
        yield


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
