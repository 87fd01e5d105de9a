"""OmenDB as a client of VectorDBBench: a table in a directory, opened by each process for what it does."""

import logging
import threading
import time
from contextlib import contextmanager

import numpy as np
import omendb

from ..api import DBCaseConfig, VectorDB

log = logging.getLogger(__name__)
opening = threading.Lock()  # not a member: clients are pickled
POLL_SECONDS = 0.05


class OmenDB(VectorDB):
    """A copy of it goes to every process. It opens the directory for writing when it first writes, for reading when it only searches."""

    name = "OmenDB"
    thread_safe = True

    def __init__(
        self,
        dim: int,
        db_config: dict,
        db_case_config: DBCaseConfig,
        collection_name: str = "vectors",
        drop_old: bool = False,
        **kwargs,
    ) -> None:
        self.path = db_config["path"]
        self.collection = collection_name
        self.search_options = db_case_config.search_param()
        self.database = self.table = None
        self.writable = False
        with omendb.connect(self.path) as opened:
            if drop_old and self.collection in opened:
                opened.drop_table(self.collection)
            if self.collection not in opened:
                column = omendb.vector(dim, **db_case_config.index_param())
                opened.create_table(self.collection, {"id": "int64 primary key", "v": column})

    def __getstate__(self) -> dict:
        return {**self.__dict__, "database": None, "table": None}

    @contextmanager
    def init(self):
        """What the methods inside opened is closed at the end."""
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        if self.database is not None:
            self.database.close()
        self.database = self.table = None

    def opened(self, for_writing: bool) -> omendb.Table:
        with opening:
            if self.database is not None and for_writing and not self.writable:
                self.close()
            if self.database is None:
                self.database = omendb.connect(self.path, read_only=not for_writing)
                self.writable = for_writing
                self.table = self.database[self.collection]
            return self.table

    def insert_embeddings(
        self,
        embeddings: list[list[float]],
        metadata: list[int],
        labels_data: list[str] | None = None,
        tenant_labels_data: list[str] | None = None,
        **kwargs,
    ) -> tuple[int, Exception | None]:
        """All rows or none; an error is returned, as the framework wants it. Rows that are there already (a retry) are replaced."""
        rows = {"id": np.asarray(metadata, dtype=np.int64), "v": np.asarray(embeddings, dtype=np.float32)}
        try:
            return self.opened(for_writing=True).upsert(rows), None
        except omendb.Error as error:
            log.warning("OmenDB refused %d rows: %s", len(metadata), error)
            return 0, error

    def optimize(self, data_size: int | None = None) -> None:
        """There is nothing to call: waits until the workers have linked every row."""
        table = self.opened(for_writing=True)
        while table.stats()["tail_rows"]:
            time.sleep(POLL_SECONDS)

    def search_embedding(self, query: list[float], k: int = 100, **kwargs) -> list[int]:
        table = self.table or self.opened(for_writing=False)
        return table.search(np.asarray(query, dtype=np.float32), k=k, **self.search_options).ids.tolist()
