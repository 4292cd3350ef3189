"""The scripts of `examples/`, run on little."""

import gzip
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fusednn.layers import Dense, GlobalAvgPool

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_deep_sigmoid(tmp_path):
    """Ten sigmoid layers stay near chance and are told of; the remedies learn, and are not."""
    module = load("deep_sigmoid")
    outcomes = module.run(passes=20)
    sigmoid, *others = outcomes
    assert sigmoid.accuracy < 0.2
    (message,) = sigmoid.messages
    assert message.startswith("The gradients vanish: that of layers[0] Dense is ")
    assert len(others) == 3
    for name, _, accuracy, told in others:
        assert accuracy > 0.9, name
        assert told == [], name
    text = module.table(outcomes)
    assert text.count("DiagnosisWarning") == 1
    assert all(name in text for name, *_ in outcomes)
    pytest.importorskip("matplotlib")
    module.draw(outcomes, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.fixture
def images(monkeypatch):
    """What both scripts of images share, found as they find it."""
    monkeypatch.syspath_prepend(FOLDER)
    yield load("images")
    sys.modules.pop("images", None)


@pytest.fixture
def clothes(tmp_path, monkeypatch, digits):
    """A folder like Fashion-MNIST's: the digits on 28 x 28 pixels."""
    X, y = digits
    pixels = np.zeros((len(X), 28, 28), np.uint8)
    pixels[:, 2:26, 2:26] = (240 * X.reshape(-1, 8, 8)).repeat(3, axis=1).repeat(3, axis=2)
    (tmp_path / "clothes").mkdir()
    for part, rows in (("train", slice(1500)), ("t10k", slice(1500, None))):
        for kind, array in (("images-idx3", pixels[rows]), ("labels-idx1", y[rows])):
            head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
            path = tmp_path / "clothes" / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes(), 1))
    monkeypatch.setenv("FUSEDNN_DATA", str(tmp_path))


@pytest.mark.long
def test_patches(images, clothes):
    """An encoder of patches learns the digits."""
    X, y, X_test, y_test = images.load("clothes")
    module = load("patches")
    model = module.network(8)
    assert module.layers()[2].shape == (49, module.WIDTH)
    model.set_params(batch_size=16, augment=None, learning_rate_init=0.004)
    assert images.fit(model, (X[:1400], y[:1400]), (X[1400:], y[1400:])) > 0
    assert model.score(X_test, y_test) > 0.6


def test_images(images, clothes, tmp_path):
    """A smaller network learns, and both pictures are drawn."""
    X, y, X_test, y_test = images.load("clothes")
    assert X.shape == (1500, 28, 28, 1)
    assert X.max() == pytest.approx(240 / 255)
    model = images.network(6, stages=((8,), (16,), (32,)), batch_size=16, learning_rate_init=0.02)
    assert images.fit(model, (X[:1400], y[:1400]), (X[1400:], y[1400:])) > 0
    assert len(model.validation_scores_) == 6
    assert model.score(X_test, y_test) > 0.8
    pytest.importorskip("matplotlib")
    images.draw(model, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_images_command(images, clothes, monkeypatch, capsys):
    """Options of the command; the network is replaced by a smaller one."""
    monkeypatch.setattr(images, "layers", lambda stages: [GlobalAvgPool(), Dense(8, "relu")])
    words = "fashion_mnist.py --plain --epochs 2 --samples 500 --choose --threads 1"
    monkeypatch.setattr(sys, "argv", words.split())
    monkeypatch.setattr(images, "HELD_OUT", 300)
    images.main("doc", "clothes", epochs=9, goal=0.9, augment=lambda: [])
    text = capsys.readouterr().out
    assert text.startswith("2 epochs of 500 images: ")
    assert re.search(r"accuracy 0\.\d{4} of 300 images", text)


def test_digits_by_class(images, clothes, tmp_path, monkeypatch, capsys):
    """A game of one pass; the measures are those of images that are known."""
    (tmp_path / "clothes").rename(tmp_path / "mnist")
    module = load("digits_by_class")
    monkeypatch.setattr(module, "EACH", 20)
    pytest.importorskip("matplotlib")
    picture = tmp_path / "figure.png"
    module.main(["--passes", "1", "--threads", "1", "--plot", str(picture)])
    text = capsys.readouterr().out
    assert text.startswith("1 passes: ")
    assert re.search(r"recognises 0\.[89]\d+ of the real test images", text)
    assert len(re.findall(r"^(?:\d|all)  ", text, re.MULTILINE)) == 11
    assert picture.stat().st_size > 5_000
    rows = np.random.RandomState(0).normal(size=(20, 9))
    differences = np.linalg.norm(rows[:, np.newaxis] - rows, axis=2)
    assert module.spread(rows) == pytest.approx(differences.sum() / (20 * 19))
    assert module.recall(rows, rows + 1e-6) == 1
    assert module.recall(rows, rows[:5].repeat(4, axis=0)) == 5 / 20


def test_images_without_data(images, monkeypatch):
    for folder in (None, "/nowhere"):
        monkeypatch.delenv("FUSEDNN_DATA", raising=False)
        if folder:
            monkeypatch.setenv("FUSEDNN_DATA", folder)
        with pytest.raises(SystemExit, match="set FUSEDNN_DATA to the folder that holds mnist/"):
            images.load("mnist")


def test_forecasting(tmp_path, monkeypatch):
    """Sines of hours, and months that grow: windows line up, and the picture is drawn."""
    hours, months = np.arange(20 * 720), np.arange(144)
    (tmp_path / "etth1").mkdir()
    rows = [f"t,{','.join(f'{np.sin(h * np.pi / 12 + c):.4f}' for c in range(7))}" for h in hours]
    text = "\n".join(["date,a,b,c,d,e,f,g", *rows])
    (tmp_path / "etth1" / "ETTh1.csv.gz").write_bytes(gzip.compress(text.encode(), 1))
    (tmp_path / "airline-passengers").mkdir()
    rows = [f'"{m}",{100 * np.exp(m / 100 + np.sin(m * np.pi / 6) / 5):.1f}' for m in months]
    (tmp_path / "airline-passengers" / "a.csv").write_text("\n".join(["month,n", *rows]))
    monkeypatch.setenv("FUSEDNN_DATA", str(tmp_path))
    module = load("forecasting")
    task = module.etth1()
    train, validation, test = module.split(task)
    assert [len(part.y) // 7 for part in (train, validation, test)] == [8209, 2785, 2785]
    np.testing.assert_allclose(
        module.seasonal(task, test) + test.last, test.y + test.last, atol=1e-2
    )
    found, test, seconds = module.run(module.airline(), seeds=2, epochs=3)
    text = module.table(module.airline(), found, test, seconds)
    assert text.startswith("airline passengers, 25 windows of the test")
    assert [len(found[name]) for name in ("seasonal", "linear", "GRU")] == [1, 1, 2]
    pytest.importorskip("matplotlib")
    module.draw([(module.airline(), found, test)], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_adding(tmp_path, capsys):
    module = load("adding")
    X, y = module.make(5, 8, 0)
    assert (X[:, :4, 1].sum(axis=1) == 1).all()
    assert (X[:, 4:, 1].sum(axis=1) == 1).all()
    np.testing.assert_allclose((X[..., 0] * X[..., 1]).sum(axis=1), y)
    curves = module.run(samples=2000, steps=6, epochs=4, rate=0.01)
    assert curves["GRU"][-1] < 0.05 < module.CONSTANT
    assert "GRU by RMSprop, not clipped: " in capsys.readouterr().out
    pytest.importorskip("matplotlib")
    module.draw(curves, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_sentences(tmp_path, monkeypatch):
    """Sentences of few words, of which two decide."""
    random = np.random.RandomState(0)
    (tmp_path / "rt-polarity").mkdir()
    for kind, word in (("neg", "bad"), ("pos", "good")):
        lines = [
            " ".join(["film", word, "scene", "plot", "odd"][:length][::-1])
            for length in random.randint(2, 6, size=120)
        ]
        path = tmp_path / "rt-polarity" / f"rt-polarity.{kind}.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode(), 1))
    monkeypatch.setenv("FUSEDNN_DATA", str(tmp_path))
    module = load("sentences")
    sentences, labels = module.load()
    outcomes = [module.run(sentences, labels, seed, epochs=6, rate=0.02) for seed in (0, 1)]
    assert min(one.accuracy for one in outcomes) > 0.9
    assert module.table(outcomes).count("\n") == 2
    pytest.importorskip("matplotlib")
    module.draw(outcomes, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_autoencoder(images, clothes, tmp_path, capsys):
    """Both ways are fitted, their errors are those of the images, and the picture is drawn."""
    (tmp_path / "clothes").rename(tmp_path / "mnist")
    module = load("autoencoder")
    module.main(["--epochs", "1", "--threads", "1", "--tied"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["PCA", "Autoencoder"]
    train, _, test, _ = (part.reshape(len(part), -1) for part in images.load("mnist"))
    found = module.run("Autoencoder", module.network(3, threads=1), train, test)
    assert found.error == pytest.approx(np.square(found.images - test).mean())
    assert found.error < 0.5 * test.var(axis=0).mean()
    pytest.importorskip("matplotlib")
    module.draw(tmp_path / "figure.png", test, [found])
    assert (tmp_path / "figure.png").stat().st_size > 5_000


def test_anomalies(tmp_path, monkeypatch, capsys):
    """Connections whose numbers do not belong to their words are found."""
    random = np.random.RandomState(0)
    words = random.choice(["tcp", "udp"], size=900)
    numbers = np.where(words == "tcp", 1.0, 5.0) + 0.1 * random.normal(size=900)
    label = np.repeat(["normal.", "smurf."], [700, 200])
    words[700:] = np.where(words[700:] == "tcp", "udp", "tcp")
    rows = zip(numbers, words, words, words, numbers**2, label, strict=True)
    lines = [f"{a:.9f},{b},{c},{d},{e:.9f},{f}" for a, b, c, d, e, f in rows]
    (tmp_path / "kddcup99-10pct").mkdir()
    path = tmp_path / "kddcup99-10pct" / "kddcup.data_10_percent.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, *lines[:50]]).encode()))
    monkeypatch.setenv("FUSEDNN_DATA", str(tmp_path))
    module = load("anomalies")
    X, is_attack = module.load()
    assert (len(X), is_attack.sum()) == (900, 200)
    found = module.run(X, is_attack, 0, epochs=60)
    assert list(found) == ["Autoencoder", "PCA", "IsolationForest"]
    assert found["Autoencoder"] > 0.95
    module.main(["--seeds", "1", "--threads", "1"])
    assert re.search(r"900 connections, 200 .*\nAutoencoder +ROC AUC", capsys.readouterr().out)


@pytest.mark.peers
def test_images_beside_torch(images, clothes):
    """Both libraries reach the goal from the same weights."""
    pytest.importorskip("torch")
    X, y, *test = images.load("clothes")
    outcomes = images.race(
        (X[:800], y[:800]), test, 0.3, threads=1, stages=((8,), (16,)), batch=16, most=8
    )
    assert list(outcomes) == ["fusednn", "PyTorch"]
    for seconds, scores in outcomes.values():
        assert seconds > 0
        assert scores[-1] >= 0.3 > max(scores[:-1], default=0)


@pytest.fixture
def plays(tmp_path, monkeypatch):
    """A folder with a text like Shakespeare's."""
    (tmp_path / "tiny-shakespeare").mkdir()
    text = "ROMEO:\nA cat, a cat!\n\nJULIET:\nNo dog.\n\n" * 60
    path = tmp_path / "tiny-shakespeare" / "input.txt.gz"
    path.write_bytes(gzip.compress(text.encode()))
    monkeypatch.setenv("FUSEDNN_DATA", str(tmp_path))


def test_shakespeare(plays, tmp_path, capsys):
    """A small model learns, its losses are printed, and both curves are drawn."""
    module = load("shakespeare")
    sizes = module.Sizes(16, 0.1, 60, 4, 0.02, True, 16, 1, 2)
    model, seconds, peer = module.run(*module.load(), sizes, jobs=1)
    assert (seconds > 0, peer) == (True, None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == module.EPOCHS
    assert lines[-1].startswith("epoch 10: loss ")
    first, *_, last = model.history_["validation_loss"]
    assert last < 0.7 * first
    pytest.importorskip("matplotlib")
    module.draw(model, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5_000


def test_ring(tmp_path, capsys):
    """A game of one pass finds nothing yet; the counts are those of known points."""
    module = load("ring")
    assert module.judged(module.points(0)) == (8, pytest.approx(0.989, abs=0.01))
    assert module.judged(module.centres()[:1].repeat(100, axis=0)) == (1, 1.0)
    pytest.importorskip("matplotlib")
    module.main(["--seeds", "1", "--plot", str(tmp_path / "figure.png")], max_iter=1)
    assert capsys.readouterr().out.startswith("seed 0: ")
    assert (tmp_path / "figure.png").stat().st_size > 5_000
