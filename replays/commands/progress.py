"""How far long work has got, on stderr, drawn by rich where somebody looks and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str, int, int], None]  # what is done, how many of it, of how many


@contextmanager
def progress(silent: bool = False) -> Iterator[Tell | None]:
    """What to tell it with; None, and rich is not imported, where stderr is no terminal or `silent` is asked for.

    The bars are gone when the work is: what stays on the terminal is the command's own words.
    """
    if silent or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = drawn.add_task(what, total=of)
            drawn.update(tasks[what], completed=done, total=of)  # how many there are may be learnt on the way

        yield tell
