"""The table of routes: path and method, as ``openapi.yaml`` has them, to what answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.server import clusters, installation, jobs, progress, runs, starters

if TYPE_CHECKING:
    from rayspace.server.route import Answer

_CLUSTER = "/rayspace/clusters/{target}/{cluster}"
_JOB = "/rayspace/jobs/{job}"

#: What answers each method of each path. A path that is a word comes before one with a name there.
ROUTES: dict[str, dict[str, Answer]] = {
    "/rayspace/health": {"GET": installation.get_health},
    "/rayspace/problems": {"GET": installation.list_problems},
    "/rayspace/kernel": {"GET": installation.get_kernel_probe},
    "/rayspace/profiles": {"GET": clusters.list_profiles},
    "/rayspace/targets": {"GET": clusters.list_targets},
    "/rayspace/clusters": {"GET": clusters.list_clusters, "POST": clusters.start_cluster},
    "/rayspace/clusters/plan": {"POST": clusters.plan_cluster},
    _CLUSTER: {"GET": clusters.get_cluster},
    f"{_CLUSTER}/scale": {"POST": clusters.scale_cluster},
    f"{_CLUSTER}/suspend": {"POST": clusters.suspend_cluster},
    f"{_CLUSTER}/resume": {"POST": clusters.resume_cluster},
    f"{_CLUSTER}/extend": {"POST": clusters.extend_cluster},
    f"{_CLUSTER}/down": {"POST": clusters.end_cluster},
    f"{_CLUSTER}/use": {"POST": clusters.use_cluster},
    f"{_CLUSTER}/dashboard": {"POST": clusters.confirm_dashboard},
    f"{_CLUSTER}/connect": {"GET": clusters.connect_code},
    f"{_CLUSTER}/logs": {"GET": clusters.cluster_log},
    "/rayspace/starters": {"GET": starters.get_starters, "POST": starters.create_notebook},
    "/rayspace/notebooks/parameters": {"GET": jobs.notebook_parameters},
    "/rayspace/jobs": {"GET": jobs.list_jobs, "POST": jobs.submit_job},
    "/rayspace/jobs/plan": {"POST": jobs.plan_job},
    _JOB: {"GET": jobs.get_job},
    f"{_JOB}/inputs": {"GET": jobs.job_inputs},
    f"{_JOB}/stop": {"POST": jobs.stop_job},
    f"{_JOB}/retry": {"POST": jobs.retry_job},
    f"{_JOB}/logs": {"GET": jobs.job_log},
    f"{_JOB}/fetch": {"POST": jobs.fetch_job},
    "/rayspace/runs": {"GET": runs.list_runs},
    "/rayspace/operations": {"GET": progress.list_operations},
    "/rayspace/operations/{id}": {"GET": progress.get_operation},
    "/rayspace/operations/{id}/stop": {"POST": progress.stop_operation},
}


def pattern_of(template: str) -> str:
    """Return the regular expression of a path; a slash in a name is written ``%2F``."""
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
