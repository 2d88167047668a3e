"""The commands whose results are shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A study, or another example, with its options; `data` is the folder of a data set's files that it wants, which `--dir` or
    another option names."""

    name: str
    program: str
    options: str
    data: str = ""
    folder: str = "--dir"

    @property
    def example(self):
        return self.program if self.program in ("benchmark", "embed") else "studies"

    def words(self):
        return ([self.program] if self.example == "studies" else []) + self.options.split()

    def shown(self):
        """The command as a person types it."""
        words = f"cargo run --release --example {self.example} --".split() + self.words()
        return " ".join(words + ([self.folder, "PATH"] if self.data else []))

    def arguments(self, folder, data):
        """The program's arguments: with the place of the data, and with the folder that results go to."""
        words = self.words()
        if self.data:
            words += [self.folder, str(data / self.data)]
        if self.example == "benchmark":
            return words + ["--report", str(folder / "report.json")]
        if self.example == "embed":
            return words + ["--png", str(folder / "frame.png")]
        return words + ["--out", str(folder)]


NOTEBOOK = "--data cifar10 --gray --activation sigmoid --optimizer rmsprop"
CPU = "--device cpu"
AIR = "--data air-quality"
DEPTHS = {"2": "20,20", "8": ",".join(["20"] * 8), "12": ",".join(["20"] * 12)}
SLOW = "--optimizer sgd --learning-rate 0.01"
PICTURES = ("swirl", "sunset", "waves", "tiles")


def studies():
    yield Command("cifar10", "compare", f"{NOTEBOOK} --seeds 3 --epochs 20 {CPU}", "cifar10")
    yield Command("cifar10-8-seeds", "compare", f"{NOTEBOOK} --seeds 8 --epochs 20 {CPU}", "cifar10")
    yield Command("fashion-mnist", "compare", f"--data fashion-mnist --seeds 2 --epochs 10 {CPU}", "fashion-mnist")
    for device in ("cpu", "cpu-f64", "software"):
        options = f"{NOTEBOOK} --seeds 3 --epochs 1 --device {device}"
        yield Command(f"devices-{device}", "compare", options, "cifar10")
    yield Command("vanishing", "vanishing_gradients", "--data cifar10 --seeds 3 --epochs 10 --device cpu", "cifar10")
    yield Command("calibrate-air", "calibrate", f"{AIR} --seeds 5 --device cpu", "air-quality")
    yield Command("calibrate-air-earlier", "calibrate", f"{AIR} --split earlier --seeds 5 --device cpu", "air-quality")
    yield Command("calibrate-air-random", "calibrate", f"{AIR} --split random --seeds 3 --device cpu", "air-quality")
    yield Command("calibrate-insole", "calibrate", "--device cpu")
    for layers, hidden in DEPTHS.items():
        yield Command(f"calibrate-insole-{layers}", "calibrate", f"--hidden {hidden} --device cpu")
        yield Command(f"calibrate-air-{layers}", "calibrate", f"{AIR} --hidden {hidden} --device cpu", "air-quality")
    yield Command("calibrate-insole-sgd", "calibrate", f"{SLOW} --device cpu")
    yield Command("calibrate-air-sgd", "calibrate", f"{AIR} {SLOW} --device cpu", "air-quality")


def depths():
    data = "--data fashion-mnist --rows 12500 --batch 128 --device cpu"
    options = f"{data} --depths 5,10,20,50,100 --rates 0.0001,0.0003,0.001,0.003 --epochs 8 --seeds 3"
    yield Command("depth", "depth", options, "fashion-mnist")
    for activation in ("sigmoid", "tanh", "arctan"):
        options = f"{data} --activation {activation} --methods critical --epochs 8 --seeds 3"
        rates = "0.0002,0.0004,0.0006,0.001,0.0015,0.002"
        yield Command(f"depth-{activation}-100", "depth", f"{options} --depths 100,300 --rates {rates}", "fashion-mnist")
        rates = "0.0003,0.0005"
        options = options.replace("--epochs 8", "--epochs 12") + f" --depths 1000 --rates {rates}"
        yield Command(f"depth-{activation}-1000", "depth", options, "fashion-mnist")
    for activation in ("sigmoid", "tanh"):
        methods = "critical,norm-before" + (",relu" if activation == "tanh" else "")
        options = f"--data cifar10 --rows 5000 --layers conv --pool 2 --activation {activation} --methods {methods}"
        options += " --depths 32 --rates 0.001,0.003 --epochs 8 --device cpu"
        yield Command(f"depth-conv-{activation}", "depth", options, "cifar10")


def batteries():
    yield Command("battery", "battery", "--nets dense --device cpu", "battery", "--data")
    series = "--scalings deviation --seeds 3 --shares --device cpu"
    short = "BasicMotions,GunPoint,ItalyPowerDemand"
    yield Command("battery-conv1d", "battery", f"--nets conv1d --only ArrowHead,{short} {series}", "battery", "--data")
    yield Command("battery-gru", "battery", f"--nets gru --only {short} {series}", "battery", "--data")


def sequences():
    vowels = "--task vowels --device cpu"
    for name, more in {
        "": "",
        "-feature": "--scale feature",
        "-10-seeds": "--cells lstm --seeds 10",
        "-feature-10-seeds": "--cells lstm --scale feature --seeds 10",
        "-l-per-unit": "--cells lstm,gru --learn-l unit",
        "-gate": "--rotated-part gate",
        "-aligned": "--rule aligned",
        "-critical": "--rule critical",
        "-critical-gain": "--rule critical --cells simple_rnn --l 2",
    }.items():
        yield Command(f"vowels{name}", "sequence", f"{vowels} {more}".strip(), "japanese-vowels")
    yield Command("adding", "sequence", "--rows 10000 --epochs 10 --seeds 3 --device cpu")
    yield Command("adding-400", "sequence", "--steps 400 --cells lstm,gru --seeds 3 --device cpu")
    for steps, epochs in ((50, 20), (100, 20), (200, 20), (400, 10)):
        options = f"--steps {steps} --cells simple_rnn --rows 10000 --epochs {epochs} --seeds 3 --device cpu"
        yield Command(f"adding-simple-{steps}", "sequence", options)
    simple = "--cells simple_rnn --rows 10000 --epochs 10 --seeds 3 --device cpu"
    yield Command("adding-diagonal", "sequence", simple)
    for name, gain in (("", ""), ("-0.3", " --l 0.3"), ("-0.1", " --l 0.1")):
        yield Command(f"adding-critical{name}", "sequence", f"--rule critical {simple}{gain}")
    yield Command("rows-of-glyphs", "sequence", "--task glyphs --device cpu")


def pictures():
    for activation in ("tanh", "sigmoid"):
        for kind, classic in (("ar", ""), ("classic", " --classic")):
            for frames in (25, 100):
                options = f"--headless --activation {activation} --frames {frames}{classic}"
                yield Command(f"embed-{activation}-{kind}-{frames}", "embed", options)
    for kind, classic in (("ar", ""), ("classic", " --classic")):
        for picture in PICTURES[1:]:
            yield Command(f"embed-{picture}-{kind}", "embed", f"--headless --picture {picture} --frames 100{classic}")
        yield Command(f"embed-long-{kind}", "embed", f"--headless --frames 400{classic}")


# Names, parts of the benchmark's own names, and seconds on the CPU and on the software adapter.
WORKLOADS = (
    ("notebook", "notebook", 6, 8),
    ("512", "784-512x4", 6, 8),
    ("1024", "784-1024x4", 6, 8),
    ("2048", "784-2048x4", 6, 8),
    ("study", "study", 20, 20),
    ("conv", "64-128-256", 20, 20),
    ("lstm", "lstm", 10, 20),
    ("gru", "gru", 10, 20),
)


def speed():
    for name, only, *seconds in WORKLOADS:
        for device, spent in zip(("cpu", "software"), seconds):
            options = f"--devices {device} --only {only} --seconds {spent}"
            yield Command(f"speed-{device}-{name}", "benchmark", options)


ALL = [*studies(), *depths(), *batteries(), *sequences(), *pictures(), *speed()]
