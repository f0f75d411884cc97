// The kernels' steps on the CPU, block after block: what the tests of src/sampling/cuda compare with src/sampling.

#include <cstring>
#include <memory>

#include "steps.cuh"

namespace rein::sampling {
namespace {

// Shared memory starts with anything in it.
template <typename M> std::unique_ptr<M> dirty() {
    auto memory = std::make_unique<M>();
    memset(static_cast<void *>(memory.get()), 0xA5, sizeof(M));
    return memory;
}

template <typename T> void run(const uint8_t * upload, uint32_t order) {
    const Header & header = header_of(upload);
    const auto scan = dirty<ScanMemory>();
    const auto sums = dirty<SumMemory>();
    const auto drawing = dirty<DrawMemory>();
    const Block block = {order};
    Block grid = {order};
    // One row and one block more than there are, as where a grid is larger than the upload.
    const uint32_t rows = header.rows + 1;
    for (uint32_t view = 0; view < VIEWS; view++) {
        grid.each(rows, [&](uint32_t row) {
            const uint32_t n = row < header.rows ? row_of(upload, row).n_logits : 0;
            grid.each(chunks_of(n) + 1, [&](uint32_t chunk) { scan_step<T>(block, upload, chunk, row, view, *scan); });
            const uint32_t groups = parts_of(n) / SUM_PARTS + 1;
            grid.each(groups + 1, [&](uint32_t group) { sum_step<T>(block, upload, group, row, view, *sums); });
            draw_step<T>(block, upload, row, view, *drawing);
        });
    }
}

} // namespace
} // namespace rein::sampling

// `type` is 0 for f32, 1 for f16, 2 for bf16. `order` is that of a block's threads (block.cuh).
extern "C" void rein_sampling_reference(const uint8_t * upload, uint32_t type, uint32_t order) {
    using namespace rein::sampling;
    switch (type) {
    case 0:
        return run<float>(upload, order);
    case 1:
        return run<F16>(upload, order);
    default:
        return run<BF16>(upload, order);
    }
}
