"""A tracking server, as this machine and as the pods of a target reach it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The user of a relay; who it is says the token.
RELAY_USER = "rayspace"
#: What keeps MLflow's client from going to the object store behind a server by itself, which may be
#: out of reach where the server is not. Source: mlflow/store/artifact/mlflow_artifacts_repo.py of
#: MLflow 3.17.
BY_THE_SERVER = {
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}


@dataclass(frozen=True)
class TrackingServer:
    """One tracking server.

    Parameters
    ----------
    uri
        Where this machine reaches it.
    pod_uri
        Where pods of the target reach it; the same for this machine's own.
    secret
        Secret whose keys, such as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, pods get
        as environment; empty for none.
    source
        Who named it: ``settings``, ``machine``, ``service`` (of the target's namespace).
    userinfo
        Name and password that ``uri`` asks for, as they stand in a URL; empty for none.
    """

    uri: str
    pod_uri: str
    secret: str = ""
    source: str = "settings"
    userinfo: str = field(default="", repr=False)

    @property
    def client_uri(self) -> str:
        """The URI with name and password, for a client in this process; never to be shown.

        MLflow's client takes a token from its environment, which a process has but one of; the
        library below it takes name and password from the URL.
        """
        scheme, _, rest = self.uri.partition("://")
        return f"{scheme}://{self.userinfo}@{rest}" if self.userinfo else self.uri

    @property
    def token(self) -> str:
        """What a relay asks for; empty for any other server."""
        user, _, password = self.userinfo.partition(":")
        return password if user == RELAY_USER and self.source == "service" else ""


@dataclass(frozen=True)
class TrackingWish:
    """What settings say about the tracking server of a target.

    Parameters
    ----------
    uri, pod_uri
        As in `TrackingServer`; empty for what is found in the namespace.
    secret
        As in `TrackingServer`.
    """

    uri: str = ""
    pod_uri: str = ""
    secret: str = ""
