"""Let a head be ready soon after its container runs.

Ray starts a dozen programs in Python at once on a head, which take ten CPU seconds before it can be
used: under a limit of one CPU that is ten seconds of waiting, and longer under less. A head may use
more CPUs than it asks for, where nobody counts what it may use. What is asked for stays as it is,
so a node and a quota of requests hold as many heads as before, and Ray is told how many tasks it
may run.
Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/

Then the dashboard asks three addresses in the network what cloud it is in, one after the other,
also where nothing is reported, and answers nobody meanwhile: two seconds where nobody answers it.
It asks none where a file of ``ray up`` in the home directory could tell; one that tells nothing
will do.
Source: get_cluster_config_to_report in ray/_common/usage/usage_lib.py of Ray 2.60, and
UsageStatsHead, which calls it.
"""

from __future__ import annotations

#: More make the start no shorter by much: one program waits for the other. [1]
_BURST_CPUS = 2.0
#: For the shells of a head's pod; where the home directory can't be written, Ray asks.
NO_CLOUD_SEARCH = """\
[ -e ~/ray_bootstrap_config.yaml ] || { echo '{}' >~/ray_bootstrap_config.yaml; } 2>/dev/null || :
"""


def head_cpu_limit(cpus: float, *, may_burst: bool) -> float:
    """Return how many CPUs a head may use. [1].

    Parameters
    ----------
    cpus
        How many it asks for. [1]
    may_burst
        Whether it may be more.
    """
    return max(cpus, _BURST_CPUS) if may_burst else cpus
