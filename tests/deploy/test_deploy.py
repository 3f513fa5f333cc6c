"""The files of `deploy/`, as far as they can be checked without the service that reads them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from study.engine import monitoring

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = "rayproject/ray"
# Of the CRDs of KubeRay 1.6 and newer.
RAY_JOB_KEYS = {
    *("entrypoint", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit"),
    *("rayClusterSpec", "runtimeEnvYAML", "submissionMode", "activeDeadlineSeconds", "suspend"),
}
RAY_CLUSTER_KEYS = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
GROUP_KEYS = {
    *("groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"),
}


def load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / name).read_text()))


def pinned(package: str) -> str:
    found = re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Of `study.run`."""
    command = [sys.executable, "-m", "study.run", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(re.findall(r"--[a-z-]+", done.stdout))


def check_command(command: str, options: set[str]) -> None:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "study.run"]
    assert "--cluster" in words
    assert {word for word in words if word.startswith("--")} <= options


def test_images_match_the_constraints() -> None:
    texts = [path.read_text() for path in DEPLOY.iterdir() if path.is_file()]
    images = re.findall(rf"{IMAGE}:(\S+)", "\n".join(texts))
    (python,) = re.findall(r"\(Python (3\.\d+)\)", (ROOT / "constraints.txt").read_text())
    assert len(images) >= 2
    assert set(images) == {f"{pinned('ray')}-py{python.replace('.', '')}"}


def test_ray_up_takes_the_cluster() -> None:
    cluster = load("ray-up.yaml")
    prepared = prepare_config(dict(cluster))
    validate_config(prepared)
    types = prepared["available_node_types"]
    sizes = {kind["resources"]["CPU"] for kind in types.values()}
    assert len(sizes) == 3  # a head without trials, and nodes of two sizes
    starts = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token ray start" in s for s in starts if "ray start" in s)
    assert "--dashboard-host=127.0.0.1" in starts[1]


def test_the_ray_job_has_kuberays_shape(options: set[str]) -> None:
    job = load("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    assert set(spec) <= RAY_JOB_KEYS
    cluster = spec["rayClusterSpec"]
    assert set(cluster) <= RAY_CLUSTER_KEYS
    assert cluster["rayVersion"] == pinned("ray")
    assert cluster["authOptions"] == {"mode": "token"}
    check_command(spec["entrypoint"], options)
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert set(group) <= GROUP_KEYS
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        (mount,) = container["volumeMounts"]
        assert mount["mountPath"] in spec["entrypoint"]  # results are where all nodes see them
        assert mount["name"] in [volume["name"] for volume in pod["volumes"]]
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_image_installs_the_pinned_versions() -> None:
    recipe = (DEPLOY / "Dockerfile").read_text()
    assert 'pip install --no-cache-dir --constraint constraints.txt ".[sweep]"' in recipe
    job = (DEPLOY / "rayjob.yaml").read_text()
    tag = re.search(r"--tag (\S+)", recipe)
    assert tag is not None
    assert set(re.findall(r"image: (\S+)", job)) == {tag.group(1)}


@pytest.mark.slow
def test_slurm_runs_the_study(options: set[str]) -> None:
    path = DEPLOY / "slurm.sh"
    subprocess.run(["bash", "-n", str(path)], check=True)
    text = path.read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if line.startswith("srun ")]
    _, _, command = line.partition(" -- ")
    check_command(command.strip(), options)
    ray, known = line.partition(" -- ")[0], set()
    for name in ("symmetric-run", "start"):
        shown = subprocess.run(
            [str(Path(sys.executable).with_name("ray")), name, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        known |= set(re.findall(r"--[a-z-]+", shown))
    asked = {word for word in shlex.split(ray.partition("symmetric-run")[2]) if word[:2] == "--"}
    assert asked
    assert asked <= known


def test_prometheus_reads_rays_own_list() -> None:
    from ray._private.ray_constants import PROMETHEUS_SERVICE_DISCOVERY_FILE

    (job,) = load("prometheus.yml")["scrape_configs"]
    assert job["file_sd_configs"][0]["files"] == [f"/tmp/ray/{PROMETHEUS_SERVICE_DISCOVERY_FILE}"]


def test_grafana_asks_for_metrics_that_exist() -> None:
    dashboard = json.loads((DEPLOY / "grafana/classcomp.json").read_text())
    text = json.dumps(dashboard)
    source = Path(monitoring.__file__).read_text()
    exported = set(re.findall(r'"(classcomp_\w+)"', source))
    asked = {
        re.sub(r"_(bucket|total)$", "", name) for name in re.findall(r"ray_(classcomp_\w+)", text)
    }
    assert asked == exported
    shares = [p for p in dashboard["panels"] if "_best_" in p["targets"][0]["expr"]]
    assert {(p["fieldConfig"]["defaults"]["unit"] == "percentunit") for p in shares} == {
        True,
        False,
    }
    for panel in shares:  # a risk is a share of classifiers only
        is_share = panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
        assert f'task{"=" if is_share else "!="}"classification"' in panel["targets"][0]["expr"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all("$study" in target["expr"] for target in panel["targets"])
