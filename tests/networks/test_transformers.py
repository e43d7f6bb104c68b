"""Language and vision models of the package transformers, built from configurations alone."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from emprox.networks import capture

transformers = pytest.importorskip("transformers", "5.10", reason="older ones do not tie weights")
if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 8):
    pytest.skip("its models cannot run without values on older PyTorch", allow_module_level=True)

TOKENS = torch.ones(1, 16, dtype=torch.long)
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL |= {"intermediate_size": 64, "vocab_size": 100}
MODELS = {
    "BERT": (lambda: transformers.BertModel(transformers.BertConfig(**SMALL)), TOKENS),
    "BERT with a mask": (
        lambda: transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL)),
        {"input_ids": TOKENS, "attention_mask": torch.ones(1, 16, dtype=torch.long)},
    ),
    "GPT-2": (
        lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=100, n_embd=32, n_layer=2, n_head=4)
        ),
        TOKENS,
    ),
    "Llama": (
        lambda: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**SMALL, num_key_value_heads=2)
        ),
        {"input_ids": TOKENS},
    ),
    "T5": (
        lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4
            )
        ),
        {"input_ids": TOKENS, "decoder_input_ids": TOKENS[:, :4]},
    ),
    "ViT": (
        lambda: transformers.ViTForImageClassification(
            transformers.ViTConfig(
                hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
            )
        ),
        (1, 3, 224, 224),
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_numbers_are_those_of_torch_and_transformers(name, device):
    build, inputs = MODELS[name]
    with torch.device(device):
        module = build().eval()
    network = capture(module, inputs)
    assert network.n_weights == module.num_parameters()
    if device == "cpu":
        args = torch.zeros(inputs) if isinstance(inputs, tuple) else inputs
        with (
            FlopCounterMode(display=False) as counter,
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
        ):
            output = module(**args) if isinstance(args, dict) else module(args)
        assert network.multiply_adds == counter.get_total_flops() // 2
        assert network.output_shapes[0] == tuple(output[0].shape)
        with torch.device("meta"):
            assert capture(build().eval(), inputs) == network


@pytest.mark.parametrize(
    ("name", "n_weights", "n_products"),
    [("BERT", 109_482_240, 73), ("GPT-2", 124_439_808, 49), ("ViT", 86_567_656, 74)],
)
def test_real_sizes(name, n_weights, n_products):
    config = {
        "BERT": (transformers.BertModel, transformers.BertConfig()),
        "GPT-2": (transformers.GPT2LMHeadModel, transformers.GPT2Config()),
        "ViT": (transformers.ViTForImageClassification, transformers.ViTConfig(num_labels=1000)),
    }
    kind, configuration = config[name]
    with torch.device("meta"):
        module = kind(configuration)
    network = capture(module, (1, 3, 224, 224) if name == "ViT" else TOKENS)
    assert network.n_weights == module.num_parameters() == n_weights
    kinds = network.operations.kind.tolist()
    assert kinds.count("linear") + kinds.count("convolution") == n_products
    assert kinds.count("matmul") == 24
    assert kinds.count("softmax") == 12


def test_inputs_that_models_name_themselves():
    for name in ("BERT", "GPT-2", "Llama", "T5"):
        assert capture(MODELS[name][0]()).output_shapes
    assert capture(MODELS["ViT"][0]()) == capture(MODELS["ViT"][0](), (1, 3, 224, 224))
