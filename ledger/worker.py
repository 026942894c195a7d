"""One thread beside its owner's, for work that goes on without Python's lock: a long statement, a long page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")


class Worker:
    """To be closed. Where the interpreter is ending and lets no thread begin, it works when asked for the result."""

    def __init__(self, name: str) -> None:
        self._thread: ThreadPoolExecutor | None = None
        try:
            from concurrent.futures import ThreadPoolExecutor  # late: most commands need none

            self._thread = ThreadPoolExecutor(1, name)
        except RuntimeError:
            return

    def begin(self, act: Callable[..., T], *args: Any) -> Callable[[], T]:
        """Begins something, and returns once it is begun: what waits for its result, or raises what it raised."""
        if self._thread is None:
            return partial(act, *args)
        from concurrent.futures import Future

        begun: Future[None] = Future()
        try:
            result = self._thread.submit(_carry_out, begun, act, *args).result
        except RuntimeError:
            return partial(act, *args)
        begun.result()  # or the thread would wait for Python's lock until this one is next made to give it up
        return result

    def close(self) -> None:
        """Waits for what is under way, and ends the thread."""
        if self._thread is not None:
            self._thread.shutdown()


def aside(name: str, act: Callable[..., T], *args: Any) -> Callable[[], T]:
    """Begins one thing on a thread that ends with it: what waits for its result, or raises what it raised.

    A bare thread: to import executors takes longer than what is saved by reading one stream so.
    """
    found: list[T] = []
    failed: list[BaseException] = []

    def carry_out() -> None:
        try:
            found.append(act(*args))
        except BaseException as error:
            failed.append(error)

    def result() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return found[0]

    thread = Thread(target=carry_out, name=name)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is ending
        return partial(act, *args)
    return result


def _carry_out(begun: Future[None], act: Callable[..., T], *args: Any) -> T:
    begun.set_result(None)
    return act(*args)
