"""Rows that change: replace by key, delete, statements that fail as a whole, errors that say what is wrong."""

import numpy as np

import omendb


def main():
    db = omendb.connect(":memory:")
    users = db.create_table("users", {"id": "int64 primary key", "name": "string", "v": omendb.vector(4)})
    print(
        "inserted",
        users.insert({"id": [1, 2, 3], "name": ["Ada", "Alan", "Grace"], "v": np.eye(3, 4, dtype=np.float32)}),
    )

    # The newest row of a key counts, for searches too: nothing has to be rebuilt.
    users.upsert([{"id": 2, "name": "Alan T.", "v": [0, 0, 0, 1]}, {"id": 4, "name": "Edsger", "v": [0, 0, 1, 1]}])
    print("nearest to (0, 0, 0, 1):", [hit["name"] for hit in users.search(np.float32([0, 0, 0, 1]), k=2)])

    # A statement is all or nothing: key 1 exists, so 5 is not inserted either.
    try:
        users.insert([{"id": 5, "name": "Barbara", "v": [1, 1, 1, 1]}, {"id": 1, "name": "again", "v": [0, 0, 0, 0]}])
    except omendb.ConflictError as error:
        print("refused:", error)
    print("5 is", users.get(5))

    try:
        users.insert([{"id": 6, "name": "short", "v": [1, 2]}])
    except omendb.Error as error:
        print("refused:", error)

    hits_before = users.search(np.float32([1, 0, 0, 0]), k=4)
    print("deleted", users.delete([1, 99]))
    print("found after deleting:", sorted(int(key) for key in users.search(np.float32([1, 0, 0, 0]), k=4).ids))
    print("hits keep the version they were found in:", hits_before[0]["name"])


if __name__ == "__main__":
    main()
