"""The command line: which verbs there are, their flags, their help. Parses only; what the values mean is config.py's.

It imports nothing but argparse, so that --help answers at once.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

STRATEGIES = ("Bayesian", "Random", "Hyperband", "Grid")
Flags = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Verb:
    """One command. `cloud`: it talks to the target and takes the settings of where requests run."""

    help: str
    example: str
    flags: Flags
    cloud: bool = True


def _name(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--name", help=f"of the {what} (default: kennel-... with the time)")


def _hyperparameters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", metavar="NAME", help="start nothing; wait for this job")
    parser.add_argument("--data-name", metavar="NAME", help="the uploaded set of pictures (default: the last one)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter of the train program, again and again"
    )
    parser.add_argument("--max-runtime", type=int, default=86_400, metavar="SECONDS", help="of one job (default: %(default)s)")
    parser.add_argument("--spot", action="store_true", help="managed spot training, with checkpoints")
    parser.add_argument("--detach", action="store_true", help="start it and do not wait")


def _data(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--folder", type=Path, help="a folder with train, valid and test, each with a folder a class")
    which.add_argument("--udacity", action="store_true", help="fetch Udacity's dogImages.zip: 8,351 photographs, 1.1 GB")
    which.add_argument("--url", help="fetch another zip in the layout of dogImages")
    parser.add_argument("--data-name", metavar="NAME", help="its name in S3 (default: drawn, dogs or the folder's)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn set (default: %(default)s)")


def _weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="a torchvision state dict (default: fetch resnet18's)")
    parser.add_argument("--url", help="fetch this one; its name ends in the start of its own SHA-256, as torchvision's do")


def _no_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-weights", action="store_true", help="train from scratch, without the weights that were uploaded")


def _script(parser: argparse.ArgumentParser, metric: str) -> argparse._ArgumentGroup:
    group = parser.add_argument_group(
        "your own training script", "It runs as it is, in place of the picture classifier; docs/13 says what it is given."
    )
    group.add_argument("--script", type=Path, metavar="FILE", help="a .py or .sh file; --set then takes JSON values or text")
    group.add_argument("--source", type=Path, metavar="DIR", help="the folder it lies in, sent whole (default: the script alone)")
    group.add_argument(
        "--channel", action="append", default=[], metavar="NAME=PLACE",
        help="input: a folder, or s3://BUCKET/PREFIX, again and again; none (default: the uploaded pictures)",
    )  # fmt: skip
    group.add_argument("--metric", action="append", default=[], metavar="NAME=REGEX", help=metric)
    return group


def _tune(parser: argparse.ArgumentParser) -> None:
    _name(parser, "tuning job")
    parser.add_argument("--jobs", type=int, help="training jobs in all (default: 20; strategy Grid: every combination)")
    parser.add_argument("--parallel", type=int, default=2, help="training jobs at a time (default: %(default)s)")
    parser.add_argument("--strategy", default="Bayesian", choices=STRATEGIES, help="(default: %(default)s)")
    _no_weights(parser)
    parser.add_argument("--plain", action="store_true", help="every job trains on pictures, even where only heads are trained")
    parser.add_argument("--early-stopping", choices=("Auto", "Off"), help="(default: Auto; Hyperband stops jobs itself: Off)")
    parser.add_argument("--seed", type=int, default=0, help="of the search (default: %(default)s)")
    _hyperparameters(parser)
    group = _script(parser, "what is taken from its log; the first one is the objective")
    group.add_argument(
        "--range", action="append", default=[], metavar="NAME=LOW:HIGH[:log] or A,B",
        help="a hyperparameter that is searched, again and again",
    )  # fmt: skip
    which = group.add_mutually_exclusive_group()
    which.add_argument("--minimize", action="store_true", help="the objective (default: as its name says, loss or accuracy)")
    which.add_argument("--maximize", action="store_true", help="the objective")


def _train(parser: argparse.ArgumentParser) -> None:
    _name(parser, "training job")
    _no_weights(parser)
    parser.add_argument("--no-best", action="store_true", help="leave what tuning found aside")
    parser.add_argument(
        "--fine-tune", action="store_true", help="the last block of pretrained weights too, by a recipe, not the head alone"
    )
    parser.add_argument("--no-hooks", action="store_true", help="no DebugHookConfig: AWS takes it from existing customers only")
    parser.add_argument("--save-interval", type=int, default=100, help="steps between saved tensors (default: %(default)s)")
    _rules(parser)
    parser.add_argument("--stop-on-issue", action="store_true", help="a Debugger rule that finds something stops the training")
    parser.add_argument("--instances", type=int, default=1, help="(default: %(default)s)")
    _hyperparameters(parser)
    _script(parser, "what is taken from its log, again and again (default: nothing)")


def _rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rules",
        metavar="A,B:name=value",
        help="rules that look inside, with parameters; none (default: the original project's six)",
    )


def _rules_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", help="a training job that has ended (default: the last one)")
    parser.add_argument("--name", help="that the Processing jobs' names begin with (default: kennel-rules-... with the time)")
    _rules(parser)


def _deploy(parser: argparse.ArgumentParser) -> None:
    _endpoint(parser)
    parser.add_argument("--name", help="of the model and the endpoint config (default: the endpoint's with the time)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--job", help="the training job whose model it is (default: the last one)")
    which.add_argument("--model-data", metavar="S3URI", help="a model.tar.gz in S3")
    which.add_argument("--model", type=Path, metavar="FILE", help="a model.tar.gz on this machine, uploaded first")
    parser.add_argument(
        "--code", type=Path, metavar="PLACE", help="your inference.py, or the folder that it lies in, for the model"
    )
    parser.add_argument("--instances", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--startup-timeout", type=int, default=300, metavar="SECONDS", help="until it is healthy (default: %(default)s)"
    )
    parser.add_argument("--detach", action="store_true", help="start it and do not wait")


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="script", type=Path, required=True, metavar="SCRIPT", help="your training script; not run")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="of the project (default: one named like the script)")


def _endpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", help="name of the endpoint (default: the last one, else kennel)")


def _invoke(parser: argparse.ArgumentParser) -> None:
    _endpoint(parser)
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of pictures")
    parser.add_argument("--top", type=int, default=3, help="guesses shown for each (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="a JSON line for each picture instead of the table")


def _logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a training job, tuning job or endpoint (default: the last training job)")
    parser.add_argument("--follow", action="store_true", help="go on as lines come, until the job ends")


def _stop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", help="a training or tuning job to stop (default: stop the local server)")


def _up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="on 127.0.0.1 (default: 4566, a free one when that is taken)")
    parser.add_argument("--account", metavar="NUMBER", help="the account to be (default: the last time's, else 000000000000)")
    parser.add_argument("--image", action="append", default=[], metavar="NAME=COMMAND",
                        help="run COMMAND for an image; NAME may have a *; kept for later starts, NAME= forgets")  # fmt: skip


def _env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shell", choices=("sh", "fish", "powershell"), default="sh", help="whose lines (default: sh, bash, zsh)"
    )
    parser.add_argument("--undo", action="store_true", help="the lines that give every variable back as it was before")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", nargs="?", help="a job, a tuning job, a folder or s3:// prefix (default: the last training job)")
    parser.add_argument("--compare", metavar="OTHER", help="another job, folder or prefix: the two side by side")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where it is written (default: .kennel/reports/NAME)")
    parser.add_argument("--pictures", metavar="PLACE", help="folder or prefix with the channels (default: the job's own)")
    parser.add_argument("--tuning", action="store_true", help="the tuning job of this name (default: the last one)")
    parser.add_argument("--all", action="store_true", help="evaluate every rule, however much was saved")
    parser.add_argument("--open", action="store_true", help="show it in the browser")


def _lint_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", help="an image of the local Docker engine")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a model.tar.gz to serve with")
    parser.add_argument("--processing", action="store_true", help="it neither trains nor serves: look at its configuration only")


def _build(parser: argparse.ArgumentParser) -> None:
    _images(parser)
    parser.add_argument("--base", help="image to build on (default: what make base made, else docker/versions.json's)")
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="certificate authorities for the package index (default: PIP_CERT); in no layer"
    )
    parser.add_argument("--pip", type=Path, metavar="FILE", help="a pip.conf for the build, such as a mirror's; in no layer")


def _images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="train, serve-cpu, serve-torch or rules (default: all)")


def _salvage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what torch.save or pickle.dump wrote")
    parser.add_argument(
        "--classes", type=Path, metavar="PATH", help="the pictures' folder, or a file with a class a line or JSON"
    )
    parser.add_argument("--arch", help="what torchvision calls the network (default: told by its weights)")
    parser.add_argument("--entry", metavar="NAME", help="which network, where the file holds several")
    parser.add_argument("--picture-size", type=int, default=224, metavar="PIXELS", help="of its input (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: model.tar.gz in .kennel/salvaged/FILE's name)")


def _serve_local(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model.tar.gz, or the folder that is in one")
    parser.add_argument("--code", type=Path, metavar="PLACE", help="your inference.py, or the folder that it lies in")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1 (default: %(default)s)")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="a variable of the container; may be repeated"
    )
    parser.add_argument("--content-type", default="image/jpeg", help="in the curl line that is printed (default: %(default)s)")


def _python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", type=Path, metavar="FILE", help="of another environment (default: make notebook's)")


def _notebook(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", nargs="?", type=Path, default=Path("."), help="a folder or a notebook (default: this folder)")
    parser.add_argument("--port", type=int, default=8888, help="on 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    _python(parser)


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", type=Path, help="an .ipynb file")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a variable, again and again")
    parser.add_argument("--keep-going", action="store_true", help="run the cells after one that failed, too")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the executed copy (default: .kennel/notebooks/NOTEBOOK)")
    _python(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="a folder with train, valid and test (default: drawn)")
    parser.add_argument("--weights", type=Path, help="a pretrained state dict (default: none, train from scratch)")
    parser.add_argument("--seed", type=int, default=0, help="of pictures, search and training (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=20, help="training jobs of the tuning (default: %(default)s)")
    parser.add_argument("--parallel", type=int, default=2, help="training jobs at a time (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter of the final training")
    parser.add_argument("--keep", action="store_true", help="leave the endpoint and the local server running")


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a JSON list instead of the table")


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


VERBS: dict[str, Verb] = {
    "demo": Verb("the whole story: data, tuning, training, endpoint, questions, teardown", "kennel demo", _demo),
    "data": Verb("draw, fetch or take a set of pictures and upload what changed", "kennel data --folder ~/dogImages", _data),
    "weights": Verb("fetch or take pretrained weights and upload them", "kennel weights resnet18.pth", _weights),
    "init": Verb("make a project of your own training script", "kennel init --from train.py", _init, cloud=False),
    "tune": Verb("search the hyperparameters; the best go to .kennel/best.json", "kennel tune --set epochs=2", _tune),
    "train": Verb("train with the best hyperparameters", "kennel train --set epochs=5", _train),
    "rules": Verb("look into a training that has ended, a Processing job a rule", "kennel rules --rules Overfit", _rules_of),
    "deploy": Verb("put a trained model behind an endpoint", "kennel deploy --endpoint kennel", _deploy),
    "invoke": Verb("ask the endpoint about pictures", "kennel invoke dog.jpg", _invoke),
    "logs": Verb("what a job or an endpoint printed", "kennel logs --follow", _logs),
    "report": Verb("what happened in a job, as a page: training, findings, time, mistakes", "kennel report --open", _report),
    "status": Verb("everything that runs or costs, whatever its name, and what has ended", "kennel status", _status),
    "down": Verb("remove the endpoint, its config and its model", "kennel down", _endpoint),
    "policies": Verb("print the least IAM policies: the execution role's and the launcher's", "kennel policies", _nothing),
    "doctor": Verb("check this machine and the target", "kennel doctor", _nothing),
    "build": Verb("build the images from docker/", "kennel build train serve-cpu", _build, cloud=False),
    "push": Verb("push the images to the target's registry", "kennel push --target aws", _images),
    "lint-image": Verb(
        "check any image against the SageMaker container contract", "kennel lint-image my-image:1", _lint_image, cloud=False
    ),
    "salvage": Verb(
        "an artefact out of an old pickled network, hooks and all",
        "kennel salvage model.pth --classes ~/dogImages",
        _salvage,
        False,
    ),
    "serve-local": Verb(
        "a model in the foreground, loaded anew at each change of its code",
        "kennel serve-local model.tar.gz --code code",
        _serve_local,
        False,
    ),
    "notebook": Verb("JupyterLab, pointed at the local SageMaker", "kennel notebook dogs.ipynb", _notebook, False),
    "run": Verb("a notebook's cells from first to last, without a browser", "kennel run dogs.ipynb", _run, False),
    "up": Verb("start the local SageMaker", "kennel up", _up, cloud=False),
    "env": Verb("print what points any AWS client at the local SageMaker", 'eval "$(kennel env)"', _env, False),
    "stop": Verb("stop a job, or the local SageMaker", "kennel stop", _stop),
}

_SETTINGS = {
    "region": "AWS region",
    "role-arn": "the execution role that SageMaker takes on",
    "bucket": "the S3 bucket of data and models",
    "backend": "what runs images on the local target, process or docker (default: BACKEND, else process)",
    "train-image": "image URI of the train program, with its digest (default: what was pushed)",
    "serve-image": "image URI of the serve program, with its digest (default: what was pushed)",
    "code-image": "image URI that answers with code of your own, with its digest (default: serve-image, else what was pushed)",
    "rules-image": "image URI of the rules program, with its digest (default: what was pushed)",
    "train-instance": "instance type that trains",
    "serve-instance": "instance type that serves",
    "rules-instance": "instance type on which a rule is evaluated",
    "kms-key": "KMS key for what goes to S3",
    "volume-kms-key": "KMS key for the instances' disks (not for types with NVMe disks)",
    "subnets": "subnets of a VPC, comma between them",
    "security-groups": "security groups in that VPC, comma between them",
    "tags": "KEY=VALUE, comma between them",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed line; `verb` names the command. Ends the program as argparse does, with 2, for what it cannot read."""
    parser = argparse.ArgumentParser(prog="kennel", description="Train, tune, serve and ask, on this machine or on AWS.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        own = verbs.add_parser(name, help=verb.help, description=f"{verb.help[0].upper()}{verb.help[1:]}.",
                               epilog=f"example: {verb.example}", allow_abbrev=False)  # fmt: skip
        verb.flags(own)
        _common(own, verb.cloud)
    return parser.parse_args(arguments)


def _common(parser: argparse.ArgumentParser, cloud: bool) -> None:
    parser.add_argument("--target", choices=("local", "aws"), help="where it runs (default: TARGET, else local)")
    parser.add_argument("--home", type=Path, help="where state and downloads are kept (default: .kennel)")
    parser.add_argument("--dry-run", action="store_true", help="print the exact requests as JSON and send nothing")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if cloud:
        group = parser.add_argument_group("where it runs", "Each may be set in kennel.toml, in a table [aws] or [local].")
        for name, text in _SETTINGS.items():
            group.add_argument(f"--{name}", help=text)
        group.add_argument("--volume-size", type=int, metavar="GB", help="disk of a training instance (default: 30)")
        group.add_argument("--no-network-isolation", dest="network_isolation", action="store_const", const=False,
                           help="let the containers reach the network")  # fmt: skip
        group.add_argument("--no-debugger", dest="debugger", action="store_const", const=False,
                           help="evaluate rules in Processing jobs, after the training")  # fmt: skip
