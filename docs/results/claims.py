"""What README.md, the pages beside this file and those on the crate say of the results, beside what the reports say.

A table or a sentence is looked up where it stands; its numbers are compared with as many decimals as they have there. A `#` in a
sentence stands for a number, and any white space for any other.
"""

import json
import math
import re
import statistics
from dataclasses import dataclass
from typing import Callable

NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Columns that hold times or what follows from them.
TIMES = ("seconds an epoch", "ms an epoch", "time", "ms", "AR/classic", "first step", "autorot, auto-rotating")
PICTURES = ("swirl", "sunset", "waves", "tiles")


class Reports:
    """The reports of the commands that are complete, by name."""

    def __init__(self, out):
        self.out = out

    def report(self, name):
        return json.loads((self.out / name / "report.json").read_text())

    def of(self, name, variant):
        return [run for run in self.report(name)["runs"] if run["variant"] == variant]

    def over(self, name, variant, value):
        """Mean and standard deviation of a number over the seeds."""
        return spread([value(run) for run in self.of(name, variant)])

    def psnr(self, name):
        return float(re.search(r"PSNR (\S+) dB", (self.out / name / "stdout.txt").read_text()).group(1))


def spread(values):
    if len(values) < 2:
        return [values[0], 0.0]
    return [statistics.mean(values), statistics.stdev(values)]


def last(key):
    return lambda run: run["epochs"][-1][key]


@dataclass(frozen=True)
class Claim:
    """A table or a sentence: its name, the file, the commands that it comes from, and what it should hold."""

    name: str
    file: str
    wants: tuple
    # Of a sentence: the text, and its numbers. Of a table: words of its header, and rows of numbers by the beginnings of rows.
    text: str
    values: Callable
    nth: int = 0


def shown(value, like):
    """A number with the decimals of another one that is text."""
    if isinstance(value, str):
        return value
    decimals = len(like.partition(".")[2])
    return f"{value:.{decimals}f}"


def cell_now(there, values):
    """A cell of a table with other numbers in it; a dash or a single number may become several."""
    values = [v for v in values if v is not None and not (isinstance(v, float) and math.isnan(v))]
    numbers = NUMBER.findall(there)
    if not values:
        return "–"
    if len(numbers) != len(values):
        return ", ".join(v if isinstance(v, str) else f"{v:.4g}" for v in values)
    rest = iter(values)
    return NUMBER.sub(lambda number: shown(next(rest), number.group()), there)


@dataclass(frozen=True)
class Difference:
    """What a page says otherwise: in words, whether it is one of time, and from where to where the page is to say what."""

    text: str
    time: bool = False
    change: tuple = ()


CELL = re.compile(r"\|((?:[^|\\\n]|\\.)*)(?=\|)")


def tables(page):
    """All tables of a page: a list of rows, the header first; a cell is its text and where that stands."""
    found, current, at = [], [], 0
    for line in page.splitlines(keepends=True) + [""]:
        if line.startswith("|"):
            cells = []
            for match in CELL.finditer(line):
                inner = match.group(1).strip()
                start = at + match.start(1) + match.group(1).index(inner)
                cells.append((inner.replace("\\|", "|"), start, start + len(inner)))
            if not all(set(text) <= set("-: ") for text, *_ in cells):
                current.append(cells)
        elif current:
            found.append(current)
            current = []
        at += len(line)
    return found


def check_table(claim, page, values):
    """The differences between a table and what it should hold."""
    words = claim.text.split(" / ")
    matching = [t for t in tables(page) if set(words) <= {text for text, *_ in t[0]}]
    if claim.nth >= len(matching):
        return [Difference(f"no table with the columns {', '.join(words)}")]
    header, *rows = matching[claim.nth]
    names = [text for text, *_ in header]
    found = []
    for label, columns in values.items():
        key = label if isinstance(label, tuple) else (label,)
        row = next((r for r in rows if tuple(text for text, *_ in r[: len(key)]) == key), None)
        if row is None:
            found.append(Difference(f"no row {' | '.join(key)}"))
            continue
        for column, numbers in columns.items():
            if column not in names:
                found.append(Difference(f"no column {column}"))
                continue
            there, *place = row[names.index(column)]
            now = cell_now(there, numbers)
            if now != there:
                time = column == "classic" or any(word in column for word in TIMES)
                text = f"{' | '.join(key)}, {column}: {there} there, {now} now"
                found.append(Difference(text, time, (*place, now)))
    return found


def check_sentence(claim, page, values):
    """The differences between a sentence's numbers and what they should be."""
    pattern = re.escape(claim.text).replace(r"\#", r"(\d+(?:\.\d+)?)").replace(r"\ ", r"\s+")
    match = re.search(pattern, page)
    if not match:
        return [Difference(f"it no longer says: {claim.text}")]
    found = []
    for group, value in enumerate(values, 1):
        there = match.group(group)
        now = shown(value, there)
        if now != there:
            text = f"{there} there, {now} now, in: {claim.text}"
            found.append(Difference(text, False, (*match.span(group), now)))
    return found


COMPARED = {
    "classic": "classic",
    "arp": "auto-rotating",
    "arp-learn-l": "auto-rotating, L learnt per layer",
    "arp-aligned": "aligned, L learnt per unit",
    "arp-critical": "critical",
}
STUDIED = {
    "classic": "classic",
    "classic-bn": "classic + BN",
    "ar": "auto-rotating",
    "ar-bn": "auto-rotating + BN",
    "critical": "critical",
    "critical-bn": "critical + BN",
}
METHODS = {
    "classic": "classic, Glorot",
    "orthogonal": "classic, orthogonal",
    "centred": "classic, critical start",
    "lsuv": "LSUV",
    "weight-norm": "weight norm",
    "weight-norm-data": "weight norm, start from data",
    "norm-before": "BN before σ",
    "norm-after": "BN after σ",
    "layer-norm": "layer norm before σ",
    "diagonal": "diagonal",
    "aligned": "aligned, L learnt per unit",
    "critical": "critical",
    "critical-norm": "critical, BN after σ",
    "relu": "ReLU, He",
    "selu": "SELU, LeCun",
    "critical-relu": "ReLU, critical",
}
CALIBRATED = {
    "classic": "classic",
    "arp": "auto-rotating",
    "arp-learn-l": "auto-rotating, L learnt per unit",
    "arp-aligned": "aligned, L learnt per unit",
    "arp-critical": "critical",
    "relu": "ReLU",
}
CELLS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


def compared(name):
    def values(reports):
        def row(variant):
            over = lambda value: reports.over(name, variant, value)
            return {
                "test loss after epoch 1": over(lambda run: run["epochs"][0]["val_loss"]),
                "test loss": over(last("val_loss")),
                "test accuracy": over(last("val_accuracy")),
                "seconds an epoch": over(lambda run: run["epoch_seconds"]),
                "saturated (|z| > L)": over(lambda run: run["saturated"]),
            }

        return {title: row(variant) for variant, title in COMPARED.items()}

    return values


def losses(name):
    return lambda reports: [v for variant in COMPARED for v in reports.over(name, variant, last("val_loss"))]


def mean_deviation(groups):
    finite = [[v for v in group if v is not None and math.isfinite(v)] for group in groups]
    deviations = [statistics.stdev(group) for group in finite if len(group) > 1]
    return statistics.mean(deviations) if deviations else math.nan


def studied(reports):
    layers = lambda run: [layer["log10_mean"] for layer in run["gradients"]]
    return {
        title: {
            "test accuracy": reports.over("vanishing", variant, last("val_accuracy")),
            "test loss": reports.over("vanishing", variant, last("val_loss")),
            "gradient spread over layers": reports.over(
                "vanishing", variant, lambda run: mean_deviation(zip(*layers(run)))
            ),
            "gradient spread over epochs": reports.over("vanishing", variant, lambda run: mean_deviation(layers(run))),
        }
        for variant, title in STUDIED.items()
    }


def both(statistic):
    return [statistic["mean"], statistic["deviation"]]


def deepened(reports):
    """Test accuracy of every method at every depth."""
    found = {title: {} for title in METHODS.values()}
    for result in reports.report("depth")["results"]:
        found[METHODS[result["method"]]][f"{result['depth']} layers"] = both(result["test_accuracy"])
    return found


ACTIVATIONS = ("sigmoid", "tanh", "arctan")


def deepest(reports):
    """Test accuracy of critical nets by depth and activation."""
    found = {}
    for activation in ACTIVATIONS:
        for name in (f"depth-{activation}-100", f"depth-{activation}-1000"):
            for result in reports.report(name)["results"]:
                found.setdefault(str(result["depth"]), {})[activation] = both(result["test_accuracy"])
    return found


def of_rates(reports):
    """Mean test accuracy of critical nets of a hundred layers at every rate."""
    found = {}
    for activation in ACTIVATIONS:
        runs = [run for run in reports.report(f"depth-{activation}-100")["runs"] if run["depth"] == 100]
        for rate in sorted({run["rate"] for run in runs}):
            tested = [run["scores"]["test_accuracy"] for run in runs if run["rate"] == rate]
            found.setdefault(f"{rate:g}", {})[activation] = [statistics.mean(tested)]
    return found


def ranked(title, *names):
    """Mean ranks and mean test scores of all arms; a group's scaling and net make its column's name."""

    def values(reports):
        found = {}
        for report in map(reports.report, names):
            for group in report["groups"]:
                of_group = lambda r: r["scaling"] == group["scaling"] and r["net"] == group["net"]
                for arm, rank in group["ranks"]:
                    own = [r["test"]["mean"] for r in report["results"] if r["arm"] == arm and of_group(r)]
                    row = found.setdefault(arm, {})
                    row["rank, " + title.format(**group)] = [rank]
                    row["score, " + title.format(**group)] = [statistics.mean(own)]
        return found

    return values


def series(reports):
    """Friedman's test of convolutional and recurrent nets on series."""
    both = [reports.report(name)["groups"][0] for name in ("battery-conv1d", "battery-gru")]
    return [v for group in both for v in (group["friedman"]["chi_square"], group["friedman"]["f"], group["critical_difference"])]


def friedman(reports):
    groups = {group["scaling"]: group for group in reports.report("battery")["groups"]}
    both_groups = [groups[scaling] for scaling in ("unit", "deviation")]
    values = [value for group in both_groups for value in (group["friedman"]["chi_square"], group["friedman"]["f"])]
    return [*values, both_groups[0]["critical_difference"]]


def calibrated(name):
    def values(reports):
        report = reports.report(name)
        units = {t["name"]: t["unit"] for t in report["data"]["targets"]}
        rmse = lambda variant, k: reports.over(name, variant, lambda run: run["errors"][k]["rmse"])
        found = {}
        for variant, title in CALIBRATED.items():
            ratios = report["ratios"][variant]
            row = {
                "training loss": reports.over(name, variant, last("train_loss")),
                "test loss": reports.over(name, variant, last("val_loss")),
                "ms an epoch": reports.over(name, variant, lambda run: 1e3 * statistics.median(run["seconds"])),
            }
            if variant != "classic":
                row["test loss, classic / this"] = both(ratios["test_loss"])
                row["time, this / classic"] = both(ratios["time"])
            if len(units) == 2:
                for k, (target, unit) in enumerate(units.items()):
                    row[f"{target}, RMSE ({unit})"] = rmse(variant, k)
            else:
                row[f"RMSE of {', '.join(units)} (kPa)"] = [rmse(variant, k)[0] for k in range(len(units))]
            found[title] = row
        found["the training part's mean"] = {"test loss": [report["data"]["test_loss_of_mean"]]}
        return found

    return values


def ratio(reports, name, epoch, variant="arp"):
    """The classic test loss over a variant's after an epoch, mean and deviation over the seeds."""
    loss = lambda run: run["epochs"][epoch - 1]["val_loss"]
    twins = zip(reports.of(name, "classic"), reports.of(name, variant))
    return spread([loss(classic) / loss(run) for classic, run in twins])


def deep(reports):
    rows = {(n, "Adam"): f"-{n}" for n in ("2", "8", "12")}
    rows.update({("5", "Adam"): "", ("5", "SGD 0.01"): "-sgd"})
    found = {}
    for key, ending in rows.items():
        insole, air = f"calibrate-insole{ending}", f"calibrate-air{ending}"
        time = [reports.report(name)["ratios"]["arp"]["time"]["mean"] for name in (insole, air)]
        found[key] = {
            "insole, epoch 10": ratio(reports, insole, 10),
            "insole, epoch 200": ratio(reports, insole, 200),
            "Air Quality, epoch 10": ratio(reports, air, 10),
            "Air Quality, epoch 200": ratio(reports, air, 200),
            "time, insole and Air Quality": time,
        }
    return found


def twins(reports, name):
    """The results of a study of sequences by the rows' names."""
    kinds = {False: "classic", True: "auto-rotating"}
    return {f"{CELLS[r['cell']]}, {kinds[r['rotated']]}": r for r in reports.report(name)["results"]}


def vowels(reports):
    found, feature = {}, twins(reports, "vowels-feature")
    for title, result in twins(reports, "vowels").items():
        found[title] = {
            "test loss": both(result["test_loss"]),
            "test accuracy": both(result["test_accuracy"]),
            "ms an epoch": [result["epoch_ms"]["mean"]],
            "accuracy, `--scale feature`": both(feature[title]["test_accuracy"]),
        }
        if result["rotated"]:
            found[title]["time, this / classic"] = both(result["time_ratio"])
    return found


def accuracies(name, cells, spreads=False):
    def values(reports):
        results = twins(reports, name)
        all_values = (both(results[cell]["test_accuracy"]) for cell in cells)
        return [v for value in all_values for v in (value if spreads else value[:1])]

    return values


def adding(reports):
    found = {}
    names = {"simple_rnn": "SimpleRNN, classic", "simple_rnn-ar": "SimpleRNN, auto-rotating"}
    for cell in ("lstm", "gru"):
        names.update({cell: f"{CELLS[cell]}, classic", f"{cell}-ar": f"{CELLS[cell]}, auto-rotating"})
    results = twins(reports, "adding")
    for variant, title in names.items():
        runs = reports.of("adding", variant)
        first = [next((i + 1 for i, e in enumerate(run["epochs"]) if e["val_loss"] < 0.01), None) for run in runs]
        result = results[title]
        found[title] = {
            "test MSE": both(result["test_loss"]),
            "below 0.01 in the end": [result["solved"], result["seeds"]],
            "epochs to get below 0.01": [n for n in first if n],
        }
        if result["rotated"]:
            found[title]["time, this / classic"] = both(result["time_ratio"])
    return found


def adding_by_steps(reports):
    columns = {f"{steps} steps": f"adding-simple-{steps}" for steps in (50, 100, 200, 400)}
    kinds = {"classic": "simple_rnn", "auto-rotating": "simple_rnn-ar"}
    over = lambda name, variant: reports.over(name, variant, last("val_loss"))
    return {k: {column: over(name, v) for column, name in columns.items()} for k, v in kinds.items()}


SIMPLE = {
    "classic": ("adding-diagonal", "simple_rnn"),
    "auto-rotating": ("adding-diagonal", "simple_rnn-ar"),
    "critical": ("adding-critical", "simple_rnn-ar"),
    "critical, `--l 0.3`": ("adding-critical-0.3", "simple_rnn-ar"),
    "critical, `--l 0.1`": ("adding-critical-0.1", "simple_rnn-ar"),
}


def left_over_time(reports):
    """What is left of a SimpleRNN's gradients over the steps before training, and what it learns."""

    def ratio(run):
        gradients = run["gradients_before"]
        return gradients[0] / gradients[-1], len(gradients) - 1

    def per_step(run):
        whole, steps = ratio(run)
        return whole ** (1 / steps)

    logarithm = lambda run: -math.log10(ratio(run)[0])
    columns = {
        "left of a gradient per step": per_step,
        "log₁₀ of last step over first": logarithm,
        "test MSE after 10 epochs": last("val_loss"),
    }
    over = lambda place: {column: reports.over(*place, value) for column, value in columns.items()}
    return {row: over(place) for row, place in SIMPLE.items()}


def convolved(reports):
    """Test accuracy of 32 convolutions."""
    found = {}
    for activation in ("tanh", "sigmoid"):
        for result in reports.report(f"depth-conv-{activation}")["results"]:
            column = {activation: [result["test_accuracy"]["mean"]]}
            found.setdefault(METHODS[result["method"]], {}).update(column)
    return found


def embedded(reports):
    def row(activation, kind):
        return {f"{16 * n} steps": [reports.psnr(f"embed-{activation}-{kind}-{n}")] for n in (25, 100)}

    kinds = {"auto-rotating": "ar", "classic": "classic"}
    return {f"{a}, {kind}": row(a, name) for a in ("tanh", "sigmoid") for kind, name in kinds.items()}


def devices(reports):
    """The smallest and the largest difference in training loss after an epoch, from f32 on the CPU, in millionths."""
    columns = {"software GPU and CPU": "devices-software", "f64 and f32 on the CPU": "devices-cpu-f64"}

    def ends(name, variant):
        loss = lambda of: [run["epochs"][0]["train_loss"] for run in reports.of(of, variant)]
        differences = [1e6 * abs(a - b) for a, b in zip(loss("devices-cpu"), loss(name))]
        return [min(differences), max(differences)]

    return {COMPARED[v]: {c: ends(name, v) for c, name in columns.items()} for v in ("classic", "arp", "arp-aligned")}


SPEED = {
    "notebook": ("1024-50-50-40-40-30-10", "notebook 1024-50-50-40-40-30-10"),
    "512": ("784-512×4-10", "784-512x4-10"),
    "1024": ("784-1024×4-10", "784-1024x4-10"),
    "2048": ("784-2048×4-10", "784-2048x4-10"),
    "study": ("convolutions 16-32-64, the study's", "study conv 16-32-64 bn"),
    "conv": ("convolutions 64-128-256", "conv 64-128-256"),
    "separable": ("separable convolutions 32-64-128-256", "separable 32-64-128-256"),
    "lstm": ("LSTM 128→256, 64 steps", "lstm-128-256"),
    "gru": ("GRU 128→256, 64 steps", "gru-128-256"),
}


def timed(device, workload):
    """A workload's row of the benchmark."""
    name = "conv" if workload == "separable" else workload

    def row(reports):
        rows = reports.report(f"speed-{device}-{name}")
        return next(r for r in rows if r["workload"] == SPEED[workload][1])

    return row


def shown_speed(device, workload):
    def values(reports):
        row = timed(device, workload)(reports)
        key = (SPEED[workload][0], DEVICES[device])
        return {key: {"autorot, auto-rotating": [row["ms"]], "classic": [row["classic_ms"]]}}

    return values


def peers_speed(device, workload):
    def values(reports):
        row = timed(device, workload)(reports)
        key = (DEVICES[device], SPEED[workload][1], f"autorot {AUTOROT}")
        columns = {"AR ms": "ms", "classic ms": "classic_ms", "AR/classic": "ratio", "first step s": "first_step_s"}
        return {key: {column: [row[field]] for column, field in columns.items()}}

    return values


AUTOROT = "0.1.0"
DEVICES = {"cpu": "CPU", "software": "software Vulkan"}
README, ARCHITECTURE, PEERS = "README.md", "src/docs/architecture.md", "benches/peers/README.md"
COMPARE, VANISHING, DEPTH, BATTERY, CALIBRATE, SEQUENCE, EMBED, SPEEDS = (
    f"docs/results/{page}.md"
    for page in ("compare", "vanishing_gradients", "depth", "battery", "calibrate", "sequence", "embed", "speed")
)
# Which table of the page on peers has a workload: the first, or one further down.
PEERS_TABLE = {"study": 1, "conv": 1, "separable": 1, "lstm": 2, "gru": 2}
# What the page on speed leaves out on one of the devices, and what of it README.md has, too.
NOT_IN_SPEEDS = {("cpu", "1024"), ("software", "notebook"), ("software", "2048")}
IN_README = {("cpu", workload) for workload in ("notebook", "512", "conv", "lstm")}


def air_and_insole():
    losses_and_time = "variant / training loss / ms an epoch"
    yield Claim("Air Quality", CALIBRATE, ("calibrate-air",), losses_and_time, calibrated("calibrate-air"))
    yield Claim("insole", CALIBRATE, ("calibrate-insole",), losses_and_time, calibrated("calibrate-insole"), 1)
    wants = [f"calibrate-{data}{n}" for data in ("air", "insole") for n in ("", "-2", "-8", "-12", "-sgd")]
    yield Claim("depth and optimiser", CALIBRATE, tuple(wants), "hidden layers of 20 units / optimiser", deep)
    yield Claim(
        "Air Quality, split at random",
        CALIBRATE,
        ("calibrate-air-random",),
        "(`--split random`, 3 seeds) the ratio is # ± #, ReLU's # ± #",
        lambda r: [n for v in ("arp", "relu") for n in ratio(r, "calibrate-air-random", 200, v)],
    )
    yield Claim(
        "Air Quality, a season earlier",
        CALIBRATE,
        ("calibrate-air-earlier",),
        "(`--split earlier`, 5 seeds), the classic loss over theirs is # ± # for auto-rotating layers, # ± # for aligned ones, "
        "# ± # for critical ones and # ± # for ReLU",
        lambda r: [
            n
            for v in ("arp", "arp-aligned", "arp-critical", "relu")
            for n in ratio(r, "calibrate-air-earlier", 200, v)
        ],
    )
    yield Claim(
        "Air Quality, after few epochs",
        CALIBRATE,
        ("calibrate-air",),
        "(# times as good after the first epoch, # after the tenth",
        lambda r: [ratio(r, "calibrate-air", epoch)[0] for epoch in (1, 10)],
    )
    yield Claim(
        "Air Quality, in words",
        CALIBRATE,
        ("calibrate-air",),
        "Test loss divided by # where the paper says 15, time multiplied by # where it says 1.12",
        lambda r: [r.report("calibrate-air")["ratios"]["arp"][k]["mean"] for k in ("test_loss", "time")],
    )


def all_sequences():
    cells = [title for name in CELLS.values() for title in (f"{name}, classic", f"{name}, auto-rotating")]
    rotated = [f"{name}, auto-rotating" for name in CELLS.values()]
    yield Claim("vowels", SEQUENCE, ("vowels", "vowels-feature"), "network / accuracy, `--scale feature`", vowels)
    lstm = ["LSTM, auto-rotating", "LSTM, classic"]
    ten = "the AR LSTM's accuracy is # ± # (classic # ± #)"
    yield Claim("vowels, 10 seeds", SEQUENCE, ("vowels-10-seeds",), ten, accuracies("vowels-10-seeds", lstm, True))
    name, ten = "vowels-feature-10-seeds", "with features scaled by themselves # ± # (# ± #)"
    yield Claim("vowels by feature, 10 seeds", SEQUENCE, (name,), ten, accuracies(name, lstm, True))
    name, text = "vowels-l-per-unit", "the GRU gets to # ± # and the LSTM to # ± #"
    both_cells = ["GRU, auto-rotating", "LSTM, auto-rotating"]
    yield Claim("vowels, L per unit", SEQUENCE, (name,), text, accuracies(name, both_cells, True))
    text = "(`--rotated-part gate`) costs accuracy: #, # and #."
    yield Claim("vowels, whole gates", SEQUENCE, ("vowels-gate",), text, accuracies("vowels-gate", rotated))
    text = "The aligned rule gains less: #, # and #;"
    yield Claim("vowels, aligned", SEQUENCE, ("vowels-aligned",), text, accuracies("vowels-aligned", rotated))
    text = "(`--rule critical`) it is #, # and #,"
    yield Claim("vowels, critical", SEQUENCE, ("vowels-critical",), text, accuracies("vowels-critical", rotated))
    name, text = "vowels-critical-gain", "twice the gain (`--l 2`) #."
    yield Claim("vowels, critical, gain", SEQUENCE, (name,), text, accuracies(name, rotated[:1]))
    yield Claim("adding", SEQUENCE, ("adding",), "network / test MSE", adding)
    yield Claim(
        "adding over 400 steps",
        SEQUENCE,
        ("adding-400",),
        "the AR LSTM gets to # ± # and the AR GRU to # ± #",
        lambda r: [n for c in ("lstm-ar", "gru-ar") for n in r.over("adding-400", c, last("val_loss"))],
    )
    wants = tuple(f"adding-simple-{steps}" for steps in (50, 100, 200, 400))
    yield Claim("adding, SimpleRNN", SEQUENCE, wants, "SimpleRNN / 50 steps", adding_by_steps)
    wants = tuple(dict.fromkeys(name for name, _ in SIMPLE.values()))
    header = "SimpleRNN / left of a gradient per step"
    yield Claim("adding, gradients of a SimpleRNN", SEQUENCE, wants, header, left_over_time)
    text = "SimpleRNN # classic, # AR; LSTM #, #; GRU #, #."
    yield Claim("rows of glyphs", SEQUENCE, ("rows-of-glyphs",), text, accuracies("rows-of-glyphs", cells))


def all_pictures():
    wants = tuple(f"embed-{a}-{k}-{n}" for a in ("tanh", "sigmoid") for k in ("ar", "classic") for n in (25, 100))
    yield Claim("embedded", EMBED, wants, "hidden layers 64-64-64 / 400 steps", embedded)
    pairs = tuple(f"embed-{picture}-{kind}" for picture in PICTURES[1:] for kind in ("ar", "classic"))
    yield Claim(
        "embedded, other pictures",
        EMBED,
        pairs,
        "(sunset # against # dB, waves # and #, tiles # and #)",
        lambda r: [r.psnr(name) for name in pairs],
    )
    wants = ("embed-long-classic", "embed-long-ar")
    text = "overtaken it on the swirl (# against #)"
    yield Claim("embedded, 6400 steps", EMBED, wants, text, lambda r: [r.psnr(name) for name in wants])


def all_claims():
    header = "variant / test loss after epoch 1"
    yield Claim("CIFAR-10", COMPARE, ("cifar10",), header, compared("cifar10"))
    yield Claim(
        "CIFAR-10, 8 seeds",
        COMPARE,
        ("cifar10-8-seeds",),
        "classic # ± #, auto-rotating # ± #, L learnt per layer # ± #, aligned with L learnt per unit # ± # and critical # ± #",
        losses("cifar10-8-seeds"),
    )
    yield Claim("Fashion-MNIST", COMPARE, ("fashion-mnist",), header, compared("fashion-mnist"), 1)
    yield Claim("vanishing gradients", VANISHING, ("vanishing",), "net / gradient spread over layers", studied)
    yield Claim("depth", DEPTH, ("depth",), "method / 100 layers", deepened)
    wants = tuple(f"depth-{activation}-{layers}" for activation in ACTIVATIONS for layers in (100, 1000))
    yield Claim("depth, critical", DEPTH, wants, "layers / sigmoid", deepest)
    wants = ("depth-conv-tanh", "depth-conv-sigmoid")
    yield Claim("depth, convolutions", DEPTH, wants, "method / tanh", convolved)
    wants = tuple(f"depth-{activation}-100" for activation in ACTIVATIONS)
    yield Claim("depth, rates", DEPTH, wants, "rate / sigmoid", of_rates)
    yield Claim("battery", BATTERY, ("battery",), "arm / rank, inputs by unit", ranked("inputs by {scaling}", "battery"))
    text = "Friedman's χ² is # for inputs by unit (Iman and Davenport's F #) and # by deviation (F #); critical difference #"
    yield Claim("battery, significance", BATTERY, ("battery",), text, friedman)
    wants = ("battery-conv1d", "battery-gru")
    yield Claim("battery, series", BATTERY, wants, "arm / rank, conv1d", ranked("{net}", *wants))
    text = "Friedman's χ² is # for conv1d (F #, critical difference #) and # for gru (F #, critical difference #)"
    yield Claim("battery, significance on series", BATTERY, wants, text, series)
    yield from air_and_insole()
    yield from all_sequences()
    yield from all_pictures()
    for workload in SPEED:
        for device in DEVICES:
            wants = (f"speed-{device}-{'conv' if workload == 'separable' else workload}",)
            header, name = "net / device / autorot, auto-rotating", f"speed of {workload}, {DEVICES[device]}"
            if (device, workload) not in NOT_IN_SPEEDS:
                yield Claim(name, SPEEDS, wants, header, shown_speed(device, workload))
            if (device, workload) in IN_README:
                yield Claim(name, README, wants, header, shown_speed(device, workload))
            header, nth = "device / workload / AR ms", PEERS_TABLE.get(workload, 0)
            yield Claim(name, PEERS, wants, header, peers_speed(device, workload), nth)
    wants = ("devices-cpu", "devices-software", "devices-cpu-f64")
    yield Claim("devices", ARCHITECTURE, wants, "network / software GPU and CPU", devices)


def differences(root, out, complete):
    """Every claim whose commands are complete, its page's path, and what differs there."""
    reports = Reports(out)
    for claim in all_claims():
        if complete.issuperset(claim.wants):
            path, values = root / claim.file, claim.values(reports)
            check = check_table if isinstance(values, dict) else check_sentence
            yield claim, path, check(claim, path.read_text(), values)


def write(root, out, complete):
    """Puts the numbers into the pages. What words say of them is left to whoever reads the difference."""
    for _, path, found in differences(root, out, complete):
        page = path.read_text()
        for start, end, now in sorted((d.change for d in found if d.change), reverse=True):
            page = page[:start] + now + page[end:]
        path.write_text(page)


def compare(root, out, complete):
    """Prints what differs, results first and then times; whether no result does."""
    results, times = [], []
    for claim, _, found in differences(root, out, complete):
        for difference in found:
            (times if difference.time else results).append(f"{claim.file}, {claim.name}: {difference.text}")
    for title, found in (("results that differ", results), ("times that differ", times)):
        print(f"\n{title}: {len(found)}")
        print(*found, sep="\n")
    return not results
