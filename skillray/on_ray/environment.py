"""The environment of every process of a run. Set before anything imports ray: its core reads it once, at import."""

from __future__ import annotations

import atexit
import fcntl
import glob
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import MutableMapping

from skillray.errors import ConfigError

PREFIX = "skillray-"
"""Of temporary folders; short: Ray puts sockets in them, and their paths have a limit."""
OWNER = ".owner"
"""Beside each, a file that its process holds locked."""
LOOKS = 10
"""At a folder that is to go away, 0.3 s apart."""
DEFAULTS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",  # tokenizers' threads and forked children deadlock
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # several data sets at once garble the terminal; we print our own
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_TRAIN_COLLECTIVE_TIMEOUT_S": "300",
    "RAY_task_oom_retries": "2",  # Ray's own default retries for ever
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray prints errors of the cluster between our lines of progress. This one warns of many actors on few cores, which
    # is how we run on a laptop; all others stay.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "worker processes have been started on node",
}
"""Ray 2.60's variables; what a user already set stays."""


def prepare(address: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set defaults; for a local Ray also a token of its own.

    The token is in a file that only this user can read (Ray makes its own readable by all), so that nobody else
    on the machine can submit work. A cluster that is joined keeps the authentication its job came with.
    """
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)
    if address == "local":
        environment.setdefault(
            "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0"
        )  # a process a fit; nobody takes this node away
    if address != "local" or "SKILLRAY_TEMP_DIR" in environment:
        return
    folder = _own_folder()
    token = os.path.join(folder, "token")
    with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    environment["SKILLRAY_TEMP_DIR"] = folder
    environment["RAY_AUTH_MODE"] = "token"
    environment["RAY_AUTH_TOKEN_PATH"] = token


def no_cluster(address: str) -> ConfigError:
    return ConfigError(f"cluster.address {address!r}: no Ray cluster answers there; start one, or use 'local'")


def _own_folder() -> str:
    """Removed when this process ends; when it is killed, at the end of another one."""
    folder = tempfile.mkdtemp(prefix=PREFIX)
    owner = os.open(folder + OWNER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(owner, fcntl.LOCK_EX)  # held, and not inherited, for as long as this process lives
    atexit.register(_remove_abandoned)
    atexit.register(_remove, folder)  # first
    return folder


def _remove_abandoned() -> None:
    """Folders of this user whose process was killed: sessions and logs of a Ray that is gone."""
    for path in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{PREFIX}*{OWNER}")):
        try:
            with open(path, "wb") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path.removesuffix(OWNER))
        except OSError:  # its process lives, it is another user's, or somebody else has removed it
            continue


def _remove(folder: str) -> None:
    """Until it stays away, for the last processes of a Ray that ends make folders again; its owner's file last."""
    for _ in range(LOOKS):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.3)
        if not os.path.exists(folder):
            os.unlink(folder + OWNER)
            return
