"""The newsgroups job as the documentation of scikit-learn and PyTorch has it.

    python -P newsgroups_peers.py {pytorch,scikit-learn} CORPUS SEED

The features are those of scikit-learn's example "Classification of text documents
using sparse features", and its truncated singular value decomposition with as many
dimensions as ours. The net is the lecture's, 300-2048-256-20. Prints test accuracy
and the peak of memory in MB. Run as a file, so that it imports nothing of ours.
"""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DIMENSIONS, HIDDEN, RATE, BATCH, EPOCHS = 300, (2048, 256), 1e-3, 512, 10

Part = tuple[np.ndarray, np.ndarray]


def features(corpus: Path, seed: int) -> tuple[Part, Part]:
    """Vectors and groups of training and test posts."""
    tables = [
        pyarrow.parquet.read_table(
            corpus / f"{part}.parquet", columns=["text", "label"]
        )
        for part in ("train", "test")
    ]
    train_texts, test_texts = (table["text"].to_pylist() for table in tables)
    y_train, y_test = (table["label"].to_numpy().copy() for table in tables)
    pipeline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, max_df=0.5, min_df=5, stop_words="english"),
        TruncatedSVD(DIMENSIONS, random_state=seed),
        StandardScaler(),
    )
    x_train = pipeline.fit_transform(train_texts).astype(np.float32)
    x_test = pipeline.transform(test_texts).astype(np.float32)
    return (x_train, y_train), (x_test, y_test)


def with_pytorch(train: Part, test: Part, seed: int) -> float:
    """The test accuracy of a net trained by PyTorch, with its data loader."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    wanted = os.environ.get("JAX_PLATFORMS") == "gpu"
    device = "cuda" if wanted and torch.cuda.is_available() else "cpu"
    torch.manual_seed(seed)
    (x_train, y_train), (x_test, y_test) = (
        (torch.from_numpy(x), torch.from_numpy(y).long()) for x, y in (train, test)
    )
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=BATCH, shuffle=True)
    model = nn.Sequential(
        nn.Linear(DIMENSIONS, HIDDEN[0]),
        nn.ReLU(),
        nn.Linear(*HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN[1], len(y_train.unique())),
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.to(device).parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = model(x_test.to(device)).argmax(dim=1).cpu()
    return (predicted == y_test).float().mean().item()


def with_scikit_learn(train: Part, test: Part, seed: int) -> float:
    """The test accuracy of the same net as an ``MLPClassifier``."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    # That it has not converged after all its epochs.
    warnings.simplefilter("ignore")
    settings: dict[str, Any] = {
        "hidden_layer_sizes": HIDDEN,
        "learning_rate_init": RATE,
        "batch_size": BATCH,
        "max_iter": EPOCHS,
    }
    model = MLPClassifier(**settings, random_state=seed)
    model.fit(*train)
    return float(model.score(*test))


def main(how: str, corpus: str, seed: str) -> None:
    """Prints the test accuracy and the peak of memory."""
    train, test = features(Path(corpus), int(seed))
    job = {"pytorch": with_pytorch, "scikit-learn": with_scikit_learn}[how]
    accuracy = job(train, test, int(seed))
    print(accuracy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


if __name__ == "__main__":
    main(*sys.argv[1:])
