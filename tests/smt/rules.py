"""Proves the rules about intervals that the compiler relies on, for all values.

    pip install z3-solver
    python3 tests/smt/rules.py > tests/smt/RESULT.md

Each rule is written a second time here, beside the name of the function that
it follows. The solver looks for values that break it; there being none is the
proof. Ordinals have 128 bits, words 32.
"""

import sys
import time

from z3 import (
    UGE, UGT, ULE, ULT, And, BitVec, BitVecVal, Bool, If, Implies, Not, Or,
    Solver, Xor, get_version_string, unsat,
)

WIDTH = 128
MAX = BitVecVal(2**WIDTH - 1, WIDTH)
ONE = BitVecVal(1, WIDTH)


class Interval:
    """`low..=high`, or what is outside."""

    def __init__(self, low, high, outside):
        self.low, self.high, self.outside = low, high, outside

    def has(self, value):
        return Xor(And(ULE(self.low, value), ULE(value, self.high)), self.outside)

    def complement(self):
        return Interval(self.low, self.high, Not(self.outside))


def ordinal(name):
    return BitVec(name, WIDTH)


def interval(name, outside):
    low, high = ordinal(name + ".low"), ordinal(name + ".high")
    return Interval(low, high, outside), ULE(low, high)


def least(a, b):
    return If(ULE(a, b), a, b)


def most(a, b):
    return If(UGE(a, b), a, b)


RULES = []


def rule(text):
    def add(make):
        RULES.append((text, make))
        return make
    return add


# ---- facts.rs: an option of an interval is (is some, low, high, outside).


def trim(a, hole):
    """`trim`: what of an interval is not in a hole."""
    left, right = ULE(hole.low, a.low), ULE(a.high, hole.high)
    none = Or(
        And(left, right),
        And(left, Not(right), UGE(hole.high, a.low), hole.high == MAX),
        And(Not(left), right, ULE(hole.low, a.high), hole.low == 0),
    )
    cut_low = And(left, Not(right), UGE(hole.high, a.low))
    cut_high = And(Not(left), right, ULE(hole.low, a.high))
    low = If(cut_low, hole.high + ONE, a.low)
    high = If(cut_high, hole.low - ONE, a.high)
    return Not(none), Interval(low, high, False)


def fill(a, hole):
    """`fill`: what is left of a hole when an interval is added."""
    apart = Or(ULT(a.high, hole.low), ULT(hole.high, a.low))
    below, above = UGT(a.low, hole.low), ULT(a.high, hole.high)
    some = Or(apart, below, above)
    low = If(apart, hole.low, If(below, hole.low, a.high + ONE))
    high = If(apart, hole.high, If(below, a.low - ONE, hole.high))
    return some, Interval(low, high, True)


def intersected(a, b):
    low, high = most(a.low, b.low), least(a.high, b.high)
    return ULE(low, high), low, high


KINDS = [("in, in", False, False), ("in, hole", False, True), ("hole, hole", True, True)]


def both_rule(a_out, b_out):
    def make():
        (a, a_ok), (b, b_ok), x = interval("a", a_out), interval("b", b_out), ordinal("x")
        if not a_out and not b_out:
            some, low, high = intersected(a, b)
            result = Interval(low, high, False)
        elif not a_out:
            some, result = trim(a, b)
        else:
            some, result = True, b
        return Implies(And(a_ok, b_ok, a.has(x), b.has(x)), And(some, result.has(x)))
    return make


def either_rule(a_out, b_out):
    def make():
        (a, a_ok), (b, b_ok), x = interval("a", a_out), interval("b", b_out), ordinal("x")
        if not a_out and not b_out:
            some, result = True, Interval(least(a.low, b.low), most(a.high, b.high), False)
        elif not a_out:
            some, result = fill(a, b)
        else:
            some, low, high = intersected(a, b)
            result = Interval(low, high, True)
        # No result says that every value is possible, which is never wrong.
        return Implies(And(a_ok, b_ok, Or(a.has(x), b.has(x)), some), result.has(x))
    return make


for kind, a_out, b_out in KINDS:
    RULES.append((f"`facts::both` ({kind}) has every value of both", both_rule(a_out, b_out)))
for kind, a_out, b_out in KINDS:
    RULES.append((f"`facts::either` ({kind}) has every value of either", either_rule(a_out, b_out)))


@rule("`facts::trim` keeps a well-formed interval")
def trim_well_formed():
    (a, a_ok), (hole, hole_ok) = interval("a", False), interval("hole", True)
    some, result = trim(a, hole)
    return Implies(And(a_ok, hole_ok, some), ULE(result.low, result.high))


@rule("`facts::fill` keeps a well-formed hole")
def fill_well_formed():
    (a, a_ok), (hole, hole_ok) = interval("a", False), interval("hole", True)
    some, result = fill(a, hole)
    return Implies(And(a_ok, hole_ok, some), ULE(result.low, result.high))


def meets_rule(outside):
    def make():
        (s, s_ok), low, high, x = interval("s", outside), ordinal("low"), ordinal("high"), ordinal("x")
        if outside:
            meets = Or(ULT(low, s.low), ULT(s.high, high))
        else:
            meets = And(ULE(low, s.high), ULE(s.low, high))
        inside = And(ULE(low, x), ULE(x, high))
        return Implies(And(s_ok, inside, s.has(x)), meets)
    return make


RULES.append(("`imply::meets` (in) misses no possible value", meets_rule(False)))
RULES.append(("`imply::meets` (hole) misses no possible value", meets_rule(True)))

# ---- Nodes: three edges, at 0, p and q.


def target(x, p, q, t):
    return If(ULT(x, p), t[0], If(ULT(x, q), t[1], t[2]))


@rule("`collapse`: the lower node's intervals within an upper edge, from `max(low, from)`")
def collapse():
    x, p, q, r, s = map(ordinal, "xpqrs")
    t = [BitVec(f"t{i}", 8) for i in range(3)]
    # The upper edge is [p, q); the lower node is split at r and s.
    starts = [most(BitVecVal(0, WIDTH), p), most(r, p), most(s, p)]
    lows, highs = [BitVecVal(0, WIDTH), r, s], [r - ONE, s - ONE, MAX]
    end = q - ONE
    kept = [And(ULE(low, end), ULE(p, high)) for low, high in zip(lows, highs)]
    # The last kept edge that starts at or below x.
    found = BitVecVal(255, 8)
    for keep, start, to in zip(kept, starts, t):
        found = If(And(keep, ULE(start, x)), to, found)
    ordered = And(ULT(0, r), ULT(r, s), ULT(p, q), ULE(p, x), ULT(x, q))
    return Implies(ordered, found == target(x, r, s, t))


@rule("`retarget`: neighbours that lead to one place are one interval")
def neighbours():
    x, p, q = map(ordinal, "xpq")
    a, b = BitVec("a", 8), BitVec("b", 8)
    return Implies(And(ULT(0, p), ULT(p, q)), target(x, p, q, [a, a, b]) == If(ULT(x, q), a, b))


@rule("`fold::clip`: an interval outside the loaded values may lead anywhere")
def clip():
    x, p, q, low, high = map(ordinal, ["x", "p", "q", "low", "high"])
    t = [BitVec(f"t{i}", 8) for i in range(3)]
    froms, ends = [BitVecVal(0, WIDTH), p, q], [p - ONE, q - ONE, MAX]
    found = BitVecVal(255, 8)
    for start, end, to in zip(froms, ends, t):
        keep = And(UGE(end, low), ULE(start, high))
        moved = If(ULE(start, low), BitVecVal(0, WIDTH), start)
        found = If(And(keep, ULE(moved, x)), to, found)
    ordered = And(ULT(0, p), ULT(p, q), ULE(low, x), ULE(x, high))
    return Implies(ordered, found == target(x, p, q, t))


def swap_rule(conjunction):
    def make():
        # Each test passes, fails, or is absent; absence fails it.
        a, b = Bool("a"), Bool("b")
        then, out = BitVec("then", 8), BitVec("out", 8)
        if conjunction:
            return If(a, If(b, then, out), out) == If(b, If(a, then, out), out)
        return If(a, out, If(b, out, then)) == If(b, out, If(a, out, then))
    return make


RULES.append(("`order`: conjuncts change places", swap_rule(True)))
RULES.append(("`order`: disjuncts change places", swap_rule(False)))

# ---- Sets, and the tests of the virtual machine.


@rule("`Interval::complement` has exactly the other values")
def complement():
    a, x = Interval(ordinal("low"), ordinal("high"), Bool("outside")), ordinal("x")
    return a.complement().has(x) == Not(a.has(x))


@rule("`IntervalSet::union_of`: ranges that touch are one range")
def touching():
    a, b, c, d, x = map(ordinal, "abcdx")
    ordered = And(ULE(a, b), ULE(c, d), ULE(a, c))
    touches = Or(b == MAX, ULE(c, b + ONE))
    union = Or(And(ULE(a, x), ULE(x, b)), And(ULE(c, x), ULE(x, d)))
    return Implies(And(ordered, touches), union == And(ULE(a, x), ULE(x, most(b, d))))


@rule("`IntervalSet::intersect`: from the larger start to the smaller end")
def intersect():
    a, b, c, d, x = map(ordinal, "abcdx")
    inside = And(ULE(a, x), ULE(x, b), ULE(c, x), ULE(x, d))
    return inside == And(ULE(most(a, c), x), ULE(x, least(b, d)))


@rule("`merge`: an intersection is the complement of the union of complements")
def de_morgan():
    (a, a_ok), (b, b_ok), x = interval("a", False), interval("b", False), ordinal("x")
    return And(a.has(x), b.has(x)) == Not(Or(a.complement().has(x), b.complement().has(x)))


def word(name):
    return BitVec(name, 32)


@rule("`Test::Range`: `x - low <= high - low` modulo 2^32 is membership")
def wrapping_range():
    x, low, high = word("x"), word("low"), word("high")
    return Implies(ULE(low, high), ULE(x - low, high - low) == And(ULE(low, x), ULE(x, high)))


@rule("`Test::Range`: a range that wraps is the complement of what lies between")
def wrapping_complement():
    x, low, high = word("x"), word("low"), word("high")
    return Implies(ULT(high, low), ULE(x - low, high - low) == Not(And(ULT(high, x), ULT(x, low))))


def parity_rule(count, width):
    def make():
        x = BitVec("x", width)
        bounds = [BitVec(f"b{i}", width) for i in range(2 * count)]
        ascending = And([ULT(a, b) for a, b in zip(bounds, bounds[1:])])
        odd = False
        for bound in bounds:
            odd = Xor(odd, ULE(bound, x))
        pairs = zip(bounds[::2], bounds[1::2])
        return Implies(ascending, odd == Or([And(ULE(a, x), ULT(x, b)) for a, b in pairs]))
    return make


for width, test in ((32, "Table"), (128, "WideTable")):
    for count in (1, 2, 3):
        text = f"`Test::{test}`: an odd number of bounds up to x is membership, {count} of [a, b)"
        RULES.append((text, parity_rule(count, width)))


@rule("`Test::Table`: one bound more is an interval without end")
def open_end():
    x, a, b, c = word("x"), word("a"), word("b"), word("c")
    odd = Xor(Xor(ULE(a, x), ULE(b, x)), ULE(c, x))
    return Implies(And(ULT(a, b), ULT(b, c)), odd == Or(And(ULE(a, x), ULT(x, b)), ULE(c, x)))


@rule("`Edge`s: the last start at or below x is that of the interval around x")
def partition_point():
    x, p, q = map(ordinal, "xpq")
    t = [BitVec(f"t{i}", 8) for i in range(3)]
    last = If(ULE(q, x), t[2], If(ULE(p, x), t[1], t[0]))
    return Implies(And(ULT(0, p), ULT(p, q)), last == target(x, p, q, t))


@rule("signed ordinals: adding 2^127 keeps the order of 64 bit numbers")
def signed():
    from z3 import SignExt
    a, b = BitVec("a", 64), BitVec("b", 64)
    zero = BitVecVal(2**127, WIDTH)
    return (a <= b) == ULE(SignExt(64, a) + zero, SignExt(64, b) + zero)


def main():
    failed = 0
    print("# Rules about intervals, proved\n")
    print(f"By z3 {get_version_string()}. Written by `python3 tests/smt/rules.py`.\n")
    print("| rule | |\n|---|---|")
    start = time.monotonic()
    for text, make in RULES:
        solver = Solver()
        solver.set("timeout", 120_000)
        solver.add(Not(make()))
        answer = solver.check()
        failed += answer != unsat
        result = "proved" if answer == unsat else f"**{answer}**"
        print(f"| {text} | {result} |", flush=True)
        if answer != unsat:
            print(text, solver.model() if str(answer) == "sat" else "", file=sys.stderr)
    print(f"\n{len(RULES) - failed} of {len(RULES)} proved.")
    print(f"{time.monotonic() - start:.1f} s", file=sys.stderr)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
