#include "py_stop.h"

#include "handle.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace nb = nanobind;

namespace omendb::python {
namespace {

constexpr double kSecondsMax = 3e9;

unsigned long main_thread = 0;  // set once, when the module is loaded
thread_local const std::atomic<bool>* cancelled_here = nullptr;

// True where a handler raised something: it stays set, and comes out when the call returns (unwrap).
bool signal_raised(void* /*context*/) {
  const nb::gil_scoped_acquire acquired;
  return PyErr_CheckSignals() != 0;
}

// Lets another thread end the calls that a function makes on this one.
class Cancellation {
 public:
  void cancel() { flag_->store(true, std::memory_order_relaxed); }
  nb::object run(const nb::callable& function) const {
    const std::shared_ptr<const std::atomic<bool>> kept = flag_;
    const Here here(kept.get());
    return function();
  }

 private:
  class Here {
   public:
    explicit Here(const std::atomic<bool>* flag) : before_(std::exchange(cancelled_here, flag)) {}
    Here(const Here&) = delete;
    Here& operator=(const Here&) = delete;
    ~Here() { cancelled_here = before_; }

   private:
    const std::atomic<bool>* before_;
  };

  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

StopWhen stop_when(std::optional<double> timeout) {
  StopWhen when{.cancelled = cancelled_here};
  if (timeout && *timeout < kSecondsMax)
    when.timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(*timeout));
  if (PyThread_get_thread_ident() == main_thread) when.interrupted = &signal_raised;
  return when;
}

void bind_stop(nb::module_& module) {
  main_thread = nb::cast<unsigned long>(nb::module_::import_("threading").attr("main_thread")().attr("ident"));
  nb::class_<Cancellation>(module, "Cancellation", "Ends the searches and conditions of one thread from another one.")
      .def(nb::init<>())
      .def("cancel", &Cancellation::cancel, "Ends the call that runs, and those that come.")
      .def("run", &Cancellation::run, nb::arg("function"),
           nb::sig("def run(self, function: typing.Callable[[], typing.Any]) -> typing.Any"),
           "Calls a function; calls of the engine that it makes can be cancelled.");
}

}  // namespace omendb::python
