"""Every error that rayspace raises, drawn here once.

::

    RayspaceError                      message, hint, details; code and exit code by class
      SpecError                        what was asked is wrong
        UsageError                     words of a command line
        QuantityError                  a number without its unit, or with a wrong one
        ParameterError                 a notebook parameter
        ProfileError                   a profile file
        SettingsError                  a settings file or variable
        NotebookFormatError            a file that is no notebook we can run
        BundleError                    the files that travel with a job
        ManifestError                  an object that Kubernetes does not take
        LimitError                     more than an administrator allows
      NotFoundError
        ClusterNotFoundError  JobNotFoundError  ProfileNotFoundError
        NotebookNotFoundError  KernelNotFoundError  TargetNotFoundError
        ObjectNotFoundError            an object of Kubernetes
        OperationNotFoundError         what the Jupyter server does in the background
        TrackingMissingError           no tracking server for a target
      ConflictError
        ClusterExistsError             the name is taken by another cluster
        ClusterBusyError               somebody else is changing it right now
        PhaseError                     not possible in this phase
        PortTakenError  VersionMismatchError
      RefusedError                     allowed nowhere, or not to you
        PreflightError                 it could never come up
        AccessError                    a missing or wrong token
      MissingExtraError                a package that another install brings
      StorageError                     disk full, or a directory that can't be written
      GatewayError                     an outside system failed
        GatewayUnavailableError  GatewayTimeoutError
        ExpiredError                   a watch can't go on from where it was
        ClusterStartError              Ray did not come up
      JobFailedError                   a job that was waited for did not succeed

A message is one sentence of fact; a hint is one sentence of advice. Nothing here may hold
a token: messages and details are shown, logged and sent as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class RayspaceError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        One sentence of fact, with values and units.
    hint
        One sentence of advice: an exact command or call where there is one.
    details
        Values for programs, JSON-compatible.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_wire(self) -> dict[str, Any]:
        """Return the error as the JSON object that every door shows."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "details": self.details,
        }


class SpecError(RayspaceError):
    """What was asked is wrong; nothing was changed."""

    code = "spec"


class UsageError(SpecError):
    """The words of a command line do not fit the grammar."""

    code = "usage"


class QuantityError(SpecError):
    """A quantity that can't be read, or that lacks its unit."""

    code = "quantity"


class ParameterError(SpecError):
    """A notebook parameter that does not exist or has a wrong type."""

    code = "parameter"


class ProfileError(SpecError):
    """A profile with a wrong key, type or value."""

    code = "profile"


class SettingsError(SpecError):
    """A setting that can't be used."""

    code = "settings"


class NotebookFormatError(SpecError):
    """A file that is not a notebook which can run."""

    code = "notebook_format"


class BundleError(SpecError):
    """The files that should travel with a job can't."""

    code = "bundle"


class ManifestError(SpecError):
    """An object that Kubernetes does not take."""

    code = "manifest"


class LimitError(SpecError):
    """More than an administrator of the namespace allows."""

    code = "limit"


class NotFoundError(RayspaceError):
    """Something named does not exist."""

    code = "not_found"


class ClusterNotFoundError(NotFoundError):
    """No cluster of that name."""

    code = "cluster_not_found"


class JobNotFoundError(NotFoundError):
    """No job of that name."""

    code = "job_not_found"


class ProfileNotFoundError(NotFoundError):
    """No profile of that name."""

    code = "profile_not_found"


class NotebookNotFoundError(NotFoundError):
    """No notebook at that path."""

    code = "notebook_not_found"


class KernelNotFoundError(NotFoundError):
    """No Jupyter kernel of that name where the job would run."""

    code = "kernel_not_found"


class TargetNotFoundError(NotFoundError):
    """No target of that name, or no such context."""

    code = "target_not_found"


class ObjectNotFoundError(NotFoundError):
    """Kubernetes has no such object."""

    code = "object_not_found"


class OperationNotFoundError(NotFoundError):
    """No operation of that id is known to this server (any more)."""

    code = "operation_not_found"


class TrackingMissingError(NotFoundError):
    """A target has no tracking server that jobs there could use."""

    code = "tracking_missing"


class ConflictError(RayspaceError):
    """What was asked does not fit what is there."""

    code = "conflict"


class ClusterExistsError(ConflictError):
    """The name belongs to another cluster."""

    code = "cluster_exists"


class ClusterBusyError(ConflictError):
    """Another process is changing the cluster right now."""

    code = "cluster_busy"


class PhaseError(ConflictError):
    """Not possible in the phase in which the cluster or job is."""

    code = "phase"


class PortTakenError(ConflictError):
    """A port that was asked for is in use."""

    code = "port_taken"


class VersionMismatchError(ConflictError):
    """Two Pythons or two Rays that can't work together."""

    code = "version_mismatch"


class RefusedError(RayspaceError):
    """Not allowed."""

    code = "refused"


class AccessError(RefusedError):
    """A token is missing or wrong."""

    code = "access"


class PreflightError(RefusedError):
    """What is asked for could never come up there."""

    code = "preflight"


class MissingExtraError(RayspaceError):
    """A package is missing that another install of rayspace brings.

    Parameters
    ----------
    package
        The package that was looked for.
    extra
        The extra that brings it.
    """

    code = "missing_extra"

    def __init__(self, package: str, *, extra: str = "local") -> None:
        super().__init__(
            f"The package {package!r} is not installed in this Python.",
            hint=f"Install it with: pip install 'rayspace[{extra}]'",
            details={"package": package, "extra": extra},
        )


class StorageError(RayspaceError):
    """A file or directory could not be written or read."""

    code = "storage"


class GatewayError(RayspaceError):
    """An outside system failed.

    Parameters
    ----------
    message
        One sentence of fact.
    system
        The outside system, as people call it: "Ray", "MLflow".
    operation
        What was asked of it.
    hint
        One sentence of advice.
    details
        Values for programs.
    """

    code = "gateway"
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        system: str,
        operation: str,
        hint: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        merged = {"system": system, "operation": operation, **(details or {})}
        super().__init__(message, hint=hint, details=merged)
        self.system = system
        self.operation = operation


class GatewayUnavailableError(GatewayError):
    """An outside system does not answer."""

    code = "gateway_unavailable"
    exit_code = 2


class GatewayTimeoutError(GatewayError):
    """An outside system did not finish in the time it was given."""

    code = "gateway_timeout"


class ExpiredError(GatewayError):
    """The version from which a watch should go on is too old: all must be listed anew."""

    code = "expired"


class ClusterStartError(GatewayError):
    """Ray did not come up."""

    code = "cluster_start"


class JobFailedError(RayspaceError):
    """A job that was waited for did not succeed."""

    code = "job_failed"
    exit_code = 1
