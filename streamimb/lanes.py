"""Four float64 numbers that a kernel handles at once: a type of their own, so that no compiler has to find them.

A loop over ten features is too short for a compiler to take several at a time. Written with these, it takes four on
every machine, in the same order and with the same bits.

In a kernel, over arrays whose last axis is a multiple of four long:

    for i in range(0, len(x), lanes.WIDTH):
        four = lanes.load(x, i)
        lanes.store(out, i, four * four + 1.0)
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, register_model

from streamimb.kernel import part

WIDTH: Final = 4
#: Added to a number of less than 2^51, it rounds it and leaves it in the lowest bits.
POWERS: Final = 6755399441055744.0

_F64, _I64 = ir.DoubleType(), ir.IntType(64)
_FOUR, _FOUR_BITS = ir.VectorType(_F64, WIDTH), ir.VectorType(_I64, WIDTH)


class Lanes(types.Type):
    """The type of four numbers, within kernels only."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


KIND: Final = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]  # it ships no types, either
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FOUR)


def instruction(function: Callable[..., Any]) -> Any:
    """Let kernels call what a function on the compiler's builder writes down; they leave its first argument out."""
    return intrinsic(function)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Where number ``at`` of a contiguous array lies, as four."""
    data = context.make_array(kind)(context, builder, array).data
    four = ir.VectorType(context.get_value_type(kind.dtype), WIDTH)
    return builder.bitcast(builder.gep(data, [at]), four.as_pointer())


def _flat(array: Any, at: Any) -> bool:
    return isinstance(array, types.Array) and array.layout == "C" and isinstance(at, types.Integer)


def _splat(builder: Any, x: Any) -> Any:
    first = builder.insert_element(ir.Constant(_FOUR, ir.Undefined), x, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, ir.Constant(_FOUR, ir.Undefined),
                                  ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))  # fmt: skip


@instruction
def number(typing: Any, array: Any, at: Any) -> Any:
    """Number ``at`` of a contiguous array, whatever its axes: no axis is read, and nothing counts from the end."""
    if not _flat(array, at):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        at = context.cast(builder, arguments[1], signature.args[1], types.int64)
        data = context.make_array(kind)(context, builder, arguments[0]).data
        return context.unpack_value(builder, kind.dtype, builder.gep(data, [at]))

    return array.dtype(array, at), code


@instruction
def load(typing: Any, array: Any, at: Any) -> Any:
    """The four numbers from number ``at`` on of a contiguous float64 or float32 array, whatever its axes."""
    if not _flat(array, at) or array.dtype not in (types.float64, types.float32):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = context.cast(builder, arguments[1], signature.args[1], types.int64)
        kind = signature.args[0]
        four = builder.load(_place(context, builder, kind, arguments[0], at), align=kind.dtype.bitwidth // 8)
        return four if kind.dtype is types.float64 else builder.fpext(four, _FOUR)

    return KIND(array, at), code


@instruction
def store(typing: Any, array: Any, at: Any, four: Any) -> Any:
    """Put four numbers from number ``at`` on into a contiguous float64 array, whatever its axes."""
    if not _flat(array, at) or array.dtype is not types.float64 or four is not KIND:
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = context.cast(builder, arguments[1], signature.args[1], types.int64)
        builder.store(arguments[2], _place(context, builder, signature.args[0], arguments[0], at), align=8)
        return context.get_dummy_value()

    return types.void(array, at, four), code


@instruction
def all_of(typing: Any, x: Any) -> Any:
    """One number in all four lanes."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splat(builder, arguments[0])

    return KIND(types.float64), code


def _two(function: Any, name: str) -> None:
    """Let kernels write ``a function b`` of two fours, or of a four and a number."""
    cases = [(KIND, KIND), (KIND, types.float64), (types.float64, KIND)]

    class Template(ConcreteTemplate):  # type: ignore[misc]
        key = function

    Template.cases = [signature(KIND, *case) for case in cases]
    infer_global(function)(Template)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        fours = [x if kind is KIND else _splat(builder, x) for kind, x in zip(signature.args, arguments, strict=True)]
        return getattr(builder, name)(*fours)

    for case in cases:
        lower_builtin(function, *case)(code)


_two(operator.add, "fadd")
_two(operator.sub, "fsub")
_two(operator.mul, "fmul")
_two(operator.truediv, "fdiv")


def _choose(test: str, what: str) -> Any:
    @instruction
    def choose(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b, yes, no = arguments
            return builder.select(builder.fcmp_ordered(test, a, b), yes, no)

        return KIND(KIND, KIND, KIND, KIND), code

    choose.__doc__ = f"In each lane ``yes`` where a {what} b, else ``no``, as where either is not a number."
    return choose


where_less = _choose("<", "<")
where_equal = _choose("==", "==")


@instruction
def lane(typing: Any, four: Any, i: Any) -> Any:
    """One of the four numbers; ``i``: a literal."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_element(arguments[0], builder.trunc(
            context.cast(builder, arguments[1], signature.args[1], types.int64), ir.IntType(32)))  # fmt: skip

    return types.float64(KIND, i), code


@instruction
def exponent(typing: Any, four: Any) -> Any:
    """The power of two in each number, which must be positive and normal: 2^e <= x < 2^(e + 1)."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.lshr(builder.bitcast(arguments[0], _FOUR_BITS), _bits(52))
        # Into a float that begins at 2^52: there is no instruction for four integers on most processors.
        whole = builder.bitcast(builder.or_(bits, _bits(0x4330000000000000)), _FOUR)
        return builder.fsub(whole, ir.Constant(_FOUR, [4503599627370496.0 + 1023.0] * WIDTH))

    return KIND(KIND), code


@instruction
def fraction(typing: Any, four: Any) -> Any:
    """Each number, positive and normal, over that power of two: in [1, 2)."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.and_(builder.bitcast(arguments[0], _FOUR_BITS), _bits(0x000FFFFFFFFFFFFF))
        return builder.bitcast(builder.or_(bits, _bits(0x3FF0000000000000)), _FOUR)

    return KIND(KIND), code


@instruction
def times_power(typing: Any, four: Any, power: Any) -> Any:
    """Each number times 2^p, within what is normal; ``power``: p + POWERS."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        up = builder.shl(builder.bitcast(arguments[1], _FOUR_BITS), _bits(52))
        return builder.bitcast(builder.add(builder.bitcast(arguments[0], _FOUR_BITS), up), _FOUR)

    return KIND(KIND, KIND), code


def _bits(value: int) -> Any:
    return ir.Constant(_FOUR_BITS, [value] * WIDTH)


@part
def total(four: Any) -> Any:
    """The sum of the four."""
    return (lane(four, 0) + lane(four, 1)) + (lane(four, 2) + lane(four, 3))


@part
def least(a: Any, b: Any) -> Any:
    """The smaller one in each lane, b where a is not a number."""
    return where_less(a, b, a, b)


@part
def most(a: Any, b: Any) -> Any:
    """The larger one in each lane, b where a is not a number."""
    return where_less(b, a, a, b)


@part
def exp(four: Any) -> Any:
    """The exponential function of each number from -700 to 700, to a 1e-12th.

    Whole powers of two apart it is Taylor's series of what is left, within 0.35 of 0.
    """
    powers = all_of(POWERS)
    power = four * 1.4426950408889634 + powers  # rounds to a whole number, which its lowest bits then are
    whole = power - powers
    x = four - whole * 0.693147180369123816490 - whole * 1.90821492927058770002e-10
    second = x * x
    fourth = second * second
    low = 1.0 + x + second * (0.5 + x * 0.16666666666666666)
    middle = 0.041666666666666664 + x * 0.008333333333333333 + second * (
        0.001388888888888889 + x * 1.984126984126984e-4)  # fmt: skip
    high = 2.48015873015873e-5 + x * 2.7557319223985893e-6 + second * 2.755731922398589e-7
    series = low + fourth * (middle + fourth * high)  # as few of them as can be wait for another
    return times_power(series, power)


@part
def log(four: Any) -> Any:
    """The natural logarithm of each number, positive and normal, to a 1e-11th.

    Of m in [0.7, 1.42) it is the series of 2 atanh((m - 1) / (m + 1)); whole powers of two apart.
    """
    m, e = fraction(four), exponent(four)
    root, half = all_of(1.4142135623730951), all_of(0.5)
    e = where_less(root, m, e + 1.0, e)
    m = where_less(root, m, m * half, m)
    x = (m - 1.0) / (m + 1.0)
    z = x * x
    w = z * z
    low = 2.0 + z * 0.6666666666666666 + w * (0.4 + z * 0.2857142857142857)
    series = low + w * w * (0.2222222222222222 + z * 0.18181818181818182 + w * 0.15384615384615385)
    return e * 0.6931471805599453 + x * series
