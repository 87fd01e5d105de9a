"""Files of vectors: fvecs, bvecs and ivecs (Jegou's corpora: each row an int32 dimension, then the components), npy and HDF5.

Checked before a row is used.
All are mapped or read by slices, never whole: the memory in use is that of the rows asked for.
"""

import os

import numpy as np

from omendb_cli import hdf5_files
from omendb_cli.failure import Failure, Usage

DIMS_MAX = 8192
COMPONENT = {".fvecs": np.dtype("<f4"), ".bvecs": np.dtype("u1"), ".ivecs": np.dtype("<i4")}
HDF5 = (".hdf5", ".h5")
ENDINGS = [".npy", *COMPONENT, *HDF5]


def map_vecs(path, component):
    """Rows x dims view of an fvecs-like file. A file that ends inside a row or changes its dimension is refused, with the row."""
    size_bytes = os.path.getsize(path)
    if size_bytes < 4:
        raise Failure(
            f"{path}: {size_bytes} bytes is too short for {os.path.splitext(path)[1][1:]}: the file is empty or truncated"
        )
    dims = int(np.fromfile(path, dtype="<i4", count=1)[0])
    if not 1 <= dims <= DIMS_MAX:
        raise Failure(
            f"{path}: row 0 says {dims} dimensions, possible are 1 to {DIMS_MAX}: not a {os.path.splitext(path)[1][1:]} file"
        )
    row_bytes = 4 + dims * component.itemsize
    rows, rest = divmod(size_bytes, row_bytes)
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    records = np.ndarray((rows,), dtype=[("dims", "<i4"), ("values", component, (dims,))], buffer=mapped)
    wrong = np.flatnonzero(records["dims"] != dims)
    if len(wrong):
        row = int(wrong[0])
        raise Failure(
            f"{path}: row {row} says {int(records['dims'][row])} dimensions, row 0 says {dims}: the file is damaged"
        )
    if rest:
        raise Failure(f"{path}: ends inside row {rows} ({rest} of {row_bytes} bytes): the file is truncated")
    return records["values"]


def load_npy(path):
    """The array of an npy file, mapped."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise Failure(f"{path}: not a usable npy file: {error}") from None
    if not isinstance(values, np.ndarray):
        values.close()
        raise Failure(f"{path}: holds several arrays (npz); save the one wanted as npy")
    return values


def map_npy(path):
    """Rows x dims view of an npy file of numbers; one dimension counts as one row."""
    values = load_npy(path)
    if values.dtype.kind not in "fiu":
        raise Failure(f"{path}: holds {values.dtype}, vectors are numbers")
    if values.ndim == 1:
        values = values.reshape(1, -1)
    if values.ndim != 2:
        raise Failure(f"{path}: has {values.ndim} axes, vectors need 2 (rows, dimensions)")
    if not 1 <= values.shape[1] <= DIMS_MAX:
        raise Failure(f"{path}: {values.shape[1]} dimensions, possible are 1 to {DIMS_MAX}")
    return values


def open_hdf5(path, dataset, default):
    """A dataset of an HDF5 file as rows x dims; the one called `default` where the command line names none."""
    values = hdf5_files.open_dataset(path, dataset, default)
    if not 1 <= values.shape[1] <= DIMS_MAX:
        raise Failure(f"{path}: dataset '{values.name}' has {values.shape[1]} dimensions, possible are 1 to {DIMS_MAX}")
    return values


def map_vectors(path, dataset=None, default="train"):
    """Rows x dims of any vector file, by its ending, without copying. `dataset` is for files that hold several."""
    ending = os.path.splitext(path)[1].lower()
    if not os.path.isfile(path):
        raise Failure(f"{path}: {'is a directory' if os.path.isdir(path) else 'no such file'}")
    if ending in HDF5:
        return open_hdf5(path, dataset, default)
    if dataset is not None:
        raise Usage(f"--dataset {dataset}: {path} holds one set of vectors; only HDF5 files have several")
    if ending == ".npy":
        return map_npy(path)
    if ending in COMPONENT:
        return map_vecs(path, COMPONENT[ending])
    raise Failure(f"{path}: vectors are read from files that end in {', '.join(ENDINGS)}")


def checked_floats(values, path, first_row):
    """C-contiguous float32 copy of some rows; a component that is not finite is refused with its row."""
    floats = np.ascontiguousarray(values, dtype=np.float32)
    finite = np.isfinite(floats).all(axis=1)
    if not finite.all():
        raise Failure(
            f"{path}: row {first_row + int(np.flatnonzero(~finite)[0])} has a component that is NaN or infinite"
        )
    return floats


def write_fvecs(stream, floats):
    """Appends rows to an open binary file in the fvecs form."""
    rows, dims = floats.shape
    records = np.empty((rows,), dtype=[("dims", "<i4"), ("values", "<f4", (dims,))])
    records["dims"] = dims
    records["values"] = floats
    stream.write(records.tobytes())
