"""Attention and encoder layers as PyTorch runs them in one piece where no gradients are wanted."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from convert.pytorch.programs.context import Context
from convert.pytorch.programs.operators.activations import gelu
from convert.pytorch.programs.operators.arithmetic import add
from convert.pytorch.programs.operators.normalization import layer_norm
from convert.pytorch.programs.operators.weighted import linear
from convert.pytorch.programs.registry import call, operator
from convert.pytorch.programs.values import OperatorError, Value


@operator("_native_multi_head_attention")
def native_attention(
    context: Context,
    query: Value,
    key: Value,
    value: Value,
    embed_dim: int,
    num_head: int,
    qkv_weight: Value,
    qkv_bias: Value,
    proj_weight: Value,
    proj_bias: Value,
    mask: Value | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> tuple[Value, Value | None]:
    """Attention of a sequence to itself; the second result are its weights."""
    if mask is not None or query is not key or key is not value:
        raise OperatorError("with a mask, or of one sequence to another, it is not supported in this form")
    mixed = context.tensor(linear(context, query, qkv_weight, qkv_bias))
    queries, keys, values = (_heads(part, num_head) for part in ops.split(mixed, 3, axis=-1))
    scale = (embed_dim // num_head) ** -0.5
    weights = ops.softmax(ops.matmul(queries * scale, ops.transpose(keys, (0, 1, 3, 2))), axis=-1)
    joined = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))
    attended = Value(keras.layers.Reshape((-1, embed_dim))(joined))
    projected = linear(context, attended, proj_weight, proj_bias)
    if not need_weights:
        return projected, None
    return projected, Value.from_source(ops.mean(weights, axis=1) if average_attn_weights else weights)


def _heads(sequence: KerasTensor, heads: int) -> KerasTensor:
    """Return (batch, positions, width) as (batch, heads, positions, width / heads)."""
    parts = keras.layers.Reshape((-1, heads, sequence.shape[-1] // heads))(sequence)
    return ops.transpose(parts, (0, 2, 1, 3))


@operator("_transformer_encoder_layer_fwd")
def encoder_layer(
    context: Context,
    src: Value,
    embed_dim: int,
    num_heads: int,
    qkv_weight: Value,
    qkv_bias: Value,
    proj_weight: Value,
    proj_bias: Value,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Value,
    norm_bias_1: Value,
    norm_weight_2: Value,
    norm_bias_2: Value,
    ffn_weight_1: Value,
    ffn_bias_1: Value,
    ffn_weight_2: Value,
    ffn_bias_2: Value,
    mask: Value | None = None,
    mask_type: int | None = None,
) -> Value:
    """Attention and two dense layers, each added to what it is computed from, with a normalisation before or after."""

    def attend(x: Value) -> Value:
        weights = (qkv_weight, qkv_bias, proj_weight, proj_bias)
        return native_attention(context, x, x, x, embed_dim, num_heads, *weights, mask, need_weights=False)[0]

    def feed(x: Value) -> Value:
        inner = linear(context, x, ffn_weight_1, ffn_bias_1)
        inner = gelu(context, inner) if use_gelu else call(context, "relu", [inner], {})
        return linear(context, inner, ffn_weight_2, ffn_bias_2)

    norms = [(norm_weight_1, norm_bias_1), (norm_weight_2, norm_bias_2)]
    for function, norm in zip((attend, feed), norms, strict=True):
        if norm_first:
            src = add(context, src, function(layer_norm(context, src, [embed_dim], *norm, eps)))
        else:
            src = layer_norm(context, add(context, src, function(src)), [embed_dim], *norm, eps)
    return src
