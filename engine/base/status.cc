#include <omendb/status.h>

namespace omendb {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kSchema: return "schema";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kCorruption: return "corruption";
    case ErrorCode::kStorageFull: return "storage full";
    case ErrorCode::kLocked: return "locked";
    case ErrorCode::kPermission: return "permission";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kUnsupportedFormat: return "unsupported format";
    case ErrorCode::kNotSupported: return "not supported";
    case ErrorCode::kClosed: return "closed";
    case ErrorCode::kOutOfMemory: return "out of memory";
    case ErrorCode::kInternal: return "internal";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kCancelled: return "cancelled";
  }
  return "unknown";
}

}  // namespace omendb
