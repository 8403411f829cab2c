"""What `make up` has started: one file a process, so that `make down` ends exactly these."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from kaftalk_testing.process import ProcessId


@dataclass(frozen=True, slots=True)
class Address:
    """Where the running deployment is served: what a later command must use, whatever its environment says."""

    bind: str
    port: int
    url: str


class Records:
    """The folder of the records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def running(self) -> dict[str, ProcessId]:
        """Return the recorded processes that still run, by name; records of ended ones are dropped."""
        running = {}
        for file in sorted(self.folder.glob("*.pid.json")):
            process = ProcessId(**json.loads(file.read_text()))
            if process.alive():
                running[file.name.removesuffix(".pid.json")] = process
            else:
                file.unlink()
        return running

    def add(self, name: str, process: ProcessId) -> None:
        """Record a process that was just started."""
        self._write(f"{name}.pid.json", asdict(process))

    def remove(self, name: str) -> None:
        """Forget a process that has ended."""
        (self.folder / f"{name}.pid.json").unlink(missing_ok=True)

    def address(self) -> Address | None:
        """Return the address that was given to the processes that run."""
        file = self.folder / "address.json"
        return Address(**json.loads(file.read_text())) if file.exists() else None

    def set_address(self, address: Address) -> None:
        """Record the address before the first process starts."""
        self._write("address.json", asdict(address))

    def _write(self, name: str, content: dict[str, object]) -> None:
        part = self.folder / f"{name}.part"
        part.write_text(json.dumps(content))
        part.rename(self.folder / name)
