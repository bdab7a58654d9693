"""`kennel init --from SCRIPT`, then what it says to type: the script trains with nothing further given."""

import pytest

from tests.support.person import Kennel

pytestmark = pytest.mark.timeout(300)
SCRIPT = """
import argparse, os, helper
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--name", default="two words")
parser.add_argument("--fast", action="store_true")
parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
given = parser.parse_args()
print("given", given.epochs, given.lr, given.name, given.fast, os.listdir(given.train), flush=True)
for epoch in range(given.epochs):
    print("Epoch {}: Average loss: {:.4f}".format(epoch, helper.loss(epoch)), flush=True)
open(os.path.join(given.model_dir, "model.txt"), "w").close()
"""


def test_the_project_trains_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    person = Kennel(tmp_path_factory.mktemp("work"))
    (person.folder / "mine.py").write_text(SCRIPT)
    (person.folder / "helper.py").write_text("def loss(epoch):\n    return 1 / (1 + epoch)\n")
    said = person.run("init", "--from", "mine.py", "--to", "project").stdout
    assert "missing: project/data/train, the folder of channel train" in said
    project = Kennel(person.folder / "project")
    assert "data/train: no such folder; give one" in project.run("train", status=2).stderr
    (project.folder / "data" / "train").mkdir(parents=True)
    (project.folder / "data" / "train" / "a.csv").write_text("1")
    try:
        project.run("up", "--port", "0")
        done = project.run("train").stdout
        assert "given 3 0.001 two words False ['a.csv']" in done
        assert "   average-loss               0.3333" in done, done
        assert "given 1 0.001 two words False" in project.run("train", "--set", "epochs=1").stdout
    finally:
        project.run("stop")
