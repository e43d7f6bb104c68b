"""Pretrained encoders: the files of the package, writing and reading such files, their use."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

import emprox
from emprox import ArchitectureEmbedder, ArchitectureTokenizer, ProximityMetric
from emprox.datasets import load_nasbench201
from emprox.lstm._pretrained import find_pretrained
from emprox.metrics import kendall_tau
from emprox.properties import StructuralProperties
from emprox.spaces import get_space

ROOT = Path(__file__).parents[2]
FOLDER = Path(emprox.__file__).parent / "lstm" / "pretrained"
NAMES = sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def sample(name, n, random_state):
    space = get_space(name)
    return space.encode(space.sample(n, random_state))


def tokenizer_of(name):
    sequence = get_space(name).proximity_sequence
    return ArchitectureTokenizer(name, sequence=sequence).fit(sample(name, 1, 0))


@pytest.fixture(scope="module")
def tokens():
    return tokenizer_of("nasbench201").transform(sample("nasbench201", 80, 1))


@pytest.fixture(scope="module")
def trained(tokens):
    """Return a small embedder of the same sequences, trained with properties."""
    properties = np.stack([(tokens == 3).sum(axis=1), (tokens == 5).sum(axis=1)], axis=1)
    embedder = ArchitectureEmbedder(8, max_epochs=30, learning_rate=1e-2, random_state=0)
    return embedder.fit(tokens, properties=(properties - properties.mean(0)) / properties.std(0))


@pytest.fixture
def file(trained, tmp_path):
    path = tmp_path / "mine.safetensors"
    trained.save_pretrained(path, tokenizer_of("nasbench201"))
    return path


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "pretrain_encoders.py"
    spec = importlib.util.spec_from_file_location("pretrain_encoders", path)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up the module that they are defined in.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


class TestThePackage:
    def test_files(self):
        assert {"darts", "nasbench101", "nasbench201", "transnasbench101_micro"} <= set(NAMES)
        files = {path.name for path in FOLDER.iterdir()}
        assert files == {f"{name}{suffix}" for name in NAMES for suffix in (".md", ".safetensors")}
        assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3_000_000

    @pytest.mark.parametrize("name", NAMES)
    def test_encoders_know_their_space(self, name):
        decisions = sample(name, 400, 100)
        tokens = tokenizer_of(name).transform(decisions)
        embedder = ArchitectureEmbedder.from_pretrained(name)
        embedding = embedder.transform(tokens)
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-6)
        # Far more than what is most frequent at each position.
        frequent = (tokens == np.median(tokens, axis=0)).mean()
        assert np.mean(embedder.reconstruct(tokens) == tokens) > frequent + 0.35 * (1 - frequent)
        properties = StructuralProperties(name, standardize=True).fit_transform(decisions)
        pairs = np.triu_indices(400, 1)
        distances = [
            np.linalg.norm(matrix[pairs[0]] - matrix[pairs[1]], axis=1)
            for matrix in (embedding, properties)
        ]
        # If it fails since properties have changed: tools/pretrain_encoders.py
        assert np.corrcoef(*distances)[0, 1] > 0.97

    @pytest.mark.parametrize("name", NAMES)
    def test_cards(self, name):
        card = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
        embedder = ArchitectureEmbedder.from_pretrained(name, output="properties")
        weights = embedder.net_.module_.parameters()
        assert card.startswith(f"# {name}: ")
        for fact in (
            f'from_pretrained("{name}")',
            f'"{get_space(name).proximity_sequence}"',
            f"{embedder.n_features_in_} tokens",
            f"{len(embedder.get_feature_names_out())} structural properties",
            f"{sum(weight.numel() for weight in weights):,} weights",
            f"{round((FOLDER / f'{name}.safetensors').stat().st_size / 1000)} kB",
            "seed 0",
        ):
            assert fact in " ".join(card.split()), fact

    @pytest.mark.parametrize("name", NAMES)
    def test_found_for_the_sequence_of_the_recipe_alone(self, name):
        space = get_space(name)
        assert find_pretrained(space, space.proximity_sequence, True) == name
        assert find_pretrained(space, space.proximity_sequence, False) is None
        assert find_pretrained(space, "adjacency", True) is None

    def test_not_found_for_another_space_of_the_same_name(self):
        class Renamed(type(get_space("transnasbench101_micro"))):
            name = "nasbench201"

        assert find_pretrained(Renamed(), "paths", True) is None
        # The operations of an open space are not even known.
        assert find_pretrained(get_space("dag"), "paths", True) is None

    def test_better_than_from_scratch_and_best_with_accuracies(self):
        X, y = load_nasbench201(return_X_y=True)
        known, unseen = np.arange(121), np.arange(121, 1121)

        def tau(output, *learner, **settings):
            embedder = ArchitectureEmbedder(output=output, random_state=0, **settings)
            neighbors = KNeighborsRegressor(10, weights="distance")
            model = make_pipeline(tokenizer_of("nasbench201"), embedder, *learner, neighbors)
            return kendall_tau(y[unseen], model.fit(X[known], y[known]).predict(X[unseen]))

        pretrained, scratch = {"pretrained": "nasbench201"}, {"max_epochs": 10}
        metric = ProximityMetric(random_state=0)
        learned = tau("properties", metric, **pretrained)
        from_scratch = tau("properties", metric, **scratch)
        assert learned > 0.85
        assert learned > from_scratch + 0.02
        assert from_scratch > tau("embedding", **scratch)
        assert tau("embedding", **pretrained) > tau("embedding", **scratch) + 0.03


class TestFromPretrained:
    def test_is_ready_to_embed_and_fit_starts_from_it_again(self, tokens):
        embedder = ArchitectureEmbedder.from_pretrained("nasbench201")
        assert (embedder.pretrained, embedder.embedding_dim) == ("nasbench201", 32)
        assert (embedder.n_features_in_, len(embedder.net_.history)) == (18, 0)
        embedding = embedder.transform(tokens)
        assert embedding.shape == (80, 32)
        for other in (
            ArchitectureEmbedder(pretrained="nasbench201"),
            clone(embedder),
            ArchitectureEmbedder().set_params(**embedder.get_params()),
            embedder,
        ):
            np.testing.assert_array_equal(other.fit(tokens).transform(tokens), embedding)
        again = pickle.loads(pickle.dumps(embedder))
        np.testing.assert_array_equal(again.transform(tokens), embedding)
        with pytest.raises(NotFittedError):
            clone(embedder).transform(tokens)

    def test_says_what_properties_it_predicts(self, tokens):
        embedder = ArchitectureEmbedder.from_pretrained("nasbench201", output="properties")
        predicted = embedder.transform(tokens)
        describe = StructuralProperties("nasbench201", standardize=True)
        true = describe.fit_transform(sample("nasbench201", 80, 1))
        assert predicted.shape == true.shape
        assert np.mean((predicted - true) ** 2) < 0.3
        np.testing.assert_array_equal(embedder.fit(tokens).transform(tokens), predicted)

    @pytest.mark.parametrize(
        ("parameters", "word"),
        [
            ({"embedding_dim": 16}, "has embedding_dim=32"),
            ({"attention": "encoder"}, "has attention='embedding'"),
            ({"output": "accuracy"}, "output"),
        ],
    )
    def test_wrong_parameters(self, tokens, parameters, word):
        with pytest.raises(ValueError, match=word):
            ArchitectureEmbedder.from_pretrained("nasbench201", **parameters)
        with pytest.raises(ValueError, match=word):
            ArchitectureEmbedder(pretrained="nasbench201", **parameters).fit(tokens)


class TestFineTuning:
    def fit(self, tokens, properties=None, **parameters):
        embedder = ArchitectureEmbedder(8, dropout=0, random_state=0, **parameters)
        return embedder.fit(tokens, properties=properties)

    def test_goes_on_from_the_file(self, file, tokens):
        more = {"max_epochs": 20, "learning_rate": 5e-3}
        before = self.fit(tokens, pretrained=file)
        after = self.fit(tokens, pretrained=file, **more)
        assert len(after.net_.history) == 20
        assert after.net_.history[-1, "train_loss"] < after.net_.history[0, "train_loss"] - 0.01
        change = np.abs(after.transform(tokens) - before.transform(tokens)).mean()
        scratch = self.fit(tokens, **more).transform(tokens)
        assert 0 < change < 0.5 * np.abs(scratch - before.transform(tokens)).mean()

    def test_does_not_forget_the_properties_but_learns_others(self, file, tokens):
        settings = {"pretrained": file, "output": "properties", "learning_rate": 1e-2}
        before = self.fit(tokens, **settings).transform(tokens)
        after = self.fit(tokens, max_epochs=20, **settings).transform(tokens)
        assert np.mean((after - before) ** 2) < 0.05 * before.var()
        learned = self.fit(tokens, -before, max_epochs=40, **settings).transform(tokens)
        assert np.corrcoef(learned.ravel(), before.ravel())[0, 1] < -0.9

    def test_wrong_number_of_properties(self, file, tokens):
        with pytest.raises(ValueError, match="n_properties=2"):
            self.fit(tokens, np.ones((80, 3)), pretrained=file)


class TestFiles:
    @pytest.mark.parametrize("kind", [Path, str])
    def test_round_trip(self, file, trained, tokens, kind):
        embedder = ArchitectureEmbedder.from_pretrained(kind(file))
        embedding = trained.transform(tokens)
        np.testing.assert_array_equal(embedder.transform(tokens), embedding)
        np.testing.assert_array_equal(
            embedder.inverse_transform(embedding), trained.inverse_transform(embedding)
        )
        np.testing.assert_array_equal(embedder.vocabulary_, trained.vocabulary_)
        np.testing.assert_array_equal(embedder.legal_tokens_, trained.legal_tokens_)

    def test_the_same_bytes_again_and_nothing_else(self, file, trained):
        written = file.read_bytes()
        trained.save_pretrained(file, tokenizer_of("nasbench201"))
        assert file.read_bytes() == written
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_half_precision(self, file, trained, tokens, tmp_path):
        half = tmp_path / "half.safetensors"
        trained.save_pretrained(half, tokenizer_of("nasbench201"), dtype="float16")
        assert half.stat().st_size < 0.6 * file.stat().st_size
        embedder = ArchitectureEmbedder.from_pretrained(half)
        np.testing.assert_allclose(embedder.transform(tokens), trained.transform(tokens), atol=2e-3)

    def test_without_properties_and_with_the_papers_attention(self, tokens, tmp_path):
        path = tmp_path / "paper.safetensors"
        embedder = ArchitectureEmbedder(4, attention="encoder", max_epochs=1).fit(tokens)
        embedder.save_pretrained(path, tokenizer_of("nasbench201"))
        again = ArchitectureEmbedder.from_pretrained(path)
        assert again.attention == "encoder"
        np.testing.assert_array_equal(again.reconstruct(tokens), embedder.reconstruct(tokens))
        described = ArchitectureEmbedder.from_pretrained(path, output="properties")
        assert described.transform(tokens).shape == (80, 4 + 18 * 4)

    def test_wrong_tokenizer_and_type(self, trained, tmp_path):
        path = tmp_path / "file.safetensors"
        fitting = tokenizer_of("nasbench201")
        short = ArchitectureTokenizer("nasbench201", sequence="operations")
        with pytest.raises(ValueError, match="6 tokens"):
            trained.save_pretrained(path, short.fit(sample("nasbench201", 1, 0)))
        with pytest.raises(NotFittedError):
            trained.save_pretrained(path, clone(fitting))
        with pytest.raises(NotFittedError):
            ArchitectureEmbedder().save_pretrained(path, fitting)
        with pytest.raises(ValueError, match="int8"):
            trained.save_pretrained(path, fitting, dtype="int8")
        assert not path.exists()


class TestWrongFiles:
    def check(self, path, word):
        """Check that both ways to read a file name it, and say what is wrong."""
        for use in (
            ArchitectureEmbedder.from_pretrained,
            lambda path: ArchitectureEmbedder(8, pretrained=path).fit(np.ones((2, 18))),
        ):
            with pytest.raises(ValueError, match=word) as caught:
                use(path)
            assert str(path) in str(caught.value)

    def test_missing(self, tmp_path):
        self.check("nasbench202", "'nasbench201'")
        self.check(tmp_path / "none.safetensors", "'darts'")
        self.check(tmp_path, "neither a file")

    @pytest.mark.parametrize("length", [0, 5, 100, -1])
    def test_truncated(self, file, length):
        file.write_bytes(file.read_bytes()[:length])
        self.check(file, "truncated")

    def test_another_format(self, file):
        content = file.read_bytes()
        file.write_bytes(content[:8] + b"\xff" * 20 + content[28:])
        self.check(file, "not a safetensors file")
        file.write_bytes(pickle.dumps({"weights": [1.0]}))
        self.check(file, "pickles")
        torch.save({"weights": torch.ones(3)}, file)
        self.check(file, "pickles")
        save_file({"weights": torch.ones(3)}, file)
        self.check(file, "save_pretrained")

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            (lambda m, t: m.update(format_version=2), "reads 1"),
            (lambda m, t: m.pop("sequence"), "sequence"),
            (lambda m, t: m.update(more=1), "more"),
            (lambda m, t: m.update(meanings=["one"]), "meaning"),
            (lambda m, t: m.update(attention="none"), "none"),
            (lambda m, t: t.pop("vocabulary"), "vocabulary"),
            (lambda m, t: t.pop("encoder.lstm.weight_hh_l0"), "Missing key|Error"),
            (lambda m, t: t.update(more=torch.ones(2)), "Unexpected key|Error"),
            (lambda m, t: t["decoder.output.bias"].fill_(torch.nan), "not finite"),
            (lambda m, t: t.update({"decoder.output.bias": torch.ones(3)}), "size mismatch|Error"),
            (lambda m, t: t.update(vocabulary=t["vocabulary"].flip(0)), "sorted"),
            (lambda m, t: t.update(vocabulary=t["vocabulary"][:0]), "no meaning"),
            (lambda m, t: t.update(legal_tokens=t["legal_tokens"][:, 1:].clone()), "legal tokens"),
        ],
    )
    def test_not_whole(self, file, change, word):
        with safe_open(file, framework="pt") as opened:
            ((key, text),) = opened.metadata().items()
        metadata, tensors = json.loads(text), load_file(file)
        change(metadata, tensors)
        save_file(tensors, file, {key: json.dumps(metadata)})
        self.check(file, word)


class TestWrongTokens:
    def fit(self, tokens):
        return ArchitectureEmbedder(pretrained="nasbench201").fit(tokens)

    def test_another_length_or_vocabulary(self, tokens):
        with pytest.raises(ValueError, match="18 tokens from 0 to 6"):
            self.fit(tokens[:, :6])
        strange = tokens.copy()
        strange[3, 2] = 7  # not even a token of the space
        with pytest.raises(ValueError, match="80 of 80"):
            self.fit(strange)

    def test_another_form(self):
        tokenizer = ArchitectureTokenizer("darts", sequence="genotype", canonicalize=False)
        tokens = tokenizer.fit_transform(sample("darts", 50, 0))
        with pytest.raises(ValueError, match="canonicalize=True"):
            ArchitectureEmbedder(pretrained="darts").fit(tokens)

    def test_another_space(self):
        decisions = sample("transnasbench101_micro", 50, 0)
        with pytest.raises(ValueError, match="of 50"):
            self.fit(tokenizer_of("transnasbench101_micro").transform(decisions))

    def test_a_few_tokens_at_new_places_are_allowed(self, tokens):
        embedder = self.fit(tokens)
        legal = embedder.legal_tokens_
        position = int(np.flatnonzero(~legal.all(axis=1))[0])
        strange = tokens.copy()
        strange[0, position] = embedder.vocabulary_[~legal[position]][0]
        assert np.isfinite(self.fit(strange).transform(strange)).all()


class TestTheTool:
    def test_makes_the_files_of_the_package(self, tool):
        assert sorted(tool.SPACES) == NAMES

    def test_makes_the_same_again(self, tool, tmp_path, capsys):
        for folder in (tmp_path / "a", tmp_path / "b"):
            tool.main([str(folder), "--spaces", "transnasbench101_macro", "--steps", "60"])
        assert "transnasbench101_macro: " in capsys.readouterr().out
        for name in ("transnasbench101_macro.safetensors", "transnasbench101_macro.md"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        embedder = ArchitectureEmbedder.from_pretrained(
            tmp_path / "a" / "transnasbench101_macro.safetensors"
        )
        assert embedder.n_features_in_ == 6

    def test_draws_from_a_large_space(self, tool, monkeypatch):
        monkeypatch.setattr(tool, "N_DRAWN", 300)
        monkeypatch.setattr(tool, "N_AS_DRAWN", 100)
        monkeypatch.setattr(tool, "N_DIFFERENT", 50)
        space = get_space("nasbench101")
        drawn = tool.draw(space, seed=3)
        expected = space.canonicalize(sample("nasbench101", 300, 3))
        np.testing.assert_array_equal(drawn[:100], expected[:100])
        assert len(np.unique(drawn[100:], axis=0)) == len(drawn[100:]) == 50
        assert {tuple(row) for row in drawn[100:]} <= {tuple(row) for row in expected}
