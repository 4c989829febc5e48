"""Let a worker begin as soon as its head answers.

KubeRay puts a container before each worker that asks ``ray health-check``, and again five seconds
after an answer of no. Under its fifth of a CPU Ray takes six seconds to import, each time. Bash
needs none of that to connect to the port: a function by the name of the program does so, and leaves
to the program itself all else, and what it could not find out.
Source: DefaultWorkerPodTemplate in ray-operator/controllers/ray/common/pod.go of KubeRay 1.5, 1.6.
"""

from __future__ import annotations

#: For the shells of a worker's pod. Asked too early, the name of the head is not there yet, and a
#: DNS remembers that for seconds; with a dot at its end it is looked for in one place and not in
#: five. Many workers ask less often after ten seconds of a question. All is over before the minute
#: after which it is told that a worker does not reach its head: KubeRay's container speaks between
#: two questions.
HEAD_WAIT = """\
# KubeRay gives this to Ray's own container alone.
[ -n "${KUBERAY_GEN_RAY_START_CMD:-}" ] || ray() {
  if [ "$#" = 3 ] && [ "$1 $2" = "health-check --address" ]; then
    local end=$((SECONDS + 30)) host="${3%:*}" pause=2
    [[ $host == *.*[a-z] ]] && host+=.
    while ((SECONDS < end)); do
      sleep "$pause"
      timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "${3##*:}" 2>/dev/null && return
      pause=$((end - SECONDS > 20 ? 1 : 3))
    done
  fi
  command ray "$@"
}
"""
