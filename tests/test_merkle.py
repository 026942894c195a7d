"""The tree against the published values of RFC 6962, against public vectors, and against a tree built naively."""

from __future__ import annotations

import json
from base64 import b64decode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle
from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash

VECTORS = Path(__file__).parents[2] / "shared" / "vectors" / "transparency-dev-merkle"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside the checkout")

# the eight leaves and nine roots that Certificate Transparency implementations share
# (transparency-dev/merkle, testonly/constants.go)
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]


def naive(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH as RFC 6962 section 2.1.1 writes it."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive(leaves[:k])]


def naive_subproof(first: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF as RFC 6962 section 2.1.2 writes it."""
    if first == len(leaves):
        return [] if whole else [naive(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if first <= k:
        return [*naive_subproof(first, leaves[:k], whole), naive(leaves[k:])]
    return [*naive_subproof(first - k, leaves[k:], False), naive(leaves[:k])]


def node_of(leaves: list[bytes]) -> merkle.Node:
    """A source of perfect subtrees that fails when asked for one the tree does not have."""

    @cache
    def node(level: int, index: int) -> bytes:
        assert (index + 1) << level <= len(leaves), (level, index)
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def refused(verify: Any, *args: Any) -> bool:
    try:
        verify(*args)
    except Refused as no:
        return no.code == "bad_proof" and "\n" not in no.message
    return False


def test_the_hashes_of_an_empty_tree_an_empty_leaf_a_leaf_and_a_node_are_the_published_ones() -> None:
    # transparency-dev/merkle, rfc6962/rfc6962_test.go
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    assert merkle.leaf_hashes([b"", b"L123456"]) == [leaf_hash(b""), leaf_hash(b"L123456")]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_classic_leaves_are_the_published_ones(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == CT_ROOTS[size]
    assert Frontier().append(LEAVES[:size]).root().hex() == CT_ROOTS[size]
    assert merkle.subtree_root(0, size, node_of(LEAVES)).hex() == CT_ROOTS[size]


@pytest.mark.parametrize(("size", "below"), [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 8), (2**62 + 1, 2**62)])
def test_a_tree_divides_at_the_largest_power_of_two_strictly_below_its_size(size: int, below: int) -> None:
    assert merkle.largest_power_below(size) == below


@given(st.lists(st.integers(0, 40), max_size=6))
def test_a_frontier_grown_in_any_batches_is_the_whole_tree(batches: list[int]) -> None:
    leaves: list[bytes] = []
    tree = Frontier()
    for count in batches:
        more = [leaf_hash(b"%d" % (len(leaves) + i)) for i in range(count)]
        before = tree
        tree = tree.append(more)
        leaves += more
        assert before.root() == naive(leaves[: before.size])  # the one before is untouched
        assert tree == merkle.frontier(len(leaves), node_of(leaves))
        assert tree.root() == naive(leaves) == merkle.root(leaves)


@given(st.integers(1, 70), st.data())
def test_every_proof_is_the_one_the_standard_defines_and_verifies(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % i) for i in range(size)]
    node, top = node_of(leaves), naive(leaves)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path = merkle.inclusion_proof(index, size, node)
    assert path == naive_path(index, leaves)
    merkle.verify_inclusion(index, size, leaves[index], path, top)
    proof = merkle.consistency_proof(first, size, node)
    assert proof == naive_subproof(first, leaves, True)
    merkle.verify_consistency(first, size, proof, naive(leaves[:first]), top)


@given(st.integers(2, 70), st.data())
def test_a_proof_with_one_bit_one_hash_or_one_number_changed_is_refused(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % i) for i in range(size)]
    node, top = node_of(leaves), naive(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, size, node)
    spot = data.draw(st.integers(0, len(path) - 1))
    flipped = bytes([path[spot][0] ^ 1]) + path[spot][1:]
    assert refused(merkle.verify_inclusion, index, size, leaves[index], [*path[:spot], flipped, *path[spot + 1 :]], top)
    assert refused(merkle.verify_inclusion, index, size, leaves[index], path[:spot] + path[spot + 1 :], top)
    assert refused(merkle.verify_inclusion, index, size, leaves[index], [*path, top], top)
    assert refused(merkle.verify_inclusion, (index + 1) % size, size, leaves[index], path, top)
    first = data.draw(st.integers(1, size - 1))
    proof = merkle.consistency_proof(first, size, node)
    other = naive(leaves[:first])
    merkle.verify_consistency(first, size, proof, other, top)
    assert refused(merkle.verify_consistency, first, size, proof, top, other)
    assert refused(merkle.verify_consistency, first, size, [*proof, top], other, top)
    assert refused(merkle.verify_consistency, first, size, proof[1:], other, top)
    assert refused(merkle.verify_consistency, first, size, proof, leaf_hash(b"x"), top)
    assert refused(merkle.verify_consistency, first, size, proof, other, leaf_hash(b"x"))


@pytest.mark.parametrize(
    ("index", "size"), [(-1, 1), (0, 0), (1, 1), (5, 4), (0, 2**63), (2**63, 2**64), (0, -1), (2**64 - 1, 1)]
)
def test_a_leaf_outside_its_tree_or_a_tree_too_large_is_refused(index: int, size: int) -> None:
    assert refused(merkle.verify_inclusion, index, size, EMPTY_ROOT, [], EMPTY_ROOT)
    assert refused(merkle.inclusion_proof, index, size, node_of([]))


def test_the_largest_tree_there_can_be_is_proved_in_sixty_three_hashes() -> None:
    perfect = [leaf_hash(b"same")]
    for _ in range(63):
        perfect.append(node_hash(perfect[-1], perfect[-1]))  # every leaf alike: a level needs one hash
    proof = merkle.inclusion_proof(2**62, merkle.MAX_SIZE, lambda level, index: perfect[level])
    top = merkle.subtree_root(0, merkle.MAX_SIZE, lambda level, index: perfect[level])
    assert len(proof) == 63
    merkle.verify_inclusion(2**62, merkle.MAX_SIZE, perfect[0], proof, top)


def test_an_empty_tree_is_consistent_with_itself_and_proves_nothing_else() -> None:
    merkle.verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert merkle.consistency_proof(0, 0, node_of([])) == []
    assert refused(merkle.verify_consistency, 0, 1, [], EMPTY_ROOT, LEAVES[0])
    assert refused(merkle.verify_consistency, 0, 0, [], LEAVES[0], LEAVES[0])
    assert refused(merkle.verify_consistency, 0, 0, [EMPTY_ROOT], EMPTY_ROOT, EMPTY_ROOT)
    assert refused(merkle.consistency_proof, 0, 1, node_of(LEAVES))
    assert refused(merkle.consistency_proof, 2, 1, node_of(LEAVES))


def bad_length(change: bytes) -> list[bytes]:
    return [LEAVES[1] + change, *merkle.inclusion_proof(0, 8, node_of(LEAVES))[1:]]


def test_a_hash_of_another_length_is_refused_wherever_it_stands() -> None:
    path, top = merkle.inclusion_proof(0, 8, node_of(LEAVES)), merkle.root(LEAVES)
    merkle.verify_inclusion(0, 8, LEAVES[0], path, top)
    assert refused(merkle.verify_inclusion, 0, 8, LEAVES[0], bad_length(b"x"), top)
    assert refused(merkle.verify_inclusion, 0, 1, b"short", [], b"short")
    # bytes moved from one hash to its neighbour hash alike, and are refused for their lengths alone
    moved, rest, pair = LEAVES[0] + LEAVES[1][:1], LEAVES[1][1:], merkle.root(LEAVES[:2])
    assert refused(merkle.verify_inclusion, 0, 2, moved, [rest], pair)
    assert refused(merkle.verify_consistency, 1, 2, [rest], moved, pair)


def vectors(folder: str) -> list[dict[str, Any]]:
    files = sorted((VECTORS / folder).rglob("*.json"))
    cases = [json.loads(file.read_text()) for file in files]
    for case in cases:
        case["proof"] = [b64decode(part) for part in case["proof"] or []]
    return cases


@needs_vectors
def test_the_public_inclusion_vectors_agree() -> None:
    cases = vectors("inclusion")
    assert len(cases) == 98
    for v in cases:
        leaf, top = b64decode(v["leafHash"]), b64decode(v["root"])
        got = refused(merkle.verify_inclusion, v["leafIdx"], v["treeSize"], leaf, v["proof"], top)
        assert got == v["wantErr"], v


@needs_vectors
def test_the_public_consistency_vectors_agree() -> None:
    cases = vectors("consistency")
    assert len(cases) == 98
    for v in cases:
        roots = b64decode(v["root1"]), b64decode(v["root2"])
        assert refused(merkle.verify_consistency, v["size1"], v["size2"], v["proof"], *roots) == v["wantErr"], v


@needs_vectors
def test_the_public_subtree_vectors_agree() -> None:
    within, across = vectors("subtreeinclusion"), vectors("subtreeconsistency")
    assert len(within) + len(across) == 322
    for v in within:
        leaf, top = b64decode(v["leafHash"]), b64decode(v["root"])
        args = v["leafIdx"], v["start"], v["end"], leaf, v["proof"], top
        assert refused(merkle.verify_subtree_inclusion, *args) == v["wantErr"], v
    for v in across:
        roots = b64decode(v["root1"]), b64decode(v["root2"])
        assert refused(merkle.verify_subtree, v["start"], v["end"], v["size"], v["proof"], *roots) == v["wantErr"], v


def accumulated(lines: Any) -> str:
    total = sha256()
    for line in lines:
        total.update(line.encode())
    return total.hexdigest()


TREE = [leaf_hash(bytes([i])) for i in range(130)]
SUBTREES = [(start, end) for end in range(131) for start in range(end + 1) if merkle.is_subtree(start, end)]

# every subtree hash, inclusion proof and consistency proof of every tree of up to 130 leaves, leaf i the byte i
# (draft-ietf-plants-merkle-tree-certs, "Subtree Test Vectors"; transparency-dev/merkle, testonly/vectors_test.go)
ALL_HASHES = "b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81"
ALL_INCLUSION = "ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f"
ALL_CONSISTENCY = "10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74"


def test_every_subtree_of_every_tree_up_to_130_leaves_has_its_published_hash() -> None:
    node = node_of(TREE)
    lines = (f"[{start}, {end}) {merkle.subtree_root(start, end, node).hex()}\n" for start, end in SUBTREES)
    assert accumulated(lines) == ALL_HASHES


def test_every_inclusion_proof_up_to_130_leaves_is_the_published_one() -> None:
    node = node_of(TREE)

    def line(index: int, start: int, end: int) -> str:
        shifted = merkle.inclusion_proof(index - start, end - start, lambda lv, i: node(lv, i + (start >> lv)))
        return f"{index} [{start}, {end})" + "".join(f" {part.hex()}" for part in shifted) + "\n"

    assert accumulated(line(i, start, end) for start, end in SUBTREES for i in range(start, end)) == ALL_INCLUSION


def test_every_consistency_proof_up_to_130_leaves_is_the_published_one_and_verifies() -> None:
    node = node_of(TREE)
    roots = {span: merkle.subtree_root(*span, node) for span in SUBTREES}

    def line(start: int, end: int, size: int) -> str:
        proof = merkle.subtree_proof(start, end, size, node)
        merkle.verify_subtree(start, end, size, proof, roots[start, end], roots[0, size])
        return f"[{start}, {end}) {size}" + "".join(f" {part.hex()}" for part in proof) + "\n"

    all_lines = (line(start, end, size) for size in range(131) for start, end in SUBTREES if end <= size)
    assert accumulated(all_lines) == ALL_CONSISTENCY


hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(-2, 2**64)


@given(numbers, numbers, hashes, st.lists(st.binary(max_size=40), max_size=70), hashes)
def test_a_made_up_proof_is_refused_and_never_a_crash(a: int, b: int, one: bytes, proof: list[bytes], two: bytes) -> None:
    if (a, b, one) != (0, 1, two) or proof:
        assert refused(merkle.verify_inclusion, a, b, one, proof, two)
    if a != b:
        assert refused(merkle.verify_consistency, a, b, proof, one, two)
