"""Mutants of what is emitted that compute the same: reason -> (function, beginning of the mutant's words) of each."""

REASONS: dict[str, list[tuple[str, str]]] = {
    "another way to the same number: a product with 1 or a sum in another order, pow for a root or a product": [
        ("Add.emit", "constant - 1: 1 @ total"),
        ("Add.emit", "sign dropped: -1 @ total"),
        ("Add.emit", "relation: c < 0 @ total"),
        ("Add.emit", "relation: term[0] < 0"),
        ("Add.emit", "constant + 1: 1 @ term"),
        ("Add.emit", "constant - 1: 1 @ term"),
        ("Add.emit", "constant + 1: 0 @ terms"),
        ("Add.emit", "constant - 1: 0 @ terms"),
        ("Norm.emit", "constant - 1: 1 @ return"),
        ("PowLog.emit", "constant - 1: 1 @ for_power"),
        ("Power.emit", "condition 1 dropped: p < 0"),
        ("Power.emit", "condition 1 dropped: p.denominator"),
        ("Power.emit", "relation: p < 0"),
        ("Power.emit", "relation: p.numerator"),
        ("Power.emit", "sign dropped: -1"),
        ("Power.emit", "arguments swapped: Fraction"),
        ("Power.emit", "constant"),
        ("Sinc.emit", "constant - 1: 1 @ for k in range"),
    ],
    "at the bound both branches have the same value; the bound itself may be near": [
        ("LogCosh.emit", "another word: '<'"),
        ("LogCosh.emit", "constant + 1: 1 @ return"),
        ("LogCosh.emit", "constant - 1: 1 @ return"),
        ("Sigmoid.emit", "another word: '<'"),
        ("Sinc.emit", "another word: '<'"),
        ("Mod.emit", "another word: '<'"),
        ("PowLog.emit", "another word: '<'"),
        ("Instructions._tanh", "another word: '<'"),
        ("Instructions.norm", "another word: '<'"),
        ("Instructions._tanh", "constant + 1: 20"),
        ("Instructions._tanh", "constant - 1: 20"),
    ],
    "the last terms of the series are below what a double holds": [
        ("Sinc.emit", "constant + 1: 1 @ for _, c"),
        ("Sinc.emit", "constant + 1: 1 @ total"),
    ],
    "no order of sinc is above 3": [
        ("Sinc.emit", "right operand dropped: k % 4"),
        ("Sinc.emit", "constant + 1: 4"),
    ],
    "an infinity is only compared with what is nan then": [("LogSumExp.emit", "'inf' for 'nan'")],
    "of what is equal, or unordered, both differences are 0 or nan": [("Step.emit", "arguments swapped: t.sub(a, b)")],
    "without winners the best is nan, which is what is returned": [("TieShare.emit", "constant + 1: 1 @ best")],
    "a power of -1 is the same two on": [("Polygamma.emit", "operator: n + 1")],
    "parentheses more than needed, or a name": [
        ("Text.within", "relation"),
        ("Expressions._text", "branches swapped"),
        ("Expressions._text", "relation"),
    ],
    "the same number, written otherwise": [
        ("Expressions.number", "condition 1 dropped: isinstance(value, Fraction)"),
        ("Expressions.number", "relation"),
        ("Expressions.number", "and for or: isinstance(value, int)"),
        ("Expressions.number", "condition 0 dropped: isinstance(value, int)"),
        ("Expressions.number", "condition 1 dropped: isinstance(value, int)"),
    ],
    "a graph holds neither nan nor infinities as numbers": [("Expressions.number", "'inf' for 'nan'")],
    "a maximum, a minimum, a sum, a conjunction is symmetric": [
        ("Expressions.number", "arguments swapped: max"),
        ("Expressions.neg", "arguments swapped: min"),
        ("Expressions.add", "holes swapped"),
        ("Expressions.both", "holes swapped"),
        ("Expressions.either", "holes swapped"),
    ],
    "all operands of one instruction are of one type": [
        ("Instructions._call", "constant - 1: 0"),
        ("Instructions._intrinsic", "constant - 1: 0"),
        ("Instructions.libm", "constant - 1: 0"),
        ("Instructions.special", "constant - 1: 0"),
    ],
    "LLVM renames an intrinsic by its types": [
        ("Instructions._intrinsic", "branches swapped"),
        ("Instructions._intrinsic", "relation"),
        ("Instructions._intrinsic", "constant + 1"),
    ],
    "what is left of two halves is one vector": [("Instructions.vector", "constant - 1: 0 @ return")],
    "lanes that no call fills may hold any of the numbers, of which there are two": [
        ("Instructions.vector", "constant + 1: 0 @ filled"),
        ("Instructions.vector", "constant - 1: 0 @ filled"),
    ],
    "LLVM numbers what has no name; a type that is not used": [
        ("Instructions.__init__", "constant + 1: 0 @ self._count"),
        ("Instructions.__init__", "constant - 1: 0 @ self._count"),
        ("Instructions.define", "constant + 1: 1"),
        ("Instructions.__init__", "another word: '<'"),
        ("Instructions.__init__", "'1' for '2': ' x i1>'"),
    ],
    "without a vector function tanh is called lane by lane": [
        ("Instructions.libm", "'1' for '2'"),
        ("Instructions.libm", "constant + 1: 1 @ expm1"),
        ("Instructions.libm", "constant - 1: 1 @ expm1"),
    ],
    "a vector has more than two lanes, or one": [
        ("Instructions.special", "constant + 1: 1 @ lanes"),
        ("_definition", "constant + 1: 1 @ if lanes"),
        ("_results", "constant + 1: 1 @ if lanes"),
    ],
    "names of LLVM, of which none is taken twice": [("_definition", "holes swapped")],
    "the result is of the kind of the first input": [
        ("_definition", "constant - 1: 1 @ kinds"),
        ("_definition", "constant - 1: 1 @ yield from"),
    ],
    "a range to -1 is empty too": [("_definition", "constant - 1: 0 @ for lane")],
    "there is one constant at most": [("_definition", "operands swapped: k - free")],
}


def is_equivalent(target: str, words: str) -> bool:
    """Is this mutant listed?"""
    return any(target == name and words.startswith(start) for same in REASONS.values() for name, start in same)
