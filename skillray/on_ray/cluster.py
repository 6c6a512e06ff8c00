"""Start or join a Ray, on purpose: own namespace, temp dir, ports and token for a local one."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import ray

from skillray.config.model import ClusterSettings


@contextlib.contextmanager
def connected(settings: ClusterSettings, namespace: str) -> Iterator[None]:
    """A Ray connection in `namespace`; a local Ray ends with the block, a joined one is left as it was.

    `environment.prepare` must have run before this module was imported.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    if settings.address == "local":
        ray.init(
            address="local",
            num_cpus=settings.num_cpus,
            namespace=namespace,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=512 * 2**20,  # rows stay in tables: only messages pass through it
            _temp_dir=os.environ["SKILLRAY_TEMP_DIR"],
        )
    else:
        ray.init(address=settings.address, namespace=namespace, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def describe() -> str:
    """Nodes and resources of the connected cluster."""
    resources = ", ".join(
        f"{count:g} {name}" for name, count in sorted(ray.cluster_resources().items()) if ":" not in name
    )
    return f"{sum(node['Alive'] for node in ray.nodes())} node(s): {resources}"
