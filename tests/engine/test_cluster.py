"""How many trials a cluster holds, whatever its nodes are like."""

from collections.abc import Callable
from typing import Any

import pytest

from study.engine import cluster
from study.engine.cluster import ClusterError, num_slots, slots_of_node
from study.request.reading import SpecError
from study.request.spec import StudySpec

NODES = {
    "even": ({"CPU": 4.0}, 2, 0, 2),
    "half a trial is none": ({"CPU": 1.0}, 2, 0, 0),
    "the rest stays empty": ({"CPU": 7.0}, 2, 0, 3),
    "ten tenths": ({"CPU": 1.0}, 0.1, 0, 10),
    "three tenths": ({"CPU": 0.3}, 0.1, 0, 3),
    "no GPU": ({"CPU": 8.0}, 1, 0.5, 0),
    "halves of one GPU": ({"CPU": 8.0, "GPU": 1.0}, 1, 0.5, 2),
    "CPUs run out first": ({"CPU": 3.0, "GPU": 4.0}, 1, 0.25, 3),
    "thirds": ({"CPU": 64.0, "GPU": 2.0}, 1, 1 / 3, 6),
    "a share is of one device": ({"CPU": 64.0, "GPU": 2.0}, 1, 0.6, 2),
    "two GPUs each": ({"CPU": 64.0, "GPU": 5.0}, 1, 2, 2),
    "a head without CPUs": ({"memory": 1e9}, 1, 0, 0),
}


@pytest.mark.parametrize("case", NODES)
def test_slots_of_a_node(case: str) -> None:
    node, cpus, gpus, slots = NODES[case]
    assert slots_of_node(node, cpus, gpus) == slots


@pytest.fixture
def with_nodes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(*nodes: dict[str, float], dead: dict[str, float] | None = None) -> None:
        rows: list[dict[str, Any]] = [{"Alive": True, "Resources": node} for node in nodes]
        rows += [{"Alive": False, "Resources": dead}] if dead else []
        monkeypatch.setattr(cluster.ray, "nodes", lambda: rows)

    return put


def test_slots_add_up_over_unequal_nodes(
    make_spec: Callable[..., StudySpec], with_nodes: Callable[..., None]
) -> None:
    spec = make_spec(resources={"cpus_per_trial": 2})
    with_nodes({"CPU": 1.0}, {"CPU": 1.0}, {"CPU": 5.0}, {"CPU": 8.0}, dead={"CPU": 64.0})
    assert num_slots(spec) == 6  # not (1 + 1 + 5 + 8) / 2


def test_a_trial_that_fits_on_no_node_is_refused(
    make_spec: Callable[..., StudySpec], with_nodes: Callable[..., None]
) -> None:
    spec = make_spec(resources={"cpus_per_trial": 2, "gpus_per_trial": 0.5})
    with_nodes({"CPU": 8.0}, {"CPU": 1.0, "GPU": 1.0})
    message = "2 CPU and 0.5 GPU on one node; there are 8 CPU and 0 GPU, 1 CPU and 1 GPU"
    with pytest.raises(ClusterError, match=message):
        num_slots(spec)


def test_a_share_of_more_than_one_gpu_is_refused(make_spec: Callable[..., StudySpec]) -> None:
    """Ray itself would refuse every trial."""
    with pytest.raises(SpecError, match=r"gpus_per_trial = 1\.5: above 1 it must be whole"):
        make_spec(resources={"gpus_per_trial": 1.5})
    assert make_spec(resources={"gpus_per_trial": 2}).resources.gpus_per_trial == 2


def test_a_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as on a machine so busy that its start times out."""

    def time_out(**options: Any) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen because")

    monkeypatch.setattr(cluster.ray, "init", time_out)
    message = r"^Ray does not start on this machine: The current node timed out during startup\.$"
    with (
        pytest.raises(ClusterError, match=message),
        cluster.connected(cluster=False, address=None),
    ):
        pass
    assert cluster.ray_constants.ENABLE_RAY_CLUSTER


def test_the_dashboard_is_said_with_its_token_or_not_to_be() -> None:
    line = cluster.dashboard_line("127.0.0.1:8265")
    assert line.startswith("dashboard: http://127.0.0.1:8265 (its token: ")
    assert line.endswith("ray get-auth-token)")
    assert "there is none" in cluster.dashboard_line("")
