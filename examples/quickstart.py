"""The first five minutes: a table with a key, metadata and vectors; search, read, change, reopen."""

import sys
import tempfile

import numpy as np

import omendb


def main(path):
    random = np.random.default_rng(1)
    words = ["red bicycle", "blue bicycle", "garden chair", "desk lamp", "mountain tent"]
    vectors = random.standard_normal((len(words), 16), dtype=np.float32)

    with omendb.connect(path) as db:
        shop = db.create_table(
            "shop",
            {
                "id": "string primary key",
                "title": "string",
                "price": "float64",
                "tags": "string[]",
                "v": omendb.vector(16, metric="cosine"),
            },
        )
        shop.insert(
            {
                "id": [f"a{number}" for number in range(len(words))],
                "title": words,
                "price": [249.0, 199.0, 45.5, 30.0, 120.0],
                "tags": [["sale"], [], ["garden", "sale"], [], ["outdoor"]],
                "v": vectors,
            }
        )

        query = vectors[0] + 0.1 * random.standard_normal(16, dtype=np.float32)
        for hit in shop.search(query, k=3):
            print(f"{hit.score:6.3f}  {hit.id}  {hit['title']:14} {hit['price']:7.2f}")

        print("one row:", shop.get("a3")["title"], "of", shop.count())
        shop.upsert([{"id": "a3", "title": "desk lamp, brass", "price": 35.0, "v": vectors[3]}])

    with omendb.connect(path) as db:  # another day
        print("after reopening:", db["shop"].get("a3")["title"])
        db.check()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(f"{folder}/quickstart.omen")
