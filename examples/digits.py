"""Nearest neighbours of images: handwritten digits by their pixels, shown as text. Ends with how often the neighbours' label is right.

python examples/digits.py               the 1,797 digits that come with scikit-learn, 8 x 8
python examples/digits.py MNIST_FOLDER  the 60,000 digits of MNIST, 28 x 28 (train-images-idx3-ubyte.gz and its three siblings)
"""

import gzip
import pathlib
import sys
import tempfile

import numpy as np

import omendb

SHADES = " .:-=+*#%@"
SHOWN, NEIGHBOURS, TESTED = 3, 5, 300


def read_idx(path):
    with gzip.open(path) as file:
        data = file.read()
    axes = [int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(data[3])]
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * len(axes)).reshape(axes)


def mnist(folder):
    """((images, labels) to search in, (images, labels) to ask with), pixels from 0 to 1."""
    parts = [
        read_idx(folder / f"{part}-ubyte.gz")
        for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    ]
    return (parts[0] / np.float32(255), parts[1]), (parts[2][:TESTED] / np.float32(255), parts[3][:TESTED])


def small_digits():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8)
    return (images[TESTED:], labels[TESTED:]), (images[:TESTED], labels[:TESTED])


def drawn(image):
    """Lines of text, each pixel two characters wide."""
    return ["".join(SHADES[min(9, int(pixel * 10))] * 2 for pixel in row) for row in image]


def show(images):
    if images[0].shape[0] > 8:  # every second pixel of fewer images is what a terminal has room for
        images = [image[::2, ::2] for image in images[:3]]
    for lines in zip(*map(drawn, images)):
        print("  |  ".join(lines))


def main(folder=None):
    (images, labels), (asked, wanted) = mnist(pathlib.Path(folder)) if folder else small_digits()
    dims = images[0].size
    with tempfile.TemporaryDirectory() as place, omendb.connect(f"{place}/digits.omen") as db:
        digits = db.create_table("digits", {"id": "int64 primary key", "label": "int64", "v": omendb.vector(dims)})
        for start in range(0, len(images), 5_000):
            part = slice(start, start + 5_000)
            digits.insert(
                {
                    "id": np.arange(len(images))[part],
                    "label": labels[part].astype(np.int64),
                    "v": images[part].reshape(-1, dims),
                }
            )

        for image in asked[:SHOWN]:
            hits = digits.search(image.reshape(-1), k=NEIGHBOURS - 1)
            print(
                f"\nasked | its {len(hits)} nearest of {digits.count():,}: {', '.join(str(hit['label']) for hit in hits)}"
            )
            show([image, *(images[hit.id] for hit in hits)])

        found = digits.search(asked.reshape(-1, dims), k=NEIGHBOURS)
        votes = [np.bincount([hit["label"] for hit in hits]).argmax() for hits in found]
        print(
            f"\nthe neighbours' most frequent label is right for {np.mean(votes == wanted):.1%} of {len(wanted)} digits"
        )


if __name__ == "__main__":
    main(*sys.argv[1:2])
