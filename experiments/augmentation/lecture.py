"""What the lectures say of augmentation, beside what came out."""

from collections.abc import Sequence

from experiments.augmentation.config import Config
from experiments.augmentation.data import sizes
from experiments.augmentation.seeds import Seed
from experiments.common.claims import Claim, compared
from jaxnet.statistics import Interval, paired_difference

WORDS = {
    "translate": "translation",
    "rotate": "rotation",
    "reflect": "reflection",
    "scale": "scaling",
    "crop": "cropping",
    "noise": "Gaussian noise",
    "occlude": "occlusion",
}


def claims(config: Config, seeds: Sequence[Seed]) -> list[Claim]:
    """The claims about small data sets, augmentation and invariance."""

    def change(name: str, base: str) -> Interval:
        return difference(seeds, name, base)

    few, some, many = sizes(config)
    found = [
        compared("002", f"{word} helps: test error", gain(seeds, kind, some), "<", 0.0)
        for kind, word in WORDS.items()
    ]
    interpolation = change(f"together_of_{some}", f"nearest_of_{some}")
    found += [
        compared(
            "002", "four of them together help", gain(seeds, "together", some), "<", 0.0
        ),
        compared(
            "002", "the same, nearest pixel", gain(seeds, "nearest", some), "<", 0.0
        ),
        compared("002", "interpolation helps: linear - nearest", interpolation, "<", 0),
    ]
    for size in (few, many):
        here = gain(seeds, "together", size)
        found.append(
            compared("002", f"four together help, {size} digits", here, "<", 0.0)
        )
    gains = [
        [one.row[f"together_of_{n}"] - one.row[f"none_of_{n}"] for one in seeds]
        for n in (few, many)
    ]
    more = change(f"together_of_{some}", f"none_of_{many}")
    found += [
        compared(
            "002", "few digits gain more than many", paired_difference(*gains), "<", 0.0
        ),
        compared("002", f"{some} augmented as good as {many} digits", more, "<", 0.0),
    ]
    for kind, word in WORDS.items():
        fall = change(f"none_on_{kind}", "none_on_plain")
        found.append(compared("002", f"no invariance: {word}", fall, ">", 0.0))
    for kind, word in WORDS.items():
        learned = change(f"{kind}_on_{kind}", f"none_on_{kind}")
        found.append(compared("002", f"learned from data: {word}", learned, "<", 0.0))
    return found


def gain(seeds: Sequence[Seed], kind: str, size: int) -> Interval:
    """The test error with an augmentation less that with none, in points."""
    return difference(seeds, f"{kind}_of_{size}", f"none_of_{size}")


def difference(seeds: Sequence[Seed], name: str, base: str) -> Interval:
    """Of two numbers, paired over the seeds."""
    return paired_difference(
        [one.row[name] for one in seeds], [one.row[base] for one in seeds]
    )
