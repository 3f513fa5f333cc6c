"""Environment variables that Ray reads when it is imported. Call `prepare` before that."""

import os
from pathlib import Path

DEFAULTS = {
    "PL_DISABLE_FORK": "1",  # as Tune has it in its actors
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "600",  # nothing waits for it
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # the ledger is the state
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # they are rows
}


def prepare() -> None:
    """Sets what a sweep needs and the user has not set."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    has_token = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if has_token or (Path.home() / ".ray" / "auth_token").is_file():
        # `ray start` asks for a token where one exists; `ray.init` offers it only when told to.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
