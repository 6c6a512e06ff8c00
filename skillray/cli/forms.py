"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Config = Annotated[str, typer.Argument(help="A YAML file, for example jobs/recipes/quickstart.yaml")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, for example training.learning_rate=1e-4")]
Folder = Annotated[str, typer.Argument(help="A run folder")]
