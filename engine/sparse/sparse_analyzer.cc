#include "engine/sparse/sparse_analyzer.h"

#include "engine/sparse/sparse_vector.h"

#include <bit>
#include <string>

namespace omendb::sparse {
namespace {

class PairTokenizer final : public text::Tokenizer {
 public:
  void run(std::string_view value, text::TokenSink& sink) override {
    for_each_pair(value, [&sink](const Pair& pair) {
      const IndexTerm term(pair.index);
      sink.token({term.view(), std::bit_cast<uint32_t>(pair.weight), 0, 0});
    });
  }
};

class PairAnalyzer final : public text::Analyzer {
 public:
  std::unique_ptr<text::Tokenizer> tokenizer() const override { return std::make_unique<PairTokenizer>(); }
  std::string fold(std::string_view word) const override { return std::string(word); }
};

}  // namespace

IndexTerm::IndexTerm(uint32_t index) {
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(index >> (24 - 8 * i));
}

std::shared_ptr<const text::Analyzer> make_analyzer() { return std::make_shared<const PairAnalyzer>(); }

}  // namespace omendb::sparse
