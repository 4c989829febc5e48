"""Watch over one attempt at a job: the outer of the runner's two processes.

It keeps a copy of the log, passes on signals, and when the attempt ends without a verdict (killed
by the kernel for want of memory, say) it gives the verdict and stores what there is. It imports
the standard library only, until it must step in. It never ends before the attempt has.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.garbage import collect_seldom
from rayspace.model.packages import EXIT_PACKAGES
from rayspace.model.ray_job import POD_ENDS
from rayspace.runner import pod_end
from rayspace.runner.exit_codes import exit_code
from rayspace.runner.orphans import adopt_orphans, bury_orphans
from rayspace.runner.settings import dashboard_url, package_path, take_credentials
from rayspace.runner.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_ATTEMPT = "--attempt"
#: As much as a pipe holds. Source: pipe(7). [bytes]
_PIPE_BYTES = 65536
#: Exit codes of a runner that was started in a wrong way, and of one stopped before it could
#: write a verdict. [1]
_EXIT_USAGE = 2
_EXIT_STOPPED = 130


def main(argv: list[str] | None = None) -> int:
    """Run the job that the environment names.

    Parameters
    ----------
    argv
        Words of the command line; those of this process when None.

    Returns
    -------
    int
        0 when the job succeeded, 1 when it failed, 130 when it was stopped, 2 when the
        environment names no job, 3 when the runner lacks packages without which it can't even
        write a verdict. [1]
    """
    # Ray blocks SIGINT in its processes, and children inherit that: then no kernel could ever be
    # interrupted. Source: ray/dashboard/modules/job/job_supervisor.py.
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    words = sys.argv[1:] if argv is None else argv
    if POD_ENDS in words:
        return pod_end.main()
    if _ATTEMPT in words:
        collect_seldom()
        from rayspace.runner.attempt import main as attempt_main

        # All is stored and closed. To take down what MLflow and nbconvert loaded would take Python
        # a second, in which the job goes on to hold its GPUs.
        os._exit(attempt_main())
    adopt_orphans()
    try:
        return _Supervisor(os.environ).run()
    finally:
        bury_orphans()


class _Supervisor:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._child: subprocess.Popen[bytes] | None = None
        self._stop_requested = False
        self._credentials: dict[str, str] = {}

    def run(self) -> int:
        run_id = self._environment.get("RAYSPACE_RUN_ID")
        if not run_id:
            os.write(2, b"The variable RAYSPACE_RUN_ID is not set.\n")
            return _EXIT_USAGE
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        signal.signal(pod_end.SIGNAL, self._pass_on_end)
        self._take_credentials()
        given = self._environment
        while True:
            self._environment = dict(given)
            code, goes_on = self._attempt(run_id)
            # Elsewhere another starts the job anew, on another cluster.
            if not goes_on or self._stop_requested or not given.get("RAYSPACE_RETRIES_HERE"):
                return code
            self._child = None

    def _attempt(self, run_id: str) -> tuple[int, bool]:
        """Run one attempt; returns its exit code, and whether another one may follow."""
        spool = Spool.create(run_id)
        self._prepare_environment(spool)
        if self._environment.get("RAYSPACE_PACKAGES"):
            from rayspace.runner.installation import install_for_job

            self._environment, can_go_on = install_for_job(
                self._environment, spool, lambda: self._stop_requested
            )
            if not can_go_on:
                spool.remove()
                return (_EXIT_STOPPED if self._stop_requested else EXIT_PACKAGES), False
        sweep_spool = self._environment.get("RAYSPACE_SWEEP_SPOOL")
        if sweep_spool:
            spool.write_installation(Spool(Path(sweep_spool)).installation)
        with spool.driver_log.open("ab", buffering=0) as log:
            self._run_child(log.fileno(), spool)
        return self._conclude(spool)

    def _conclude(self, spool: Spool) -> tuple[int, bool]:
        child = self._child
        returncode = 1 if child is None else child.returncode
        if spool.is_left:
            return returncode, spool.is_to_retry
        if not spool.is_stored:
            from rayspace.runner.recovery import recover

            recover(self._environment, spool, returncode, stopped=self._stop_requested)
        verdict = spool.verdict
        goes_on = spool.is_to_retry
        if verdict is None or not spool.is_stored:
            return 1, goes_on
        spool.remove()
        return exit_code(verdict), goes_on

    def _take_credentials(self) -> None:
        path = self._environment.pop("RAYSPACE_CREDENTIALS_FILE", "")
        names = self._environment.get("RAYSPACE_CREDENTIAL_NAMES", "").split(",")
        # The runner of a trial has those of its sweep.
        known = {name: self._environment[name] for name in names if name in self._environment}
        self._credentials = take_credentials(path) or known

    def _prepare_environment(self, spool: Spool) -> None:
        credentials = self._credentials
        if credentials:
            spool.write_credentials(credentials)
        runner_path = self._environment.get("RAYSPACE_RUNNER_PATH") or package_path()
        self._environment.update(
            credentials,
            RAYSPACE_SPOOL=str(spool.directory),
            RAYSPACE_CREDENTIAL_NAMES=",".join(credentials),
            RAYSPACE_RUNNER_PATH=runner_path,
            RAYSPACE_DASHBOARD_URL=dashboard_url(self._environment),
        )

    def _run_child(self, log_descriptor: int, spool: Spool) -> None:
        runner_path = self._environment["RAYSPACE_RUNNER_PATH"]
        environment = dict(self._environment)
        if runner_path.endswith(".zip"):
            command = [sys.executable, runner_path, _ATTEMPT]
        else:
            command = [sys.executable, "-m", "rayspace.runner", _ATTEMPT]
            inherited = environment.get("PYTHONPATH", "")
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [runner_path, inherited]))
            # Else a file of the user's named as a module of ours would be imported.
            environment["PYTHONSAFEPATH"] = "1"
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            # The attempt holds the spool as well, as long as it lives.
            pass_fds=() if spool.held is None else (spool.held,),
        )
        if self._stop_requested:
            self._pass_on(signal.SIGTERM, None)
        _copy_until_end(self._child, log_descriptor)

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        # Ray signals every process below itself, so the attempt may get this twice: it may.
        self._stop_requested = True
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)

    def _pass_on_end(self, number: int, _frame: FrameType | None) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)


def _copy_until_end(child: subprocess.Popen[bytes], log_descriptor: int) -> None:
    """Copy what a process prints to our own output and to the log, until it has ended.

    The end of the pipe is not the end of the process: a kernel that outlives it holds the pipe
    open.
    """
    if child.stdout is None:  # it was given a pipe
        return
    source = child.stdout.fileno()
    ended_read, ended_write = os.pipe()
    waiter = threading.Thread(target=_tell_the_end, args=(child, ended_write), daemon=True)
    waiter.start()
    os.set_blocking(source, False)
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        selector.register(ended_read, selectors.EVENT_READ)
        has_ended = False
        while not has_ended:
            ready = {key.fd for key, _ in selector.select()}
            has_ended = ended_read in ready
            if not _copy_available(source, log_descriptor) and not has_ended:
                # Closed, but the process goes on.
                selector.unregister(source)
                selector.select()
                has_ended = True
    waiter.join()
    os.close(ended_read)
    os.close(ended_write)


def _tell_the_end(child: subprocess.Popen[bytes], descriptor: int) -> None:
    child.wait()
    os.write(descriptor, b"x")


def _copy_available(source: int, log_descriptor: int) -> bool:
    """Copy all that can be read now; False when the pipe is closed."""
    while True:
        try:
            content = os.read(source, _PIPE_BYTES)
        except BlockingIOError:
            return True
        if not content:
            return False
        for target in (log_descriptor, 1):
            _write_all(target, content)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        # A full disk or a closed output: the job goes on, its log has a gap.
        return
