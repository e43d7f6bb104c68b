"""What kind of operation each of PyTorch's operators is."""

from __future__ import annotations

KINDS = (
    "input",
    "output",
    "convolution",
    "linear",
    "matmul",
    "recurrent",
    "embedding",
    "normalization",
    "activation",
    "softmax",
    "pooling",
    "resize",
    "add",
    "multiply",
    "concatenation",
    "reduction",
    "other",
)

# Operators that only hand tensors on, in other memory: no operations of the network.
_COPIES = (
    "clone contiguous _to_copy _unsafe_view _reshape_copy detach lift lift_fresh_copy alias_copy"
    " view_copy as_strided"
)
COPIES = frozenset(_COPIES.split())

# Operators that read how large a tensor is, and nothing of what is in it.
OF_SIZES = frozenset(
    f"{what}_{like}" if like == "like" else f"{like}_{what}"
    for what in ("empty", "zeros", "ones", "full", "rand", "randn", "randint", "empty_strided")
    for like in ("like", "new")
)

# Names end in no underscore: in place or not is the same operation.
_NAMES = {
    "convolution": "convolution _convolution convolution_overrideable miopen_convolution"
    " mkldnn_convolution cudnn_convolution",
    # Products with a weight; products of two activations are told from them by what they read.
    "linear": "linear addmm mm bmm baddbmm mv addmv dot _scaled_mm _int_mm _trilinear",
    "embedding": "embedding _embedding_bag _embedding_bag_forward_only",
    "normalization": "native_batch_norm _native_batch_norm_legit _batch_norm_no_update"
    " _native_batch_norm_legit_no_training _batch_norm_with_update cudnn_batch_norm"
    " miopen_batch_norm batch_norm native_layer_norm native_group_norm _fused_rms_norm rms_norm"
    " rsqrt linalg_vector_norm",
    "activation": "relu relu6 gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh"
    " leaky_relu elu celu selu _prelu_kernel softplus softshrink hardshrink threshold glu"
    " log_sigmoid_forward rrelu_with_noise rrelu_with_noise_functional clamp clamp_min clamp_max",
    "softmax": "_softmax _safe_softmax _log_softmax",
    "pooling": "avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d"
    " max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d adaptive_max_pool3d"
    " fractional_max_pool2d fractional_max_pool3d max_unpool2d max_unpool3d",
    "resize": "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d"
    " upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d"
    " _upsample_nearest_exact2d _upsample_nearest_exact3d _upsample_bilinear2d_aa"
    " _upsample_bicubic2d_aa pixel_shuffle pixel_unshuffle grid_sampler_2d grid_sampler_3d im2col"
    " col2im",
    "add": "add sub rsub addcmul addcdiv lerp _foreach_add",
    "multiply": "mul div",
    "concatenation": "cat stack",
    "reduction": "mean sum amax amin max min var var_mean std std_mean prod logsumexp norm"
    " scatter_add scatter_reduce index_add index_reduce segment_reduce cumsum argmax argmin",
}
KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names.split()}
