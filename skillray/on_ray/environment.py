"""The environment of every process of a run. Set before anything imports ray: its core reads it once, at import."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import MutableMapping

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
    folder = tempfile.mkdtemp(prefix="skillray-")  # short: Ray puts sockets in it, and their paths have a limit
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    token = os.path.join(folder, "token")
    with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    environment["SKILLRAY_TEMP_DIR"] = folder
    environment["RAY_AUTH_MODE"] = "token"
    environment["RAY_AUTH_TOKEN_PATH"] = token
