// libFuzzer entry: any bytes are decoded as a root, as they are and with their checksums made right, so that the checks behind those are reached. What is accepted
// must be the same root after encoding and decoding again.

#include "engine/storage/root_format.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

void decode_and_compare(std::span<const std::byte> bytes) {
  const auto root = omendb::storage::decode_root(bytes, "fuzz");
  if (!root.ok()) return;
  const std::vector<std::byte> again = omendb::storage::encode_root(*root);
  const auto second = omendb::storage::decode_root(again, "fuzz again");
  if (!second.ok() || omendb::storage::encode_root(*second) != again) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(data[i]);
  decode_and_compare(bytes);
  omendb::storage::mend_root_checksums(bytes);
  decode_and_compare(bytes);
  return 0;
}
