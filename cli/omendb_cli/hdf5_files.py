"""HDF5 files of vectors (ann-benchmarks keeps its sets in them), read slice by slice through libhdf5 by ctypes.

A file is not trusted: only numbers in two axes that lie in this very file are read, sizes are checked against the file's before memory is
asked for, and since a damaged file can make libhdf5 crash or turn in circles, a process of its own opens it first.
libhdf5 is not built for several threads: one at a time.

    python -m omendb_cli.hdf5_files FILE DATASET      that process: reads what there is but the rows between the first and the last
"""

import ctypes
import ctypes.util
import functools
import glob
import os
import subprocess
import sys
import weakref
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_uint, c_uint64, c_void_p

import numpy as np

from omendb_cli.failure import Failure

LIBRARY_NAMES = ["hdf5_serial", "hdf5"]
LIBRARY_PLACES = [
    "/usr/lib/*/libhdf5_serial.so*",
    "/usr/lib*/libhdf5.so*",
    "/usr/lib/*/libhdf5.so*",
    "/usr/local/lib/libhdf5.*",
]
VERSION_MIN = (1, 10)  # ids have 64 bits since then
CHUNK_BYTES_MAX = 256 << 20  # libhdf5 unpacks a whole chunk at a time
UNPACKED_RATIO_MAX = 4096  # no compression of real vectors reaches a quarter of this
NAME_BYTES_MAX = 1024
REHEARSAL_SECONDS_MAX = 20
DATASETS_NAMED_MAX = 10
METRICS = {"euclidean": "l2", "angular": "cosine", "cosine": "cosine", "normalized": "cosine", "ip": "ip", "dot": "ip"}
KINDS = {0: "i", 1: "f"}  # H5T_INTEGER, H5T_FLOAT; all other classes are no numbers
STRING = 3  # H5T_STRING
EXTERNAL_LINK = 64  # H5L_TYPE_EXTERNAL
COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2  # layouts within the file; the fourth, virtual, reads other files
NOTHING = (
    0  # H5P_DEFAULT, H5S_SELECT_SET, H5T_DIR_DEFAULT, H5F_ACC_RDONLY, H5_INDEX_NAME, H5_ITER_INC: all of them are zero
)

ID = c_int64
SIZES = POINTER(c_uint64)
SIGNATURES = {  # function: what it returns, what it takes
    "H5open": (c_int,),
    "H5get_libversion": (c_int, POINTER(c_uint), POINTER(c_uint), POINTER(c_uint)),
    "H5free_memory": (c_int, c_void_p),
    "H5Eset_auto2": (c_int, ID, c_void_p, c_void_p),
    "H5Fopen": (ID, c_char_p, c_uint, ID),
    "H5Idec_ref": (c_int, ID),
    "H5Gget_info": (c_int, ID, c_void_p),
    "H5Lexists": (c_int, ID, c_char_p, ID),
    "H5Lunregister": (c_int, c_int),
    "H5Lget_name_by_idx": (c_ssize_t, ID, c_char_p, c_int, c_int, c_uint64, c_char_p, c_size_t, ID),
    "H5Dopen2": (ID, ID, c_char_p, ID),
    "H5Dget_space": (ID, ID),
    "H5Dget_type": (ID, ID),
    "H5Dget_create_plist": (ID, ID),
    "H5Dget_storage_size": (c_uint64, ID),
    "H5Dread": (c_int, ID, ID, ID, ID, ID, c_void_p),
    "H5Pcreate": (ID, ID),
    "H5Pset_chunk_cache": (c_int, ID, c_size_t, c_size_t, ctypes.c_double),
    "H5Pget_layout": (c_int, ID),
    "H5Pget_external_count": (c_int, ID),
    "H5Pget_chunk": (c_int, ID, c_int, SIZES),
    "H5Screate_simple": (ID, c_int, SIZES, SIZES),
    "H5Sget_simple_extent_ndims": (c_int, ID),
    "H5Sget_simple_extent_dims": (c_int, ID, SIZES, SIZES),
    "H5Sget_simple_extent_npoints": (c_int64, ID),
    "H5Sselect_hyperslab": (c_int, ID, c_int, SIZES, SIZES, SIZES, SIZES),
    "H5Tget_class": (c_int, ID),
    "H5Tget_size": (c_size_t, ID),
    "H5Tget_sign": (c_int, ID),
    "H5Tget_native_type": (ID, ID, c_int),
    "H5Tis_variable_str": (c_int, ID),
    "H5Aexists": (c_int, ID, c_char_p),
    "H5Aopen": (ID, ID, c_char_p, ID),
    "H5Aget_type": (ID, ID),
    "H5Aget_space": (ID, ID),
    "H5Aread": (c_int, ID, ID, c_void_p),
}


class GroupInfo(ctypes.Structure):
    """H5G_info_t."""

    _fields_ = [("storage", c_int), ("links", c_uint64), ("order_max", c_int64), ("mounted", ctypes.c_bool)]


def library_path() -> str | None:
    """Where libhdf5 is, or nothing."""
    for name in LIBRARY_NAMES:
        if found := ctypes.util.find_library(name):
            return found
    return next((path for place in LIBRARY_PLACES for path in sorted(glob.glob(place))), None)


@functools.cache
def load(path: str) -> ctypes.CDLL:
    """libhdf5 with its functions declared. It prints nothing, for we say what is wrong, and follows no link out of a file."""
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "BEST_EFFORT")  # some network file systems have no locks
    loaded = ctypes.CDLL(path)
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    loaded.H5open()
    loaded.H5Eset_auto2(NOTHING, None, None)
    loaded.H5Lunregister(EXTERNAL_LINK)
    return loaded


def version_of(loaded: ctypes.CDLL) -> tuple[int, int, int]:
    parts = [c_uint() for _ in range(3)]
    loaded.H5get_libversion(*map(byref, parts))
    major, minor, release = (part.value for part in parts)
    return major, minor, release


def library(reader_of: str) -> ctypes.CDLL:
    """libhdf5, or a Failure that says how to get it."""
    path = library_path()
    if path is None:
        raise Failure(
            f"{reader_of}: HDF5 is read through libhdf5, which is not installed: apt-get install libhdf5-dev"
            " (elsewhere the package is called hdf5)"
        )
    try:
        loaded = load(path)
    except (OSError, AttributeError) as error:
        raise Failure(
            f"{reader_of}: {path} is no libhdf5 that can be used ({error}): apt-get install libhdf5-dev"
        ) from None
    if version_of(loaded)[:2] < VERSION_MIN:
        raise Failure(f"{reader_of}: libhdf5 {'.'.join(map(str, version_of(loaded)))} is too old, 1.10 is needed")
    return loaded


def sizes(*values: int) -> ctypes.Array:
    return (c_uint64 * len(values))(*values)


class Handles:
    """Ids of libhdf5 that are given back when the owner goes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lib = library(path)
        self.ids: list[int] = []
        self.close = weakref.finalize(self, self.give_back, self.lib, self.ids)

    @staticmethod
    def give_back(lib: ctypes.CDLL, ids: list[int]) -> None:
        while ids:
            lib.H5Idec_ref(ids.pop())

    def keep(self, new_id: int, complaint: str) -> int:
        if new_id < 0:
            raise Failure(f"{self.path}: {complaint}")
        self.ids.append(new_id)
        return new_id


class Hdf5File(Handles):
    """An HDF5 file open for reading."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.id = self.keep(
            self.lib.H5Fopen(os.fsencode(path), NOTHING, NOTHING),
            "not a usable HDF5 file: damaged, truncated or of another kind",
        )

    def names(self) -> list[str]:
        """What the root group holds, the first few by name."""
        info = GroupInfo()
        if self.lib.H5Gget_info(self.id, byref(info)) < 0:
            return []
        found = []
        for at in range(min(info.links, DATASETS_NAMED_MAX)):
            text = ctypes.create_string_buffer(NAME_BYTES_MAX)
            if self.lib.H5Lget_name_by_idx(self.id, b".", NOTHING, NOTHING, at, text, NAME_BYTES_MAX, NOTHING) > 0:
                found.append(text.value.decode(errors="replace"))
        return found

    def text(self, name: str) -> str:
        """A text attribute of the root group; empty where there is none."""
        if self.lib.H5Aexists(self.id, name.encode()) <= 0:
            return ""
        complaint = f"attribute '{name}' can not be read"
        held = Handles(self.path)
        attribute = held.keep(self.lib.H5Aopen(self.id, name.encode(), NOTHING), complaint)
        kind = held.keep(self.lib.H5Aget_type(attribute), complaint)
        space = held.keep(self.lib.H5Aget_space(attribute), complaint)
        one = self.lib.H5Sget_simple_extent_npoints(space) == 1
        if self.lib.H5Tget_class(kind) != STRING or not one or self.lib.H5Tget_size(kind) > NAME_BYTES_MAX:
            raise Failure(f"{self.path}: attribute '{name}' is not one short text")
        varies = self.lib.H5Tis_variable_str(kind) > 0
        buffer = c_char_p() if varies else ctypes.create_string_buffer(self.lib.H5Tget_size(kind) + 1)
        if self.lib.H5Aread(attribute, kind, byref(buffer)) < 0:
            raise Failure(f"{self.path}: {complaint}")
        value = (buffer.value or b"")[:NAME_BYTES_MAX].decode(errors="replace")
        if varies:
            self.lib.H5free_memory(buffer)
        return value.strip()

    def metric(self) -> str:
        """The metric of ann-benchmarks' attribute `distance` in our words; another one's name as it is, empty where there is none."""
        distance = self.text("distance").lower()
        return METRICS.get(distance, distance)

    def has(self, name: str) -> bool:
        return self.lib.H5Lexists(self.id, name.encode(), NOTHING) > 0


class Dataset(Handles):
    """Rows x columns of numbers. `dataset[start:stop]` reads these rows alone, as an array of its dtype."""

    def __init__(self, file: Hdf5File, name: str) -> None:
        super().__init__(file.path)
        self.file, self.name = file, name
        self.id = self.opened(NOTHING)
        self.check_place()
        self.shape = self.read_shape()
        self.memory_type, self.dtype = self.read_type()
        self.check_size()

    def opened(self, access: int) -> int:
        found = self.lib.H5Dopen2(self.file.id, self.name.encode(), access)
        if found < 0 and self.file.has(self.name):
            raise self.refuse("can not be opened: it is none, a link into another file, or damaged")
        return self.keep(
            found,
            f"no dataset '{self.name}'; it holds {', '.join(self.file.names()) or 'nothing'} (--dataset names one)",
        )

    def refuse(self, what: str) -> Failure:
        return Failure(f"{self.path}: dataset '{self.name}' {what}")

    def check_place(self) -> None:
        """External storage and virtual layouts could make us read any file that the user may read."""
        self.plan = self.keep(self.lib.H5Dget_create_plist(self.id), f"dataset '{self.name}' can not be read")
        self.layout = self.lib.H5Pget_layout(self.plan)
        if self.layout not in (COMPACT, CONTIGUOUS, CHUNKED) or self.lib.H5Pget_external_count(self.plan) != 0:
            raise self.refuse("keeps its numbers in another file, which is not followed; copy them into one file")

    def read_shape(self) -> tuple[int, int]:
        self.space = self.keep(self.lib.H5Dget_space(self.id), f"dataset '{self.name}' can not be read")
        axes = self.lib.H5Sget_simple_extent_ndims(self.space)
        if axes != 2:
            raise self.refuse(f"has {max(axes, 0)} axes, vectors need 2 (rows, dimensions)")
        extent = sizes(0, 0)
        self.lib.H5Sget_simple_extent_dims(self.space, extent, None)
        return extent[0], extent[1]

    def read_type(self) -> tuple[int, np.dtype]:
        """The machine's own type for the file's, so that libhdf5 turns byte orders and half floats around."""
        stored = self.keep(self.lib.H5Dget_type(self.id), f"dataset '{self.name}' can not be read")
        kind, self.stored_bytes = KINDS.get(self.lib.H5Tget_class(stored)), self.lib.H5Tget_size(stored)
        native = self.lib.H5Tget_native_type(stored, NOTHING) if kind else -1
        size = self.lib.H5Tget_size(native) if native >= 0 else 0
        if size not in (1, 2, 4, 8) or kind == "f" and size < 4:
            raise self.refuse("holds no numbers that can be vectors: float32, float64 or integers")
        if kind == "i" and self.lib.H5Tget_sign(native) == 0:
            kind = "u"
        return self.keep(native, ""), np.dtype(f"{kind}{size}")

    def check_size(self) -> None:
        """What the header promises must be there: an array that was never written would come back as zeros without end."""
        wanted = self.shape[0] * self.shape[1] * self.stored_bytes
        stored = self.lib.H5Dget_storage_size(self.id)
        most = stored * (UNPACKED_RATIO_MAX if self.layout == CHUNKED else 1)
        if wanted > most or self.layout != CHUNKED and stored > os.path.getsize(self.path):
            raise self.refuse(f"promises {wanted:,} bytes and holds {stored:,}: never written, or the file is damaged")
        if self.layout == CHUNKED and wanted:
            self.set_cache()

    def set_cache(self) -> None:
        """A whole row of chunks stays unpacked between slices, where it fits."""
        chunk = sizes(0, 0)
        if self.lib.H5Pget_chunk(self.plan, 2, chunk) != 2 or not chunk[0] or not chunk[1]:
            raise self.refuse("has no readable chunks: the file is damaged")
        chunk_bytes = chunk[0] * chunk[1] * max(self.stored_bytes, self.dtype.itemsize)
        if chunk_bytes > CHUNK_BYTES_MAX:
            raise self.refuse(
                f"has chunks of {chunk_bytes >> 20:,} MiB, at most {CHUNK_BYTES_MAX >> 20}: h5repack -l makes smaller ones"
            )
        across = -(-self.shape[1] // chunk[1])
        if across * chunk_bytes <= CHUNK_BYTES_MAX:
            access = self.keep(
                self.lib.H5Pcreate(ID.in_dll(self.lib, "H5P_CLS_DATASET_ACCESS_ID_g").value), "libhdf5 fails"
            )
            self.lib.H5Pset_chunk_cache(access, 12_421, max(1 << 20, 2 * across * chunk_bytes), 1.0)
            self.ids.remove(self.id)
            self.lib.H5Idec_ref(self.id)  # an open dataset keeps the cache that it has
            self.id = self.opened(access)

    @property
    def metric(self) -> str:
        return self.file.metric()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, step = rows.indices(self.shape[0])
        count = max(0, stop - start)
        values = np.empty((count, self.shape[1]), self.dtype)
        if step != 1 or not values.size:
            return values if step == 1 else self[:][rows]
        extent = sizes(count, self.shape[1])
        memory = self.lib.H5Screate_simple(2, extent, None)
        chosen = self.lib.H5Sselect_hyperslab(self.space, NOTHING, sizes(start, 0), None, extent, None)
        status = self.lib.H5Dread(self.id, self.memory_type, memory, self.space, NOTHING, values.ctypes.data)
        self.lib.H5Idec_ref(memory)
        if chosen < 0 or status < 0:
            raise self.refuse(
                f"can not be read from row {start:,} on: the file is damaged, or compressed in a way that this libhdf5 does not know"
            )
        return values


def choose(path: str, name: str | None, default: str) -> Dataset:
    """The dataset `name`; without a name, `default`, or the only one that the file has."""
    file = Hdf5File(path)
    names = file.names()
    return Dataset(file, name or (names[0] if len(names) == 1 else default))


def rehearse(path: str, name: str | None, default: str) -> None:
    """Opens the file in a process of its own: one that kills or holds libhdf5 is refused; other complaints come when it is opened here."""
    command = [sys.executable, "-P", "-m", "omendb_cli.hdf5_files", path, name or "", default]
    try:
        status = subprocess.run(command, capture_output=True, check=False, timeout=REHEARSAL_SECONDS_MAX).returncode
    except subprocess.TimeoutExpired:
        status = -1
    if status < 0:
        raise Failure(
            f"{path}: not a usable HDF5 file: libhdf5 {'comes to no end' if status == -1 else 'crashes'} over it"
        )


def open_dataset(path: str, name: str | None, default: str) -> Dataset:
    """The dataset `name`, or `default`, or the only one, of a file that libhdf5 gets through."""
    library(path)
    rehearse(path, name, default)
    return choose(path, name, default)


def main(path: str, name: str, default: str) -> None:
    dataset = choose(path, name or None, default)
    dataset.file.metric()
    for start in {0, max(0, len(dataset) - 1)}:
        dataset[start : start + 1]


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Failure:
        sys.exit(1)
