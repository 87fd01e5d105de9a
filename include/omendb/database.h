#pragma once

// Start here. A database is a directory:
//
//   auto db   = omendb::Database::open("shop.omen", {}).value();
//   auto docs = db.create_table("docs", schema).value();
//   docs.insert(rows);
//   auto hits = docs.search({.vectors = query, .k = 10}).value();
//
// Link `omendb::omendb` (find_package(omendb)) and include this header.

#include <omendb/options.h>
#include <omendb/schema.h>
#include <omendb/status.h>
#include <omendb/table.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

struct DatabaseStats {
  uint64_t commit_number = 0;            // statements that changed something, and moves of rows by upkeep
  uint64_t resident_bytes = 0;           // of the whole process, as the kernel counts
  std::vector<MemoryOrDiskPart> memory;  // anonymous memory by component, "<table>.<component>"
  std::vector<MemoryOrDiskPart> disk;    // files by component: "root", "log", "<table>.<component>", "free"
  uint64_t memory_bytes = 0;             // sums of the two lists
  uint64_t disk_bytes = 0;
};

// A handle to an open database; cheap to copy; the last handle (tables count) closes it. No process-wide state: any number of databases in
// one process. Threads: any number on the same handle. After fork() the child's copies refuse every call (kClosed): open the directory again there.
class Database {
 public:
  // Opens the directory `path`, or an empty database that keeps nothing for ":memory:". Fails: kLocked (names the holder), kUnsupportedFormat, kCorruption,
  // kPermission, kNotFound (create = false), kIo.
  static Result<Database> open(std::string_view path, const OpenOptions& options = {});

  // A new table. kConflict if the name is taken, unless exist_ok and the schemas are equal. kSchema says what is wrong with the schema.
  Result<Table> create_table(std::string_view name, const Schema& schema, bool exist_ok = false);
  Result<Table> table(std::string_view name) const;
  Result<std::vector<std::string>> table_names() const;
  // Handles of a dropped table answer kNotFound afterwards; searches under way finish on their version.
  Result<void> drop_table(std::string_view name);

  // Reads everything and verifies it: checksums, key directory against rows, graphs (every live row reachable), live counts. kCorruption names the first damage.
  // Cost: one pass over all bytes. Searches and writes go on.
  Result<void> check() const;
  // A number that depends on the logical content only (schemas, live rows), not on the order of arrival or the layout.
  Result<uint64_t> state_hash() const;
  Result<DatabaseStats> stats() const;
  // A complete copy as of now in the new directory `target`; writers go on.
  Result<void> backup(std::string_view target) const;
  // Moves the log into the base now (happens by itself).
  Result<void> checkpoint() const;
  // Writes a last checkpoint and releases the directory. Further calls on any handle answer kClosed. Idempotent.
  Result<void> close();

  const std::string& path() const;

 private:
  struct Impl;
  explicit Database(std::shared_ptr<Impl> impl);
  friend class Table;
  std::shared_ptr<Impl> impl_;
};

}  // namespace omendb
