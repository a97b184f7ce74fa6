"""Eight float64 numbers in one value, for compiled kernels whose loops numba cannot vectorise by itself.

A recursion has no independent samples, but it may have independent parts: the sections of a filter cascade, for
example, each work on another sample at the same moment. A kernel keeps such parts in the lanes of one value and writes
``b * x + s``; the compiler turns this into whatever vector instructions the processor has. There is no fused
multiply-add, as in all kernels here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 8

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INDEX = ir.IntType(32)


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"float64x{LANES}")


lanes = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _instruction(generator: Callable[..., Any]) -> Any:
    return intrinsic(generator)


def _define_operator(symbol: Callable[..., Any], instruction: str) -> None:
    @_instruction
    def calculate(_typing: Any, _left: Any, _right: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments)

        return lanes(lanes, lanes), generate

    @overload(symbol, strict=False)
    def _typed(left: Any, right: Any) -> Any:
        return (lambda left, right: calculate(left, right)) if left is lanes and right is lanes else None


_define_operator(operator.add, "fadd")
_define_operator(operator.sub, "fsub")
_define_operator(operator.mul, "fmul")


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    offset = builder.mul(arguments[1], ir.Constant(arguments[1].type, LANES))
    return builder.bitcast(builder.gep(array.data, [offset]), _VECTOR.as_pointer())


@_instruction
def load(_typing: Any, array: Any, _row: Any) -> Any:
    """Return row `row` of a contiguous float64 array (N, LANES)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_place(context, builder, signature, arguments))
        value.align = 8
        return value

    return lanes(array, types.intp), generate


@_instruction
def store(_typing: Any, array: Any, _row: Any, _value: Any) -> Any:
    """Write a value to row `row` of a contiguous float64 array (N, LANES)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _place(context, builder, signature, arguments)).align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


def _shifted(builder: Any, value: Any, order: list[int], number: Any, lane: int) -> Any:
    order_vector = ir.Constant(ir.VectorType(_INDEX, LANES), order)
    return builder.insert_element(builder.shuffle_vector(value, value, order_vector), number, ir.Constant(_INDEX, lane))


@_instruction
def shift_up(_typing: Any, _value: Any, _first: Any) -> Any:
    """Return the value with every lane moved one up and `first` in the lowest."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _shifted(builder, arguments[0], [0, *range(LANES - 1)], arguments[1], 0)

    return lanes(lanes, types.float64), generate


@_instruction
def shift_down(_typing: Any, _value: Any, _last: Any) -> Any:
    """Return the value with every lane moved one down and `last` in the highest."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _shifted(builder, arguments[0], [*range(1, LANES), 0], arguments[1], LANES - 1)

    return lanes(lanes, types.float64), generate


def _define_lane(lane: int) -> Any:
    @_instruction
    def extract(_typing: Any, _value: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.extract_element(arguments[0], ir.Constant(_INDEX, lane))

        return types.float64(lanes), generate

    return extract


lowest, highest = _define_lane(0), _define_lane(LANES - 1)


@_instruction
def choose(_typing: Any, _mask: Any, _yes: Any, _no: Any) -> Any:
    """Return `yes` in the lanes where the mask is above 0 and `no` in the others."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        positive = builder.fcmp_ordered(">", arguments[0], ir.Constant(_VECTOR, [0.0] * LANES))
        return builder.select(positive, arguments[1], arguments[2])

    return lanes(lanes, lanes, lanes), generate


@_instruction
def without_denormals(_typing: Any, _value: Any) -> Any:
    """Return the value with 0 in the lanes whose magnitude is below 1e-30: far below any sound, but still fast."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        above = builder.fcmp_ordered(">", value, ir.Constant(_VECTOR, [1e-30] * LANES))
        below = builder.fcmp_ordered("<", value, ir.Constant(_VECTOR, [-1e-30] * LANES))
        return builder.select(builder.or_(above, below), value, ir.Constant(_VECTOR, [0.0] * LANES))

    return lanes(lanes), generate
