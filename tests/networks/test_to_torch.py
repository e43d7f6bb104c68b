"""The networks that spaces build, against what the benchmarks publish and the spaces state."""

from torch.utils.flop_counter import FlopCounterMode

from emprox.spaces import get_space


def size(network):
    """Count the weights of a network and its multiply-adds for one image."""
    with FlopCounterMode(display=False) as counter:
        network.eval()(network.example_input_array)
    n_weights = sum(weights.numel() for weights in network.parameters())
    return n_weights, counter.get_total_flops() // 2


class TestPublishedSizes:
    def test_of_the_largest_and_the_smallest_network_of_nasbench201(self):
        space = get_space("nasbench201")
        # In millions the benchmark has 1.531546 and 220.11969, and 0.073306 and 7.78305; it also
        # counts the 10 biases of the last layer as multiply-adds.
        assert size(space.to_torch((2,) * 6)) == (1_531_546, 220_119_690 - 10)
        assert size(space.to_torch((1,) * 6)) == (73_306, 7_783_050 - 10)
