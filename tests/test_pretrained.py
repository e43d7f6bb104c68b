"""Pretrained encoders: the files of the package, writing and reading such files, their use."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

import emprox
from emprox import ArchitectureEmbedder, ArchitectureTokenizer
from emprox._pretrained import METADATA, find_pretrained, list_pretrained, load_pretrained
from emprox.datasets import load_nasbench201
from emprox.metrics import kendall_tau, kendall_tau_scorer
from emprox.properties import StructuralProperties
from emprox.spaces import get_space

ROOT = Path(__file__).parents[1]
FOLDER = Path(emprox.__file__).parent / "pretrained"
NAMES = list_pretrained()


def tokenizer_of(name):
    space = get_space(name)
    sample = space.sample_decisions(1, random_state=0)
    return ArchitectureTokenizer(name, sequence=space.proximity_sequence).fit(sample)


@pytest.fixture(scope="module")
def cells():
    return get_space("nasbench201").sample_decisions(80, random_state=1)


@pytest.fixture(scope="module")
def tokens(cells):
    return tokenizer_of("nasbench201").transform(cells)


@pytest.fixture(scope="module")
def accuracies(cells):
    X, y = load_nasbench201(return_X_y=True)
    by_cell = dict(zip(X, y, strict=True))
    space = get_space("nasbench201")
    return np.array([by_cell[space.format(cell)] for cell in space.decode(cells)])


@pytest.fixture(scope="module")
def trained(tokens):
    """Return a small embedder of the same sequences, trained with properties."""
    properties = np.stack([(tokens == 3).sum(axis=1), (tokens == 5).sum(axis=1)], axis=1)
    embedder = ArchitectureEmbedder(8, max_epochs=30, lr=1e-2, random_state=0)
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
        sizes = [path.stat().st_size for path in FOLDER.iterdir()]
        assert max(sizes) < 300_000
        assert sum(sizes) < 3_000_000

    @pytest.mark.parametrize("name", NAMES)
    def test_encoders_know_their_space(self, name):
        space = get_space(name)
        decisions = space.sample_decisions(400, random_state=100)
        tokens = tokenizer_of(name).transform(decisions)
        embedder = ArchitectureEmbedder.from_pretrained(name)
        embedding = embedder.transform(tokens)
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-6)
        # Far more than what is most frequent at each position.
        frequent = (tokens == np.median(tokens, axis=0)).mean()
        assert embedder.score(tokens) > frequent + 0.35 * (1 - frequent)
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
        checkpoint = load_pretrained(name)
        assert card.startswith(f"# {name}: ")
        for fact in (
            f'from_pretrained("{name}")',
            f'"{checkpoint.sequence}"',
            f"{checkpoint.length} tokens",
            f"{checkpoint.n_properties} structural properties",
            f"{sum(weight.numel() for weight in checkpoint.weights.values()) - 1:,} weights",
            f"{round((FOLDER / f'{name}.safetensors').stat().st_size / 1000)} kB",
            "**Data**",
            "seed 0",
            "**Checked on**",
            "**Limits**",
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

    def test_better_than_from_scratch(self):
        X, y = load_nasbench201(return_X_y=True)
        known, unseen = np.arange(121), np.arange(121, 1121)
        results = {}
        for settings in ({"pretrained": "nasbench201"}, {"max_epochs": 10}):
            for weight in (0, 1):
                model = make_pipeline(
                    tokenizer_of("nasbench201"),
                    ArchitectureEmbedder(target_weight=weight, random_state=0, **settings),
                    KNeighborsRegressor(10, weights="distance"),
                ).fit(X[known], y[known])
                tau = kendall_tau(y[unseen], model.predict(X[unseen]))
                results["pretrained" in settings, weight] = tau
        assert results[True, 0] > results[False, 0] + 0.03
        assert results[True, 1] > results[False, 1] + 0.02
        assert results[False, 1] > results[False, 0]
        assert results[True, 1] > 0.85


class TestFromPretrained:
    def test_is_ready_to_embed(self, tokens):
        embedder = ArchitectureEmbedder.from_pretrained("nasbench201")
        assert embedder.pretrained == "nasbench201"
        assert (embedder.embedding_dim, embedder.target_weight) == (32, 1)
        assert embedder.n_features_in_ == 18
        assert embedder.metric_ is None
        assert len(embedder.history_) == 0
        assert not embedder.net_.module_.training
        embedding = embedder.transform(tokens)
        assert embedding.shape == (80, 32)
        assert len(embedder.get_feature_names_out()) == 32
        fitted = ArchitectureEmbedder(pretrained="nasbench201").fit(tokens)
        np.testing.assert_array_equal(fitted.transform(tokens), embedding)

    def test_fit_learns_from_targets_and_not_without(self, tokens, accuracies):
        embedder = ArchitectureEmbedder.from_pretrained("nasbench201", random_state=0)
        frozen = embedder.transform(tokens)
        assert embedder.fit(tokens, accuracies) is embedder
        supervised = embedder.transform(tokens)
        assert not np.array_equal(supervised, frozen)
        assert embedder.metric_.n_features_in_ == load_pretrained("nasbench201").n_properties
        np.testing.assert_array_equal(embedder.fit(tokens).transform(tokens), frozen)
        embedder.set_params(target_weight=0).fit(tokens, accuracies)
        np.testing.assert_array_equal(embedder.transform(tokens), frozen)

    def test_a_clone_starts_from_the_same_encoder(self, tokens, accuracies):
        embedder = ArchitectureEmbedder.from_pretrained("nasbench201", random_state=0)
        copy = clone(embedder)
        assert copy.get_params() == embedder.get_params()
        with pytest.raises(NotFittedError):
            copy.transform(tokens)
        embedder.fit(tokens, accuracies)
        np.testing.assert_array_equal(
            copy.fit(tokens, accuracies).transform(tokens), embedder.transform(tokens)
        )
        again = ArchitectureEmbedder().set_params(**embedder.get_params())
        np.testing.assert_array_equal(
            again.fit(tokens, accuracies).transform(tokens), embedder.transform(tokens)
        )

    def test_pickle(self, tokens, accuracies):
        embedder = ArchitectureEmbedder.from_pretrained("nasbench201", random_state=0)
        for _ in range(2):
            again = pickle.loads(pickle.dumps(embedder))
            np.testing.assert_array_equal(again.transform(tokens), embedder.transform(tokens))
            embedder.fit(tokens, accuracies)

    def test_grid_search(self, cells, accuracies):
        model = make_pipeline(
            tokenizer_of("nasbench201"),
            ArchitectureEmbedder.from_pretrained("nasbench201", random_state=0),
            KNeighborsRegressor(weights="distance"),
        )
        grid = {
            "kneighborsregressor__n_neighbors": [3, 5],
            "architectureembedder__embedding_dim": [4, 64],
        }
        search = GridSearchCV(model, grid, scoring=kendall_tau_scorer, cv=3)
        scores = search.fit(cells, accuracies).cv_results_["mean_test_score"]
        assert len(np.unique(scores)) == 4
        assert (scores > 0.5).all()

    def test_parameters_win(self):
        embedder = ArchitectureEmbedder.from_pretrained(
            "nasbench201", target_weight=0.5, max_epochs=3
        )
        assert (embedder.target_weight, embedder.max_epochs) == (0.5, 3)
        assert len(embedder.history_) == 0

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"embedding_dim": 16}, "embedding of 32 numbers: set embedding_dim=32"),
            ({"attention": "encoder"}, "trained with attention='embedding'"),
            ({"target_weight": 2}, "'target_weight' parameter"),
            ({"device": "toaster"}, "device='toaster' cannot be used"),
        ],
    )
    def test_wrong_parameters(self, tokens, parameters, message):
        with pytest.raises(ValueError, match=message):
            ArchitectureEmbedder.from_pretrained("nasbench201", **parameters)
        with pytest.raises(ValueError, match=message):
            ArchitectureEmbedder(pretrained="nasbench201", **parameters).fit(tokens)

    def test_any_size_with_targets_alone(self, tokens, accuracies):
        embedder = ArchitectureEmbedder(5, pretrained="nasbench201", target_weight=1)
        assert embedder.fit_transform(tokens, accuracies).shape == (80, 5)
        embedder.set_params(target_weight=0.5)
        with pytest.raises(ValueError, match=r"embedding_dim=5, but .* or target_weight=1"):
            embedder.fit(tokens, accuracies)


class TestFineTuning:
    def test_goes_on_from_the_file(self, file, tokens, trained):
        settings = {"pretrained": file, "random_state": 0, "dropout": 0}
        before = ArchitectureEmbedder(8, **settings).fit(tokens)
        after = ArchitectureEmbedder(8, max_epochs=20, lr=5e-3, **settings).fit(tokens)
        assert len(after.history_) == 20
        assert after.score_samples(tokens).mean() > before.score_samples(tokens).mean() + 0.05
        scratch = ArchitectureEmbedder(8, max_epochs=20, lr=5e-3, dropout=0, random_state=0)
        change = np.abs(after.transform(tokens) - before.transform(tokens)).mean()
        other = np.abs(scratch.fit_transform(tokens) - before.transform(tokens)).mean()
        assert 0 < change < 0.5 * other

    def test_does_not_forget_the_properties(self, file, tokens):
        def predict(embedder):
            with torch.no_grad():
                head = embedder.net_.module_.property_head
                return head(torch.from_numpy(embedder.transform(tokens))).numpy()

        settings = {"pretrained": file, "random_state": 0, "dropout": 0}
        before = predict(ArchitectureEmbedder(8, **settings).fit(tokens))
        after = ArchitectureEmbedder(8, max_epochs=20, lr=5e-3, **settings).fit(tokens)
        assert np.mean((predict(after) - before) ** 2) < 0.02 * before.var()
        # Given others, it learns those.
        learned = ArchitectureEmbedder(8, max_epochs=40, lr=1e-2, **settings)
        learned.fit(tokens, properties=-before)
        assert np.corrcoef(predict(learned).ravel(), before.ravel())[0, 1] < -0.9

    def test_wrong_number_of_properties(self, file, tokens):
        with pytest.raises(ValueError, match="predicts 2 properties, got 3"):
            ArchitectureEmbedder(8, pretrained=file).fit(tokens, properties=np.ones((80, 3)))


class TestFiles:
    def test_round_trip(self, file, trained, tokens):
        embedder = ArchitectureEmbedder.from_pretrained(file, target_weight=0)
        np.testing.assert_array_equal(embedder.transform(tokens), trained.transform(tokens))
        np.testing.assert_array_equal(embedder.score_samples(tokens), trained.score_samples(tokens))
        embedding = trained.transform(tokens)
        np.testing.assert_array_equal(
            embedder.inverse_transform(embedding), trained.inverse_transform(embedding)
        )
        np.testing.assert_array_equal(embedder.vocabulary_, trained.vocabulary_)
        np.testing.assert_array_equal(embedder.legal_tokens_, trained.legal_tokens_)
        assert (embedder.embedding_dim, embedder.pretrained) == (8, file)
        assert clone(embedder).fit(tokens).transform(tokens).tolist() == embedding.tolist()

    def test_a_path_as_text(self, file, trained, tokens):
        embedder = ArchitectureEmbedder.from_pretrained(str(file))
        np.testing.assert_array_equal(embedder.transform(tokens), trained.transform(tokens))

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

    def test_a_supervised_embedder_writes_its_encoder(self, file, tokens, accuracies, tmp_path):
        again = tmp_path / "again.safetensors"
        embedder = ArchitectureEmbedder.from_pretrained(file).fit(tokens, accuracies)
        embedder.save_pretrained(again, tokenizer_of("nasbench201"))
        assert again.read_bytes() == file.read_bytes()

    def test_without_properties_and_with_the_papers_attention(self, tokens, tmp_path, accuracies):
        path = tmp_path / "paper.safetensors"
        embedder = ArchitectureEmbedder(4, attention="encoder", max_epochs=1).fit(tokens)
        embedder.save_pretrained(path, tokenizer_of("nasbench201"))
        again = ArchitectureEmbedder.from_pretrained(path)
        assert again.attention == "encoder"
        np.testing.assert_array_equal(again.reconstruct(tokens), embedder.reconstruct(tokens))
        # The embedding, and the encoder's output at each position.
        assert again.fit(tokens, accuracies).metric_.n_features_in_ == 4 + 18 * 4
        with pytest.raises(ValueError, match="predicts 0 properties, got 2"):
            again.fit(tokens, properties=np.ones((80, 2)))

    def test_wrong_tokenizer_and_type(self, trained, tmp_path):
        path = tmp_path / "file.safetensors"
        short = ArchitectureTokenizer("nasbench201", sequence="operations")
        short.fit([(0, 0, 0, 0, 0, 0)])
        with pytest.raises(ValueError, match=r"writes 6 tokens, but the embedder .* to 18"):
            trained.save_pretrained(path, short)
        with pytest.raises(NotFittedError):
            trained.save_pretrained(path, ArchitectureTokenizer("nasbench201"))
        with pytest.raises(NotFittedError):
            ArchitectureEmbedder().save_pretrained(path, tokenizer_of("nasbench201"))
        with pytest.raises(ValueError, match="'float32' or 'float16', got 'int8'"):
            trained.save_pretrained(path, tokenizer_of("nasbench201"), dtype="int8")
        assert not path.exists()


class TestWrongFiles:
    def check(self, path, message):
        for use in (
            ArchitectureEmbedder.from_pretrained,
            lambda path: ArchitectureEmbedder(8, pretrained=path).fit(np.ones((2, 18))),
        ):
            with pytest.raises(ValueError, match=message):
                use(path)

    def test_missing(self, tmp_path):
        self.check("nasbench202", "no pretrained encoder 'nasbench202': .* 'nasbench201'")
        self.check(tmp_path / "none.safetensors", "it is neither a file nor one of 'darts'")
        self.check(tmp_path, "it is neither a file nor one of")

    @pytest.mark.parametrize("length", [0, 5, 100, -1])
    def test_truncated(self, file, length):
        file.write_bytes(file.read_bytes()[:length])
        self.check(file, "not a readable safetensors file .* may be truncated")

    def test_pickle(self, file):
        file.write_bytes(pickle.dumps({"weights": [1.0]}))
        self.check(file, "never read from pickles, which can run any code")

    def test_torch_file(self, file):
        torch.save({"weights": torch.ones(3)}, file)
        self.check(file, "never read from pickles, which can run any code")

    def test_header_that_is_no_text(self, file):
        content = file.read_bytes()
        file.write_bytes(content[:8] + b"\xff" * 20 + content[28:])
        self.check(file, "not a readable safetensors file")

    def test_other_safetensors(self, file):
        save_file({"weights": torch.ones(3)}, file)
        self.check(file, "but not one that ArchitectureEmbedder.save_pretrained wrote")

    def change(self, file, change):
        """Rewrite a file with its metadata and tensors changed."""
        with file.open("rb") as opened:
            header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
        metadata, tensors = json.loads(header["__metadata__"][METADATA]), load_file(file)
        change(metadata, tensors)
        save_file(tensors, file, {METADATA: json.dumps(metadata)})

    def test_the_way_of_changing(self, file, trained, tokens):
        self.change(file, lambda metadata, tensors: None)
        embedder = ArchitectureEmbedder.from_pretrained(file)
        np.testing.assert_array_equal(embedder.transform(tokens), trained.transform(tokens))

    def test_another_version(self, file):
        self.change(file, lambda metadata, tensors: metadata.update(format_version=2))
        self.check(file, "format version is 2, but this emprox reads version 1; update emprox")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda m, t: m.pop("sequence"), "sequence"),
            (lambda m, t: m.update(meanings=["one"]), "tokens that have no meaning"),
            (lambda m, t: m.update(attention="none"), "no attention 'none'"),
            (lambda m, t: t.pop("vocabulary"), "vocabulary"),
            (lambda m, t: t.pop("encoder.lstm.weight_hh_l0"), "Missing key|Error"),
            (lambda m, t: t.update(more=torch.ones(2)), "Unexpected key|Error"),
            (lambda m, t: t["decoder.output.bias"].fill_(torch.nan), "not finite"),
            (lambda m, t: t.update({"decoder.output.bias": torch.ones(3)}), "size mismatch|Error"),
            (lambda m, t: t.update(vocabulary=t["vocabulary"].flip(0)), "not a sorted list"),
            (lambda m, t: t.update(vocabulary=t["vocabulary"][:0]), "no meaning"),
            (lambda m, t: t.update(legal_tokens=t["legal_tokens"][:, 1:].clone()), "legal tokens"),
        ],
    )
    def test_not_whole(self, file, change, message):
        self.change(file, change)
        self.check(file, f"cannot be used as an encoder: .*({message})")


class TestWrongTokens:
    def fit(self, tokens):
        return ArchitectureEmbedder(pretrained="nasbench201").fit(tokens)

    def test_another_length(self, cells):
        tokens = ArchitectureTokenizer("nasbench201", sequence="operations").fit_transform(cells)
        with pytest.raises(
            ValueError,
            match="'nasbench201' reads the sequence 'paths' of the space 'nasbench201' in canonical"
            " form: 18 tokens from 0 to 6; got 6 tokens: use an ArchitectureTokenizer",
        ):
            self.fit(tokens)

    def test_another_vocabulary(self, tokens):
        strange = tokens.copy()
        strange[3, 2] = 7
        with pytest.raises(ValueError, match="tokens from 0 to 6; got the token 7"):
            self.fit(strange)

    def test_another_form(self):
        space = get_space("darts")
        tokenizer = ArchitectureTokenizer("darts", sequence="genotype", canonicalize=False)
        tokens = tokenizer.fit_transform(space.sample_decisions(50, 0))
        message = r"'genotype' .* in canonical form: 32 .* of 50 samples hold tokens at positions"
        with pytest.raises(ValueError, match=message):
            ArchitectureEmbedder(pretrained="darts").fit(tokens)

    def test_another_space(self):
        space = get_space("transnasbench101_micro")
        other = tokenizer_of("transnasbench101_micro").transform(space.sample_decisions(50, 0))
        assert other.shape[1] == 18
        with pytest.raises(ValueError, match="of 50 samples hold tokens at positions where"):
            self.fit(other)

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
        expected = space.canonicalize(space.sample_decisions(300, 3))
        np.testing.assert_array_equal(drawn[:100], expected[:100])
        assert len(np.unique(drawn[100:], axis=0)) == len(drawn[100:]) == 50
        assert {tuple(row) for row in drawn[100:]} <= {tuple(row) for row in expected}
