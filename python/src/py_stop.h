#pragma once

// What ends a call of the engine before it is done: its timeout, a signal such as Ctrl-C, or the task that waits for it.

#include <nanobind/nanobind.h>
#include <omendb/stop_when.h>

#include <optional>

namespace omendb::python {

// For a call that this thread makes now, with the GIL held. In Python's main thread handlers of signals run some 50 ms after a signal has come, and what they raise ends the
// call. `timeout`: seconds, from 0; beyond a century none.
StopWhen stop_when(std::optional<double> timeout);

void bind_stop(nanobind::module_& module);

}  // namespace omendb::python
