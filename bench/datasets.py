"""Data sets of the measurements: real ones from the folder of test data, synthetic ones from a seed. Every function returns a Dataset."""

import gzip
import os
import pathlib
from dataclasses import dataclass

import numpy as np

K_MAX = 100  # exact neighbours kept per query


@dataclass
class Dataset:
    name: str
    base: np.ndarray  # float32, rows x dims
    queries: np.ndarray  # float32, rows x dims
    neighbors: np.ndarray  # int32, rows x K_MAX, nearest first


def data_dir():
    """The folder of real data: $OMENDB_TEST_DATA, or ../shared/data seen from the project's root."""
    named = os.environ.get("OMENDB_TEST_DATA")
    return pathlib.Path(named) if named else pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"


def read_fvecs(path):
    """float32 rows, each with its dimension as int32 before it."""
    words = np.fromfile(path, dtype=np.int32)
    dims = words[0]
    return np.ascontiguousarray(words.reshape(-1, dims + 1)[:, 1:]).view(np.float32)


def read_ivecs(path):
    """int32 rows, each with its length before it."""
    words = np.fromfile(path, dtype=np.int32)
    return np.ascontiguousarray(words.reshape(-1, words[0] + 1)[:, 1:])


def read_bvecs(path):
    """uint8 rows, each with its dimension as int32 before it, as float32."""
    raw = np.fromfile(path, dtype=np.uint8)
    dims = int(raw[:4].view(np.int32)[0])
    return raw.reshape(-1, dims + 4)[:, 4:].astype(np.float32)


def read_idx_images(path):
    """The gzipped images of MNIST, one row of pixels each, as float32."""
    with gzip.open(path, "rb") as file:
        raw = np.frombuffer(file.read(), dtype=np.uint8)
    count, height, width = raw[4:16].view(">i4")
    return raw[16:].reshape(int(count), int(height) * int(width)).astype(np.float32)


def exact_neighbors(base, queries, k=K_MAX, block_rows=100_000):
    """Squared-L2 neighbours by comparing everything; distances in float32 from centred data, so that rounding stays below the gaps."""
    centre = base.mean(axis=0, dtype=np.float64).astype(np.float32)
    shifted_queries = queries - centre
    best_ids = np.empty((len(queries), 0), dtype=np.int64)
    best_distances = np.empty((len(queries), 0), dtype=np.float32)
    for first in range(0, len(base), block_rows):
        block = base[first : first + block_rows] - centre
        distances = (block * block).sum(axis=1)[None, :] - 2.0 * (shifted_queries @ block.T)
        near = np.argpartition(distances, min(k, len(block)) - 1, axis=1)[:, :k]
        best_ids = np.hstack([best_ids, near + first])
        best_distances = np.hstack([best_distances, np.take_along_axis(distances, near, axis=1)])
        order = np.argsort(best_distances, axis=1, kind="stable")[:, :k]
        best_ids = np.take_along_axis(best_ids, order, axis=1)
        best_distances = np.take_along_axis(best_distances, order, axis=1)
    return best_ids.astype(np.int32)


def recall_at(found, neighbors, k=10):
    """Mean share of the k true neighbours among the first k found."""
    hits = sum(len(set(row[:k]) & set(truth[:k])) for row, truth in zip(found.tolist(), neighbors.tolist()))
    return hits / (k * len(neighbors))


def siftsmall():
    """10,000 x 128 SIFT descriptors, 100 queries, with the exact neighbours of its publishers."""
    folder = data_dir() / "siftsmall"
    return Dataset(
        "siftsmall",
        read_fvecs(folder / "siftsmall_base.fvecs"),
        read_fvecs(folder / "siftsmall_query.fvecs"),
        read_ivecs(folder / "siftsmall_groundtruth.ivecs"),
    )


def mnist(query_count=1000):
    """60,000 x 784 pixels of handwritten digits; queries from the test images."""
    folder = data_dir() / "mnist"
    base = read_idx_images(folder / "train-images-idx3-ubyte.gz")
    queries = read_idx_images(folder / "t10k-images-idx3-ubyte.gz")[:query_count]
    return Dataset("mnist", base, queries, exact_neighbors(base, queries))


def sift_like(count, seed=7, query_count=1000, dims=128):
    """count x 128 integers 0..255, clustered and curved like SIFT descriptors.

    A mixture of 1,000 gamma-weighted Gaussians with their own covariances in 32 latent dimensions, bent by a fixed random two-layer tanh
    map, with noise 0.06, scaled so that a third of the values are zero.
    """
    centre_count, latent_dims, hidden_dims = 1000, 32, 96
    random = np.random.default_rng(seed)
    weights = random.gamma(0.7, size=centre_count)
    centres = random.normal(size=(centre_count, latent_dims))
    spreads = 0.9 * random.gamma(2.0, 0.5, size=(centre_count, latent_dims))
    rotations = random.normal(size=(8, latent_dims, latent_dims)) / np.sqrt(latent_dims)
    first = random.normal(size=(latent_dims, hidden_dims)) / np.sqrt(latent_dims)
    second = random.normal(size=(hidden_dims, dims)) / np.sqrt(hidden_dims)

    def draw(rows):
        labels = random.choice(centre_count, size=rows, p=weights / weights.sum())
        spread = spreads[labels] * random.normal(size=(rows, latent_dims))
        latent = centres[labels]
        for turn, rotation in enumerate(rotations):
            chosen = labels % len(rotations) == turn
            latent[chosen] += spread[chosen] @ rotation
        curved = np.tanh(np.tanh(1.2 * latent @ first) @ second * 1.5)
        return (curved + 0.06 * random.normal(size=curved.shape)).astype(np.float32)

    sample = draw(20_000)
    low = np.quantile(sample, 1 / 3)
    high = np.quantile(sample, 0.9995)

    def scaled(rows):
        return np.clip(np.rint((draw(rows) - low) * (255.0 / (high - low))), 0, 255).astype(np.float32)

    block_rows = 100_000
    base = np.empty((count, dims), dtype=np.float32)
    for start in range(0, count, block_rows):
        base[start : start + block_rows] = scaled(min(block_rows, count - start))
    queries = scaled(query_count)
    return Dataset(f"sift_like_{count}", base, queries, exact_neighbors(base, queries))


def text_like(count, seed=17, query_count=1000, dims=1536):
    """count x 1536 vectors of length 1 that lie as embeddings of texts do: around a common mean that few dimensions carry, in 300 topics of
    uneven size and width, each stretched along 48 directions (shared by an eighth of the topics) and blurred in all others.
    """
    topic_count, direction_count, direction_sets = 300, 48, 8
    random = np.random.default_rng(seed)
    weights = random.gamma(1.0, size=topic_count)
    widths = random.gamma(4.0, 0.25, size=topic_count)
    centres = random.normal(size=(topic_count, dims)) / np.sqrt(dims)
    mean = random.normal(size=dims) * np.abs(random.standard_t(2, size=dims))
    centres += 1.5 * mean / np.linalg.norm(mean)
    lengths = np.arange(1, direction_count + 1) ** -0.5
    directions = random.normal(size=(direction_sets, direction_count, dims)) / np.sqrt(dims)
    directions *= (lengths / np.linalg.norm(lengths))[:, None]

    def draw(rows):
        topics = random.choice(topic_count, size=rows, p=weights / weights.sum())
        place = random.normal(size=(rows, direction_count)) * widths[topics][:, None]
        vectors = centres[topics] + 0.3 / np.sqrt(dims) * random.normal(size=(rows, dims))
        for turn, chosen_directions in enumerate(directions):
            chosen = topics % direction_sets == turn
            vectors[chosen] += place[chosen] @ chosen_directions
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    block_rows = 10_000
    base = np.concatenate([draw(min(block_rows, count - start)) for start in range(0, count, block_rows)])
    queries = draw(query_count)
    return Dataset(f"text_like_{count}", base, queries, exact_neighbors(base, queries))
