"""What VectorDBBench is told about an OmenDB table: where it is, how its graph is built, how it is searched."""

from pydantic import BaseModel

from ..api import DBCaseConfig, DBConfig, MetricType

METRICS = {MetricType.L2: "l2", MetricType.COSINE: "cosine", MetricType.IP: "ip", MetricType.DP: "ip"}


class OmenDBConfig(DBConfig):
    """`path`: the database's directory."""

    path: str

    def to_dict(self) -> dict:
        return {"path": self.path}


class OmenDBIndexConfig(BaseModel, DBCaseConfig):
    """`ef_search` 0 leaves the beam to OmenDB."""

    metric_type: MetricType | None = None
    m: int = 16
    ef_construction: int = 200
    ef_search: int = 0
    storage: str = "f32"

    def index_param(self) -> dict:
        if self.metric_type is not None and self.metric_type not in METRICS:
            raise ValueError(f"OmenDB has no metric {self.metric_type}")
        metric = METRICS.get(self.metric_type, "l2")
        return {"metric": metric, "m": self.m, "ef_construction": self.ef_construction, "storage": self.storage}

    def search_param(self) -> dict:
        return {"ef": self.ef_search} if self.ef_search else {}
