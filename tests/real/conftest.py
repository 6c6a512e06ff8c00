"""Folders of the real models; where a package cannot be downloaded, its tests are skipped, except in CI."""

from __future__ import annotations

import os

import pytest

from tests.real.models import UnavailableError, cache_folder, model_folder

CACHE = cache_folder()
"""Found at import: later the tests have a home of their own."""


def _have(name: str) -> str:
    try:
        return str(model_folder(name, CACHE))
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def smollm2() -> str:
    """SmolLM2-135M-Instruct in bf16."""
    return _have("smollm2")


@pytest.fixture(scope="session")
def minilm() -> str:
    """all-MiniLM-L6-v2."""
    return _have("minilm")
