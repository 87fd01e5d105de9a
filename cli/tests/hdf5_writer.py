"""Writes HDF5 files for the tests through libhdf5, the way ann-benchmarks' files are laid out; read back by the command's own reader."""

import ctypes
import os
import subprocess
import sys
from ctypes import byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_void_p

import numpy as np
import pytest

from omendb_cli import hdf5_files

ID, SIZES = hdf5_files.ID, hdf5_files.SIZES
SIGNATURES = {
    "H5Fcreate": (ID, c_char_p, c_uint, ID, ID),
    "H5Fclose": (c_int, ID),
    "H5Dcreate2": (ID, ID, c_char_p, ID, ID, ID, ID, ID),
    "H5Dwrite": (c_int, ID, ID, ID, ID, ID, c_void_p),
    "H5Dclose": (c_int, ID),
    "H5Pset_chunk": (c_int, ID, c_int, SIZES),
    "H5Pset_deflate": (c_int, ID, c_uint),
    "H5Pset_external": (c_int, ID, c_char_p, c_int64, ctypes.c_uint64),
    "H5Acreate2": (ID, ID, c_char_p, ID, ID, ID, ID),
    "H5Aclose": (c_int, ID),
    "H5Awrite": (c_int, ID, ID, c_void_p),
    "H5Screate": (ID, c_int),
    "H5Tcopy": (ID, ID),
    "H5Tset_size": (c_int, ID, c_size_t),
}
TYPES = {
    "float32": "IEEE_F32LE",
    "float64": "IEEE_F64LE",
    "int32": "STD_I32LE",
    "int64": "STD_I64LE",
    "uint8": "STD_U8LE",
    ">f4": "IEEE_F32BE",
}
VARIABLE = c_size_t(-1).value  # H5T_VARIABLE


class Writer:
    """An HDF5 file under way; use it as a context manager."""

    def __init__(self, path):
        if hdf5_files.library_path() is None:
            pytest.skip("libhdf5 is not installed (Debian: libhdf5-dev)")
        self.lib = hdf5_files.library(str(path))
        for name, (result, *arguments) in SIGNATURES.items():
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self.file = self.lib.H5Fcreate(os.fsencode(path), 2, 0, 0)
        assert self.file >= 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        assert self.lib.H5Fclose(self.file) >= 0

    def known(self, name):
        return ID.in_dll(self.lib, name).value

    def dataset(self, name, values, chunk=None, packed=False, shape=None, outside=None):
        """`shape` without values makes a dataset that is never written; `outside` names a file that holds the bytes."""
        values = None if values is None else np.ascontiguousarray(values)
        extent = hdf5_files.sizes(*(values.shape if shape is None else shape))
        kind = self.known(f"H5T_{TYPES['float32' if values is None else self.type_name(values)]}_g")
        plan = self.lib.H5Pcreate(self.known("H5P_CLS_DATASET_CREATE_ID_g"))
        if chunk:
            assert self.lib.H5Pset_chunk(plan, len(chunk), hdf5_files.sizes(*chunk)) >= 0
        if packed:
            assert self.lib.H5Pset_deflate(plan, 4) >= 0
        if outside:
            assert self.lib.H5Pset_external(plan, os.fsencode(outside), 0, values.nbytes) >= 0
        space = self.lib.H5Screate_simple(len(extent), extent, None)
        made = self.lib.H5Dcreate2(self.file, name.encode(), kind, space, 0, plan, 0)
        assert made >= 0
        if values is not None:
            assert self.lib.H5Dwrite(made, kind, 0, 0, 0, values.ctypes.data) >= 0
        self.lib.H5Dclose(made)

    @staticmethod
    def type_name(values):
        return values.dtype.name if values.dtype.isnative else values.dtype.str

    def text(self, name, text, varies=True):
        """An attribute as h5py writes it (of any length), or of fixed length."""
        kind = self.lib.H5Tcopy(self.known("H5T_C_S1_g"))
        assert self.lib.H5Tset_size(kind, VARIABLE if varies else len(text.encode())) >= 0
        made = self.lib.H5Acreate2(self.file, name.encode(), kind, self.lib.H5Screate(0), 0, 0)
        value = byref(c_char_p(text.encode())) if varies else c_char_p(text.encode())
        assert self.lib.H5Awrite(made, kind, value) >= 0
        self.lib.H5Aclose(made)

    def number(self, name, value):
        kind = self.known("H5T_NATIVE_DOUBLE_g")
        made = self.lib.H5Acreate2(self.file, name.encode(), kind, self.lib.H5Screate(0), 0, 0)
        assert self.lib.H5Awrite(made, kind, byref(c_double(value))) >= 0
        self.lib.H5Aclose(made)


LINK = """
import ctypes, sys
lib, path, name, other = ctypes.CDLL(sys.argv[1]), *(text.encode() for text in sys.argv[2:])
lib.H5Fcreate.restype = ctypes.c_int64
lib.H5Fcreate.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_int64, ctypes.c_int64]
lib.H5Lcreate_external.argtypes = [ctypes.c_char_p] * 2 + [ctypes.c_int64, ctypes.c_char_p] + [ctypes.c_int64] * 2
lib.H5open()
file = lib.H5Fcreate(path, 2, 0, 0)
sys.exit(file < 0 or lib.H5Lcreate_external(other, b"/train", file, name, 0, 0) < 0)
"""


def write_link(path, name, other):
    """A file whose dataset `name` is a link to `train` in another file; by a process of its own, for the reader switches such links off."""
    command = [sys.executable, "-c", LINK, hdf5_files.library_path(), str(path), name, str(other)]
    subprocess.run(command, check=True)


def write_ann_benchmarks(path, base, queries, neighbors=None, distances=None, distance="euclidean", chunk=None):
    """A file as ann-benchmarks has them."""
    with Writer(path) as writer:
        writer.dataset("train", base, chunk=chunk, packed=chunk is not None)
        writer.dataset("test", queries)
        if neighbors is not None:
            writer.dataset("neighbors", np.asarray(neighbors, np.int32))
        if distances is not None:
            writer.dataset("distances", np.asarray(distances, np.float32))
        writer.text("distance", distance)
