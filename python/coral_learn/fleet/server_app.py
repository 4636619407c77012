"""The ServerApp of a fleet, which ``flwr run`` starts."""

from collections.abc import Mapping
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from .coordinator import fit_fleet
from .fleet_records import CoordinatorOptions, FleetProgress
from .flower_transport import FlowerTransport


def options_of(run: Mapping[str, Any]) -> CoordinatorOptions:
    """Reads the options of a run from its configuration, ``[tool.flwr.app.config]``."""
    known = CoordinatorOptions()
    return CoordinatorOptions(
        boards=int(run.get("boards", known.boards)),
        wait=float(run.get("wait", known.wait)),
        patience=float(run.get("patience", known.patience)),
        seed=int(run.get("seed", known.seed)),
        penalty=float(run.get("penalty", 0)) or None,
        clip=float(run.get("clip", known.clip)),
        quick=bool(run.get("quick", known.quick)),
    )


def main(grid: Grid, context: Context) -> None:
    """Fits the head of all nodes that are there, and sends it to them."""

    def show(progress: FleetProgress) -> None:
        loss = "" if progress.loss is None else f", loss {progress.loss:.6f}"
        print(f"{progress.doing}: round {progress.traffic.rounds}{loss}", flush=True)

    result = fit_fleet(
        FlowerTransport(grid),
        options_of(context.run_config),
        show,
        lambda line: print(line, flush=True),
    )
    print(f"{len(result.boards)} boards have the head, after {result.traffic.rounds} rounds")


app = ServerApp()
app.main()(main)
