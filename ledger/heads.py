"""Signing the present head: only after every stored byte was read again, and never against what was signed before.

What a key signed last lies beside it (`ledger.headlock`); a ledger that does not begin with that is refused
with `head_conflict`, whoever restored, copied or cut it. A change of an entry above the last full tile that no
head covers yet cannot be seen by anyone: sign often. Receipts and proofs are made from the tiles, against a
head that is checked first, and verified before they leave. A witness here keeps the same discipline.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, proxy

from ledger import merkle, proofs, tree
from ledger.checkpoint import Checkpoint, cosign_checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.counting import number_of
from ledger.errors import Refused
from ledger.headlock import WAIT_SECONDS, HeadLock
from ledger.keys import keys_of, origin_of, read_key
from ledger.merkle import HASH_BYTES, Node, leaf_hash, leaf_hashes
from ledger.notes import COSIGNATURE, VerifierKey
from ledger.store import Row, Store
from ledger.tiles import WIDTH

if TYPE_CHECKING:
    from ledger.book import Ledger

PAGE = 4 * WIDTH  # entries read at once: 64 MiB when every one is as long as can be
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})\Z")


def sign_head(book: Ledger, key_file: str | Path, wait_seconds: float = WAIT_SECONDS) -> bytes:
    """The present head, signed; the same bytes again while nothing was appended.

    Raises `Refused`: `bad_key` (its file, or not a key of this ledger in use), `damaged_ledger` (the stored
    bytes contradict the tree), `head_conflict` (they contradict what the key signed), `locked`.
    """
    origin = origin_of(book.store)
    key = read_key(key_file, origin)
    with HeadLock(key_file, wait_seconds) as lock:
        held = lock.held()
        if held is None:
            raise Refused(
                "head_conflict",
                f"{lock.path} is missing, the last head this key signed; put it back, or the newest signed "
                "checkpoint anybody holds, under that name",
            )
        try:
            last = open_checkpoint(held, [key.verifier], origin)
        except Refused as no:
            raise Refused(no.code, f"{lock.path}: {no.message}") from None
        size = book.position
        _continues(book.store, last, size, "the key signed")
        _check_in_use(book, key.verifier)
        head = present_head(book.store, origin, size)
        if head == last:
            return held
        _continues(book.store, last, size, "the key signed")  # against the tiles that were now read again
        signed = sign_checkpoint(head, key)
        lock.put(signed)
    return signed


def _check_in_use(book: Ledger, key: VerifierKey) -> None:
    made, retired = keys_of(book)
    if key not in made:
        raise Refused("bad_key", f"the ledger holds no entry that this key was made for it: {key}")
    if key in retired:
        raise Refused("bad_key", f"the key {key} is retired")


def present_head(store: Store, origin: str, size: int) -> Checkpoint:
    """The head of the first `size` entries, all of them; every byte read again and held against the tree."""
    beyond = size // WIDTH
    if store.tile_roots(0, beyond, 1):
        last = store.last()  # asked after the tile: another writer may have filled it meanwhile
        if last is None or last.position < (beyond + 1) * WIDTH:
            raise Refused("damaged_ledger", f"the tree has a tile beyond the last position {size}; entries are missing")
    read_again = reread(store, size)
    root = tree.root_at(store, size)
    if root != read_again:
        raise Refused("damaged_ledger", f"the tree over {number_of(size, 'entry')} has another root than their bytes")
    return Checkpoint(origin, size, root)


def reread(store: Store, size: int) -> bytes:
    """The root over the first `size` entries from their bytes alone, each full tile compared on the way.

    Raises `Refused("damaged_ledger")` with the first position that is missing or not as it was hashed once.
    """
    found, start = merkle.Frontier(), 1
    while start <= size:
        rows = _page(store, start, min(PAGE, size - start + 1))
        leaves = leaf_hashes(row.state for row in rows)
        for at in range(0, len(leaves) - WIDTH + 1, WIDTH):
            _check_tile(store, (start - 1 + at) // WIDTH, leaves[at : at + WIDTH])
        found = found.append(leaves)
        start += len(rows)
    return found.root()


def _page(store: Store, start: int, count: int) -> list[Row]:
    try:
        rows = store.read(start, count)
    except Refused as no:
        if no.code != "damaged_ledger":
            raise
        rows = []
    if len(rows) != count:  # the store says that something is missing; say where it begins
        missing = next((at for at in range(start, start + count) if store.read_at(at) is None), start)
        raise Refused("damaged_ledger", f"position {missing} is missing")
    return rows


def _check_tile(store: Store, number: int, leaves: list[bytes]) -> None:
    kept = store.tile(0, number)
    if kept is None:
        raise Refused("damaged_ledger", f"the tree lacks the tile of the positions from {number * WIDTH + 1}")
    if kept != b"".join(leaves):
        differs = (at for at in range(WIDTH) if kept[at * HASH_BYTES : (at + 1) * HASH_BYTES] != leaves[at])
        position = number * WIDTH + next(differs, 0) + 1
        raise Refused("damaged_ledger", f"the entry at position {position} is not the one the tree was built over")
    if store.tile_roots(0, number, 1) != [merkle.root(leaves)]:
        raise Refused("damaged_ledger", f"the tree has a wrong root over the positions from {number * WIDTH + 1}")


def _continues(store: Store, earlier: Checkpoint, size: int, who: str) -> None:
    """Refuses with `head_conflict` unless the ledger's first entries are those of an earlier head."""
    if earlier.size > size:
        raise Refused(
            "head_conflict",
            f"the ledger holds {number_of(size, 'entry')}, {who} {earlier.size}: entries after position {size} are "
            "missing here (an old copy, or its end was cut off)",
        )
    if earlier.size == 0:
        if earlier.root != merkle.EMPTY_ROOT:
            raise Refused("head_conflict", f"{who} no entry under a root that is not the empty tree's")
        return
    node = tree.node_of(store, size)
    proof = merkle.consistency_proof(earlier.size, size, node)
    try:
        merkle.verify_consistency(earlier.size, size, proof, earlier.root, merkle.frontier(size, node).root())
    except Refused:
        here = tree.root_text(tree.root_at(store, earlier.size))
        raise Refused(
            "head_conflict",
            f"the first {earlier.size} entries have the root {here} here; {who} {tree.root_text(earlier.root)}: "
            "one of them was changed, or this is another history",
        ) from None


# --- what is made against a head ---


def own_head(book: Ledger, data: bytes) -> Checkpoint:
    """A signed checkpoint of this ledger, by any key ever made for it, that its entries agree with.

    Raises `Refused`: `bad_note` (not signed so), `head_conflict` (the ledger contradicts it).
    """
    made, _ = keys_of(book)
    head = open_checkpoint(data, made, origin_of(book.store))
    _continues(book.store, head, book.position, "that head speaks of")
    return head


def receipt(store: Store, position: int, checkpoint: bytes) -> bytes:
    """The C2SP tlog-proof that the entry at a position is under a checkpoint's root, verified before it leaves.

    Its cost follows the tree's height alone. The checkpoint's signature is not looked at (`own_head` does).
    Raises `Refused`: `bad_position`, `head_conflict`, `damaged_ledger`.
    """
    head = parse_checkpoint(checkpoint)
    if not 0 < position <= head.size:
        raise Refused("bad_position", f"position {position} is not under that head; it speaks of 1 to {head.size}")
    last, row = store.last(), store.read_at(position)
    if last is None or row is None or last.position < head.size:
        told = number_of(head.size, "entry")
        raise Refused("head_conflict", f"that head speaks of {told}; the ledger does not hold so many")
    node, leaf = _node_at(store, head.size), leaf_hash(row.state)
    path = merkle.inclusion_proof(position - 1, head.size, node)
    try:
        merkle.verify_inclusion(position - 1, head.size, leaf, path, head.root)
    except Refused:  # only now the whole root is worth its cost: it tells whose fault this is
        _nodes.pop(store, None)
        raise _at_fault(head, position, leaf, node) from None
    return proofs.format_receipt(proofs.Receipt(position - 1, tuple(path), checkpoint))


# of each open store, the tree at the size last asked for: what hangs over the last full tile is in every receipt's
# proof and half of its cost, and it is hashed once
_nodes: WeakKeyDictionary[Store, tuple[int, Node]] = WeakKeyDictionary()


def _node_at(store: Store, size: int) -> Node:
    kept = _nodes.get(store)
    if kept is None or kept[0] != size:
        kept = _nodes[store] = size, tree.node_of(proxy(store), size)
    return kept[1]


def _at_fault(head: Checkpoint, position: int, leaf: bytes, node: Node) -> Refused:
    if merkle.frontier(head.size, node).root() != head.root:
        return Refused("head_conflict", f"that head's root over {number_of(head.size, 'entry')} is not this ledger's")
    if node(0, position - 1) != leaf:
        return Refused("damaged_ledger", f"the entry at position {position} is not the one the tree was built over")
    return Refused("damaged_ledger", f"a tile of the tree over position {position} is not made of those below it")


def extension(store: Store, held: Checkpoint | None, checkpoint: bytes) -> bytes:
    """The proof that a checkpoint continues a held one, as C2SP tlog-witness's add-checkpoint asks for it.

    A line `old` and the held size, the hashes in base64, an empty line, the checkpoint. Nothing held is `old 0`.
    """
    head = parse_checkpoint(checkpoint)
    lines = proof_lines(store, held, head) if held is not None else []
    return "\n".join([f"old {held.size if held else 0}", *lines, "", ""]).encode() + checkpoint


def proof_lines(store: Store, held: Checkpoint, head: Checkpoint) -> list[str]:
    """The consistency proof between two heads, a hash in base64 a line, verified before it leaves."""
    if held.origin != head.origin:
        raise Refused("head_conflict", f"the held head is of {held.origin}, not of {head.origin}")
    if held.size > head.size:
        told = number_of(held.size, "entry")
        raise Refused("head_conflict", f"the held head speaks of {told}, this one of {head.size} only")
    _continues(store, head, head.size, "that head speaks of")
    _continues(store, held, head.size, "the held head speaks of")
    if held.size == 0:
        return []
    proof = merkle.consistency_proof(held.size, head.size, tree.node_of(store, head.size))
    return [b64encode(part).decode() for part in proof]


def parse_extension(data: bytes) -> tuple[int, list[bytes], bytes]:
    """The old size, the proof and the checkpoint of what `extension` wrote; a checkpoint alone has the old size 0."""
    if not data.startswith(b"old "):
        return 0, [], data
    head, blank, checkpoint = data.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    old = _OLD.match(lines[0])
    if old is None or not blank or len(lines) > 64:
        raise Refused("bad_proof", "it begins with `old` and a size, then at most 63 hashes, then an empty line")
    try:
        proof = [b64decode(line, validate=True) for line in lines[1:]]
    except ValueError:
        proof = [b""]
    if [b64encode(part).decode() for part in proof] != lines[1:] or any(len(part) != HASH_BYTES for part in proof):
        raise Refused("bad_proof", "a line between the old size and the checkpoint is not the base64 of 32 bytes")
    return int(old[1]), proof, checkpoint


def check_extension(data: bytes, held: Checkpoint | None, keys: list[VerifierKey]) -> tuple[Checkpoint, bytes]:
    """The later checkpoint, signed by one of the log's keys and proven to continue the held one, and its bytes.

    Raises `Refused`: `bad_note`, `bad_proof`, `head_conflict` (other origin, or a proof from another head).
    """
    old, proof, checkpoint = parse_extension(data)
    head = open_checkpoint(checkpoint, keys)
    if held is None:
        if old or proof:
            raise Refused("head_conflict", f"the proof is from a head of {number_of(old, 'entry')}, and none is held")
        return head, checkpoint
    if held.origin != head.origin:
        raise Refused("head_conflict", f"the held head is of {held.origin}, this one of {head.origin}")
    if old != held.size and head.size != held.size:
        told = number_of(held.size, "entry")
        raise Refused("head_conflict", f"the held head speaks of {told}; the proof is from {old}")
    if head.size < held.size or (head.size == held.size and head.root != held.root):
        told = number_of(head.size, "entry")
        raise Refused("head_conflict", f"the head of {told} contradicts the held one of {held.size}")
    if 0 < held.size < head.size:
        merkle.verify_consistency(held.size, head.size, proof, held.root, head.root)
    return head, checkpoint


def cosign(key_file: str | Path, log: VerifierKey, data: bytes, cosigned_at: int) -> bytes:
    """A witness's cosigned checkpoint (C2SP tlog-cosignature); `data` as `extension` wrote it.

    The witness keeps the last head it cosigned beside its key and cosigns only what continues it; a head it
    saw before may be cosigned again. `cosigned_at` in POSIX seconds. One key watches one log.
    """
    key = read_key(key_file, kind=COSIGNATURE)
    with HeadLock(key_file) as lock:
        held = lock.held()
        if held is not None:
            open_checkpoint(held, [key.verifier], parse_checkpoint(held).origin)
        seen = None if held is None else parse_checkpoint(held)
        _, checkpoint = check_extension(data, seen, [log])
        cosigned = cosign_checkpoint(checkpoint, key, cosigned_at)
        lock.put(cosigned)
    return cosigned
