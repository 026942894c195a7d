"""The Merkle tree of RFC 6962, section 2.1: leaf and node hashes, roots, and proofs that anyone can check.

A tree is an ordered list of leaves, number 0 first; hashes are the 32 bytes of SHA-256. The tree of `n > 1`
leaves is the node over the tree of the first `k` and the tree of the rest, `k` the largest power of two below
`n`. Whoever has a tree gives it as a `Node`: `node(level, index)` is the root over the `2**level` leaves from
number `index * 2**level`, asked only where all of them are there. All four proofs are one walk: a proof that
the leaves `[start, end)` are in the tree (`consistency` has `start == 0`, `inclusion` has `end == start + 1`).
Sizes are below 2**63. A proof that does not hold raises `Refused("bad_proof")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from msgspec import Struct

from ledger.errors import Refused

Node = Callable[[int, int], bytes]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_SIZE = 2**63 - 1
_leaf = sha256(b"\0").copy


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256 of a zero byte and the entry."""
    return sha256(b"\0" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of many entries; several times faster than one call each."""
    hashes = []
    for entry in entries:
        begun = _leaf()  # costs less than a hash of its own for what stands before each
        begun.update(entry)
        hashes.append(begun.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of a one byte and the two children."""
    return sha256(b"\1" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; `EMPTY_ROOT` over none."""
    nodes = list(leaves)
    if not nodes:
        return EMPTY_ROOT
    while len(nodes) > 1:
        odd = nodes[-1:] if len(nodes) % 2 else []  # an odd last node rises as it is
        nodes = _pairs(nodes) + odd
    return nodes[0]


def _pairs(nodes: Sequence[bytes]) -> list[bytes]:
    return [sha256(b"\1" + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=False)]


class Frontier(Struct, frozen=True):
    """All that appending needs of a tree: its size and the roots of its perfect subtrees, the largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaves: Sequence[bytes]) -> Frontier:
        """The tree with these leaf hashes after its own: O(log n) beyond hashing; this one is unchanged."""
        held = list(self.peaks)
        kept: list[bytes] = []  # the new peaks, the smallest first
        size, level, nodes = self.size, 0, list(leaves)
        while nodes or held:
            if size >> level & 1:
                nodes.insert(0, held.pop())
            if len(nodes) % 2:
                kept.append(nodes.pop())
            nodes = _pairs(nodes)
            level += 1
        return Frontier(self.size + len(leaves), tuple(reversed(kept)))

    def root(self) -> bytes:
        """The root of the whole tree."""
        return _fold(self.peaks)


def _fold(peaks: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    below = peaks[-1]
    for peak in reversed(peaks[:-1]):
        below = node_hash(peak, below)
    return below


def frontier(size: int, node: Node) -> Frontier:
    """The frontier of the first `size` leaves."""
    return Frontier(size, tuple(_peaks(0, size, node)))


def _peaks(start: int, end: int, node: Node) -> list[bytes]:
    peaks = []
    for level in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> level & 1:
            peaks.append(node(level, start >> level))
            start += 1 << level
    return peaks


def largest_power_below(size: int) -> int:
    """The largest power of two strictly below `size`, for `size >= 2`: where a tree divides."""
    assert size >= 2, size
    return 1 << (size - 1).bit_length() - 1


def is_subtree(start: int, end: int) -> bool:
    """Whether the leaves `[start, end)` make a tree of their own inside every tree that holds them.

    So they do when `start` is a multiple of the least power of two that holds `end - start` leaves
    (draft-ietf-plants-merkle-tree-certs, section 4.1); an empty range does too.
    """
    if not 0 <= start <= end <= MAX_SIZE:
        return False
    return end - start <= 1 or start % (1 << (end - start - 1).bit_length()) == 0


def subtree_root(start: int, end: int, node: Node) -> bytes:
    """The root over the leaves `[start, end)`, which must be a subtree."""
    assert is_subtree(start, end), (start, end)
    return _fold(_peaks(start, end, node))


# one step of the walk from the root down: what stands on the other side of the way taken
_RIGHT_OF, _LEFT_OF, _LEFT_INSIDE = range(3)


def _walk(start: int, end: int, size: int) -> tuple[list[tuple[int, int, int]], bool]:
    """The way from the root of `size` leaves down to `[start, end)`, and whether it ends on its very root.

    Each step is `(side, first, last)`: the leaves `[first, last)` stand beside the way, to its right, to its
    left, or to its left and within `[start, end)` (SUBPROOF of RFC 6962, section 2.1.2).
    """
    steps: list[tuple[int, int, int]] = []
    first, last, whole = 0, size, True
    while (first, last) != (start, end):
        middle = first + largest_power_below(last - first)
        if end <= middle:
            steps.append((_RIGHT_OF, middle, last))
            last = middle
        else:
            inside = start < middle
            steps.append((_LEFT_INSIDE if inside else _LEFT_OF, first, middle))
            first = middle
            if inside:
                start, whole = middle, False
    return steps, whole


def subtree_proof(start: int, end: int, size: int, node: Node) -> list[bytes]:
    """The proof that the leaves `[start, end)`, a subtree, are in the tree of `size` leaves; lowest hash first."""
    _in_tree(start, end, size)
    if start == end:
        return []
    steps, whole = _walk(start, end, size)
    proof = [subtree_root(first, last, node) for _, first, last in reversed(steps)]
    if whole:
        return proof
    lowest = max(last for side, _, last in steps if side == _LEFT_INSIDE)
    return [subtree_root(lowest, end, node), *proof]


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf `index` (the first is 0) is in the tree of `size` leaves; the leaf's sibling first."""
    if not 0 <= index < size <= MAX_SIZE:
        raise Refused("bad_proof", f"no leaf {index} in a tree of {size}")
    return subtree_proof(index, index + 1, size, node)


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """The proof that the tree of `second` leaves begins with the tree of `first`, which is not empty.

    An empty tree begins every tree and proves nothing, so it is refused here as by `verify_consistency`.
    """
    if first == 0 < second:
        raise Refused("bad_proof", "an empty tree proves nothing of a later one")
    return subtree_proof(0, first, second, node)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Refuses unless `proof` leads from the hash `leaf`, number `index` of `size`, to `root`."""
    if not 0 <= index < size <= MAX_SIZE:
        raise Refused("bad_proof", f"no leaf {index} in a tree of {size}")
    if len(leaf) != HASH_BYTES or len(root) != HASH_BYTES:
        raise Refused("bad_proof", "a hash is not 32 bytes long")
    if _climb(index, index + 1, size, proof, leaf)[1] != root:
        raise Refused("bad_proof", f"the proof does not lead from leaf {index} to the root of {size} leaves")


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Refuses unless the tree of `second` leaves under `second_root` begins with the `first` under `first_root`."""
    if first == 0:
        if second or proof or first_root != EMPTY_ROOT or second_root != EMPTY_ROOT:
            raise Refused("bad_proof", "an empty tree proves nothing but itself")
        return
    verify_subtree(0, first, second, proof, first_root, second_root)


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Refuses unless `proof` leads from the hash `leaf`, number `index` of the whole, to the root of `[start, end)`."""
    if not is_subtree(start, end) or not start <= index < end:
        raise Refused("bad_proof", f"no leaf {index} in a subtree from {start} to {end}")
    verify_inclusion(index - start, end - start, leaf, proof, root)


def verify_subtree(
    start: int, end: int, size: int, proof: Sequence[bytes], subtree_root: bytes, tree_root: bytes
) -> None:
    """Refuses unless the tree of `size` leaves under `tree_root` holds `[start, end)` under `subtree_root`."""
    _in_tree(start, end, size)
    if start == end:
        if proof or subtree_root != EMPTY_ROOT:
            raise Refused("bad_proof", "an empty subtree has the empty root and an empty proof")
        return
    below, above = _climb(start, end, size, proof, subtree_root)
    if below != subtree_root or above != tree_root:
        raise Refused("bad_proof", f"the tree of {size} leaves does not hold the leaves {start} to {end} as given")


def _in_tree(start: int, end: int, size: int) -> None:
    if not is_subtree(start, end) or not end <= size <= MAX_SIZE:
        raise Refused("bad_proof", f"no subtree from {start} to {end} in a tree of {size}")


def _climb(start: int, end: int, size: int, proof: Sequence[bytes], given: bytes) -> tuple[bytes, bytes]:
    """The roots of `[start, end)` and of the tree that the proof leads to, from the root `given` where it can."""
    steps, whole = _walk(start, end, size)
    if len(proof) != len(steps) + (not whole):
        raise Refused("bad_proof", f"a proof of {len(proof)} hashes where {len(steps) + (not whole)} belong")
    if any(len(part) != HASH_BYTES for part in proof):
        raise Refused("bad_proof", "a hash is not 32 bytes long")
    below = above = given if whole else proof[0]
    for (side, _, _), beside in zip(reversed(steps), proof[not whole :], strict=True):
        if side == _RIGHT_OF:
            above = node_hash(above, beside)
        else:
            above = node_hash(beside, above)
            below = node_hash(beside, below) if side == _LEFT_INSIDE else below
    return below, above
