"""The modules for ann-benchmarks and VectorDBBench do what these frameworks ask of them, called as they call; neither has to be there."""

import abc
import enum
import importlib
import importlib.util
import pathlib
import pickle
import sys
import types

import numpy as np
import pytest

omendb = pytest.importorskip("omendb")
BENCH = pathlib.Path(__file__).resolve().parent.parent / "bench"
RANDOM = np.random.default_rng(12)
BASE = (RANDOM.standard_normal((2_500, 4)) @ RANDOM.standard_normal((4, 16))).astype(np.float32)
QUERIES = (RANDOM.standard_normal((30, 4)) @ RANDOM.standard_normal((4, 16))).astype(np.float32)
CLIENTS = '''from enum import Enum


class DB(Enum):
    """Database types"""

    Other = "Other"
    Last = "Last one"

    @property
    def init_cls(self) -> type:  # noqa: C901
        """Import while in use"""
        if self == DB.Other:
            return int

    @property
    def config_cls(self) -> type:
        if self == DB.Other:
            return int

    def case_config_cls(  # noqa: C901
        self,
        index_type: str | None = None,
    ) -> type:
        if self == DB.Other:
            return int
'''
COMMANDS = "from ..backend.clients.other.cli import Other\nfrom .cli import cli\n\ncli.add_command(Other)\n"


def neighbors(metric, k):
    base, queries = BASE.astype(np.float64), QUERIES.astype(np.float64)
    if metric == "cosine":
        base, queries = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (base, queries))
    scores = -queries @ base.T if metric == "ip" else ((base[None] - queries[:, None]) ** 2).sum(axis=2)
    return scores.argsort(axis=1)[:, :k]


def recall(found, truth):
    return np.mean([len(set(map(int, row)) & set(true)) / len(true) for row, true in zip(found, truth.tolist())])


def package(monkeypatch, name, path=None, **members):
    module = types.ModuleType(name)
    module.__path__ = [str(path)] if path else []
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def forget(monkeypatch, prefix):
    """Modules imported below a stand-in go with it."""
    for name in [name for name in sys.modules if name.startswith(prefix)]:
        monkeypatch.delitem(sys.modules, name)


# ann-benchmarks -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def algorithm(monkeypatch):
    """The constructor that config.yml names, found as the framework finds it."""

    class BaseANN:
        def done(self):
            pass

        def __str__(self):
            return self.name

    package(monkeypatch, "ann_benchmarks")
    package(monkeypatch, "ann_benchmarks.algorithms", BENCH / "ann_benchmarks")
    package(monkeypatch, "ann_benchmarks.algorithms.base")
    package(monkeypatch, "ann_benchmarks.algorithms.base.module", BaseANN=BaseANN)
    yield importlib.import_module("ann_benchmarks.algorithms.omendb.module").OmenDB
    forget(monkeypatch, "ann_benchmarks.algorithms.omendb")


@pytest.mark.parametrize("distance, metric", [("euclidean", "l2"), ("angular", "cosine")])
def test_ann_benchmarks_builds_searches_and_cleans_up(algorithm, distance, metric):
    built = algorithm(distance, {"M": 16, "efConstruction": 200})
    built.fit(BASE.astype(np.float64))
    folder = pathlib.Path(built.folder.name)
    truth = neighbors(metric, 10)
    recalls = []
    for ef in (10, 200):
        built.set_query_arguments(ef)
        single = [built.query(query, 10) for query in QUERIES]
        built.batch_query(QUERIES, 10)
        assert all(np.array_equal(one, other) for one, other in zip(single, built.get_batch_results()))
        recalls.append(recall(single, truth))
        assert str(built) == f"omendb (M 16, efConstruction 200, ef {ef})"
    assert recalls[1] >= max(0.99, recalls[0])
    assert set(built.get_additional()) == {"memory_bytes", "disk_bytes"}
    built.done()
    built.done()
    assert not folder.exists()


def test_ann_benchmarks_is_told_which_distances_there_are(algorithm):
    with pytest.raises(ValueError, match="not by jaccard"):
        algorithm("jaccard", {"M": 16, "efConstruction": 200})


def test_the_configuration_names_the_module_and_its_parameters():
    text = (BENCH / "ann_benchmarks" / "omendb" / "config.yml").read_text()
    assert "module: ann_benchmarks.algorithms.omendb\n" in text and "constructor: OmenDB\n" in text
    yaml = pytest.importorskip("yaml")
    (entry,) = yaml.safe_load(text)["float"]["any"]
    assert entry["base_args"] == ["@metric"] and entry["docker_tag"] == "ann-benchmarks-omendb"
    (group,) = entry["run_groups"].values()
    assert set(group["arg_groups"][0]) == {"M", "efConstruction"} and len(group["query_args"]) == 1


# VectorDBBench ------------------------------------------------------------------------------------------------------------------


class MetricType(enum.StrEnum):
    L2 = "L2"
    COSINE = "COSINE"
    IP = "IP"
    DP = "DP"
    HAMMING = "HAMMING"


class VectorDB(abc.ABC):
    """The interface that a client has to fill."""

    @abc.abstractmethod
    def __init__(self, dim, db_config, db_case_config, collection_name, drop_old=False, **kwargs): ...

    @abc.abstractmethod
    def init(self): ...

    @abc.abstractmethod
    def insert_embeddings(self, embeddings, metadata, labels_data=None, **kwargs): ...

    @abc.abstractmethod
    def search_embedding(self, query, k=100): ...

    @abc.abstractmethod
    def optimize(self, data_size=None): ...


class Model:
    """As much of pydantic's BaseModel as a configuration needs."""

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, value)


@pytest.fixture
def clients(monkeypatch):
    """(client, its configuration, its case configuration)."""
    if importlib.util.find_spec("pydantic") is None:
        package(monkeypatch, "pydantic", BaseModel=Model)
    names = {"DBConfig": type("DBConfig", (Model,), {}), "DBCaseConfig": type("DBCaseConfig", (), {})}
    for name in ("vectordb_bench", "vectordb_bench.backend"):
        package(monkeypatch, name)
    package(monkeypatch, "vectordb_bench.backend.clients", BENCH / "vectordbbench")
    package(monkeypatch, "vectordb_bench.backend.clients.api", MetricType=MetricType, VectorDB=VectorDB, **names)
    client = importlib.import_module("vectordb_bench.backend.clients.omendb.omendb").OmenDB
    config = importlib.import_module("vectordb_bench.backend.clients.omendb.config")
    yield client, config.OmenDBConfig, config.OmenDBIndexConfig
    forget(monkeypatch, "vectordb_bench")


@pytest.mark.parametrize("kind, metric", [("L2", "l2"), ("COSINE", "cosine"), ("IP", "ip"), ("DP", "ip")])
def test_vectordbbench_loads_waits_and_searches_in_processes_of_their_own(clients, tmp_path, kind, metric):
    client, config, case_config = clients
    case = case_config(metric_type=MetricType(kind), ef_search=200)
    made = client(dim=16, db_config=config(path=str(tmp_path / "a.omen")).to_dict(), db_case_config=case, drop_old=True)
    loader, waiter, searcher, other = (pickle.loads(pickle.dumps(made)) for _ in range(4))
    with loader.init():
        for start in range(0, 2_500, 500):
            rows = slice(start, start + 500)
            assert loader.insert_embeddings(BASE[rows].tolist(), list(range(start, start + 500))) == (500, None)
    with waiter.init():
        waiter.optimize(data_size=2_500)
    with searcher.init(), other.init():  # both read
        found = [searcher.search_embedding(query.tolist(), 10) for query in QUERIES]
        assert found == [other.search_embedding(query.tolist(), k=10) for query in QUERIES]
    assert recall(found, neighbors(metric, 10)) >= 0.99 and isinstance(found[0][0], int)


def test_vectordbbench_gets_errors_back_and_old_rows_dropped(clients, tmp_path):
    client, config, case_config = clients
    where, case = config(path=str(tmp_path / "a.omen")).to_dict(), case_config(metric_type=MetricType.L2)
    made = client(16, where, case, drop_old=True)
    with made.init():
        count, error = made.insert_embeddings([[float("nan")] * 16], [1])
        assert count == 0 and isinstance(error, omendb.Error)
        assert made.insert_embeddings(BASE[:5].tolist(), range(5)) == (5, None)
        assert made.search_embedding(BASE[3].tolist(), 1) == [3]
    kept = client(16, where, case)
    with kept.init():
        assert len(kept.search_embedding(BASE[0].tolist(), 100)) == 5
    emptied = client(16, where, case, drop_old=True)
    with emptied.init():
        assert emptied.search_embedding(BASE[0].tolist(), 100) == []
    with pytest.raises(ValueError, match="no metric HAMMING"):
        case_config(metric_type=MetricType.HAMMING).index_param()


@pytest.fixture
def installer():
    spec = importlib.util.spec_from_file_location("install", BENCH / "vectordbbench" / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_client_registers_itself_twice_as_once_and_goes_again(installer, tmp_path, capsys):
    texts = {"backend/clients/__init__.py": CLIENTS, "cli/vectordbbench.py": COMMANDS}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert installer.main([str(tmp_path)]) == 0
    once = (tmp_path / "backend/clients/__init__.py").read_text()
    assert installer.main([str(tmp_path)]) == 0 and (tmp_path / "backend/clients/__init__.py").read_text() == once
    found = {}
    exec(once, found)  # the file of the stand-in above
    assert [member.name for member in found["DB"]] == ["Other", "Last", "OmenDB"]
    assert once.count("if self == DB.OmenDB:") == 3
    commands = (tmp_path / "cli/vectordbbench.py").read_text()
    assert commands.count("clients.omendb.cli import OmenDB") == commands.count("cli.add_command(OmenDB)") == 1
    assert (tmp_path / "backend/clients/omendb/omendb.py").exists()
    assert installer.main(["--remove", str(tmp_path)]) == 0
    assert all((tmp_path / name).read_text() == text for name, text in texts.items())
    assert not (tmp_path / "backend/clients/omendb").exists()
    (tmp_path / "cli/vectordbbench.py").write_text("nothing\n")
    capsys.readouterr()
    assert installer.main([str(tmp_path)]) == 1 and capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "backend/clients/__init__.py").read_text() == CLIENTS
