"""Reading objects over a connection that stays open: a kubectl for each costs 20 times more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kubernetes import config
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from pathlib import Path

#: Where kinds are served that tests read.
_SERVED_AT = {
    "deployments": "apis/apps/v1",
    "rayclusters": "apis/ray.io/v1",
    "rayjobs": "apis/ray.io/v1",
    "roles": "apis/rbac.authorization.k8s.io/v1",
    "validatingadmissionpolicies": "apis/admissionregistration.k8s.io/v1",
    "workloads": "apis/kueue.x-k8s.io/v1beta2",
}
_CORE = "api/v1"
_OK = 200


class Reader:
    """Reads objects as one user.

    Parameters
    ----------
    kubeconfig
        Who they are, and where the API server is.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(config_file=str(kubeconfig))

    def read(self, kind: str, name: str = "", *, namespace: str = "", selector: str = "") -> Any:
        """Return an object, or the list of a kind's objects; AssertionError if that fails.

        Parameters
        ----------
        kind
            Its plural, as in URLs.
        name
            One object's name; all of the kind without.
        namespace
            Where it is; empty for kinds that are in none.
        selector
            Labels of those that are meant.
        """
        within = f"namespaces/{namespace}/" if namespace else ""
        path = "/".join(filter(None, [f"/{_SERVED_AT.get(kind, _CORE)}/{within}{kind}", name]))
        query = [("labelSelector", selector)] if selector else []
        request = self._client.param_serialize("GET", path, query_params=query)
        try:
            response = self._client.call_api(*request)
            response.read()
        except HTTPError as exc:
            raise AssertionError(f"GET {path}: {exc}") from exc
        answer = json.loads(response.data)
        assert response.status == _OK, f"GET {path}: {answer['message']}"
        return answer
